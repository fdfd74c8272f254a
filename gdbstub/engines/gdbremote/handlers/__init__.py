"""Handlers: one file for each family of packets, mirroring ``rsp.commands``.

``dispatch`` loads a family when the first of its packets comes.
"""
