"""LLDB's packets about why threads stand, and about the process and the machine they are in.

Layer: rsp.  Spec: LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_thread_id, unescape
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import ThreadSpec, Tid

_thread_member = re.compile(rb'"thread"\s*:\s*([0-9]{1,18})').search


@command(b"jThreadsInfo", clients="lldb", without="asks for each thread by itself")
class ThreadsInformation(NamedTuple):
    """Ask of all threads of the process why they stand, as JSON."""

    @classmethod
    def parse(cls, args: bytes) -> ThreadsInformation:
        """Parse nothing."""
        return cls()


@command(b"qThreadStopInfo", glued=True, clients="lldb without jThreadsInfo", without="knows one thread's reason")
class ThreadStopInformation(NamedTuple):
    """Ask for the stop reply of one thread."""

    threads: ThreadSpec

    @classmethod
    def parse(cls, args: bytes) -> ThreadStopInformation:
        """Parse a thread-id."""
        return cls(parse_thread_id(args))


@command(b"jThreadExtendedInfo", clients="lldb", without="thread info --json is empty")
class ThreadDetails(NamedTuple):
    """Ask for more about one thread, as JSON; without one, whether that is understood."""

    thread: Tid | None

    @classmethod
    def parse(cls, args: bytes) -> ThreadDetails:
        """Parse ``{"thread":TID,...}``, or nothing."""
        if not args:
            return cls(None)
        found = _thread_member(unescape(args))
        if found is None:
            raise PacketError("jThreadExtendedInfo without a thread")
        return cls(Tid(int(found[1])))


@command(b"qProcessInfo", clients="lldb", without="takes the architecture from the description")
class ProcessInformation(NamedTuple):
    """Ask for the facts about the process."""

    @classmethod
    def parse(cls, args: bytes) -> ProcessInformation:
        """Parse nothing."""
        return cls()


@command(b"qHostInfo", clients="lldb", without="knows no operating system")
class HostInformation(NamedTuple):
    """Ask for the facts about the machine."""

    @classmethod
    def parse(cls, args: bytes) -> HostInformation:
        """Parse nothing."""
        return cls()
