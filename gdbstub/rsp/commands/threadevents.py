"""Packets that ask for reports about threads: ``QThreadEvents QThreadOptions``.

Layer: rsp.  Spec: GDB manual, "General Query Packets".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_number, parse_thread_id
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import ALL, ThreadSpec

#: GDB_THREAD_OPTION_CLONE: a thread that clones is stopped together with its child.
OPTION_CLONE = 0x1
#: GDB_THREAD_OPTION_EXIT: the end of the thread is reported.
OPTION_EXIT = 0x2

_KNOWN = OPTION_CLONE | OPTION_EXIT


@command(b"QThreadEvents", clients="gdb", without="may wait for a thread that has gone")
class ThreadEvents(NamedTuple):
    """Choose whether the beginning and the end of every thread are reported."""

    on: bool

    @classmethod
    def parse(cls, args: bytes) -> ThreadEvents:
        """Parse ``0`` or ``1``."""
        if args not in (b"0", b"1"):
            raise PacketError(f"QThreadEvents:0 or QThreadEvents:1 expected, not {args[:20]!r}")
        return cls(args == b"1")


@command(b"QThreadOptions", clients="gdb 14+", without="uses QThreadEvents for all threads")
class ThreadOptions(NamedTuple):
    """Choose for single threads whether a clone and the end are reported."""

    #: Of several that match a thread the last one counts.
    choices: tuple[tuple[int, ThreadSpec], ...]

    @classmethod
    def parse(cls, args: bytes) -> ThreadOptions:
        """Parse ``OPTIONS[:THREAD];...``."""
        choices: list[tuple[int, ThreadSpec]] = []
        for each in args.split(b";"):
            text, colon, thread = each.partition(b":")
            options = parse_number(text)
            if options & ~_KNOWN:
                raise PacketError(f"unknown thread options: {options:#x}")
            choices.append((options, parse_thread_id(thread) if colon else ThreadSpec(None, ALL)))
        return cls(tuple(choices))
