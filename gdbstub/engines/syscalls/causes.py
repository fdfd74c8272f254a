"""Why clients hold a thread, in words.

Layer: engines.  Used by: log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdbstub.abi import signals
from gdbstub.target.events import (
    Cloned,
    Execed,
    Forked,
    Launched,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    VforkDone,
    WatchHit,
)
from gdbstub.vocab.ids import EngineId

_WORDS: dict[type[TraceEvent], Callable[[Any], str]] = {
    SiteHit: lambda event: f"breakpoint at {event.address:#x}",
    WatchHit: lambda event: f"watchpoint at {event.address:#x}",
    StepDone: lambda event: "step",
    SignalStop: lambda event: signals.name_of(event.signal),
    SyscallStop: lambda event: f"{'entry' if event.entry else 'return'} of call {event.number}",
    Execed: lambda event: "exec",
    Launched: lambda event: "start",
    ThreadStarted: lambda event: "thread start",
    ThreadExited: lambda event: "thread exit",
    Cloned: lambda event: "clone",
    Forked: lambda event: event.kind.value,
    VforkDone: lambda event: "end of vfork",
}


def reason(cause: TraceEvent | None) -> str:
    """Say why a thread is held: the event, or that it was to stand."""
    words = _WORDS.get(type(cause)) if cause is not None else None
    return words(cause) if words is not None else "interrupt"


def holder(engine_id: EngineId) -> str:
    """Say who holds: clients count up from 1, and 0 is the server itself."""
    return f"client {engine_id}" if engine_id > 0 else "the server" if not engine_id else "an engine"
