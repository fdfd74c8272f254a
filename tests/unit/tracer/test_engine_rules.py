"""The rules of engines (E1 to E32 of docs/TESTING.md), each through the whole tracer, over a kernel of our own."""

from __future__ import annotations

from functools import partial

import pytest

from gdbstub.server.keeper import KEEPER
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    ChildBorn,
    Execed,
    Forked,
    ForkKind,
    Interrupted,
    JobContinued,
    JobStopped,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
)
from gdbstub.target.ops import ThreadAction
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Tid
from tests.support.kernel.tasks import (
    BASE,
    HANDLED,
    HANDLER,
    SIGCONT,
    SIGSTOP,
    TEXT,
    Call,
    Mode,
    State,
)
from tests.support.recording_engine import EVERYTHING, RecordingEngine
from tests.support.scene import SPOT, Scene, kinds, stands, tasks_of

STOP, STEP, CONTINUE = Vote.STOP, Vote.STEP, Vote.CONTINUE
USR1, ALRM = sorted(HANDLED)


def appended(order: list[int], number: int, event: TraceEvent) -> None:
    """Note who was told."""
    order.append(number)


# Attachment


def test_e01_a_vote_is_on_one_thread_and_one_on_the_process_is_on_all_of_its_threads(here: Scene) -> None:
    first, second = tasks_of(here.process(2))
    engine = here.engine()
    here.tracer.hold(engine.engine_id, [second.tid])
    here.settle()
    assert [stands(first), stands(second)] == [False, True]
    here.stop(engine)
    assert stands(first)
    # Those to be born are held along.
    here.tracer.amend(engine.engine_id, [ThreadAction(first.tid, CONTINUE)])
    assert [stands(first), stands(second)] == [False, True]


def test_e02_an_engine_that_comes_changes_nothing(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    before = here.tracer.stirs
    engine = here.engine(STOP)
    here.move(task, times=2)
    assert engine.events == [] and not stands(task)
    assert here.tracer.stirs == before


def test_e03_who_comes_in_the_middle_of_an_event_does_not_see_it(here: Scene) -> None:
    process = here.process()
    late: list[RecordingEngine] = []
    first = here.engine(wants=frozenset({SignalStop}), calls_back=lambda event: late.append(here.engine()))
    here.kernel.send(process, USR1)
    here.settle()
    assert kinds(first) == [SignalStop]
    assert late[0].events == []
    here.kernel.send(process, ALRM)
    here.settle()
    assert kinds(late[0]) == [SignalStop]


def test_e05_a_process_that_is_traced_already_is_not_seized_again(here: Scene) -> None:
    process = here.process()
    with pytest.raises(TargetError, match="traced by this server already"):
        here.tracer.seize(KEEPER, process.pid)


# Events, masks, order


def test_e06_system_calls_stop_only_while_an_engine_asks_for_them(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    engine = here.engine()
    modes = []
    for caught in (frozenset[int](), frozenset({Call.GETPID.value}), frozenset[int]()):
        engine.caught = caught
        here.tracer.refresh_catches(task.process.pid)
        here.move(task, times=12)
        here.stop(engine)
        here.go_on(engine)
        modes.append(task.mode)
    assert modes == [Mode.CONT, Mode.SYSCALL, Mode.CONT]
    assert {type(each) for each in engine.events} == {SyscallStop}


def test_e06_what_is_not_in_the_mask_is_not_told(here: Scene) -> None:
    process = here.process()
    deaf, hearing = here.engine(STOP, wants=frozenset()), here.engine()
    here.kernel.send(process, USR1)
    here.settle()
    assert (deaf.events, kinds(hearing)) == ([], [SignalStop])
    assert here.kernel.resolutions[-1].given == USR1


def test_e07_a_call_is_entered_by_the_last_engine_first_and_left_by_it_last(here: Scene) -> None:
    process = here.process()
    order: list[tuple[str, bool]] = []

    def engine(name: str) -> RecordingEngine:
        def note(event: TraceEvent) -> None:
            assert isinstance(event, SyscallStop)
            order.append((name, event.entry))

        made = here.engine(wants=frozenset({SyscallStop}), calls_back=note)
        made.caught = frozenset({Call.GETPID.value})
        return made

    for name in "abc":
        engine(name)
    here.tracer.refresh_catches(process.pid)
    here.settle()
    here.move(*tasks_of(process), times=4)
    assert order == [("c", True), ("b", True), ("a", True), ("a", False), ("b", False), ("c", False)]


def test_e07_everything_else_is_told_in_order_of_attachment(here: Scene) -> None:
    process = here.process()
    order: list[int] = []
    engines = [here.engine(calls_back=partial(appended, order, number)) for number in range(3)]
    here.kernel.send(process, USR1)
    here.settle()
    assert order == [0, 1, 2]
    assert all(kinds(each) == [SignalStop] for each in engines)


def test_e08_a_mask_that_changes_in_a_callback_counts_at_once(here: Scene) -> None:
    """There is no callback before each event: the mask is looked at when the event is offered."""
    process = here.process()
    second = here.engine(wants=frozenset())

    def wish(event: TraceEvent) -> None:
        second.wants = EVERYTHING

    here.engine(wants=frozenset({SignalStop}), calls_back=wish)
    third = here.engine(wants=frozenset())
    here.kernel.send(process, USR1)
    here.settle()
    assert kinds(second) == kinds(third) == []
    here.kernel.send(process, ALRM)
    here.settle()
    assert kinds(second) == [SignalStop]


def test_e09_after_a_mask_has_lost_an_event_it_is_not_told(here: Scene) -> None:
    process = here.process()
    engine = here.engine()
    here.stop(engine)
    engine.caught = frozenset({Call.GETPID.value})
    here.tracer.refresh_catches(process.pid)
    engine.caught = frozenset()
    here.tracer.refresh_catches(process.pid)
    here.go_on(engine)
    here.move(*tasks_of(process), times=8)
    assert engine.told(SyscallStop) == []


def test_e10_a_hit_is_told_to_its_owner_alone_and_an_end_to_all(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    owner, other = here.engine(STOP), here.engine(STOP)
    here.breakpoint(owner)
    here.move(task, times=2)
    assert (kinds(owner), kinds(other)) == ([SiteHit], [])
    assert stands(task) and here.tracer.holders(task.tid) == [owner.engine_id]
    here.tracer.kill(process.pid)
    here.settle()
    assert (kinds(owner), kinds(other)) == ([SiteHit, ProcessExited], [ProcessExited])


# Resume actions


def test_e12_a_thread_is_held_as_long_as_any_engine_holds_it(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, two = here.engine(), here.engine()
    here.stop(one)
    here.stop(two)
    here.go_on(one)
    assert stands(task)
    here.go_on(two)
    assert not stands(task)


def test_e12_e32_a_kill_wakes_what_all_engines_hold(here: Scene) -> None:
    process = here.process(3)
    engines = [here.engine(STOP), here.engine(STOP)]
    for each in engines:
        here.stop(each)
    here.tracer.kill(process.pid)
    here.settle()
    assert here.kernel.tasks == {}
    for each in engines:
        assert len(each.told(ProcessExited)) == 1 and not each.told(SignalStop)


def test_e13_a_step_is_made_once_and_a_hold_lasts(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    engine = here.engine(STOP)
    here.stop(engine)
    here.step(engine, task)
    here.move(task)
    assert kinds(engine) == [StepDone] and stands(task)
    assert task.get("rip") == BASE + 1
    here.move(task, times=3)
    assert kinds(engine) == [StepDone] and stands(task)


def test_e13_a_step_that_is_answered_by_continue_is_the_last(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    engine = here.engine(STEP, CONTINUE)
    here.stop(engine)
    here.step(engine, task)
    here.move(task, times=6)
    assert kinds(engine) == [StepDone, StepDone]
    assert task.mode is Mode.CONT and not stands(task)


def test_e14_a_hold_of_what_stands_is_done_at_once_and_of_what_runs_is_told(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, two = here.engine(STOP), here.engine(STOP)
    here.tracer.hold_all(one.engine_id)
    assert one.quiets == 0 and task.told_to_stop
    here.settle()
    assert one.quiets == 1 and stands(task)
    here.tracer.hold_all(two.engine_id)
    assert two.quiets == 1
    here.go_on(one, two)
    here.tracer.hold(one.engine_id, [task.tid])
    assert one.events == []
    here.settle()
    assert kinds(one) == [Interrupted] and two.events == []


def test_e14_a_hold_of_what_is_stopped_by_job_control_is_done_too(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engine = here.engine()
    here.kernel.send(process, SIGSTOP)
    here.settle()
    assert task.state is State.LISTENING
    here.stop(engine)
    assert engine.quiets == 1 and stands(task)


def test_e15_a_resume_while_another_holds_is_recorded_and_silent(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, two = here.engine(), here.engine()
    here.stop(one)
    here.stop(two)
    before = one.calls
    here.go_on(one)
    here.move(task, times=3)
    assert one.calls == before and stands(task)
    here.go_on(two)
    assert not stands(task) and one.calls == before


def test_e16_one_steps_and_one_continues_is_one_step_told_to_the_stepper(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    stepper, runner = here.engine(STOP), here.engine(STOP)
    for each in (stepper, runner):
        here.stop(each)
    here.step(stepper, task)
    here.go_on(runner)
    here.move(task)
    assert (kinds(stepper), kinds(runner)) == ([StepDone], [])
    assert task.get("rip") == BASE + 1 and here.tracer.holders(task.tid) == [stepper.engine_id]


def test_e17_to_leave_is_to_let_go_of_ones_own_and_to_hear_nothing_more(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    leaver, stayer = here.engine(STOP), here.engine(STOP)
    here.breakpoint(leaver)
    here.stop(leaver)
    here.stop(stayer)
    leaver.left = True
    here.tracer.detach_engine(leaver.engine_id)
    assert stands(task) and process.space.text == TEXT
    here.go_on(stayer)
    here.kernel.send(process, USR1)
    here.move(task, times=4)
    assert leaver.mistakes == [] and kinds(stayer) == [SignalStop]


def test_e17_a_process_is_let_go_when_the_last_engine_has_left(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    one, two = here.engine(), here.engine()
    here.tracer.detach(process.pid, one.engine_id)
    here.settle()
    assert task.traced
    here.tracer.detach(process.pid, two.engine_id)
    here.settle()
    assert not task.traced and task.state is State.RUNNING


# Ownership of what is warped


def test_e18_a_step_over_anothers_breakpoint_is_seen_by_nobody(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    owner, stepper = here.engine(CONTINUE), here.engine(STOP)
    here.breakpoint(owner, BASE)
    here.stop(stepper)
    here.step(stepper, task)
    here.move(task, times=3)
    assert kinds(stepper) == [StepDone]
    assert task.get("rip") == BASE + 1
    assert here.tracer.read_memory(process.pid, BASE, 4) == TEXT[:4]
    assert here.tracer.sites(process.pid) == [(BASE, frozenset({owner.engine_id}))]


def test_e19_nobody_sees_or_meets_the_patch_that_is_out_for_a_step_over_it(here: Scene) -> None:
    process = here.process(2)
    one, two = tasks_of(process)
    owner, watcher = here.engine(CONTINUE), here.engine()
    here.breakpoint(owner, BASE)
    here.kernel.move(one)
    here.kernel.move(one)
    here.tracer.drain()
    here.tracer.drain()
    inferior = here.world.inferiors[process.pid]
    assert inferior.exclusive is here.world.tracees[one.tid] and process.space.text == TEXT
    # The other thread stands meanwhile, held by nobody; what is read is what the program has.
    assert stands(two) and here.tracer.holders(two.tid) == []
    assert here.tracer.read_memory(process.pid, BASE, 4) == TEXT[:4]
    here.move(one, two)
    assert not stands(two) and process.space.text != TEXT
    assert watcher.events == []


def test_e20_debug_registers_are_shared_where_they_are_the_same_and_refused_where_there_is_none(here: Scene) -> None:
    process = here.process()
    one, two = here.engine(), here.engine()
    for engine in (one, two):
        for offset in range(4):
            here.tracer.insert_breakpoint(engine.engine_id, process.pid, Addr(BASE + offset), 1, hardware=True)
    with pytest.raises(TargetError):
        here.tracer.insert_breakpoint(two.engine_id, process.pid, HANDLER, 1, hardware=True)
    here.tracer.detach_engine(one.engine_id)
    assert here.world.inferiors[process.pid].slots.owners() == {two.engine_id}


def test_e21_registers_need_a_thread_that_stands_and_the_last_writer_wins(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    one, two = here.engine(), here.engine()
    number = here.tracer.arch(task.process.pid).pc
    with pytest.raises(TargetError, match="is running"):
        here.tracer.read_register(task.tid, number)
    here.stop(one)
    here.stop(two)
    for value in (SPOT, HANDLER):
        here.tracer.write_register(task.tid, number, value.to_bytes(8, "little"))
        assert here.tracer.pc(task.tid) == value
    assert task.get("rip") == HANDLER


# Signals


def test_e22_the_last_replacement_of_a_signal_wins_and_to_pass_it_on_is_none(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    one, two, three = (here.engine(STOP) for _ in range(3))
    here.kernel.send(process, USR1)
    here.settle()
    here.tracer.decide_signal(one.engine_id, task.tid, NO_SIGNAL)
    here.tracer.decide_signal(two.engine_id, task.tid, ALRM)
    here.tracer.decide_signal(three.engine_id, task.tid, USR1)
    here.go_on(one, two)
    assert stands(task)
    here.go_on(three)
    (resolution,) = here.kernel.resolutions
    assert (resolution.sig, resolution.given) == (USR1, ALRM)
    assert all(kinds(each) == [SignalStop] for each in (one, two, three))


def test_e23_a_reported_signal_is_parked_once_and_delivered_when_all_have_left(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engines = [here.engine(STOP), here.engine(STOP)]
    here.kernel.send(process, USR1)
    here.settle()
    for each in engines:
        assert here.kernel.resolutions == [] and task.get("rip") == BASE
        here.tracer.detach(process.pid, each.engine_id)
    here.settle()
    assert [each.given for each in here.kernel.resolutions] == [USR1]
    assert task.get("rip") == HANDLER and not task.traced


def test_e24_a_signal_of_an_engines_own_arrives_without_a_report_and_once(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    engine = here.engine(STOP)
    here.stop(engine)
    here.tracer.decide_signal(engine.engine_id, task.tid, USR1)
    here.go_on(engine)
    here.settle()
    assert engine.events == []
    assert [(each.sig, each.given) for each in here.kernel.resolutions] == [(USR1, USR1)]
    assert task.get("rip") == HANDLER


def test_e25_a_step_with_a_signal_ends_at_the_handlers_first_instruction(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engine = here.engine(STOP)
    here.kernel.send(process, USR1)
    here.settle()
    here.step(engine, task)
    here.settle()
    assert kinds(engine) == [SignalStop, StepDone]
    assert task.get("rip") == HANDLER and stands(task)


def test_e26_job_control_is_told_as_such_and_holds_for_nobody(here: Scene) -> None:
    process = here.process(2)
    engine = here.engine()
    here.kernel.send(process, SIGSTOP)
    here.settle()
    assert kinds(engine) == [SignalStop, JobStopped, JobStopped]
    assert all(each.state is State.LISTENING for each in tasks_of(process))
    assert here.tracer.holders(tasks_of(process)[0].tid) == []
    here.kernel.send(process, SIGCONT)
    here.settle()
    assert sorted(kinds(engine)[3:], key=str) == [JobContinued, JobContinued, SignalStop]
    assert all(each.state is State.RUNNING for each in tasks_of(process))


# Life cycle


@pytest.mark.parametrize("child_first", [True, False])
def test_e27_a_thread_is_told_before_it_runs_whichever_stop_comes_first(here: Scene, child_first: bool) -> None:
    process = here.process()
    (parent,) = tasks_of(process)
    engine = here.engine(STOP)
    while len(process.tasks) == 1:
        here.kernel.move(parent, Call.CLONE)
    child = tasks_of(process)[1]
    here.kernel.move(child)
    for task in (child, parent) if child_first else (parent, child):
        here.tracer.handle(task.tid, here.kernel.wait(task))
    assert kinds(engine) == [ThreadStarted]
    assert stands(child) and child.get("rip") == parent.get("rip")
    assert here.tracer.holders(child.tid) == [engine.engine_id]


@pytest.mark.parametrize("child_first", [True, False])
def test_e27_a_child_process_is_told_and_held_for_who_asked_whichever_stop_comes_first(
    here: Scene, child_first: bool
) -> None:
    process = here.process()
    (parent,) = tasks_of(process)
    keeper, other = here.engine(STOP), here.engine()
    here.tracer.fork_events(keeper.engine_id, frozenset({ForkKind.FORK}))
    while len(here.kernel.tasks) == 1:
        here.kernel.move(parent, Call.FORK)
    child = list(here.kernel.tasks.values())[1]
    here.kernel.move(child)
    for task in (child, parent) if child_first else (parent, child):
        here.tracer.handle(task.tid, here.kernel.wait(task))
    assert kinds(keeper) == [ChildBorn, Forked] and kinds(other) == [ChildBorn]
    assert stands(child) and here.tracer.holders(child.tid) == [keeper.engine_id]
    assert here.tracer.joined(other.engine_id) == [process.pid]


def test_e28_an_exec_is_told_once_and_leaves_one_thread_with_fresh_registers(here: Scene) -> None:
    process = here.process(3)
    _, caller, _ = tasks_of(process)
    engine = here.engine(CONTINUE)
    here.breakpoint(engine, HANDLER)
    former = caller.tid
    while process.tasks.get(former) is caller:
        here.kernel.move(caller, Call.EXEC)
        here.settle()
    (told,) = engine.told(Execed)
    assert isinstance(told, Execed) and (told.tid, told.former_tid) == (Tid(process.pid), former)
    assert [each.tid for each in here.tracer.threads()] == [Tid(process.pid)]
    assert len(engine.told(ThreadExited)) == 1 and not engine.told(ProcessExited)
    assert process.space.text == TEXT and caller.get("rip") == BASE


def test_e29_an_end_is_told_once_last_and_cannot_be_held(here: Scene) -> None:
    process = here.process(2)
    _, second = tasks_of(process)
    engine = here.engine(STOP)
    while second.state is not State.ZOMBIE:
        here.kernel.move(second, Call.EXIT)
    here.settle()
    assert kinds(engine) == [ThreadExited]
    assert here.tracer.holders(tasks_of(process)[0].tid) == []
    here.kernel.kill(process)
    here.settle()
    assert kinds(engine) == [ThreadExited, ProcessExited]
    assert here.tracer.pids() == []


def test_e30_an_entry_comes_before_the_call_and_a_kill_there_aborts_it(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engine = here.engine(STOP)
    engine.caught = frozenset({Call.FORK.value})
    here.tracer.refresh_catches(process.pid)
    here.settle()
    here.move(task, times=4, call=Call.FORK)
    assert kinds(engine) == [SyscallStop] and len(here.kernel.processes) == 1
    here.tracer.kill(process.pid)
    here.settle()
    assert kinds(engine) == [SyscallStop, ProcessExited] and here.kernel.processes == {}


def test_e30_a_call_that_one_engine_skips_is_told_to_the_others_as_it_was_made(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engines = [here.engine(STOP), here.engine(CONTINUE)]
    for each in engines:
        each.caught = frozenset({Call.FORK.value})
    here.tracer.refresh_catches(process.pid)
    here.settle()
    here.move(task, times=4, call=Call.FORK)
    here.tracer.skip_syscall(task.tid, -1)
    here.go_on(engines[0])
    here.settle()
    for each in engines:
        assert [event.entry for event in each.events if isinstance(event, SyscallStop)] == [True, False]
    assert task.get("rax") == (1 << 64) - 1 and task.get("orig_rax") == Call.FORK.value
    assert len(here.kernel.processes) == 1
