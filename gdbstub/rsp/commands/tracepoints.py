"""Packets that define tracepoints and trace state variables: ``QTinit QTDP QTDPsrc QTDV QTEnable QTDisable QTro``.

Layer: rsp.  Spec: GDB manual, "Tracepoint Packets".

QUIRK(gdb, all): the number of an error is taken for a place in the packet, its text is shown.  Test:
e2e/test_tracepoints.py, an address that cannot be patched.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes, parse_fields, parse_number, parse_text
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError, Unsupported
from gdbstub.vocab.ids import Addr

_head = re.compile(rb"([0-9a-fA-F]{1,8}):([0-9a-fA-F]{1,16}):([ED]):([0-9a-fA-F]{1,8}):([0-9a-fA-F]{1,8})").match
_place = re.compile(rb"-([0-9a-fA-F]{1,8}):([0-9a-fA-F]{1,16}):").match
_option = re.compile(rb":(?:(F)([0-9a-fA-F]{1,8})|(S)|X([0-9a-fA-F]{1,8}),([0-9a-fA-F]*))").match
_registers = re.compile(rb"R([0-9a-fA-F]+)").match
_memory = re.compile(rb"M(-1|[0-9a-fA-F]{1,8}),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16})").match
_expression = re.compile(rb"X([0-9a-fA-F]{1,8}),([0-9a-fA-F]*)").match

#: The base of an absolute address, as 32 bits.
_NO_BASE = 0xFFFFFFFF


class NoArguments(NamedTuple):
    """A packet of one word."""

    @classmethod
    def parse(cls, args: bytes) -> NoArguments:
        """Parse nothing."""
        return cls()


class CollectRegisters(NamedTuple):
    """Record the registers; which of them the mask names does not matter, all are cheap together."""

    #: As the client wrote it.
    text: str


class CollectMemory(NamedTuple):
    """Record a piece of memory."""

    text: str
    #: The register that holds the base; None for an absolute address.
    base: int | None
    #: Added to the base, modulo 2**64.
    offset: int
    length: int


class Evaluate(NamedTuple):
    """Evaluate an agent expression, which says itself what to record."""

    text: str
    code: bytes


TraceAction = CollectRegisters | CollectMemory | Evaluate


def _code(length: bytes, text: bytes) -> bytes:
    code = parse_bytes(text)
    if len(code) != int(length, 16):
        raise PacketError(f"an expression of {int(length, 16)} bytes expected: {text[:60]!r}")
    return code


def _parse_actions(text: bytes) -> tuple[TraceAction, ...]:
    found: list[TraceAction] = []
    at = 0
    while at < len(text):
        match text[at : at + 1]:
            case b"R" if (registers := _registers(text, at)) is not None:
                end = registers.end()
                found.append(CollectRegisters(text[at:end].decode()))
            case b"M" if (memory := _memory(text, at)) is not None:
                end = memory.end()
                base = None if memory[1] == b"-1" or int(memory[1], 16) == _NO_BASE else int(memory[1], 16)
                found.append(CollectMemory(text[at:end].decode(), base, int(memory[2], 16), int(memory[3], 16)))
            case b"X" if (expression := _expression(text, at)) is not None:
                end = expression.end()
                found.append(Evaluate(text[at:end].decode(), _code(expression[1], expression[2])))
            case b"L":
                raise Unsupported
            case _:
                raise PacketError(f"an action R, M or X expected: {text[at : at + 60]!r}")
        at = end
    return tuple(found)


class TracepointHead(NamedTuple):
    """What the first packet of a definition says."""

    enabled: bool
    #: How many steps are made after a hit, each with a frame of its own.
    steps: int
    #: The run ends when it has been hit so often; 0: never.
    passes: int
    #: An agent expression: a hit counts only where it is true.
    condition: bytes | None
    #: The client asks for a jump in place of a trap.
    fast: bool
    #: The client means a marker that is compiled in.
    static: bool


class TracepointActions(NamedTuple):
    """What a further packet of a definition says."""

    actions: tuple[TraceAction, ...]
    #: These, and those of later packets, are done after each step.
    stepping: bool


@command(b"QTDP", clients="gdb", without="has no tracepoints", texts=True)
class DefineTracepoint(NamedTuple):
    """Define a tracepoint, or add actions to it."""

    number: int
    address: Addr
    content: TracepointHead | TracepointActions
    #: Packets with further actions follow.
    more: bool

    @classmethod
    def parse(cls, args: bytes) -> DefineTracepoint:
        """Parse ``N:ADDR:E|D:STEP:PASS[:F][:S][:XLENGTH,CODE][-]`` or ``-N:ADDR:[S]ACTION...[-]``."""
        more = args.endswith(b"-")
        body = args.removesuffix(b"-")
        place = _place(body)
        if place is not None:
            rest = body[place.end() :]
            stepping = rest.startswith(b"S")
            actions = TracepointActions(_parse_actions(rest[1:] if stepping else rest), stepping)
            return cls(int(place[1], 16), Addr(int(place[2], 16)), actions, more)
        head = _head(body)
        if head is None:
            raise PacketError(f"N:ADDR:E|D:STEP:PASS expected: {body[:60]!r}")
        fast = static = False
        condition: bytes | None = None
        at = head.end()
        while at < len(body):
            option = _option(body, at)
            if option is None:
                raise PacketError(f"F, S or X expected: {body[at : at + 60]!r}")
            if option[1]:
                fast = True
            elif option[3]:
                static = True
            else:
                condition = _code(option[4], option[5])
            at = option.end()
        number, address = int(head[1], 16), Addr(int(head[2], 16))
        content = TracepointHead(
            head[3] == b"E", int(head[4], 16), int(head[5], 16), condition, fast=fast, static=static
        )
        return cls(number, address, content, more)


@command(b"QTDPsrc", clients="gdb", without="an upload has no source text", texts=True)
class TracepointSource(NamedTuple):
    """Keep a piece of the source text of a tracepoint, for a later upload."""

    number: int
    address: Addr
    kind: str
    start: int
    #: Bytes of the whole text.
    length: int
    text: bytes

    @classmethod
    def parse(cls, args: bytes) -> TracepointSource:
        """Parse ``N:ADDR:TYPE:START:LENGTH:HEX``."""
        number, address, kind, start, length, text = parse_fields(args, 6, b":")
        if kind not in (b"at", b"cond", b"cmd"):
            raise PacketError(f"at, cond or cmd expected, not {kind[:40]!r}")
        place = Addr(parse_number(address))
        return cls(
            parse_number(number), place, kind.decode(), parse_number(start), parse_number(length), parse_bytes(text)
        )


@command(b"QTDV", clients="gdb", without="has no trace state variables", texts=True)
class DefineVariable(NamedTuple):
    """Define a trace state variable."""

    number: int
    #: Its value at the start of a run, as 64 unsigned bits.
    initial: int
    builtin: bool
    name: str

    @classmethod
    def parse(cls, args: bytes) -> DefineVariable:
        """Parse ``N:VALUE:BUILTIN:NAME``."""
        number, value, builtin, name = parse_fields(args, 4, b":")
        return cls(parse_number(number), parse_number(value), parse_number(builtin) != 0, parse_text(name))


class _Location(NamedTuple):
    number: int
    address: Addr

    @classmethod
    def parse(cls, args: bytes) -> _Location:
        """Parse ``N:ADDR``."""
        number, address = parse_fields(args, 2, b":")
        return cls(parse_number(number), Addr(parse_number(address)))


@command(b"QTEnable", clients="gdb", without="cannot enable a tracepoint while it traces", texts=True)
class EnableTracepoint(_Location):
    """Let a tracepoint count hits."""


@command(b"QTDisable", clients="gdb", without="cannot disable a tracepoint while it traces", texts=True)
class DisableTracepoint(_Location):
    """Let a tracepoint count no hits."""


@command(b"qTP", clients="gdb", without="does not know how often a tracepoint was hit")
class AskTracepoint(_Location):
    """Ask how often a tracepoint was hit and what it takes in the buffer."""


@command(b"QTro", clients="gdb", without="the text of a frame's functions is unavailable")
class ReadOnlyRanges(NamedTuple):
    """Say which memory does not change: it can be shown with any frame."""

    ranges: tuple[tuple[Addr, Addr], ...]

    @classmethod
    def parse(cls, args: bytes) -> ReadOnlyRanges:
        """Parse ``START,END:...``."""
        found: list[tuple[Addr, Addr]] = []
        for each in args.split(b":"):
            if each:
                start, end = (Addr(parse_number(part)) for part in parse_fields(each, 2))
                found.append((start, end))
        return cls(tuple(found))


@command(b"QTinit", clients="gdb", without="has no tracepoints")
class ClearTrace(NoArguments):
    """Forget every tracepoint and every frame."""


@command(b"qTfP", clients="gdb", without="a reconnected client does not know the tracepoints")
class FirstTracepoint(NoArguments):
    """Ask for the definitions of the tracepoints, the first line of them."""


@command(b"qTsP", clients="gdb", without="a reconnected client does not know the tracepoints")
class NextTracepoint(NoArguments):
    """Ask for the next line of the definitions."""


@command(b"qTfV", clients="gdb", without="a reconnected client does not know the variables")
class FirstVariable(NoArguments):
    """Ask for the definitions of the trace state variables, the first of them."""


@command(b"qTsV", clients="gdb", without="a reconnected client does not know the variables")
class NextVariable(NoArguments):
    """Ask for the definition of the next trace state variable."""


@command(b"qTV", clients="gdb", without="the value of a trace state variable is unknown")
class AskVariable(NamedTuple):
    """Ask for the value of a trace state variable."""

    number: int

    @classmethod
    def parse(cls, args: bytes) -> AskVariable:
        """Parse ``N``."""
        return cls(parse_number(args))


@command(b"qTMinFTPILen", clients="gdb", without="refuses fast tracepoints on short instructions")
class ShortestFastInstruction(NoArguments):
    """Ask how many bytes an instruction under a fast tracepoint must have."""
