"""Packets about threads: ``H T qC qAttached qfThreadInfo qsThreadInfo qThreadExtraInfo``.

Layer: rsp.  Spec: GDB manual, "Packets", "General Query Packets".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_number, parse_thread_id
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Pid, ThreadSpec


@command(b"H", clients="gdb, lldb", without="sees one thread only")
class SelectThread(NamedTuple):
    """Select the thread for later packets: ``g`` registers and memory, ``c`` resuming."""

    operation: str
    threads: ThreadSpec

    @classmethod
    def parse(cls, args: bytes) -> SelectThread:
        """Parse ``gTHREAD`` or ``cTHREAD``."""
        operation = args[:1].decode("latin-1")
        if operation not in ("g", "c"):
            raise PacketError(f"Hg or Hc expected: H{args[:10]!r}")
        return cls(operation, parse_thread_id(args[1:]))


@command(b"T", clients="gdb", without="believes that old threads live")
class ThreadAlive(NamedTuple):
    """Ask whether a thread lives."""

    threads: ThreadSpec

    @classmethod
    def parse(cls, args: bytes) -> ThreadAlive:
        """Parse a thread-id."""
        return cls(parse_thread_id(args))


@command(b"qC", clients="gdb, lldb", without="takes the first thread listed")
class CurrentThread(NamedTuple):
    """Ask for the current thread."""

    @classmethod
    def parse(cls, args: bytes) -> CurrentThread:
        """Parse nothing."""
        return cls()


@command(b"qAttached", clients="gdb", without="kills the process on quit")
class Attached(NamedTuple):
    """Ask whether the process was there before us: decides what quitting does."""

    pid: Pid | None

    @classmethod
    def parse(cls, args: bytes) -> Attached:
        """Parse ``[PID]``."""
        return cls(Pid(parse_number(args)) if args else None)


@command(b"qfThreadInfo", clients="lldb, gdb without qXfer:threads", without="sees one thread only")
class FirstThreads(NamedTuple):
    """List threads, from the start."""

    @classmethod
    def parse(cls, args: bytes) -> FirstThreads:
        """Parse nothing."""
        return cls()


@command(b"qsThreadInfo", clients="lldb, gdb without qXfer:threads")
class MoreThreads(NamedTuple):
    """List threads, on from the last reply."""

    @classmethod
    def parse(cls, args: bytes) -> MoreThreads:
        """Parse nothing."""
        return cls()


@command(b"qThreadExtraInfo", clients="gdb without qXfer:threads", without="shows no thread names")
class ThreadExtraInfo(NamedTuple):
    """Ask for a thread's label."""

    threads: ThreadSpec

    @classmethod
    def parse(cls, args: bytes) -> ThreadExtraInfo:
        """Parse a thread-id."""
        return cls(parse_thread_id(args))
