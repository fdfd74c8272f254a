"""The engine that tells what happens, and never stops anything by itself.

Layer: engines.  Used by: server.  Implements: target.engine.Engine.

No system call is caught for it.  Libraries are noticed where the dynamic linker calls the function that is there for
debuggers: a site of the engine's own, which threads pass at once.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from time import time

from gdbstub.engines.events.happening import KINDS, Happening
from gdbstub.engines.events.linkmap import LinkMap
from gdbstub.engines.events.options import EventOptions
from gdbstub.engines.follower import Follower, Later, MakeLog
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    ChildBorn,
    Execed,
    JobContinued,
    JobStopped,
    Joined,
    ProcessExited,
    SignalStop,
    SiteHit,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
)
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import EngineId, Pid, Signo, Tid
from gdbstub.vocab.signals import name_of

#: The events behind each kind; what nobody wants is not asked for.
_EVENTS: dict[str, tuple[type[TraceEvent], ...]] = {
    "thread-start": (ThreadStarted,),
    "thread-exit": (ThreadExited,),
    "fork": (ChildBorn,),
    "signal": (SignalStop,),
    "job-stop": (JobStopped,),
    "job-continue": (JobContinued,),
    "library-load": (SiteHit,),
    "library-unload": (SiteHit,),
}
_LIBRARIES = frozenset({"library-load", "library-unload"})

#: Signals whose default is not to end the process; signal(7).
_MILD = {
    signal.SIGCHLD: "nothing",
    signal.SIGURG: "nothing",
    signal.SIGWINCH: "nothing",
    signal.SIGCONT: "continues",
    signal.SIGSTOP: "stops",
    signal.SIGTSTP: "stops",
    signal.SIGTTIN: "stops",
    signal.SIGTTOU: "stops",
}


def effect(sig: Signo, ignored: int, caught: int) -> str:
    """Say what a signal will do.

    Args:
        sig: Which.
        ignored: The process's set of ignored signals, a bit each from signal 1 on.
        caught: The set of those that have a handler.
    """
    bit = 1 << (sig - 1)
    if caught & bit:
        return "handler"
    if ignored & bit:
        return "ignored"
    return _MILD.get(signal.Signals(sig), "ends the process") if sig <= signal.SIGSYS else "ends the process"


class EventLog(Follower):
    """Tells what happens to every process.

    Args:
        engine_id: Its identity.
        target: The tracer.
        options: What is told.
        tell: Takes each happening; must not block.
        on_end: Called when no process is left.
    """

    def __init__(
        self,
        engine_id: EngineId,
        target: Target,
        options: EventOptions,
        tell: Callable[[Happening], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(engine_id, target, on_end, follow=options.follow)
        self._tell = tell
        self._kinds = options.kinds
        wanted = {event for kind in options.kinds for event in _EVENTS.get(kind, ())}
        self.wants = frozenset({*Follower.wants, Execed, *wanted})
        self._maps: dict[Pid, LinkMap] = {}

    def tell_of_client(self, kind: str, client: EngineId, peer: str) -> None:
        """Tell that a client has come or gone."""
        self.say(kind, Pid(0), Tid(0), client=client, peer=peer)

    def say(self, kind: str, pid: Pid, tid: Tid, **details: object) -> None:
        """Tell something, if anybody wants it."""
        assert kind in KINDS
        if kind in self._kinds:
            self._tell(Happening(time(), kind, pid, tid, details))

    def on_event(self, event: TraceEvent) -> Vote:
        """Tell of it and let everything run."""
        pid, tid = event.pid, event.tid
        match event:
            case Joined():
                self.say("join", pid, tid, program=self._program(pid), threads=len(self._target.threads(pid)))
                self._watch_libraries(pid)
            case Execed():
                self.say("exec", pid, tid, program=event.path.decode("utf-8", "surrogateescape"))
                self._watch_libraries(pid)
            case ThreadStarted():
                self.say("thread-start", pid, tid)
            case ThreadExited():
                self.say("thread-exit", pid, tid, status=event.status)
            case ChildBorn():
                self.say("fork", pid, tid, child=event.child, call=event.kind.value, traced=event.kept)
            case SignalStop():
                does = effect(event.signal, *self._target.signal_sets(tid))
                self.say("signal", pid, tid, signal=name_of(event.signal), does=does)
            case JobStopped():
                self.say("job-stop", pid, tid, signal=name_of(event.signal))
            case JobContinued():
                self.say("job-continue", pid, tid)
            case SiteHit():
                self._tell_libraries(pid, tid)
            case ProcessExited():
                self._maps.pop(pid, None)
                if event.signal is None:
                    self.say("exit", pid, tid, status=event.code)
                else:
                    self.say("exit", pid, tid, signal=name_of(event.signal))
            case _:
                pass
        return super().on_event(event)

    def on_lost(self, pid: Pid) -> None:
        """Tell that a process is no longer traced."""
        self._maps.pop(pid, None)
        self.say("leave", pid, Tid(pid))
        super().on_lost(pid)

    def _program(self, pid: Pid) -> str:
        try:
            return self._target.exec_file(pid).decode("utf-8", "surrogateescape")
        except StubError:
            return ""

    # ------------------------------------------------------------ libraries

    def _watch_libraries(self, pid: Pid) -> None:
        if not self._kinds & _LIBRARIES:
            return
        libraries = self._maps[pid] = LinkMap(self._target, pid)
        # What is there already was not loaded just now.
        libraries.changes()
        try:
            brake = self._target.linker_brake(pid)
            if brake is not None:
                self._target.insert_breakpoint(self.engine_id, pid, brake, 1, hardware=False)
        except StubError:
            # Its text cannot be written: its libraries stay untold.
            return

    def _tell_libraries(self, pid: Pid, tid: Tid) -> None:
        libraries = self._maps.get(pid)
        if libraries is None:
            return
        loaded, unloaded = libraries.changes()
        for path, bias in unloaded:
            self.say("library-unload", pid, tid, path=path, bias=f"{bias:#x}")
        for path, bias in loaded:
            self.say("library-load", pid, tid, path=path, bias=f"{bias:#x}")


def events_with(options: EventOptions) -> MakeLog:
    """Return what makes a stream of events with these options."""

    def make(
        engine_id: EngineId, target: Target, write: Callable[[str], None], later: Later, on_end: Callable[[], None]
    ) -> EventLog:
        def tell(happening: Happening) -> None:
            write(happening.as_json() if options.json else happening.as_text())

        return EventLog(engine_id, target, options, tell, on_end)

    return make
