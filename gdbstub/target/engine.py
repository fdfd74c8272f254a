"""What an engine is: one party attached to the tracer, with votes of its own.

Layer: target.  Implemented by: engines.  Called by: tracer.

Rules for implementers (docs/ARCHITECTURE.md, "Engines"):

- no callback may block or do I/O; to hold a thread, vote STOP and resume later;
- an engine that raises is detached, and the inferior runs on.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Protocol

from gdbstub.target.events import SignalStop, TraceEvent
from gdbstub.vocab.ids import EngineId, Pid, Signo


class Vote(IntEnum):
    """What an engine wants of a thread.  The smallest vote of all engines is what happens."""

    STOP = 0
    STEP = 1
    CONTINUE = 2


#: The same by names of their own, for what happens at every stop: in Python 3.11 it takes a tenth of a microsecond to
#: find a member in its enumeration.
STOP: Final = Vote.STOP
STEP: Final = Vote.STEP
CONTINUE: Final = Vote.CONTINUE


class Engine(Protocol):
    """The callbacks of an engine."""

    @property
    def engine_id(self) -> EngineId:
        """The identity under which this engine owns votes and sites."""

    @property
    def wants(self) -> frozenset[type[TraceEvent]]:
        """The mask: the kinds of events that are offered to this engine."""

    @property
    def keeps_traced(self) -> bool:
        """Tell whether a process stays traced for this engine's sake when every other one has left."""

    def on_event(self, event: TraceEvent) -> Vote:
        """Answer an event.  For ``STOP`` the thread stays held for this engine until it resumes it."""

    def on_quiet(self) -> None:
        """Learn that every thread this engine asked to hold is now stopped."""

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Tell whether a signal may be delivered without a report to this engine."""

    def catches(self, pid: Pid, number: int) -> bool:
        """Tell whether a syscall is to be reported to this engine."""

    def on_lost(self, pid: Pid) -> None:
        """Learn that an inferior is no longer traced, by another engine's wish."""


class IdleEngine:
    """An engine that takes part and does nothing: the base of those that do little.

    Args:
        engine_id: Its identity.
    """

    wants: frozenset[type[TraceEvent]] = frozenset()
    keeps_traced = False

    def __init__(self, engine_id: EngineId) -> None:
        self.engine_id = engine_id

    def on_event(self, event: TraceEvent) -> Vote:
        """Let everything run."""
        return Vote.CONTINUE

    def on_quiet(self) -> None:
        """Wait for nothing."""

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Look at signals only where the mask has them."""
        return SignalStop not in self.wants

    def catches(self, pid: Pid, number: int) -> bool:
        """Catch no syscall."""
        return False

    def on_lost(self, pid: Pid) -> None:
        """Forget nothing."""
