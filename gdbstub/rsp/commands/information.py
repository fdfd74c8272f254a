"""Packets that ask about memory and the program, and what this client may do.

``qCRC qSearch qExecAndArgs qSymbol QAllow QAgent``.

Layer: rsp.  Spec: GDB manual, "General Query Packets".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_fields, parse_number, unescape
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Addr


@command(b"qCRC", clients="gdb", without="compare-sections reads the memory")
class MemoryChecksum(NamedTuple):
    """Ask for the checksum of memory."""

    address: Addr
    length: int

    @classmethod
    def parse(cls, args: bytes) -> MemoryChecksum:
        """Parse ``ADDRESS,LENGTH``."""
        address, length = (parse_number(each) for each in parse_fields(args, 2))
        return cls(Addr(address), length)


@command(b"qSearch:memory", clients="gdb", without="find reads the memory")
class SearchMemory(NamedTuple):
    """Ask where memory holds a pattern."""

    address: Addr
    length: int
    pattern: bytes

    @classmethod
    def parse(cls, args: bytes) -> SearchMemory:
        """Parse ``ADDRESS;LENGTH;PATTERN``; the pattern is escaped binary."""
        address, length, pattern = parse_fields(args, 3, b";")
        return cls(Addr(parse_number(address)), parse_number(length), unescape(pattern))


@command(b"qExecAndArgs", clients="gdb 18+", without="does not know the program's arguments")
class ProgramAndArguments(NamedTuple):
    """Ask for the program and the arguments that the next run would have."""

    @classmethod
    def parse(cls, args: bytes) -> ProgramAndArguments:
        """Parse nothing."""
        return cls()


@command(b"qSymbol", clients="gdb, lldb", without="offers its symbols no more: that is what we want")
class OfferSymbols(NamedTuple):
    """Offer to look up symbols for the server."""

    @classmethod
    def parse(cls, args: bytes) -> OfferSymbols:
        """Parse ``VALUE:NAME``, which needs no look: we ask for no symbol."""
        return cls()


@command(b"QAgent", clients="gdb", without="refuses set agent on")
class UseAgent(NamedTuple):
    """Choose whether an agent inside the process helps."""

    on: bool

    @classmethod
    def parse(cls, args: bytes) -> UseAgent:
        """Parse ``0`` or ``1``."""
        if args not in (b"0", b"1"):
            raise PacketError(f"QAgent:0 or QAgent:1 expected, not {args[:20]!r}")
        return cls(args == b"1")


@command(b"QAllow", clients="gdb", without="only the client keeps its may-... settings")
class Allow(NamedTuple):
    """Say what this client may do from now on."""

    permissions: tuple[tuple[str, bool], ...]

    @classmethod
    def parse(cls, args: bytes) -> Allow:
        """Parse ``OPERATION:0|1;...``."""
        permissions: list[tuple[str, bool]] = []
        for each in args.split(b";"):
            name, _, value = each.partition(b":")
            if not name or value not in (b"0", b"1"):
                raise PacketError(f"OPERATION:0 or OPERATION:1 expected, not {each[:40]!r}")
            permissions.append((name.decode("latin-1"), value == b"1"))
        return cls(tuple(permissions))
