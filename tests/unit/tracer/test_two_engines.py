"""The table for two engines (docs/TESTING.md), each row through the whole tracer, over a kernel of our own."""

from __future__ import annotations

from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
)
from gdbstub.vocab.ids import NO_SIGNAL, Signo
from tests.support.kernel.tasks import (
    BASE,
    HANDLED,
    SIGKILL,
    SIGTRAP,
    TEXT,
    Call,
    Mode,
)
from tests.support.scene import SPOT, Scene, kinds, stands, tasks_of

STOP, STEP, CONTINUE = Vote.STOP, Vote.STEP, Vote.CONTINUE
USR1 = min(HANDLED)


def test_row_c_and_nothing_runs(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, _ = here.engine(), here.engine()
    here.stop(one)
    here.go_on(one)
    assert not stands(task)


def test_row_c_and_stop_is_held_and_the_second_owns_the_stop(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, two = here.engine(), here.engine()
    here.go_on(one)
    here.stop(two)
    assert stands(task) and here.tracer.holders(task.tid) == [two.engine_id]
    assert (one.events, one.quiets, two.quiets) == ([], 0, 1)


def test_row_s_and_stop_is_held_and_the_step_is_made_when_the_other_lets_go(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, two = here.engine(STOP), here.engine()
    here.stop(one)
    here.stop(two)
    here.step(one, task)
    here.move(task)
    assert stands(task) and one.events == []
    here.go_on(two)
    here.move(task)
    assert kinds(one) == [StepDone] and task.get("rip") == BASE + 1


def test_row_s_and_s_is_one_step_told_to_both(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    engines = [here.engine(STOP), here.engine(STOP)]
    for each in engines:
        here.stop(each)
    for each in engines:
        here.step(each, task)
    here.move(task)
    assert [kinds(each) for each in engines] == [[StepDone], [StepDone]]
    assert task.get("rip") == BASE + 1


def test_row_held_at_its_own_breakpoint_and_c_stays_held(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, two = here.engine(STOP), here.engine(STOP)
    here.breakpoint(one)
    here.move(task, times=2)
    here.go_on(two)
    here.move(task, times=2)
    assert stands(task) and task.get("rip") == SPOT
    assert (kinds(one), kinds(two), two.quiets) == ([SiteHit], [], 0)


def test_row_both_own_a_breakpoint_both_are_told_and_it_is_stepped_over_once(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    engines = [here.engine(STOP), here.engine(STOP)]
    for each in engines:
        here.breakpoint(each)
    here.move(task, times=2)
    assert [kinds(each) for each in engines] == [[SiteHit], [SiteHit]]
    here.go_on(engines[0])
    assert stands(task)
    here.go_on(engines[1])
    here.move(task)
    assert [kinds(each) for each in engines] == [[SiteHit], [SiteHit]]
    assert task.get("rip") > SPOT


def test_row_a_parked_signal_that_one_replaces_is_another_and_the_other_saw_the_first(here: Scene) -> None:
    """What takes its place comes from an engine, and is no news to the others: only its effect is."""
    process = here.process()
    (task,) = tasks_of(process)
    debugger, logger = here.engine(STOP), here.engine(CONTINUE)
    here.kernel.send(process, USR1)
    here.settle()
    here.tracer.decide_signal(debugger.engine_id, task.tid, Signo(11))
    here.go_on(debugger)
    here.settle()
    assert here.kernel.resolutions[-1].given == 11
    assert kinds(logger) == [SignalStop, ProcessExited]
    (end,) = logger.told(ProcessExited)
    assert isinstance(end, ProcessExited) and end.signal == 11


def test_row_d_and_held_leaves_the_thread_to_its_holder(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    leaver, holder = here.engine(), here.engine()
    here.breakpoint(leaver)
    here.stop(holder)
    here.tracer.detach(process.pid, leaver.engine_id)
    here.settle()
    assert stands(task) and here.tracer.holders(task.tid) == [holder.engine_id]
    assert process.space.text == TEXT and here.tracer.joined(leaver.engine_id) == []


def test_row_k_and_stop_kills_and_tells_both(here: Scene) -> None:
    process = here.process()
    one, two = here.engine(), here.engine()
    here.stop(two)
    here.tracer.kill(process.pid)
    here.settle()
    for each in (one, two):
        (end,) = each.told(ProcessExited)
        assert isinstance(end, ProcessExited) and end.signal == SIGKILL


def test_row_who_is_lost_in_the_middle_of_a_step_over_leaves_a_thread_that_runs(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    lost, other = here.engine(STOP), here.engine()
    here.breakpoint(lost)
    here.move(task, times=2)
    here.go_on(lost)
    # Its instruction is about to run, with the patch out.
    assert here.world.inferiors[process.pid].exclusive is not None and task.mode is Mode.STEP
    here.tracer.detach_engine(lost.engine_id)
    here.move(task)
    assert not stands(task) and process.space.text == TEXT
    assert task.get("rip") == SPOT + 1 and other.events == []
    assert here.kernel.resolutions[-1].given == NO_SIGNAL != SIGTRAP


def test_row_caught_calls_are_told_to_who_catches_them_and_all_to_the_log(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    debugger, log = here.engine(CONTINUE), here.engine(CONTINUE)
    debugger.caught = frozenset({Call.CLONE.value})
    log.caught = frozenset(each.value for each in Call)
    here.tracer.refresh_catches(process.pid)
    here.settle()
    for call in (Call.GETPID, Call.CLONE):
        seen = len(log.told(SyscallStop))
        while len(log.told(SyscallStop)) < seen + 2:
            here.move(task, call=call)
    told = [[each.number for each in engine.events if isinstance(each, SyscallStop)] for engine in (debugger, log)]
    assert told == [[Call.CLONE.value] * 2, [Call.GETPID.value] * 2 + [Call.CLONE.value] * 2]
