"""What an observer is told: the process goes on, whatever its client believes.

Layer: engines.  Used by: session.

The protocol knows no client that only looks: ``?`` asks for a stop, and what is
stopped is resumed with ``c``.  An observer is therefore answered at once, as if
the process stood, and its ``c`` resumes nothing: it waits for a Ctrl-C, which is
answered at once too, or for the end of the process.
"""

from __future__ import annotations

from gdbstub.engines.gdbremote.reports import Awaiting, Reports
from gdbstub.engines.gdbremote.stops import exit_reply, stop_reply
from gdbstub.target.engine import Vote
from gdbstub.target.events import Execed, Interrupted, ProcessExited, TraceEvent
from gdbstub.vocab.errors import TargetError


class Observations(Reports):
    """The reports of a client that holds nothing."""

    def on_event(self, event: TraceEvent) -> Vote:
        """Tell of a process's end; let everything else pass."""
        match event:
            case ProcessExited():
                self._ended(event)
            case Execed():
                # The target description may be another one now.
                self._session.snapshots.clear()
            case _:
                pass
        return Vote.CONTINUE

    def on_quiet(self) -> None:
        """Do nothing: an observer waits for no stop."""

    def _ended(self, event: ProcessExited) -> None:
        if self._session.nonstop:
            self.notify(exit_reply(self._session, event))
        elif self.awaiting is Awaiting.STOP:
            self.awaiting = Awaiting.NOTHING
            self._session.send(exit_reply(self._session, event))
        else:
            self.exits.append(event)

    def interrupt(self) -> None:
        """Answer a Ctrl-C without stopping anything."""
        if self.awaiting is not Awaiting.STOP:
            self.interrupted = not self._session.nonstop
            return
        self._show(self._session.dialect.interrupt_signal)

    def wait(self) -> None:
        """Act on a resume: wait for a Ctrl-C or for the end."""
        self.awaiting = Awaiting.STOP
        if self.exits:
            self._ended(self.exits.popleft())
        elif self.interrupted:
            self._show(self._session.dialect.interrupt_signal)

    def look(self) -> bytes:
        """Return the answer to ``?``."""
        session = self._session
        if session.nonstop:
            return b"OK"
        if self.exits:
            return exit_reply(session, self.exits.popleft())
        try:
            tid = session.thread()
        except TargetError:
            return b"W00"
        return stop_reply(session, Interrupted(self._target.pid_of(tid), tid), session.dialect.attach_signal)

    def _show(self, sig: int) -> None:
        """Send a stop reply for a thread that goes on."""
        self.awaiting = Awaiting.NOTHING
        self.interrupted = False
        session = self._session
        try:
            tid = session.thread()
        except TargetError:
            session.send(b"W00")
            return
        session.general = tid
        session.send(stop_reply(session, Interrupted(self._target.pid_of(tid), tid), sig))
