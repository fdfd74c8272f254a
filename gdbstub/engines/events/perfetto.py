"""A run as a trace that trace viewers show: threads as tracks, system calls and stops as slices, signals as marks.

A stop is job control's, or it is debuggers': then the slice says who holds the thread, and why.

Layer: engines.  Used by: streams.  Implements: syscalls.record.View.
Spec: "Trace Event Format" (the JSON array format): timestamps and durations in microseconds; the closing bracket
of the array may be missing, so that a run that is cut short can be looked at too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from gdbstub.engines.syscalls.record import OpenCall, Returned, ThreadRecord
from gdbstub.vocab.errors import TraceeGone
from gdbstub.vocab.ids import Tid


class Perfetto:
    """A view of the log of system calls that writes trace events.

    Args:
        write: Takes text; must not block.
        names: Says what a thread is called; None where nobody knows.
    """

    shows_text = True
    shows_holds = True

    def __init__(self, write: Callable[[str], None], names: Callable[[Tid], str | None]) -> None:
        self._write = write
        self._names = names
        self._named: dict[Tid, str] = {}
        #: Since when job control has had a thread stopped, and by which signal.
        self._stopped: dict[Tid, tuple[float, str]] = {}
        #: Since when clients have held a thread, and what is said of that.
        self._held: dict[Tid, tuple[ThreadRecord, float, str, dict[str, object]]] = {}
        self._first = True

    def _put(self, phase: str, name: str, thread: ThreadRecord, moment: float, **more: object) -> None:
        event = {
            "ph": phase,
            "name": name,
            "pid": thread.pid,
            "tid": thread.tid,
            "ts": round(moment * 1e6, 3),
            **more,
        }
        self._write(("[\n" if self._first else ",\n") + json.dumps(event))
        self._first = False

    def _introduce(self, thread: ThreadRecord, moment: float) -> None:
        """Name a thread's track when it shows up, and again where it has another name by now."""
        try:
            name = self._names(thread.tid)
        except TraceeGone:
            return
        if name is not None and self._named.get(thread.tid) != name:
            self._named[thread.tid] = name
            self._put("M", "thread_name", thread, moment, args={"name": name})
            if thread.tid == Tid(thread.pid):
                self._put("M", "process_name", thread, moment, args={"name": name})

    def _went_on(self, thread: ThreadRecord, moment: float) -> None:
        began = self._stopped.pop(thread.tid, None)
        if began is not None:
            since, name = began
            self._put("X", f"stopped by {name}", thread, since, dur=round((moment - since) * 1e6, 3), cat="stop")

    def _let_go(self, tid: Tid, moment: float) -> None:
        hold = self._held.pop(tid, None)
        if hold is not None:
            thread, since, name, args = hold
            dur = round((moment - since) * 1e6, 3)
            self._put("X", name, thread, since, dur=dur, cat="debugger", args=args)

    def threads_changed(self, count: int) -> None:
        """Do nothing: every event names its thread."""

    def entered(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Wait for the call's end."""
        self._introduce(thread, opened.clock)
        self._went_on(thread, opened.clock)

    def returned(self, thread: ThreadRecord, opened: OpenCall, how: Returned) -> None:
        """Write a call as a slice."""
        args = {"arguments": opened.shown + how.arguments, "result": how.result}
        self._introduce(thread, opened.clock)
        self._put("X", opened.name, thread, opened.clock, dur=how.duration / 1000, cat="syscall", args=args)

    def abandoned(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Write a call that does not return: it lasts until now."""
        now = time.time()
        args = {"arguments": opened.shown.removesuffix(", "), "result": "?"}
        dur = round((now - opened.clock) * 1e6, 3)
        self._put("X", opened.name, thread, opened.clock, dur=dur, cat="syscall", args=args)

    def said(self, thread: ThreadRecord, kind: str, text: str, **facts: object) -> None:
        """Write what happens between calls as a mark, a stop by job control or by debuggers as a slice."""
        now = time.time()
        self._introduce(thread, now)
        if kind == "===":
            self._let_go(thread.tid, now)
            if "held_by" in facts:
                self._held[thread.tid] = thread, now, text, dict(facts)
            return
        if kind == "+++":
            self._let_go(thread.tid, now)
        self._went_on(thread, now)
        stopped = facts.get("stopped")
        if stopped is not None:
            self._stopped[thread.tid] = now, str(stopped)
        else:
            self._put("i", text.split(" {", 1)[0], thread, now, s="t", args=dict(facts) | {"text": text})

    def noticed(self, text: str) -> None:
        """Write nothing of what concerns the log itself."""

    def finish(self) -> None:
        """End the slices that are open, and close the array."""
        now = time.time()
        for tid in list(self._held):
            self._let_go(tid, now)
        self._write("[]\n" if self._first else "\n]\n")
