"""Packets about registers: ``g G p P qRegisterInfo QSaveRegisterState QRestoreRegisterState``.

Layer: rsp.  Spec: GDB manual, "Packets"; LLDB's "GDB Remote Protocol Extensions".

LLDB names the thread in the packet itself, behind everything else: ``;thread:TID;``.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes, parse_fields, parse_number, split_thread
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import ThreadSpec


@command(b"g", clients="gdb, lldb", without="cannot debug")
class ReadRegisters(NamedTuple):
    """Read all registers of the selected thread."""

    thread: ThreadSpec | None = None

    @classmethod
    def parse(cls, args: bytes) -> ReadRegisters:
        """Parse nothing, or a thread."""
        rest, thread = split_thread(args)
        if rest:
            raise PacketError("g takes no arguments")
        return cls(thread)


@command(b"G", clients="gdb", without="writes registers one by one")
class WriteRegisters(NamedTuple):
    """Write all registers of the selected thread."""

    data: bytes
    thread: ThreadSpec | None = None

    @classmethod
    def parse(cls, args: bytes) -> WriteRegisters:
        """Parse hex data."""
        data, thread = split_thread(args)
        return cls(parse_bytes(data), thread)


@command(b"p", clients="gdb, lldb", without="reads all of them with g")
class ReadRegister(NamedTuple):
    """Read one register of the selected thread."""

    number: int
    thread: ThreadSpec | None = None

    @classmethod
    def parse(cls, args: bytes) -> ReadRegister:
        """Parse a register number."""
        number, thread = split_thread(args)
        return cls(parse_number(number), thread)


@command(b"P", clients="gdb, lldb", without="writes all of them with G")
class WriteRegister(NamedTuple):
    """Write one register of the selected thread."""

    number: int
    data: bytes
    thread: ThreadSpec | None = None

    @classmethod
    def parse(cls, args: bytes) -> WriteRegister:
        """Parse ``NUMBER=HEX``."""
        rest, thread = split_thread(args)
        number, data = parse_fields(rest, 2, b"=")
        return cls(parse_number(number), parse_bytes(data), thread)


@command(b"qRegisterInfo", glued=True, clients="lldb without qXfer:features", without="knows no registers")
class RegisterInformation(NamedTuple):
    """Ask what a register is; the numbers count from 0 until there is an error."""

    number: int

    @classmethod
    def parse(cls, args: bytes) -> RegisterInformation:
        """Parse a register number."""
        return cls(parse_number(args))


@command(b"QSaveRegisterState", clients="lldb", without="reads and writes registers one by one around a call")
class SaveRegisters(NamedTuple):
    """Keep all registers of a thread; answered by a number for it."""

    thread: ThreadSpec | None

    @classmethod
    def parse(cls, args: bytes) -> SaveRegisters:
        """Parse nothing, or a thread."""
        # The first semicolon was taken for the end of the name.
        _, thread = split_thread(b";" + args)
        return cls(thread)


@command(b"QRestoreRegisterState", clients="lldb")
class RestoreRegisters(NamedTuple):
    """Give a thread the registers that were kept, and forget them."""

    number: int
    thread: ThreadSpec | None

    @classmethod
    def parse(cls, args: bytes) -> RestoreRegisters:
        """Parse a decimal number."""
        text, thread = split_thread(args)
        if not text.isdigit() or len(text) > 18:
            raise PacketError(f"not a number of saved registers: {text[:40]!r}")
        return cls(int(text), thread)
