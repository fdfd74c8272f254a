"""The log as lines of text.

Layer: engines.  Used by: log.

Theory of operation.  A call's line is begun at its entry, so that one sees where a
thread waits.  Only one line can be open: when something else is to be shown, it is
closed as unfinished, and the call's return makes a line of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from gdbstub.engines.syscalls.options import Clock, LogOptions
from gdbstub.engines.syscalls.record import OpenCall, Returned, ThreadRecord

#: Where the equals signs stand.
_COLUMN = 40


class Lines:
    """A view that writes text.

    Args:
        options: What is shown.
        write: Takes text; must not block.
    """

    shows_text = True
    shows_holds = False

    def __init__(self, options: LogOptions, write: Callable[[str], None]) -> None:
        self._options = options
        self._write = write
        #: Whose line is open, and how long it is.
        self._current: ThreadRecord | None = None
        self._width = 0
        self._several = options.name_threads
        self._plain = options.clock is Clock.NONE and not options.relative
        self._last_clock = 0.0

    def threads_changed(self, count: int) -> None:
        """Name threads only where there are several."""
        self._several = self._options.name_threads or count > 1

    def _leader(self, thread: ThreadRecord, clock: float) -> str:
        """Return what precedes a line; the line that is open ends."""
        ending = ""
        if self._current is not None:
            self._current = None
            ending = " <unfinished ...>\n"
        lead = ""
        if self._several:
            lead = f"{thread.tid:<5} " if self._options.name_threads else f"[pid {thread.tid:>5}] "
        if not self._plain:
            lead += self._time(clock)
        self._width = len(lead)
        return ending + lead

    def _time(self, clock: float) -> str:
        text = ""
        if self._options.relative:
            since = clock - self._last_clock if self._last_clock else 0.0
            self._last_clock = clock
            text = f"{max(since, 0.0):12.6f} "
        match self._options.clock:
            case Clock.NONE:
                return text
            case Clock.EPOCH:
                return f"{text}{clock:.6f} "
            case Clock.SECONDS:
                return text + time.strftime("%H:%M:%S ", time.localtime(clock))
            case Clock.MICROSECONDS:
                part = int(clock * 1e6) % 1_000_000
                return text + time.strftime("%H:%M:%S", time.localtime(clock)) + f".{part:06d} "

    def entered(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Begin a line."""
        lead = self._leader(thread, opened.clock)
        body = f"{opened.name}({opened.shown}"
        self._width += len(body)
        self._current = thread
        self._write(lead + body)

    def _resume(self, thread: ThreadRecord, name: str) -> str:
        """Return what precedes the rest of a call's line: nothing where that line is still open."""
        if self._current is thread:
            self._current = None
            return ""
        lead = self._leader(thread, time.time() if not self._plain else 0.0)
        body = f"<... {name} resumed>"
        self._width += len(body)
        return lead + body

    def returned(self, thread: ThreadRecord, opened: OpenCall, how: Returned) -> None:
        """End a line."""
        text = f"{self._resume(thread, opened.name)}{how.arguments}) "
        width = self._width + len(how.arguments) + 2
        if width < _COLUMN:
            text += " " * (_COLUMN - width)
        if self._options.durations:
            self._write(f"{text}= {how.result} <{how.duration / 1e9:.6f}>\n")
        else:
            self._write(f"{text}= {how.result}\n")

    def abandoned(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """End a line whose call does not."""
        missing = " <unfinished ...>" if opened.signature.exit else ""
        text = f"{self._resume(thread, opened.name)}{missing}) "
        width = self._width + len(missing) + 2
        self._write(f"{text}{' ' * max(0, _COLUMN - width)}= ?\n")

    def said(self, thread: ThreadRecord, kind: str, text: str, **facts: object) -> None:
        """Write a line between calls."""
        self._write(f"{self._leader(thread, time.time() if not self._plain else 0.0)}{kind} {text} {kind}\n")

    def noticed(self, text: str) -> None:
        """Write a line about the log itself, unless it goes to a file."""
        if not self._options.name_threads and not self._options.quiet:
            ending = " <unfinished ...>\n" if self._current is not None else ""
            self._current = None
            self._write(f"{ending}gdbstub: {text}\n")

    def finish(self) -> None:
        """End the line that is open."""
        if self._current is not None:
            self._current = None
            self._write(" <detached ...>\n")
