"""What a client needs to know of a program's file to find its own copy of it.

Layer: target.  Made by: linux.  Read by: engines.
"""

from __future__ import annotations

from typing import NamedTuple


class ModuleInfo(NamedTuple):
    """One ELF file."""

    #: Inside the process's own root.
    path: bytes
    #: Bytes.
    size: int
    #: The build-id; where there is none, a checksum that lldb computes in the same way.
    uuid: bytes
    #: The first word of a target triple.
    machine: str
