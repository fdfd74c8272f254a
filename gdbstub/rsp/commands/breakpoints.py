"""Packets that set and remove breakpoints and watchpoints: ``Z z``.

Layer: rsp.  Spec: GDB manual, "Packets".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError, Unsupported
from gdbstub.vocab.ids import Addr

#: One expression of a list: its length in bytes and its bytes, in hex.
_expression = re.compile(rb"X([0-9a-fA-F]{1,8}),").match
_commands = re.compile(rb"cmds:([0-9a-fA-F]{1,8}),").match

_point = re.compile(rb"([0-9]),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})(;.*)?", re.S).fullmatch


def _parse_point(args: bytes) -> tuple[int, Addr, int, bytes]:
    match = _point(args)
    if match is None:
        raise PacketError(f"TYPE,ADDRESS,KIND expected: {args[:60]!r}")
    return int(match[1]), Addr(int(match[2], 16)), int(match[3], 16), match[4] or b""


def _parse_expressions(text: bytes, at: int) -> tuple[tuple[bytes, ...], int]:
    """Parse ``XLENGTH,CODE`` as often as it comes; return the codes and where the list ends."""
    found = []
    while (match := _expression(text, at)) is not None:
        end = match.end() + 2 * int(match[1], 16)
        try:
            code = bytes.fromhex(text[match.end() : end].decode("ascii"))
        except ValueError:
            code = b""
        if len(code) != int(match[1], 16):
            raise PacketError(f"an expression of {int(match[1], 16)} bytes expected: {text[at : at + 60]!r}")
        found.append(code)
        at = end
    return tuple(found), at


def _parse_rules(text: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...], bool]:
    """Parse what comes after KIND; return conditions, commands, and whether the commands persist."""
    conditions: tuple[bytes, ...] = ()
    commands: tuple[bytes, ...] = ()
    persistent = False
    at = 0
    while at < len(text):
        if text[at] != 0x3B:
            raise PacketError(f"a list of expressions expected: {text[at : at + 60]!r}")
        at += 1
        head = _commands(text, at)
        if head is None:
            some, at = _parse_expressions(text, at)
            conditions += some
        else:
            persistent = int(head[1], 16) != 0
            some, at = _parse_expressions(text, head.end())
            commands += some
    return conditions, commands, persistent


@command(b"Z", clients="gdb, lldb", without="writes trap instructions into memory itself")
class InsertPoint(NamedTuple):
    """Set a breakpoint (0 software, 1 hardware, with conditions) or watchpoint (2 write, 3 read, 4 access)."""

    type: int
    address: Addr
    length: int
    #: Agent expressions: a hit counts only if one of them is true.
    conditions: tuple[bytes, ...] = ()
    #: Agent expressions to be run at a hit, in place of a stop.
    commands: tuple[bytes, ...] = ()
    #: The commands outlive the connection.
    persistent: bool = False

    @classmethod
    def parse(cls, args: bytes) -> InsertPoint:
        """Parse ``TYPE,ADDRESS,KIND[;XLENGTH,CODE...][;cmds:PERSIST,XLENGTH,CODE...]``."""
        kind, address, length, rest = _parse_point(args)
        if not rest or rest == b";":
            return cls(kind, address, length)
        if kind > 1:
            raise Unsupported
        return cls(kind, address, length, *_parse_rules(rest))


@command(b"z", clients="gdb, lldb")
class RemovePoint(NamedTuple):
    """Remove a breakpoint or watchpoint."""

    type: int
    address: Addr
    length: int

    @classmethod
    def parse(cls, args: bytes) -> RemovePoint:
        """Parse ``TYPE,ADDRESS,KIND``; what a client repeats of its conditions is ignored."""
        return cls(*_parse_point(args)[:3])
