"""Packets that set and remove breakpoints and watchpoints: ``Z z``.

Layer: rsp.  Spec: GDB manual, "Packets".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError, Unsupported
from gdbstub.vocab.ids import Addr

_point = re.compile(rb"([0-9]),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})(;.*)?", re.S).fullmatch


def _parse_point(args: bytes) -> tuple[int, Addr, int]:
    match = _point(args)
    if match is None:
        raise PacketError(f"TYPE,ADDRESS,KIND expected: {args[:60]!r}")
    if match[4] and match[4] != b";":
        raise Unsupported
    return int(match[1]), Addr(int(match[2], 16)), int(match[3], 16)


@command(b"Z", clients="gdb, lldb", without="writes trap instructions into memory itself")
class InsertPoint(NamedTuple):
    """Set a breakpoint (0 software, 1 hardware) or watchpoint (2 write, 3 read, 4 access)."""

    type: int
    address: Addr
    length: int

    @classmethod
    def parse(cls, args: bytes) -> InsertPoint:
        """Parse ``TYPE,ADDRESS,KIND``."""
        return cls(*_parse_point(args))


@command(b"z", clients="gdb, lldb")
class RemovePoint(NamedTuple):
    """Remove a breakpoint or watchpoint."""

    type: int
    address: Addr
    length: int

    @classmethod
    def parse(cls, args: bytes) -> RemovePoint:
        """Parse ``TYPE,ADDRESS,KIND``."""
        return cls(*_parse_point(args))
