"""Packets that choose what is reported: ``QPassSignals QProgramSignals QCatchSyscalls``.

Layer: rsp.  Spec: GDB manual, "General Query Packets".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_number
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError


def _numbers(args: bytes) -> frozenset[int]:
    # QUIRK(lldb's tests of servers): a blank may follow.  Test: unit/rsp/test_commands.py.
    return frozenset(parse_number(each) for each in args.removesuffix(b" ").split(b";") if each)


@command(b"QPassSignals", clients="gdb, lldb", without="is asked about each signal")
class PassSignals(NamedTuple):
    """Name the signals that are delivered without a report."""

    signals: frozenset[int]

    @classmethod
    def parse(cls, args: bytes) -> PassSignals:
        """Parse ``SIGNAL;...`` in hex."""
        return cls(_numbers(args))


@command(b"QProgramSignals", clients="gdb", without="all are delivered at a detach")
class ProgramSignals(NamedTuple):
    """Name the signals that may be delivered to the program at a detach."""

    signals: frozenset[int]

    @classmethod
    def parse(cls, args: bytes) -> ProgramSignals:
        """Parse ``SIGNAL;...`` in hex."""
        return cls(_numbers(args))


@command(b"QCatchSyscalls", clients="gdb", without="refuses catch syscall")
class CatchSyscalls(NamedTuple):
    """Name the syscalls that stop; None: none, empty: all."""

    numbers: frozenset[int] | None

    @classmethod
    def parse(cls, args: bytes) -> CatchSyscalls:
        """Parse ``0`` or ``1[;NUMBER...]`` in hex."""
        head, _, rest = args.partition(b";")
        if head == b"0" and not rest:
            return cls(None)
        if head != b"1":
            raise PacketError(f"QCatchSyscalls:0 or :1 expected, not {args[:20]!r}")
        return cls(_numbers(rest))
