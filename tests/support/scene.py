"""The whole tracer over a kernel of our own, for tests of what engines may expect of it.

Used by: unit/tracer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypedDict, Unpack

from gdbstub.server.keeper import KEEPER, Keeper
from gdbstub.target.engine import Vote
from gdbstub.target.events import TraceEvent
from gdbstub.target.ops import LaunchSpec, ThreadAction
from gdbstub.tracer.tracer import Tracer
from gdbstub.vocab.ids import Addr, EngineId, Signo
from tests.support.kernel.door import Door
from tests.support.kernel.tasks import BASE, Call, Kernel, Process, State, Task
from tests.support.recording_engine import RecordingEngine

#: The second instruction of the program.
SPOT = Addr(BASE + 1)
#: Steps of settling after which it is taken never to end.
_PATIENCE = 2000


class EngineOptions(TypedDict, total=False):
    """What ``RecordingEngine`` takes beside its answers."""

    wants: frozenset[type[TraceEvent]]
    passed: frozenset[Signo]
    keeps_traced: bool
    raises_at: int
    calls_back: Callable[[TraceEvent], object]


class Scene:
    """A tracer with its kernel and its engines.

    Args:
        on_failure: Called when an engine raised and was detached.
    """

    def __init__(self, on_failure: Callable[[EngineId], object] = lambda engine_id: None) -> None:
        self.kernel = Kernel()
        self.door = Door(self.kernel)

        def failed(engine_id: EngineId, failure: Exception) -> None:
            on_failure(engine_id)

        self.tracer = Tracer(KEEPER, failed, lambda pid: None)
        self.world = self.tracer._world
        self.tracer.attach_engine(Keeper(lambda text: None, lambda: None, lambda pid: None))
        self._ids = map(EngineId, itertools.count(1))

    def engine(self, *votes: Vote, **options: Unpack[EngineOptions]) -> RecordingEngine:
        """Attach an engine that answers with some votes, in every process that is there."""
        engine = RecordingEngine(self.fresh_id(), votes or (Vote.CONTINUE,), **options)
        self.tracer.attach_engine(engine)
        for pid in self.tracer.pids():
            self.tracer.join(engine.engine_id, pid)
        return engine

    def fresh_id(self) -> EngineId:
        """Return an identity that no engine has yet."""
        return next(self._ids)

    def launch(self) -> Process:
        """Start a program for the keeper; it has not come to its first instruction."""
        return self.kernel.processes[self.tracer.launch(KEEPER, LaunchSpec(["program"]))]

    def process(self, threads: int = 1) -> Process:
        """Seize a new process for the keeper, wait until it stands, and let it go on."""
        process = self.kernel.spawn(threads)
        self.tracer.seize(KEEPER, process.pid)
        self.settle()
        self.go_on(KEEPER)
        return process

    def breakpoint(self, engine: RecordingEngine, address: Addr = SPOT) -> None:
        """Let an engine own a breakpoint in every process."""
        for pid in self.tracer.pids():
            self.tracer.insert_breakpoint(engine.engine_id, pid, address, 1, hardware=False)

    def go_on(self, *engines: RecordingEngine | EngineId, vote: Vote = Vote.CONTINUE) -> None:
        """Let engines vote on everything."""
        for each in engines:
            engine_id = each.engine_id if isinstance(each, RecordingEngine) else each
            self.tracer.resume(engine_id, {}, dict.fromkeys(self.tracer.joined(engine_id), vote))

    def step(self, engine: RecordingEngine, task: Task) -> None:
        """Let an engine step one thread and continue the others."""
        pid = task.process.pid
        self.tracer.resume(engine.engine_id, {pid: [ThreadAction(task.tid, Vote.STEP)]}, {pid: Vote.CONTINUE})

    def stop(self, engine: RecordingEngine) -> None:
        """Let an engine hold everything, and wait until it stands."""
        self.tracer.hold_all(engine.engine_id)
        self.settle()

    def move(self, *tasks: Task, times: int = 1, call: Call = Call.GETPID) -> None:
        """Let threads make some moves, and then everything come to rest."""
        for _ in range(times):
            for task in tasks:
                self.kernel.move(task, call)
            self.settle()

    def settle(self) -> None:
        """Let everything come to rest that needs no further instruction of the program."""
        for _ in range(_PATIENCE):
            self.tracer.drain()
            busy = False
            for task in list(self.kernel.tasks.values()):
                tracee = self.world.tracees.get(task.tid)
                over = tracee is not None and tracee.inferior.exclusive is tracee
                if self.kernel.has_business(task) or (over and task.state is State.RUNNING and task.awaits is None):
                    self.kernel.move(task)
                    busy = True
            self.tracer.check_zombie_leaders()
            tasks = self.kernel.tasks.values()
            if not busy and not any(
                self.kernel.has_business(each) or self.kernel.is_waitable(each) for each in tasks
            ):
                return
        raise AssertionError("it never comes to rest")


def tasks_of(process: Process) -> Sequence[Task]:
    """Return a process's threads, the leader first."""
    return list(process.tasks.values())


def stands(task: Task) -> bool:
    """Tell whether a thread is in a ptrace-stop."""
    return task.state is State.STOPPED


def kinds(engine: RecordingEngine) -> list[type[TraceEvent]]:
    """Return the kinds of what an engine was told, in order."""
    return [type(each) for each in engine.events]


@contextmanager
def scene() -> Iterator[Scene]:
    """Make one, with nothing in it."""
    made = Scene()
    with made.door.opened():
        yield made
        assert made.kernel.wrongs == []
