"""An engine that takes part in every process and in their children, and holds none of them: the base of logs.

Layer: engines.  Used by: events.eventlog, syscalls.log, server (``LogEngine``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from gdbstub.target.engine import CONTINUE, Engine, IdleEngine, Vote
from gdbstub.target.events import (
    Forked,
    ForkKind,
    Joined,
    Launched,
    LaunchFailed,
    ProcessExited,
    TraceEvent,
)
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import EngineId, Pid

#: Runs a function after so many seconds.
Later: TypeAlias = Callable[[float, Callable[[], None]], None]


class LogEngine(Engine, Protocol):
    """An engine that writes about every process."""

    #: Children that are kept for this engine.
    children: set[Pid]
    #: How each process ended.
    exits: dict[Pid, ProcessExited]
    #: Why a program could not be started.
    launch_failure: str | None

    def begin(self) -> None:
        """Take part in everything that is traced, those to come included."""

    def finish(self) -> None:
        """Write what comes at the end, once."""

    def end(self) -> None:
        """Leave; what only this engine kept is let go."""

    def tell_of_client(self, kind: str, client: EngineId, peer: str) -> None:
        """Learn that a client has come or gone: ``client-attach``, ``client-detach``."""


#: Makes one of an identity, the tracer, where its text goes, a timer, and what to call when no process is left.
MakeLog: TypeAlias = Callable[[EngineId, Target, Callable[[str], None], Later, Callable[[], None]], LogEngine]


class Follower(IdleEngine):
    """Keeps count of the processes it takes part in; an event goes to the method that ``handlers`` has for it.

    Args:
        engine_id: Its identity.
        target: The tracer.
        on_end: Called when no process is left.
        follow: Keep children of traced processes too.
    """

    def __init__(self, engine_id: EngineId, target: Target, on_end: Callable[[], None], *, follow: bool) -> None:
        super().__init__(engine_id)
        self.target = target
        self._on_end = on_end
        self._follow = follow
        self._processes: set[Pid] = set()
        #: Children that are kept for this engine.
        self.children: set[Pid] = set()
        self.exits: dict[Pid, ProcessExited] = {}
        self.launch_failure: str | None = None
        self.handlers: dict[type[TraceEvent], Callable[[Any], object]] = {
            Joined: self.joined,
            Launched: self.launched,
            LaunchFailed: self.launch_failed,
            Forked: self.forked,
            ProcessExited: self.exited,
        }
        self.wants = frozenset(self.handlers)

    def listen(self, handlers: Mapping[type[TraceEvent], Callable[[Any], object]]) -> None:
        """Ask for more events, before anything begins; what a handler returns is the vote, None to let it run."""
        self.handlers.update(handlers)
        self.wants = frozenset(self.handlers)

    def begin(self) -> None:
        """Take part in everything that is traced, those to come included."""
        if self._follow:
            self.target.fork_events(self.engine_id, frozenset(ForkKind))
        self.target.attach_engine(self, everywhere=True)

    def finish(self) -> None:
        """Write nothing at the end."""

    def end(self) -> None:
        """Leave; what only this engine kept is let go."""
        self.finish()
        for pid in list(self.children):
            try:
                if self.target.users_of(pid) == [self.engine_id]:
                    self.target.detach(pid)
            except StubError:
                continue
        self.target.detach_engine(self.engine_id)

    def tell_of_client(self, kind: str, client: EngineId, peer: str) -> None:
        """Take no note of clients."""

    def on_event(self, event: TraceEvent) -> Vote:
        """Hand an event to its handler."""
        handler = self.handlers.get(type(event))
        vote = handler(event) if handler is not None else None
        return vote if isinstance(vote, Vote) else CONTINUE

    def joined(self, event: Joined) -> None:
        """Count a process."""
        self._processes.add(event.pid)

    def launched(self, event: Launched) -> None:
        """Count a process that was started for this engine."""
        self._processes.add(event.pid)

    def launch_failed(self, event: LaunchFailed) -> None:
        """Remember why."""
        self.launch_failure = event.text
        self.gone(event.pid)

    def forked(self, event: Forked) -> None:
        """Keep a child, and let it run."""
        self._processes.add(event.child)
        self.children.add(event.child)
        self.target.keep(self.engine_id, event.child)
        self.target.resume(self.engine_id, {event.child: []}, {event.child: CONTINUE})

    def exited(self, event: ProcessExited) -> None:
        """Remember how a process has ended."""
        self.exits[event.pid] = event
        self.gone(event.pid)

    def on_lost(self, pid: Pid) -> None:
        """Forget a process that is no longer traced."""
        self.gone(pid)

    def gone(self, pid: Pid) -> None:
        """Forget a process; after the last one it is over."""
        self.children.discard(pid)
        self._processes.discard(pid)
        if not self._processes:
            self._on_end()
