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
        self._maps: dict[Pid, LinkMap] = {}
        told: dict[str, tuple[type[TraceEvent], Callable[..., None]]] = {
            "thread-start": (ThreadStarted, self._thread_started),
            "thread-exit": (ThreadExited, self._thread_exited),
            "fork": (ChildBorn, self._child_born),
            "signal": (SignalStop, self._signalled),
            "job-stop": (JobStopped, self._job_stopped),
            "job-continue": (JobContinued, self._job_continued),
            "library-load": (SiteHit, self._list_changed),
            "library-unload": (SiteHit, self._list_changed),
        }
        # What nobody wants is not asked for.
        self.listen({Execed: self._execed, **dict(told[kind] for kind in options.kinds if kind in told)})

    def tell_of_client(self, kind: str, client: EngineId, peer: str) -> None:
        """Tell that a client has come or gone."""
        self.say(kind, Pid(0), Tid(0), client=client, peer=peer)

    def say(self, kind: str, pid: Pid, tid: Tid, **details: object) -> None:
        """Tell something, if anybody wants it."""
        assert kind in KINDS
        if kind in self._kinds:
            self._tell(Happening(time(), kind, pid, tid, details))

    def joined(self, event: Joined) -> None:
        """Tell that a process is traced from now on."""
        pid = event.pid
        self.say("join", pid, event.tid, program=self._program(pid), threads=len(self.target.threads(pid)))
        self._watch_libraries(pid)
        super().joined(event)

    def exited(self, event: ProcessExited) -> None:
        """Tell that a process has ended."""
        self._maps.pop(event.pid, None)
        if event.signal is None:
            self.say("exit", event.pid, event.tid, status=event.code)
        else:
            self.say("exit", event.pid, event.tid, signal=name_of(event.signal))
        super().exited(event)

    def _execed(self, event: Execed) -> None:
        self.say("exec", event.pid, event.tid, program=event.path.decode("utf-8", "surrogateescape"))
        self._watch_libraries(event.pid)

    def _thread_started(self, event: ThreadStarted) -> None:
        self.say("thread-start", event.pid, event.tid)

    def _thread_exited(self, event: ThreadExited) -> None:
        self.say("thread-exit", event.pid, event.tid, status=event.status)

    def _child_born(self, event: ChildBorn) -> None:
        self.say("fork", event.pid, event.tid, child=event.child, call=event.kind.value, traced=event.kept)

    def _signalled(self, event: SignalStop) -> None:
        does = effect(event.signal, *self.target.signal_sets(event.tid))
        self.say("signal", event.pid, event.tid, signal=name_of(event.signal), does=does)

    def _job_stopped(self, event: JobStopped) -> None:
        self.say("job-stop", event.pid, event.tid, signal=name_of(event.signal))

    def _job_continued(self, event: JobContinued) -> None:
        self.say("job-continue", event.pid, event.tid)

    def on_lost(self, pid: Pid) -> None:
        """Tell that a process is no longer traced."""
        self._maps.pop(pid, None)
        self.say("leave", pid, Tid(pid))
        super().on_lost(pid)

    def _program(self, pid: Pid) -> str:
        try:
            return self.target.exec_file(pid).decode("utf-8", "surrogateescape")
        except StubError:
            return ""

    # ------------------------------------------------------------ libraries

    def _watch_libraries(self, pid: Pid) -> None:
        if not self._kinds & _LIBRARIES:
            return
        libraries = self._maps[pid] = LinkMap(self.target, pid)
        # What is there already was not loaded just now.
        libraries.changes()
        try:
            brake = self.target.linker_brake(pid)
            if brake is not None:
                self.target.insert_breakpoint(self.engine_id, pid, brake, 1, hardware=False)
        except StubError:
            # Its text cannot be written: its libraries stay untold.
            return

    def _list_changed(self, event: SiteHit) -> None:
        pid, tid = event.pid, event.tid
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
