"""What a log remembers of a thread, and what a view of the log is.

Layer: engines.  Used by: log, lines, objects, summary.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gdbstub.abi.call import Call
from gdbstub.abi.decoder import Signature
from gdbstub.engines.syscalls.injection import Injection
from gdbstub.vocab.ids import Pid, Tid


class OpenCall:
    """A call that has been entered."""

    __slots__ = ("began", "call", "clock", "injections", "name", "number", "quiet", "shown", "signature", "tampered")

    def __init__(self, name: str, number: int, call: Call, signature: Signature, clock: float, began: int) -> None:
        self.name = name
        self.number = number
        self.call = call
        self.signature = signature
        #: When it was entered: seconds since 1970, and nanoseconds of a clock that only goes forward.
        self.clock = clock
        self.began = began
        #: The arguments that were shown at the entry.
        self.shown = ""
        #: What is put into this call.
        self.injections: tuple[Injection, ...] = ()
        #: Only something is put into it; it is not to be shown.
        self.quiet = False
        #: Its result is not the kernel's.
        self.tampered = False


class ThreadRecord:
    """One thread of the log."""

    __slots__ = ("counts", "last_name", "open", "pid", "tid")

    def __init__(self, pid: Pid, tid: Tid) -> None:
        self.pid = pid
        self.tid = tid
        self.open: OpenCall | None = None
        #: The call before.
        self.last_name: str | None = None
        #: How many calls each injection has looked at, by its place.
        self.counts: dict[int, int] = {}


class Returned(NamedTuple):
    """How a call ended, in text."""

    #: The arguments that are shown only now.
    arguments: str
    #: What stands behind the equals sign.
    result: str
    #: Nanoseconds.
    duration: int


class View(Protocol):
    """A form of the log."""

    @property
    def shows_text(self) -> bool:
        """Tell whether arguments and results are shown at all; where not, they stay empty."""

    @property
    def shows_holds(self) -> bool:
        """Tell whether ``held`` and ``let_go`` are to be said (``===``): who has stopped a thread for others."""

    def entered(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Show a call that begins."""

    def returned(self, thread: ThreadRecord, opened: OpenCall, how: Returned) -> None:
        """Show how a call ended."""

    def abandoned(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Show that a call will not return: its thread ends."""

    def said(self, thread: ThreadRecord, kind: str, text: str, **facts: object) -> None:
        """Show what happens between calls: a signal (``---``), an end (``+++``)."""

    def noticed(self, text: str) -> None:
        """Show what concerns the log itself."""

    def threads_changed(self, count: int) -> None:
        """Learn how many threads there are."""

    def finish(self) -> None:
        """Show what comes at the end."""
