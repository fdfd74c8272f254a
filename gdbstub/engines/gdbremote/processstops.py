"""Non-stop as LLDB means it: a process runs or stands as a whole, whatever the others do.

Layer: engines.  Used by: reports, handlers.

A stop of one thread stops its process.  When all of its threads stand, that stop is
a notification, and those of the others follow, most of them without a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.accounts import thread_stop
from gdbstub.engines.gdbremote.stops import stop_reply
from gdbstub.target.engine import Vote
from gdbstub.target.events import Forked, Interrupted, ProcessExited, SignalStop, TraceEvent
from gdbstub.vocab.ids import Pid, Tid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.reports import Reports
    from gdbstub.engines.gdbremote.session import Session


class ProcessStops:
    """Which processes run for a client, and which are about to stand.

    Args:
        session: Whose client is told.
        reports: Where the notifications are queued.
    """

    def __init__(self, session: Session, reports: Reports) -> None:
        self._session = session
        self._target = session.target
        self._reports = reports
        #: Why each process is about to stand, and the signal where it is not the event's own.
        self._coming: dict[Pid, tuple[TraceEvent, int | None]] = {}
        #: What happened to further threads of a process that is about to stand.
        self._more: dict[Tid, TraceEvent] = {}
        #: The thread whose stop was told first, by process.
        self._first: dict[Pid, Tid] = {}
        self._running: set[Pid] = set()

    def runs(self, pid: Pid) -> bool:
        """Tell whether a process has been resumed and its stop not been told yet."""
        return pid in self._running

    def resumed(self, pid: Pid) -> None:
        """Note that a process runs."""
        self._running.add(pid)
        self._first.pop(pid, None)

    def untold_processes(self) -> set[Pid]:
        """Return the children whose beginning is still to be told."""
        if not self._coming and not self._more:
            return set()
        events = (event for event, _ in self._coming.values())
        return {event.child for event in (*events, *self._more.values()) if isinstance(event, Forked)}

    def on_event(self, event: TraceEvent) -> Vote:
        """Stop the process of a thread to which something has happened."""
        if event.pid not in self._coming:
            self._stop(event, None)
        elif not isinstance(event, Interrupted):
            self._more[event.tid] = event
        self.look(event.pid)
        return Vote.STOP

    def interrupt(self, pids: Iterable[Pid], sig: int) -> None:
        """Stop processes that run.

        Args:
            pids: Which.
            sig: What their first threads are reported with, as it goes over the wire.
        """
        for pid in list(pids):
            threads = self._session.listed_threads(pid)
            if pid in self._running and pid not in self._coming and threads:
                self._stop(Interrupted(pid, threads[0]), sig)
                self.look(pid)

    def _stop(self, event: TraceEvent, sig: int | None) -> None:
        self._coming[event.pid] = event, sig
        others = [each.tid for each in self._target.threads(event.pid) if each.tid != event.tid or sig is not None]
        self._target.hold(self._session.engine_id, others)

    def born(self, pid: Pid) -> Vote:
        """Say whether a new thread of a process may run; it may be the last one that was waited for."""
        if pid in self._running and pid not in self._coming:
            return Vote.CONTINUE
        self.look(pid)
        return Vote.STOP

    def look(self, pid: Pid) -> None:
        """Tell of a process that was to stand, if it does."""
        if pid not in self._coming:
            return
        threads = [each.tid for each in self._target.threads(pid)]
        if all(map(self._target.is_stopped, threads)):
            self._told(pid, threads)

    def _told(self, pid: Pid, threads: list[Tid]) -> None:
        event, sig = self._coming.pop(pid)
        self._running.discard(pid)
        session, reports = self._session, self._reports
        # What the program has written comes before the news that it does not run.
        session.host.terminals.drain(pid)
        more = {tid: self._more.pop(tid) for tid in threads if tid in self._more}
        for each in (event, *more.values()):
            if isinstance(each, SignalStop):
                reports.signalled.add(each.tid)
        reports.accounts.note(event, sig, more)
        self._first[pid] = event.tid
        session.general = event.tid
        if sig is None:
            session.host.note_stop(pid, event)
        reports.notify(stop_reply(session, event, sig))
        for tid in threads:
            if tid != event.tid:
                # A list of all threads in the stop of each would be as long as their square.
                reports.notify(thread_stop(session, pid, tid, listing=False))

    def sequence(self) -> list[bytes]:
        """Return the stop replies of all threads of the processes that stand, the first reported one first."""
        replies: list[bytes] = []
        for pid in self._session.pids():
            threads = self._session.listed_threads(pid)
            if pid in self._running or not all(map(self._target.is_stopped, threads)):
                continue
            first = self._first.get(pid)
            if first in threads:
                threads.remove(first)
                threads.insert(0, first)
            replies += [thread_stop(self._session, pid, tid, listing=not place) for place, tid in enumerate(threads)]
        return replies

    def ended(self, event: ProcessExited) -> None:
        """Forget a process."""
        self._coming.pop(event.pid, None)
        self._first.pop(event.pid, None)
        self._running.discard(event.pid)
        self._more = {tid: each for tid, each in self._more.items() if each.pid != event.pid}

    def forget(self) -> None:
        """Forget everything: the client leaves non-stop, or begins it."""
        self._coming.clear()
        self._more.clear()
        self._first.clear()
        self._running.clear()
