"""Packets that let threads run: ``c C s S vCont vCtrlC``, and ``vStopped``.

Layer: rsp.  Spec: GDB manual, "Packets", "vCont packet", "Remote Non-Stop".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_fields, parse_number, parse_thread_id
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Addr, ThreadSpec


class Action(NamedTuple):
    """One action of a vCont: ``kind`` is its lower-case letter."""

    kind: str
    #: GDB's signal number, for ``C`` and ``S``.
    signal: int | None
    range: tuple[Addr, Addr] | None
    #: None: every thread that no earlier action names.
    threads: ThreadSpec | None


def _parse_action(text: bytes) -> Action:
    body, colon, thread = text.partition(b":")
    threads = parse_thread_id(thread) if colon else None
    letter, rest = body[:1], body[1:]
    if letter in (b"c", b"s", b"t"):
        if rest:
            raise PacketError(f"vCont action {body[:20]!r} takes no argument")
        return Action(letter.decode(), None, None, threads)
    if letter in (b"C", b"S"):
        return Action(letter.decode().lower(), parse_number(rest), None, threads)
    if letter == b"r":
        start, end = (Addr(parse_number(each)) for each in parse_fields(rest, 2))
        return Action("r", None, (start, end), threads)
    raise PacketError(f"unknown vCont action {body[:20]!r}")


@command(b"vCont", clients="gdb, lldb", without="uses c and s, which cannot step one thread of many")
class VCont(NamedTuple):
    """Resume threads, each in its own way."""

    actions: tuple[Action, ...]

    @classmethod
    def parse(cls, args: bytes) -> VCont:
        """Parse ``ACTION[:THREAD];...``."""
        if not args:
            raise PacketError("vCont without an action")
        return cls(tuple(_parse_action(each) for each in args.split(b";")))


@command(b"vCont?", clients="gdb, lldb", without="uses c and s")
class VContQuery(NamedTuple):
    """Ask which vCont actions there are."""

    @classmethod
    def parse(cls, args: bytes) -> VContQuery:
        """Parse nothing."""
        return cls()


class _Resume(NamedTuple):
    signal: int | None
    address: Addr | None


def _parse_resume(args: bytes, *, signalled: bool) -> _Resume:
    if signalled:
        sig, semicolon, address = args.partition(b";")
        return _Resume(parse_number(sig), Addr(parse_number(address)) if semicolon else None)
    return _Resume(None, Addr(parse_number(args)) if args else None)


@command(b"c", clients="gdb, lldb without vCont")
class Continue(NamedTuple):
    """Resume, maybe at another address."""

    signal: int | None
    address: Addr | None

    @classmethod
    def parse(cls, args: bytes) -> Continue:
        """Parse ``[ADDRESS]``."""
        return cls(*_parse_resume(args, signalled=False))


@command(b"C", clients="gdb, lldb without vCont")
class ContinueSignal(NamedTuple):
    """Resume with a signal."""

    signal: int | None
    address: Addr | None

    @classmethod
    def parse(cls, args: bytes) -> ContinueSignal:
        """Parse ``SIGNAL[;ADDRESS]``."""
        return cls(*_parse_resume(args, signalled=True))


@command(b"s", clients="gdb, lldb without vCont")
class Step(NamedTuple):
    """Step one instruction, maybe at another address."""

    signal: int | None
    address: Addr | None

    @classmethod
    def parse(cls, args: bytes) -> Step:
        """Parse ``[ADDRESS]``."""
        return cls(*_parse_resume(args, signalled=False))


@command(b"S", clients="gdb, lldb without vCont")
class StepSignal(NamedTuple):
    """Step one instruction with a signal."""

    signal: int | None
    address: Addr | None

    @classmethod
    def parse(cls, args: bytes) -> StepSignal:
        """Parse ``SIGNAL[;ADDRESS]``."""
        return cls(*_parse_resume(args, signalled=True))


@command(b"vCtrlC", clients="gdb non-stop", without="sends the interrupt byte")
class CtrlC(NamedTuple):
    """Interrupt as the user's Ctrl-C does."""

    @classmethod
    def parse(cls, args: bytes) -> CtrlC:
        """Parse nothing."""
        return cls()


@command(b"vStopped", clients="gdb non-stop", without="cannot use non-stop")
class Stopped(NamedTuple):
    """Acknowledge a stop notification and ask for the next."""

    @classmethod
    def parse(cls, args: bytes) -> Stopped:
        """Parse nothing."""
        return cls()
