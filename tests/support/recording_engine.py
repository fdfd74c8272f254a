"""An engine that writes down what it is told and answers as a test says.

Used by: unit/tracer.  Implements: target.engine.Engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    DEBUGGER_EVENTS,
    ChildBorn,
    JobContinued,
    JobStopped,
    Joined,
    SignalStop,
    TraceEvent,
)
from gdbstub.vocab.ids import EngineId, Pid, Signo

EVERYTHING: frozenset[type[TraceEvent]] = DEBUGGER_EVENTS | {ChildBorn, JobContinued, JobStopped, Joined}


class Raised(Exception):
    """What an engine with a bug raises."""


class RecordingEngine:
    """One engine.

    Args:
        engine_id: Its identity.
        votes: Its answers, one after the other and round again.
        wants: Its mask.
        passed: Signals of which it need not be told.
        keeps_traced: A process stays traced for its sake.
        raises_at: Its callback of this number raises, counted from 1; 0: none does.
        on_stop: Called where it answers STOP, before it does: a session holds everything then.
        calls_back: Called with each event, before it is answered.
    """

    def __init__(
        self,
        engine_id: EngineId,
        votes: Sequence[Vote] = (Vote.CONTINUE,),
        *,
        wants: frozenset[type[TraceEvent]] = EVERYTHING,
        passed: frozenset[Signo] = frozenset(),
        keeps_traced: bool = True,
        raises_at: int = 0,
        on_stop: Callable[[], None] | None = None,
        calls_back: Callable[[TraceEvent], object] | None = None,
    ) -> None:
        self.engine_id = engine_id
        self.wants = wants
        self.keeps_traced = keeps_traced
        self.passed = passed
        #: System calls that it catches.
        self.caught: frozenset[int] = frozenset()
        self.events: list[TraceEvent] = []
        self.quiets = 0
        self.lost: list[Pid] = []
        #: It takes part no more: what comes now is a mistake.
        self.left = False
        self.left_pids: set[Pid] = set()
        self.mistakes: list[str] = []
        self.calls = 0
        self._raises_at = raises_at
        self._on_stop = on_stop
        self._calls_back = calls_back
        self._votes = itertools.cycle(votes)

    def _called(self, what: object) -> None:
        self.calls += 1
        if self.left:
            self.mistakes.append(f"{what} after it had left")
        if self.calls == self._raises_at:
            self.left = True
            raise Raised

    def raise_now(self) -> None:
        """Raise at the next callback, whichever it is."""
        self._raises_at = self.calls + 1

    def on_event(self, event: TraceEvent) -> Vote:
        """Note an event and give the next answer."""
        if event.pid in self.left_pids:
            self.mistakes.append(f"{event} after it had left the process")
        self.events.append(event)
        self._called(event)
        if self._calls_back is not None:
            self._calls_back(event)
        vote = next(self._votes)
        if vote is Vote.STOP and self._on_stop is not None:
            self._on_stop()
        return vote

    def on_quiet(self) -> None:
        """Note that everything stands."""
        self.quiets += 1
        self._called("on_quiet")

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Tell of the signals that were named."""
        self._called(f"passes({signal})")
        return not self.is_told_of(signal)

    def is_told_of(self, signal: Signo) -> bool:
        """Tell whether a signal concerns it."""
        return signal not in self.passed and SignalStop in self.wants

    def catches(self, pid: Pid, number: int) -> bool:
        """Tell of the calls that were named."""
        self._called(f"catches({number})")
        return bool(self.caught) if number < 0 else number in self.caught

    def on_lost(self, pid: Pid) -> None:
        """Note that a process is gone."""
        self.lost.append(pid)
        self._called(f"on_lost({pid})")

    def told(self, kind: type[TraceEvent]) -> list[TraceEvent]:
        """Return the events of one kind."""
        return [each for each in self.events if isinstance(each, kind)]
