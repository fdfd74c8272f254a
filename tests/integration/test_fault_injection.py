"""The tracer in this process, with a kernel that kills its tracees at the worst time and mixes up its statuses.

G41: ESRCH may be the answer to any request.  G34: a thread's first stop may come before or after the event
that announces it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from _ctypes import CFuncPtr
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pytest

from gdbstub.linux import ptrace_calls
from gdbstub.linux.constants import WALL
from gdbstub.linux.memory import ProcessMemory
from gdbstub.linux.spawn import Spawned, spawn
from gdbstub.linux.wait import StatusKind, decode, reap
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    DEBUGGER_EVENTS,
    Launched,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    WatchHit,
    WatchKind,
)
from gdbstub.target.ops import LaunchSpec, ThreadAction
from gdbstub.tracer import statuses
from gdbstub.tracer import tracer as tracer_module
from gdbstub.tracer.tracer import Tracer
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Pid, Signo, Tid
from tests.support import proc
from tests.support.tracees import LineReader, Program, TraceeBuilder, environment

R = TypeVar("R")

KEEPER, A = EngineId(0), EngineId(1)
#: Seconds: far more than any wait here takes.
PATIENCE = 10.0
#: Failures after which no more are looked for: each leaves descriptors open.
MOST_FAILURES = 10
SIGKILL = Signo(signal.SIGKILL)


@pytest.fixture(autouse=True)
def child_signal_blocked() -> Iterator[None]:
    """Let ``sigtimedwait`` see SIGCHLD."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Probe:
    """An engine that remembers everything and stops for what it is told to stop for."""

    engine_id = A
    keeps_traced = True
    wants = DEBUGGER_EVENTS

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []
        self.stops_for: tuple[type[TraceEvent], ...] = (Launched,)
        self.quiet = 0
        self.catching = False

    def on_event(self, event: TraceEvent) -> Vote:
        self.events.append(event)
        return Vote.STOP if isinstance(event, self.stops_for) else Vote.CONTINUE

    def on_quiet(self) -> None:
        self.quiet += 1

    def passes(self, pid: Pid, signal: Signo) -> bool:
        return False

    def catches(self, pid: Pid, number: int) -> bool:
        return self.catching

    def on_lost(self, pid: Pid) -> None:
        raise AssertionError("nobody else is here to let it go")

    def count(self, kind: type[TraceEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    @property
    def ends(self) -> list[TraceEvent]:
        """What said that a process is gone."""
        return [event for event in self.events if isinstance(event, ProcessExited | LaunchFailed)]


class Bench:
    """A tracer with one engine, and the loop that feeds it."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        #: Processes that ended untraced.
        self.reaped: list[Pid] = []
        #: The engine has asked to leave: what ends after that is no business of its.
        self.left = False
        self.tracer = Tracer(KEEPER, lambda _, failure: self.failures.append(failure), self.reaped.append)
        self.probe = Probe()
        self.tracer.attach_engine(self.probe)

    def wait(self, done: Callable[[], object], what: str) -> None:
        """Handle statuses until something is true."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.tracer.drain()
            self.tracer.check_zombie_leaders()
            if done():
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {PATIENCE} s: {what}; {self.probe.events[-5:]}")
            signal.sigtimedwait({signal.SIGCHLD}, 0.002)

    def wait_for(self, kind: type[TraceEvent]) -> None:
        """Wait for one more event of a kind, or for the end."""
        before = self.probe.count(kind)
        self.wait(lambda: self.probe.ends or self.probe.count(kind) > before, kind.__name__)

    def hold_all(self) -> None:
        """Stop everything and wait until it stands."""
        before = self.probe.quiet
        self.tracer.hold_all(A)
        self.wait(lambda: self.probe.ends or self.probe.quiet > before, "everything stands")

    def resume(self, pid: Pid, *named: ThreadAction, others: Vote = Vote.CONTINUE) -> None:
        """Vote anew."""
        if pid in self.tracer.pids():
            self.tracer.resume(A, {pid: named}, {pid: others})


class Child:
    """A program that this process started and that obeys letters over pipes."""

    def __init__(self) -> None:
        self.pid = Pid(0)
        self._theirs = self._ours = (-1, -1)
        (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()
        self._theirs = (their_in, their_out)
        self._ours = (our_in, our_out)
        self._reader = LineReader(our_in)

    def spawn(self, program: Program, *arguments: object) -> None:
        """Start the program untraced and wait until it is ready."""
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(self._theirs)]
        words = [str(program), *map(str, arguments)]
        self.pid = Pid(
            os.posix_spawn(words[0], words, environment(), file_actions=actions, setsigmask=(), setpgroup=0)
        )
        self._close(self._theirs)
        assert self.line().startswith("ready")

    @contextmanager
    def as_ours(self) -> Iterator[None]:
        """Have our stdin and stdout be the program's for as long as it takes to launch it."""
        saved = [os.dup(0), os.dup(1)]
        try:
            for number, fd in enumerate(self._theirs):
                os.dup2(fd, number)
            yield
        finally:
            for number, fd in enumerate(saved):
                os.dup2(fd, number)
                os.close(fd)
            self._close(self._theirs)

    def tell(self, letters: str) -> None:
        """Send letters; a program that is gone does not mind."""
        with suppress(BrokenPipeError):
            os.write(self._ours[1], letters.encode())

    def line(self) -> str:
        return self._reader.line()

    @staticmethod
    def _close(fds: Sequence[int]) -> None:
        for fd in fds:
            with suppress(OSError):
                os.close(fd)

    def close(self) -> None:
        """Kill what is left and reap it."""
        self._close(self._ours)
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            # Its threads too, where the tracer has left them: a leader's end comes after theirs.
            with suppress(ChildProcessError):
                while True:
                    os.waitpid(-1, WALL)


@contextmanager
def child() -> Iterator[Child]:
    each = Child()
    try:
        yield each
    finally:
        each.close()


class Faults:
    """Kills a process before the N-th time that the tracer touches it.

    Args:
        monkeypatch: Puts everything back.
        at: Which time; 0 is never.
        settle: Wait until the kernel has killed every thread before the request is made.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, settle: bool) -> None:
        self.count = 0
        self.killed = False
        self.victim = Pid(0)
        self._at = at
        self._settle = settle
        requests = [name for name, each in vars(ptrace_calls).items() if isinstance(each, CFuncPtr)]
        assert len(requests) > 1, "there is another way into the kernel than this knows"
        for place, name in (
            *((ptrace_calls, name) for name in requests),
            (ptrace_calls, "_cold"),
            (ProcessMemory, "read"),
            (ProcessMemory, "write"),
        ):
            monkeypatch.setattr(place, name, self._before(getattr(place, name)))

        def spawn_and_tell(spec: LaunchSpec) -> Spawned:
            spawned = spawn(spec)
            self.victim = spawned.pid
            return spawned

        monkeypatch.setattr(tracer_module, "spawn", spawn_and_tell)

    def _before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **keywords: Any) -> Any:
            self.count += 1
            if self.count == self._at:
                self._kill()
            return call(*arguments, **keywords)

        return counted

    def _kill(self) -> None:
        self.killed = True
        with suppress(ProcessLookupError):
            os.kill(self.victim, signal.SIGKILL)
        if self._settle:
            victim = self.victim
            proc.wait_until(
                lambda: all(proc.state(victim, tid) in (None, "Z", "X") for tid in proc.tids(victim)),
                "every thread has been killed",
            )


def attempt(faults: Faults, operation: Callable[..., object], *arguments: object, **keywords: object) -> None:
    """Do something that may fail in one way only, and only because the process was killed."""
    try:
        operation(*arguments, **keywords)
    except TargetError:
        assert faults.killed


def story(bench: Bench, faults: Faults, inferior: Child, program: Program) -> None:
    """Do with a stopped process everything that a debugger does."""
    tracer, probe, pid = bench.tracer, bench.probe, inferior.pid
    tick, counters = Addr(program.address("tick")), Addr(program.address("counters"))

    def gone() -> bool:
        return bool(probe.ends)

    def tids() -> list[Tid]:
        return [each.tid for each in tracer.threads(pid)] if not gone() else []

    def rewrite_registers(tid: Tid) -> None:
        tracer.write_registers(tid, tracer.read_registers(tid))
        tracer.write_register(tid, 0, tracer.read_register(tid, 0))

    def rewrite_memory(address: Addr) -> None:
        tracer.write_memory(pid, address, tracer.read_memory(pid, address, 8))

    def look_around() -> None:
        for tid in tids():
            attempt(faults, rewrite_registers, tid)
            attempt(faults, tracer.expedited, tid)
            attempt(faults, tracer.thread_core, tid)
            attempt(faults, tracer.thread_name, tid)
            # Fails in a group-stop and where an interrupt was not one of ours.
            with suppress(TargetError):
                tracer.write_siginfo(tid, tracer.read_siginfo(tid))
        if not gone():
            attempt(faults, rewrite_memory, counters)
            attempt(faults, rewrite_memory, tick)
            attempt(faults, tracer.auxv, pid)
            attempt(faults, tracer.libraries, pid, start=None, prev=None, lmid=None)

    def insert(*, hardware: bool = False) -> None:
        if not gone():
            attempt(faults, tracer.insert_breakpoint, A, pid, tick, 1, hardware=hardware)

    def remove(*, hardware: bool = False) -> None:
        if not gone():
            attempt(faults, tracer.remove_breakpoint, A, pid, tick, 1, hardware=hardware)

    def run_to(kind: type[TraceEvent]) -> None:
        if gone():
            return
        probe.stops_for = (kind,)
        bench.resume(pid)
        bench.wait_for(kind)
        bench.hold_all()

    def borrow_memory() -> None:
        address = to_the_end(tracer.allocate_memory(A, pid, 4096, "rw"))
        to_the_end(tracer.free_memory(A, pid, address))

    look_around()
    if not gone():
        attempt(faults, borrow_memory)
    insert()
    run_to(SiteHit)
    look_around()
    if not gone():
        attempt(faults, borrow_memory)
    hit = next((event.tid for event in reversed(probe.events) if isinstance(event, SiteHit)), Tid(pid))
    for _ in range(2):
        if not gone():
            probe.stops_for = (StepDone,)
            bench.resume(pid, ThreadAction(hit, Vote.STEP), others=Vote.STOP)
            bench.wait_for(StepDone)
            bench.hold_all()
    # Over the site again, with everybody.
    run_to(SiteHit)
    remove()
    insert(hardware=True)
    run_to(SiteHit)
    remove(hardware=True)
    if not gone():
        attempt(faults, tracer.insert_watchpoint, A, pid, counters, 8, WatchKind.WRITE)
    if not faults.killed:
        run_to(WatchHit)
    if not gone():
        attempt(faults, tracer.remove_watchpoint, A, pid, counters, 8, WatchKind.WRITE)
    if not gone():
        probe.catching = True
        attempt(faults, tracer.refresh_catches, pid)
        inferior.tell("p")
        run_to(SyscallStop)
        probe.catching = False
    if not gone():
        attempt(faults, tracer.refresh_catches, pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)
        run_to(SignalStop)
    if not gone():
        attempt(faults, borrow_memory)
    for tid in tids():
        attempt(faults, tracer.decide_signal, A, tid, NO_SIGNAL)
    if not gone():
        probe.stops_for = ()
        insert()
        bench.resume(pid)
        before = probe.count(SiteHit)
        bench.wait(lambda: gone() or probe.count(SiteHit) > before + 20, "hits that stop nobody")
    if not gone():
        bench.left = True
        attempt(faults, tracer.detach, pid, A)


def to_the_end(job: Generator[None, None, R]) -> R:
    """Return what a job returns; fail the test where it does not end."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            next(job)
        except StopIteration as end:
            result: R = end.value
            return result
    raise AssertionError("a job does not end")


def check_the_end(bench: Bench, faults: Faults, inferior: Child) -> None:
    """See that the tracer has let everything go and told of it once."""
    assert bench.failures == []
    probe, pid = bench.probe, inferior.pid
    if not faults.killed:
        assert probe.ends == []
        proc.wait_untraced(pid)
        inferior.tell("p")
        lines = [inferior.line(), inferior.line()]
        assert lines == ["pong", "pong"]
        return
    bench.wait(lambda: proc.state(pid) is None, "everything is reaped")
    assert bench.tracer.pids() == []
    if bench.left:
        assert probe.ends == []
    else:
        assert len(probe.ends) == 1
        end = probe.ends[0]
        assert end.pid == pid
        assert isinstance(end, LaunchFailed) or (isinstance(end, ProcessExited) and end.signal == SIGKILL)


def attached(monkeypatch: pytest.MonkeyPatch, program: Program, at: int, *, settle: bool) -> Faults:
    """Tell the story of an attached process; return how often it was touched."""
    with child() as inferior, monkeypatch.context() as patches:
        inferior.spawn(program, 2)
        faults = Faults(patches, at, settle=settle)
        faults.victim = inferior.pid
        bench = Bench()
        refused = False
        try:
            bench.tracer.seize(A, inferior.pid)
        except TargetError:
            assert faults.killed
            refused = True
        if refused:
            assert bench.tracer.pids() == []
        else:
            bench.wait(lambda: bench.probe.ends or bench.probe.quiet, "what was seized stands")
            story(bench, faults, inferior, program)
            check_the_end(bench, faults, inferior)
        return faults


def launched(monkeypatch: pytest.MonkeyPatch, program: Program, at: int, *, settle: bool) -> Faults:
    """Tell the story of a launched process."""
    with child() as inferior, monkeypatch.context() as patches:
        faults = Faults(patches, at, settle=settle)
        bench = Bench()
        spec = LaunchSpec([str(program), "2"], environment=environment(), with_shell=True)
        try:
            with inferior.as_ours():
                inferior.pid = bench.tracer.launch(A, spec)
        except TargetError:
            assert faults.killed
            assert bench.tracer.pids() == []
            assert proc.state(faults.victim) is None
            return faults
        bench.wait(lambda: bench.probe.ends or bench.probe.count(Launched), "the program starts")
        if not bench.probe.ends:
            # The threads are there once the program says so.
            bench.probe.stops_for = ()
            bench.resume(inferior.pid)
            bench.wait(
                lambda: bench.probe.ends or bench.probe.count(ThreadStarted) == 2, "the program's threads start"
            )
            if not bench.probe.ends:
                bench.hold_all()
            story(bench, faults, inferior, program)
        if not faults.killed:
            assert inferior.line().startswith("ready")
        check_the_end(bench, faults, inferior)
        return faults


STORIES = {"attached": attached, "launched": launched}


@pytest.mark.parametrize("name", STORIES)
def test_the_story_without_faults(build: TraceeBuilder, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert STORIES[name](monkeypatch, build("spin"), 0, settle=False).count > 100


@pytest.mark.timeout(300)
@pytest.mark.parametrize("settle", [True, False], ids=["dead", "dying"])
@pytest.mark.parametrize("name", STORIES)
def test_g41_a_tracee_killed_before_any_request(
    build: TraceeBuilder, monkeypatch: pytest.MonkeyPatch, name: str, settle: bool
) -> None:
    program = build("spin")
    total = STORIES[name](monkeypatch, program, 0, settle=False).count
    broken: dict[str, list[int]] = {}
    for at in range(1, total + 1):
        try:
            STORIES[name](monkeypatch, program, at, settle=settle)
        except Exception as failure:  # noqa: BLE001  (all of them are wanted, not the first)
            broken.setdefault(f"{type(failure).__name__}: {failure}"[:200], []).append(at)
            if sum(map(len, broken.values())) == MOST_FAILURES:
                break
    assert broken == {}


# Threads that run into patches while these are taken out


def running_story(build: TraceeBuilder, inferior: Child, threads: int) -> tuple[Bench, Addr]:
    """Attach to a program whose threads call ``tick`` all the time."""
    program = build("spin")
    inferior.spawn(program, threads)
    bench = Bench()
    bench.tracer.seize(A, inferior.pid)
    bench.wait(lambda: bench.probe.quiet, "what was seized stands")
    bench.probe.stops_for = ()
    return bench, Addr(program.address("tick"))


def hits(bench: Bench, more: int) -> None:
    """Wait for some more hits."""
    before = bench.probe.count(SiteHit)
    bench.wait(lambda: bench.probe.ends or bench.probe.count(SiteHit) >= before + more, "hits")


def check_it_lives(bench: Bench, inferior: Child) -> None:
    """See that a program that nobody traces any more runs as if nobody ever had."""
    assert bench.probe.ends == []
    proc.wait_untraced(inferior.pid)
    inferior.tell("p")
    assert inferior.line() == "pong"


def test_a_breakpoint_removed_while_threads_run_into_it_kills_nobody(build: TraceeBuilder) -> None:
    with child() as inferior:
        bench, tick = running_story(build, inferior, 3)
        bench.resume(inferior.pid)
        for _ in range(400):
            bench.tracer.insert_breakpoint(A, inferior.pid, tick, 1, hardware=False)
            hits(bench, 2)
            bench.tracer.remove_breakpoint(A, inferior.pid, tick, 1, hardware=False)
            assert bench.probe.ends == []
        assert bench.probe.count(SignalStop) == 0
        bench.tracer.detach(inferior.pid, A)
        check_it_lives(bench, inferior)


def test_a_detach_while_threads_run_into_a_breakpoint_kills_nobody(build: TraceeBuilder) -> None:
    for _ in range(60):
        with child() as inferior:
            bench, tick = running_story(build, inferior, 3)
            bench.tracer.insert_breakpoint(A, inferior.pid, tick, 1, hardware=False)
            bench.resume(inferior.pid)
            hits(bench, 5)
            bench.tracer.detach(inferior.pid, A)
            check_it_lives(bench, inferior)


def test_an_engine_that_vanishes_while_threads_run_into_its_breakpoint_kills_nobody(build: TraceeBuilder) -> None:
    with child() as inferior:
        bench, tick = running_story(build, inferior, 3)
        bench.tracer.insert_breakpoint(A, inferior.pid, tick, 1, hardware=False)
        bench.resume(inferior.pid)
        for _ in range(100):
            hits(bench, 3)
            bench.tracer.detach_engine(A)
            bench.tracer.drain()
            bench.tracer.attach_engine(bench.probe)
            bench.tracer.join(A, inferior.pid)
            bench.tracer.insert_breakpoint(A, inferior.pid, tick, 1, hardware=False)
        assert bench.probe.count(SignalStop) == 0
        bench.tracer.detach(inferior.pid, A)
        check_it_lives(bench, inferior)


# Statuses in another order


class MixedWaits:
    """A wait layer that hands out what is there in any order that the kernel might have chosen.

    One thread's statuses keep their order, and a leader's end comes after everybody else's.

    Args:
        seed: Decides the order.
        leader: The process.
    """

    def __init__(self, seed: int, leader: Pid) -> None:
        self._random = random.Random(seed)
        self._leader = Tid(leader)
        self._there: dict[Tid, deque[int]] = {}

    def reap(self) -> tuple[Tid, int] | None:
        """Stand in for ``linux.wait.reap``."""
        while (status := reap()) is not None:
            self._there.setdefault(status[0], deque()).append(status[1])
        choices = [tid for tid in self._there if len(self._there) == 1 or tid != self._leader or not self._ends(tid)]
        # Sometimes the rest is not there yet.
        if not choices or self._random.random() < 0.2:
            return None
        tid = self._random.choice(choices)
        raw = self._there[tid].popleft()
        if not self._there[tid]:
            del self._there[tid]
        return tid, raw

    def _ends(self, tid: Tid) -> bool:
        return decode(self._there[tid][0]).kind in (StatusKind.EXITED, StatusKind.KILLED)


BATCHES, BATCH = 12, 16


@contextmanager
def storm(build: TraceeBuilder, monkeypatch: pytest.MonkeyPatch, seed: int) -> Iterator[tuple[Bench, Child, Program]]:
    """Attach to a program that is about to start many threads."""
    program = build("clone_storm")
    with child() as inferior, monkeypatch.context() as patches:
        inferior.spawn(program, BATCHES)
        patches.setattr(statuses, "reap", MixedWaits(seed, inferior.pid).reap)
        bench = Bench()
        bench.tracer.seize(A, inferior.pid)
        bench.wait(lambda: bench.probe.quiet, "what was seized stands")
        bench.probe.stops_for = ()
        inferior.tell("g")
        yield bench, inferior, program


@pytest.mark.parametrize("seed", range(6))
def test_g34_no_thread_of_a_storm_is_lost(build: TraceeBuilder, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    with storm(build, monkeypatch, seed) as (bench, inferior, program):
        born = Addr(program.address("born"))
        bench.tracer.insert_breakpoint(A, inferior.pid, born, 1, hardware=False)
        bench.resume(inferior.pid)
        bench.wait(lambda: bench.probe.ends, "the storm is over")
        assert bench.failures == []
        assert bench.probe.ends == [ProcessExited(inferior.pid, Tid(inferior.pid), 0, None)]
        assert inferior.line() == f"total {BATCHES * BATCH}"
        # Every thread was traced from its first instruction: each ran into the breakpoint once.
        hit = Counter(event.tid for event in bench.probe.events if isinstance(event, SiteHit))
        assert len(hit) == BATCHES * BATCH
        assert set(hit.values()) == {1}
        assert bench.probe.count(ThreadStarted) == BATCHES * BATCH
        assert bench.probe.count(ThreadExited) == BATCHES * BATCH
        assert bench.tracer.pids() == []


@pytest.mark.parametrize("seed", range(6))
def test_g34_a_storm_can_be_stopped_at_any_time(
    build: TraceeBuilder, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with storm(build, monkeypatch, seed) as (bench, inferior, _):
        tracer, pid = bench.tracer, inferior.pid
        stops = 0
        while not bench.probe.ends:
            bench.resume(pid)
            bench.wait(lambda: bench.probe.ends or bench.probe.events, "something happens")
            bench.hold_all()
            if bench.probe.ends:
                break
            stops += 1
            # Everything stands, everything is traced, and the tracer knows of it all.
            listed = {int(each.tid) for each in tracer.threads(pid) if tracer.has_thread(each.tid)}
            assert listed <= set(proc.tids(pid))
            for tid in proc.tids(pid):
                if proc.state(pid, tid) not in ("Z", "X", None):
                    assert proc.state(pid, tid) == "t"
                    assert proc.tracer_pid(pid, tid) == os.getpid()
                    assert tid in listed
            bench.probe.events.clear()
        assert stops > 5
        assert bench.failures == []
        assert bench.probe.ends == [ProcessExited(pid, Tid(pid), 0, None)]
        assert inferior.line() == f"total {BATCHES * BATCH}"


@pytest.mark.parametrize("seed", range(12))
def test_g34_a_storm_can_be_let_go_at_any_time(
    build: TraceeBuilder, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with storm(build, monkeypatch, seed) as (bench, inferior, program):
        pid = inferior.pid
        bench.tracer.insert_breakpoint(A, pid, Addr(program.address("born")), 1, hardware=False)
        bench.resume(pid)
        hits(bench, 3 + 9 * seed)
        bench.tracer.detach(pid, A)
        assert bench.failures == []
        assert bench.tracer.pids() == []
        for tid in proc.tids(pid):
            assert proc.tracer_pid(pid, tid) in (0, None)
        # It ends as if nobody had ever looked.
        assert inferior.line() == f"total {BATCHES * BATCH}"
        bench.wait(lambda: proc.state(pid) is None, "it is reaped")
        assert bench.probe.ends == []
