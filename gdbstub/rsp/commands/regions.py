"""Packets about the layout of memory: ``qMemoryRegionInfo``.

Layer: rsp.  Spec: LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_number
from gdbstub.rsp.registry import command
from gdbstub.vocab.ids import Addr


@command(b"qMemoryRegionInfo", clients="lldb", without="does not know what may be read, and unwinds by guess")
class RegionInfo(NamedTuple):
    """Ask what is mapped at an address; without one, whether this can be asked."""

    address: Addr | None

    @classmethod
    def parse(cls, args: bytes) -> RegionInfo:
        """Parse ``ADDRESS`` or nothing."""
        return cls(Addr(parse_number(args)) if args else None)
