"""Packets that map and unmap memory in the program: ``_M _m``.

Layer: rsp.  Spec: LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_number
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Addr

_request = re.compile(rb"([0-9a-fA-F]{1,16}),(r?w?x?)").fullmatch


@command(b"_M", glued=True, clients="lldb", without="calls mmap in the program, or interprets expressions")
class AllocateMemory(NamedTuple):
    """Map memory in the program."""

    length: int
    #: Letters of ``rwx``.
    permissions: str

    @classmethod
    def parse(cls, args: bytes) -> AllocateMemory:
        """Parse ``LENGTH,PERMISSIONS``."""
        match = _request(args)
        if match is None:
            raise PacketError(f"LENGTH,PERMISSIONS expected: {args[:60]!r}")
        return cls(int(match[1], 16), match[2].decode("ascii"))


@command(b"_m", glued=True, clients="lldb", without="leaves what _M gave")
class FreeMemory(NamedTuple):
    """Unmap what was mapped so."""

    address: Addr

    @classmethod
    def parse(cls, args: bytes) -> FreeMemory:
        """Parse ``ADDRESS``."""
        return cls(Addr(parse_number(args)))
