"""Packets that run a trace and look at what it has collected: ``QTStart QTStop QTFrame qTStatus qTBuffer`` and kin.

Layer: rsp.  Spec: GDB manual, "Tracepoint Packets".
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from gdbstub.rsp.commands.tracepoints import NoArguments
from gdbstub.rsp.commands.xfer import XferRead
from gdbstub.rsp.hexcodec import parse_bytes, parse_fields, parse_number, parse_text
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError

#: ``QTFrame`` with this number leaves the frames.
_NO_FRAME = 0xFFFFFFFF


@command(b"QTStart", clients="gdb", without="has no tracepoints", texts=True)
class StartTrace(NoArguments):
    """Start to collect."""


@command(b"QTStop", clients="gdb", without="has no tracepoints")
class StopTrace(NoArguments):
    """End to collect."""


@command(b"qTStatus", clients="gdb", without="has no tracepoints")
class TraceStatus(NoArguments):
    """Ask whether a trace runs, why it has ended and what it has collected."""


class _Switch(NamedTuple):
    on: bool

    @classmethod
    def parse(cls, args: bytes) -> _Switch:
        """Parse ``0`` or ``1``."""
        if args not in (b"0", b"1"):
            raise PacketError(f"0 or 1 expected, not {args[:20]!r}")
        return cls(args == b"1")


@command(b"QTDisconnected", clients="gdb", without="a trace ends when its client leaves")
class DisconnectedTracing(_Switch):
    """Say whether a trace goes on when its client has left."""


@command(b"QTBuffer:circular", clients="gdb", without="a full buffer ends the trace")
class CircularBuffer(_Switch):
    """Say whether new frames push out the oldest ones."""


@command(b"QTBuffer:size", clients="gdb", without="the buffer has the size it has", texts=True)
class BufferSize(NamedTuple):
    """Say how big the buffer is."""

    #: None: as big as we like.
    size: int | None

    @classmethod
    def parse(cls, args: bytes) -> BufferSize:
        """Parse ``SIZE`` or ``-1``."""
        return cls(None if args == b"-1" else parse_number(args))


@command(b"QTNotes", clients="gdb", without="a trace has no notes")
class TraceNotes(NamedTuple):
    """Keep what the user notes about a trace: ``user``, ``notes``, and ``tstop`` why it was stopped."""

    notes: tuple[tuple[str, bytes], ...]

    @classmethod
    def parse(cls, args: bytes) -> TraceNotes:
        """Parse ``TYPE:HEX;...``."""
        found = []
        for each in args.split(b";"):
            if each:
                kind, text = parse_fields(each, 2, b":")
                found.append((kind.decode("latin-1"), parse_bytes(text)))
        return cls(tuple(found))


class Search(Enum):
    """By what ``QTFrame`` finds a frame; the value is its word on the wire."""

    NUMBER = ""
    PC = "pc"
    TRACEPOINT = "tdp"
    INSIDE = "range"
    OUTSIDE = "outside"


_FIELDS = {Search.PC: 1, Search.TRACEPOINT: 1, Search.INSIDE: 2, Search.OUTSIDE: 2}


@command(b"QTFrame", clients="gdb", without="tfind fails")
class SelectFrame(NamedTuple):
    """Look at a frame, the next one after the current that fits; or at the present again."""

    search: Search
    #: A number, an address, a tracepoint, or the first and the last address of a range; none: leave the frames.
    operands: tuple[int, ...]

    @classmethod
    def parse(cls, args: bytes) -> SelectFrame:
        """Parse ``N``, ``pc:ADDR``, ``tdp:N``, ``range:START:END`` or ``outside:START:END``."""
        word, colon, rest = args.partition(b":")
        if not colon:
            number = parse_number(args)
            return cls(Search.NUMBER, () if number == _NO_FRAME else (number,))
        for search, count in _FIELDS.items():
            if search.value.encode() == word:
                return cls(search, tuple(parse_number(each) for each in parse_fields(rest, count, b":")))
        raise PacketError(f"pc, tdp, range or outside expected, not {word[:40]!r}")


@command(b"qTBuffer", clients="gdb", without="tsave fails")
class ReadBuffer(NamedTuple):
    """Read a part of the buffer, as in a trace file."""

    offset: int
    length: int

    @classmethod
    def parse(cls, args: bytes) -> ReadBuffer:
        """Parse ``OFFSET,LENGTH``."""
        offset, length = (parse_number(each) for each in parse_fields(args, 2))
        return cls(offset, length)


@command(b"QTSave", clients="gdb", without="tsave -r fails", texts=True)
class SaveTrace(NamedTuple):
    """Write a trace file on the server's side."""

    path: str

    @classmethod
    def parse(cls, args: bytes) -> SaveTrace:
        """Parse a hex path."""
        return cls(parse_text(args.removesuffix(b";")))


@command(b"qXfer:traceframe-info:read", clients="gdb", without="asks for everything to see what a frame has")
class ReadFrameInfo(XferRead):
    """Read what the selected frame has collected."""
