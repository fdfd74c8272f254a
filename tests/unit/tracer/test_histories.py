"""Any history of engines and of a program, through the whole tracer, over a kernel of our own.

What must hold at every moment and whenever everything has come to rest: see the methods of ``History``.  It tries
``HISTORIES`` examples (an environment variable; docs/TESTING.md).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gdbstub.linux.constants import SI_TKILL
from gdbstub.server.keeper import KEEPER
from gdbstub.target.engine import Vote
from gdbstub.target.events import ForkKind, ProcessExited, SignalStop, StepDone, SyscallStop, ThreadExited, TraceEvent
from gdbstub.target.ops import LaunchSpec, ThreadAction
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.tracee import StopKind
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Pid, Signo, Tid
from tests.support.kernel.tasks import (
    BASE,
    HANDLED,
    SIGCONT,
    SIGSTOP,
    TEXT,
    TRAP,
    Call,
    Process,
    State,
    Task,
)
from tests.support.recording_engine import EVERYTHING, RecordingEngine
from tests.support.scene import Scene

SIGTERM, SIGWINCH = Signo(15), Signo(28)
#: How many histories are tried; without that many in the gate, which stops trying after some seconds.
WISHED = int(os.environ.get("HISTORIES", "0"))
IN_THE_GATE, BUDGET = 150, 15.0
#: Seconds; 0: none.
pytestmark = pytest.mark.timeout(0 if WISHED else 120)

numbers = st.integers(0, 11)
votes = st.sampled_from(list(Vote))
signals = st.sampled_from([*sorted(HANDLED), SIGWINCH, SIGSTOP, SIGCONT, SIGTERM])
addresses = st.sampled_from([Addr(BASE + at) for at, byte in enumerate(TEXT) if byte != 0x05])
#: Masks by name, so that a failing example can be read.
MASKS: dict[str, frozenset[type[TraceEvent]]] = {
    "everything": EVERYTHING,
    "nothing": frozenset(),
    "ends": frozenset({ThreadExited, ProcessExited}),
    "signals": frozenset({SignalStop, ProcessExited}),
    "births": EVERYTHING - {SignalStop, SyscallStop, StepDone},
}


class History(RuleBasedStateMachine):
    """Engines come, vote, own things and go, while threads run, are born, are signalled and die."""

    #: When the first history began.
    began: ClassVar[float] = 0.0

    def __init__(self) -> None:
        super().__init__()
        History.began = History.began or monotonic()
        self.late = not WISHED and monotonic() - History.began > BUDGET
        self.scene = Scene(lambda engine_id: self.engines.pop(engine_id, None))
        self.kernel, self.door = self.scene.kernel, self.scene.door
        self.tracer, self.world = self.scene.tracer, self.scene.world
        self.stack = ExitStack()
        self.stack.enter_context(self.door.opened())
        self.engines: dict[EngineId, RecordingEngine] = {}
        self.everybody: list[RecordingEngine] = []
        self.ids = map(EngineId, itertools.count(1))
        #: What was decided of a reported signal, by its number.
        self.decided: dict[int, Signo] = {}
        self.resolved = 0
        #: Ends and signals that an engine is to hear of, in order.
        self.due_ends: dict[EngineId, list[tuple[type[TraceEvent], Tid]]] = {}
        self.due_signals: dict[EngineId, list[tuple[Tid, Signo]]] = {}
        self.kernel.on_wait = self.told_by_wait

    # ------------------------------------------------------------ choosing

    def pick_engine(self, number: int) -> RecordingEngine | None:
        engines = list(self.engines.values())
        return engines[number % len(engines)] if engines else None

    def pick_pid(self, number: int) -> Pid | None:
        pids = [pid for pid, each in self.world.inferiors.items() if not each.detaching]
        return pids[number % len(pids)] if pids else None

    def pick_tid(self, number: int) -> Tid | None:
        tids = list(self.world.tracees)
        return tids[number % len(tids)] if tids else None

    def pick_task(self, number: int) -> Task | None:
        tasks = list(self.kernel.tasks.values())
        return tasks[number % len(tasks)] if tasks else None

    @staticmethod
    def attempt(request: Callable[[], object]) -> None:
        """Make a request that may be refused."""
        try:
            request()
        except StubError:
            return

    # ------------------------------------------------------------ what is due

    def told_by_wait(self, task: Task, status: int) -> None:
        """Note who is to hear of what wait has just told the tracer."""
        tid = task.tid
        tracee = self.world.tracees.get(tid)
        if tracee is None:
            return
        inferior = tracee.inferior
        members = [e for e in inferior.arbiter.engines() if e in self.engines]
        if inferior.detaching or inferior.startup is not None:
            return
        if task.state is State.ZOMBIE:
            if tracee.on_first_stop is not None:
                return
            whole = task.is_leader or len(inferior.tracees) == 1
            kind = ProcessExited if whole else ThreadExited
            for engine_id in members:
                if kind in self.engines[engine_id].wants:
                    self.due_ends[engine_id].append((kind, tid))
            return
        queued = task.delivering
        if queued is None or queued.number < 0:
            return
        if queued.code == SI_TKILL and queued.sender == os.getpid() and queued.sig in tracee.injected:
            return
        for engine_id in members:
            engine = self.engines[engine_id]
            steps = inferior.arbiter.vote_of(engine_id, tid) is Vote.STEP
            if SignalStop in engine.wants and (steps or engine.is_told_of(queued.sig)):
                self.due_signals[engine_id].append((tid, queued.sig))

    # ------------------------------------------------------------ processes

    @initialize(threads=st.integers(1, 3), launched=st.booleans())
    def begin(self, threads: int, launched: bool) -> None:
        if self.late:
            return
        if launched:
            self.tracer.launch(KEEPER, LaunchSpec(["program"]))
        else:
            self.tracer.seize(KEEPER, self.kernel.spawn(threads).pid)

    @precondition(lambda self: not self.late and len(self.world.inferiors) < 3)
    @rule(number=numbers, threads=st.integers(1, 2), launched=st.booleans())
    def take_another(self, number: int, threads: int, launched: bool) -> None:
        engine = self.pick_engine(number)
        engine_id = KEEPER if engine is None else engine.engine_id
        if launched:
            self.tracer.launch(engine_id, LaunchSpec(["program"]))
        else:
            self.tracer.seize(engine_id, self.kernel.spawn(threads).pid)

    # ------------------------------------------------------------ engines

    @precondition(lambda self: len(self.engines) < 4)
    @rule(
        answers=st.lists(votes, min_size=1, max_size=4),
        mask=st.sampled_from(sorted(MASKS)),
        passed=st.sets(signals, max_size=2),
        flags=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
        raises_at=st.sampled_from([0, 0, 0, 1, 2, 5]),
    )
    def join(
        self,
        answers: Sequence[Vote],
        mask: str,
        passed: set[Signo],
        flags: tuple[bool, bool, bool, bool],
        raises_at: int,
    ) -> None:
        keeps, everywhere, inherits, holds = flags
        engine_id = next(self.ids)
        engine = RecordingEngine(
            engine_id,
            answers,
            wants=MASKS[mask],
            passed=frozenset(passed),
            keeps_traced=keeps,
            raises_at=raises_at,
            on_stop=(lambda: self.tracer.hold_all(engine_id)) if holds else None,
        )
        self.engines[engine_id] = engine
        self.everybody.append(engine)
        self.due_ends[engine_id] = []
        self.due_signals[engine_id] = []
        self.tracer.attach_engine(engine, everywhere=everywhere)
        for pid in self.tracer.pids():
            if engine_id in self.engines:
                self.attempt(lambda pid=pid: self.tracer.join(engine_id, pid))  # type: ignore[misc]
                if inherits:
                    self.attempt(lambda pid=pid: self.tracer.transfer(KEEPER, engine_id, pid))  # type: ignore[misc]

    @rule(number=numbers, bequeaths=st.booleans())
    def leave(self, number: int, bequeaths: bool) -> None:
        engine = self.pick_engine(number)
        if engine is None:
            return
        if bequeaths:
            for pid in self.tracer.joined(engine.engine_id):
                self.attempt(lambda pid=pid: self.tracer.transfer(engine.engine_id, KEEPER, pid))  # type: ignore[misc]
        engine.left = True
        del self.engines[engine.engine_id]
        self.tracer.detach_engine(engine.engine_id)

    @rule(number=numbers, which=numbers, stopped=st.booleans())
    def detach(self, number: int, which: int, stopped: bool) -> None:
        engine, pid = self.pick_engine(number), self.pick_pid(which)
        if engine is not None and pid is not None:
            engine.left_pids.add(pid)
            self.attempt(lambda: self.tracer.detach(pid, engine.engine_id, stopped=stopped))

    # ------------------------------------------------------------ votes

    @rule(number=numbers, others=votes, named=st.dictionaries(numbers, votes, max_size=2), ranged=st.booleans())
    def resume(self, number: int, others: Vote, named: dict[int, Vote], ranged: bool) -> None:
        engine = self.pick_engine(number)
        engine_id = KEEPER if engine is None else engine.engine_id
        actions: dict[Pid, list[ThreadAction]] = {}
        for which, vote in named.items():
            tid = self.pick_tid(which)
            if tid is not None:
                within = (Addr(BASE + 1), Addr(BASE + 4)) if ranged and vote is Vote.STEP else None
                pid = self.tracer.pid_of(tid)
                actions.setdefault(pid, []).append(ThreadAction(tid, vote, range=within))
        self.tracer.resume(engine_id, actions, dict.fromkeys(self.tracer.joined(engine_id), others))

    @rule()
    def let_all_run(self) -> None:
        """All engines continue everything: otherwise most histories would stand still."""
        for engine_id in [KEEPER, *self.engines]:
            self.tracer.resume(engine_id, {}, dict.fromkeys(self.tracer.joined(engine_id), Vote.CONTINUE))

    @rule(number=numbers, which=numbers, vote=votes)
    def amend(self, number: int, which: int, vote: Vote) -> None:
        engine, tid = self.pick_engine(number), self.pick_tid(which)
        if engine is not None and tid is not None:
            self.tracer.amend(engine.engine_id, [ThreadAction(tid, vote)])

    @rule(number=numbers)
    def hold_all(self, number: int) -> None:
        engine = self.pick_engine(number)
        if engine is not None:
            self.tracer.hold_all(engine.engine_id)

    @rule(number=numbers, which=numbers)
    def hold(self, number: int, which: int) -> None:
        engine, tid = self.pick_engine(number), self.pick_tid(which)
        if engine is not None and tid is not None:
            self.tracer.hold(engine.engine_id, [tid])

    @rule(number=numbers, which=numbers, sig=st.one_of(st.just(NO_SIGNAL), signals))
    def decide_signal(self, number: int, which: int, sig: Signo) -> None:
        engine, tid = self.pick_engine(number), self.pick_tid(which)
        if engine is None or tid is None:
            return
        tracee, task = self.world.tracees[tid], self.kernel.tasks.get(tid)
        at_signal = tracee.stop is StopKind.SIGNAL and task is not None and task.delivering is not None
        if at_signal and sig != tracee.signal:
            assert task is not None and task.delivering is not None
            self.decided[task.delivering.number] = sig
        self.tracer.decide_signal(engine.engine_id, tid, sig)

    # ------------------------------------------------------------ what engines own

    @rule(number=numbers, which=numbers, address=addresses, hardware=st.booleans(), there=st.booleans())
    def breakpoint(self, number: int, which: int, address: Addr, hardware: bool, there: bool) -> None:
        engine, pid = self.pick_engine(number), self.pick_pid(which)
        if engine is None or pid not in self.tracer.joined(engine.engine_id):
            return
        change = self.tracer.insert_breakpoint if there else self.tracer.remove_breakpoint
        self.attempt(lambda: change(engine.engine_id, pid, address, 1, hardware=hardware))

    @rule(number=numbers, caught=st.sets(st.sampled_from([each.value for each in Call])))
    def catch(self, number: int, caught: set[int]) -> None:
        engine = self.pick_engine(number)
        if engine is not None:
            engine.caught = frozenset(caught)
            for pid in self.tracer.pids():
                self.attempt(lambda pid=pid: self.tracer.refresh_catches(pid))  # type: ignore[misc]

    @rule(number=numbers, kinds=st.sets(st.sampled_from(list(ForkKind))), which=st.sets(numbers, max_size=2))
    def wish(self, number: int, kinds: set[ForkKind], which: set[int]) -> None:
        engine = self.pick_engine(number)
        if engine is not None:
            tids = {tid for each in which if (tid := self.pick_tid(each)) is not None}
            self.tracer.fork_events(engine.engine_id, frozenset(kinds))
            self.tracer.clone_events(engine.engine_id, frozenset(tids))

    # ------------------------------------------------------------ the program, and the world

    @rule(number=numbers, times=st.integers(1, 6), call=st.sampled_from(list(Call)))
    def move(self, number: int, times: int, call: Call) -> None:
        task = self.pick_task(number)
        if task is not None:
            for _ in range(times):
                self.kernel.move(task, call)

    @rule(times=st.integers(1, 4), number=numbers)
    def run(self, times: int, number: int) -> None:
        """Let all threads run, with the tracer listening."""
        for _ in range(times):
            for task in list(self.kernel.tasks.values()):
                self.kernel.move(task)
            self.tracer.drain()

    @rule(number=numbers, sig=signals, alone=st.booleans())
    def send(self, number: int, sig: Signo, alone: bool) -> None:
        task = self.pick_task(number)
        if task is not None and (alone or task.process.tasks):
            self.kernel.send(task.process, sig, task if alone and task.alive else None)

    @rule(which=numbers)
    def kill(self, which: int) -> None:
        pid = self.pick_pid(which)
        if pid is not None:
            self.attempt(lambda: self.tracer.kill(pid))

    @rule(which=numbers, left=st.integers(0, 8))
    def doom(self, which: int, left: int) -> None:
        task = self.pick_task(which)
        if task is not None:
            self.door.doomed = (task.process, left)

    @rule(number=numbers)
    def tell_one(self, number: int) -> None:
        """Let wait tell of one thread, whichever."""
        waitable = [each for each in self.kernel.tasks.values() if self.kernel.is_waitable(each)]
        if waitable:
            task = waitable[number % len(waitable)]
            tid = task.tid
            self.tracer.handle(tid, self.kernel.wait(task))

    @rule(from_the_end=st.booleans())
    def drain(self, from_the_end: bool) -> None:
        self.door.from_the_end = from_the_end
        self.tracer.drain()

    @rule()
    def settle(self) -> None:
        """Let everything come to rest that needs no further instruction of the program."""
        self.scene.settle()
        self.check_at_rest()

    # ------------------------------------------------------------ what holds at rest

    def check_at_rest(self) -> None:
        for tid in self.world.tracees:
            assert tid in self.kernel.tasks, f"{tid} is gone and the tracer does not know"
        for task in self.kernel.tasks.values():
            # A child that is not announced waits until nobody can do so any more.
            # A leader that ended before its threads cannot be let go; who waits for it forgets it.
            known = task.tid in self.world.tracees or task.tid in self.world.orphans or task.state is State.ZOMBIE
            assert known or not task.traced, f"{task.tid} is traced and nobody knows"
        for inferior in self.world.inferiors.values():
            if not inferior.detaching:
                self.check_threads(inferior)
        for engine_id in self.world.waiting:
            assert not self.tracer.is_quiet(engine_id), f"{engine_id} waits for what has come"
        for process in self.kernel.processes.values():
            self.check_text(process)

    def check_threads(self, inferior: Inferior) -> None:
        """A thread runs if and only if no engine holds it and nothing internal does."""
        for tracee in inferior.tracees.values():
            task = self.kernel.tasks[tracee.tid]
            if task.state is State.ZOMBIE:
                continue
            stands = task.state is State.STOPPED
            assert stands is tracee.stopped, f"{tracee.tid} {task.state} {tracee.state}"
            if task.awaits is not None:
                continue
            lent = bool(inferior.vfork_parents) and tracee.tid not in inferior.vfork_parents
            stepped_over = inferior.exclusive is not None and inferior.exclusive is not tracee
            inside = tracee.blocked or lent or stepped_over
            held = inferior.arbiter.decide(tracee.tid) is Vote.STOP
            assert stands is (held or inside), f"{tracee.tid} {task.state}, held by {self.tracer.holders(tracee.tid)}"

    def check_text(self, process: Process) -> None:
        """The text of a program differs from the file only where somebody owns a breakpoint."""
        if not process.space.users:
            return
        expected = bytearray(TEXT)
        sharers = [
            each
            for each in self.world.inferiors.values()
            for tid in each.tracees
            if self.kernel.tasks[tid].space is process.space
        ]
        for inferior in sharers:
            for site in inferior.sites.all():
                if site.inserted:
                    expected[site.address - BASE] = TRAP
        assert process.space.text == expected, f"{process.pid}: {process.space.text.hex()}"

    # ------------------------------------------------------------ what always holds

    @invariant()
    def nothing_wrong_is_asked_of_the_kernel(self) -> None:
        assert self.kernel.wrongs == []

    @invariant()
    def what_is_held_is_about_to_stop(self) -> None:
        for task in self.kernel.tasks.values():
            tracee = self.world.tracees.get(task.tid)
            if task.state is not State.RUNNING or not task.traced or tracee is None or task.was_replaced:
                continue
            inferior = tracee.inferior
            # A step over a site is one instruction, which stops by itself.
            by_itself = inferior.detaching or inferior.exclusive is tracee
            if not by_itself and inferior.arbiter.decide(task.tid) is Vote.STOP:
                assert task.told_to_stop or task.forced, f"{task.tid} runs, held by {self.tracer.holders(task.tid)}"

    @invariant()
    def nothing_is_left_of_who_is_gone(self) -> None:
        present = {KEEPER, *self.engines}
        world = self.world
        assert set(world.engines) == present
        for group in (world.waiting, world.fork_wishes, world.clone_wishes, world.standing):
            assert present.issuperset(group)
        for inferior in world.inferiors.values():
            assert present.issuperset(inferior.arbiter.engines())
            assert present.issuperset(inferior.slots.owners())
            assert present.issuperset(inferior.kept_by)
            assert present.issuperset(engine_id for engine_id, _ in inferior.catchers)
            for site in inferior.sites.all():
                assert site.owners and present.issuperset(site.owners)
            for tracee in inferior.tracees.values():
                assert present.issuperset(tracee.awaited_by)

    @invariant()
    def nobody_is_called_who_has_left(self) -> None:
        for engine in self.everybody:
            assert engine.mistakes == []

    @invariant()
    def each_signal_is_delivered_once_or_as_somebody_decided(self) -> None:
        for each in self.kernel.resolutions[self.resolved :]:
            wanted = self.decided.get(each.number, each.sig if each.number > 0 else NO_SIGNAL)
            assert each.given == wanted, each
        self.resolved = len(self.kernel.resolutions)

    @invariant()
    def each_end_and_each_signal_is_told_once_to_who_asked(self) -> None:
        for engine_id, engine in self.engines.items():
            ends = [
                (type(each), each.tid)
                for each in engine.events
                # That a leader has ended before its threads is found by a look: no status says it.
                if isinstance(each, ProcessExited) or (isinstance(each, ThreadExited) and each.tid != Tid(each.pid))
            ]
            assert ends == self.due_ends[engine_id]
            signalled = [(each.tid, each.signal) for each in engine.events if isinstance(each, SignalStop)]
            assert signalled == self.due_signals[engine_id]

    def teardown(self) -> None:
        try:
            if self.world.inferiors:
                self.settle()
                for number in range(len(self.engines)):
                    self.leave(0, number % 2 == 0)
                self.door.doomed = None
                self.settle()
                self.nothing_is_left_of_who_is_gone()
                self.tracer.clean_up(spare=True)
                for process in list(self.kernel.processes.values()):
                    if process.give_back is not None:
                        # Its parent cannot stop before it is gone.
                        self.kernel.kill(process)
                self.settle()
                self.nothing_wrong_is_asked_of_the_kernel()
                self.each_signal_is_delivered_once_or_as_somebody_decided()
                assert not self.world.tracees and not self.world.inferiors
                for task in self.kernel.tasks.values():
                    assert not task.traced or task.state is State.ZOMBIE
                for process in self.kernel.processes.values():
                    assert not process.space.users or process.space.text == TEXT
        finally:
            self.stack.close()


TestHistories = History.TestCase
TestHistories.settings = settings(
    max_examples=WISHED or IN_THE_GATE,
    stateful_step_count=30,
    # The gate tries the same ones each time: what it finds must be of the change that it judges.
    derandomize=not WISHED,
    report_multiple_bugs=False,
)
