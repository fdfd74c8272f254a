"""A server for the GDB remote serial protocol on Linux."""

__version__ = "0.1.0"
