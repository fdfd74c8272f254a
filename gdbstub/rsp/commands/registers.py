"""Packets that read and write registers: ``g G p P``.

Layer: rsp.  Spec: GDB manual, "Packets".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes, parse_fields, parse_number
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError


@command(b"g", clients="gdb, lldb", without="cannot debug")
class ReadRegisters(NamedTuple):
    """Read all registers of the selected thread."""

    @classmethod
    def parse(cls, args: bytes) -> ReadRegisters:
        """Parse nothing."""
        if args:
            raise PacketError("g takes no arguments")
        return cls()


@command(b"G", clients="gdb", without="writes registers one by one")
class WriteRegisters(NamedTuple):
    """Write all registers of the selected thread."""

    data: bytes

    @classmethod
    def parse(cls, args: bytes) -> WriteRegisters:
        """Parse hex data."""
        return cls(parse_bytes(args))


@command(b"p", clients="gdb, lldb", without="reads all of them with g")
class ReadRegister(NamedTuple):
    """Read one register of the selected thread."""

    number: int

    @classmethod
    def parse(cls, args: bytes) -> ReadRegister:
        """Parse a register number."""
        return cls(parse_number(args))


@command(b"P", clients="gdb, lldb", without="writes all of them with G")
class WriteRegister(NamedTuple):
    """Write one register of the selected thread."""

    number: int
    data: bytes

    @classmethod
    def parse(cls, args: bytes) -> WriteRegister:
        """Parse ``NUMBER=HEX``."""
        number, data = parse_fields(args, 2, b"=")
        return cls(parse_number(number), parse_bytes(data))
