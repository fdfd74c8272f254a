"""Packets that read and write memory: ``m M x X``.

Layer: rsp.  Spec: GDB manual, "Packets".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes, unescape
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Addr

_span = re.compile(rb"([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16})").fullmatch


def _parse_span(args: bytes) -> tuple[Addr, int]:
    match = _span(args)
    if match is None:
        raise PacketError(f"ADDRESS,LENGTH expected: {args[:60]!r}")
    return Addr(int(match[1], 16)), int(match[2], 16)


def _parse_write(args: bytes) -> tuple[Addr, int, bytes]:
    head, colon, data = args.partition(b":")
    if not colon:
        raise PacketError(f"ADDRESS,LENGTH:DATA expected: {args[:60]!r}")
    return *_parse_span(head), data


@command(b"m", clients="gdb, lldb", without="nothing works without it")
class ReadMemory(NamedTuple):
    """Read memory, answered in hex."""

    address: Addr
    length: int

    @classmethod
    def parse(cls, args: bytes) -> ReadMemory:
        """Parse ``ADDRESS,LENGTH``."""
        return cls(*_parse_span(args))


@command(b"x", clients="gdb 16+, lldb", without="uses m, twice the bytes")
class ReadBinary(NamedTuple):
    """Read memory, answered in binary."""

    address: Addr
    length: int

    @classmethod
    def parse(cls, args: bytes) -> ReadBinary:
        """Parse ``ADDRESS,LENGTH``."""
        return cls(*_parse_span(args))


@command(b"M", clients="gdb, lldb", without="cannot write memory")
class WriteMemory(NamedTuple):
    """Write memory given in hex."""

    address: Addr
    data: bytes

    @classmethod
    def parse(cls, args: bytes) -> WriteMemory:
        """Parse ``ADDRESS,LENGTH:HEX``."""
        address, length, text = _parse_write(args)
        if len(text) != 2 * length:
            raise PacketError(f"{length} bytes announced, {len(text) // 2} sent")
        return cls(address, parse_bytes(text))


@command(b"X", clients="gdb", without="uses M, twice the bytes")
class WriteBinary(NamedTuple):
    """Write memory given in binary."""

    address: Addr
    data: bytes

    @classmethod
    def parse(cls, args: bytes) -> WriteBinary:
        """Parse ``ADDRESS,LENGTH:ESCAPED``."""
        address, length, escaped = _parse_write(args)
        data = unescape(escaped)
        if len(data) != length:
            raise PacketError(f"{length} bytes announced, {len(data)} sent")
        return cls(address, data)
