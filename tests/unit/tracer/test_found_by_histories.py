"""What random histories have found, reduced to what matters."""

from __future__ import annotations

import pytest

from gdbstub.server.keeper import KEEPER
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    Execed,
    ForkKind,
    Joined,
    ProcessExited,
    SignalStop,
    TraceEvent,
)
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.ids import NO_SIGNAL, Tid
from tests.support.kernel.tasks import (
    HANDLED,
    HANDLER,
    TEXT,
    Call,
    State,
)
from tests.support.recording_engine import RecordingEngine
from tests.support.scene import SPOT, Scene, kinds, stands, tasks_of

STOP, CONTINUE = Vote.STOP, Vote.CONTINUE
USR1 = min(HANDLED)


def test_a_vote_on_what_is_over_holds_nothing(here: Scene) -> None:
    process = here.process(2)
    engine = here.engine(STOP)
    _, second = tasks_of(process)
    while second.state is not State.ZOMBIE:
        here.kernel.move(second, Call.EXIT)
    here.settle()
    assert here.world.inferiors[process.pid].arbiter.vote_of(engine.engine_id, second.tid) is CONTINUE


def test_an_engine_that_raises_when_it_is_welcomed_takes_part_in_nothing(here: Scene) -> None:
    here.process()
    here.process()
    engine = RecordingEngine(here.fresh_id(), raises_at=1)
    here.tracer.attach_engine(engine, everywhere=True)
    assert engine.calls == 1 and here.tracer.joined(engine.engine_id) == []
    assert here.world.standing == []


@pytest.mark.parametrize("question", ["passes", "catches", "on_lost"])
def test_an_engine_that_raises_whatever_it_was_asked_is_detached(here: Scene, question: str) -> None:
    process = here.process()
    wants = frozenset({SignalStop}) if question == "passes" else frozenset[type[TraceEvent]]()
    other = here.engine(wants=frozenset({SignalStop}))
    engine = here.engine(wants=wants)
    here.tracer.fork_events(engine.engine_id, frozenset({ForkKind.FORK}))
    here.tracer.clone_events(engine.engine_id, frozenset({tasks_of(process)[0].tid}))
    engine.raise_now()
    if question == "catches":
        here.tracer.refresh_catches(process.pid)
    elif question == "on_lost":
        here.tracer.detach(process.pid)
    else:
        here.kernel.send(process, USR1)
    here.settle()
    assert engine.engine_id not in here.world.engines
    assert not here.world.fork_wishes and not here.world.clone_wishes
    assert kinds(other) == ([SignalStop] if question == "passes" else [])


@pytest.mark.parametrize("patched", [False, True])
def test_a_child_whose_parent_is_killed_before_it_could_announce_it_is_let_go(here: Scene, patched: bool) -> None:
    process = here.process()
    (parent,) = tasks_of(process)
    engine = here.engine(CONTINUE)
    if patched:
        here.breakpoint(engine, HANDLER)
    while len(here.kernel.tasks) == 1:
        here.kernel.move(parent, Call.FORK)
    here.kernel.kill(process)
    here.settle()
    (child,) = here.kernel.tasks.values()
    assert not child.traced and child.process.space.text == TEXT
    assert here.world.orphans == {} and kinds(engine) == [ProcessExited]


def test_a_child_that_an_exec_of_another_thread_left_unannounced_is_let_go(here: Scene) -> None:
    process = here.process(2)
    maker, caller = tasks_of(process)
    engine = here.engine(STOP)
    while len(here.kernel.processes) == 1:
        here.kernel.move(maker, Call.FORK)
    while maker.alive:
        here.kernel.move(caller, Call.EXEC)
    here.settle()
    child = next(task for task in here.kernel.tasks.values() if task.process is not process)
    assert not child.traced and kinds(engine)[-1] is Execed


def test_a_process_that_is_killed_as_it_tells_of_another_threads_exec_ends(here: Scene) -> None:
    process = here.process(2)
    engine = here.engine(CONTINUE)
    leader, caller = tasks_of(process)
    while leader.alive:
        here.kernel.move(caller, Call.EXEC)
    # Which of the threads called it is never learned: nothing is left to be asked.
    here.door.doomed = (process, 0)
    here.settle()
    assert here.world.inferiors == {} and here.world.tracees == {}
    assert kinds(engine)[-1] is ProcessExited


def test_a_process_that_is_let_go_as_another_of_its_threads_calls_exec_is_let_go_whole(here: Scene) -> None:
    process = here.process(2)
    engine = here.engine(CONTINUE)
    leader, caller = tasks_of(process)
    while leader.alive:
        here.kernel.move(caller, Call.EXEC)
    here.tracer.detach(process.pid, engine.engine_id)
    here.settle()
    assert not caller.traced and here.world.inferiors == {} and here.world.tracees == {}


def test_a_thread_that_becomes_the_leader_after_the_former_one_was_let_go_is_let_go_too(here: Scene) -> None:
    process = here.process(2)
    engine = here.engine(STOP)
    leader, caller = tasks_of(process)
    here.tracer.hold(engine.engine_id, [leader.tid])
    here.settle()
    for _ in range(4):
        here.kernel.move(caller, Call.EXEC)
    here.tracer.detach(process.pid)
    here.settle()
    assert not caller.traced and here.world.inferiors == {} and here.world.tracees == {}


def test_an_exec_makes_a_leader_where_there_was_none_to_be_traced(here: Scene) -> None:
    process = here.kernel.spawn(2)
    leader, caller = tasks_of(process)
    while leader.state is not State.ZOMBIE:
        here.kernel.move(leader, Call.EXIT)
    here.tracer.seize(KEEPER, process.pid)
    here.settle()
    here.go_on(KEEPER)
    engine = here.engine(CONTINUE)
    while not caller.was_replaced:
        here.kernel.move(caller, Call.EXEC)
    here.settle()
    assert kinds(engine) == [Execed] and list(here.world.tracees) == [Tid(process.pid)]


def test_debug_registers_that_were_to_be_armed_are_not_armed_in_a_new_program(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engine = here.engine(STOP)
    while process.space.users and not task.was_replaced:
        here.kernel.move(task, Call.EXEC)
    # The exec is done, and nobody has been told.
    here.tracer.insert_breakpoint(engine.engine_id, process.pid, SPOT, 1, hardware=True)
    here.settle()
    assert kinds(engine) == [Execed] and task.debug[7] == 0


def test_a_breakpoint_that_is_set_between_an_exec_and_its_report_is_not_left_in_the_new_program(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engine = here.engine(STOP)
    while not task.was_replaced:
        here.kernel.move(task, Call.EXEC)
    here.breakpoint(engine)
    here.settle()
    assert here.tracer.sites(process.pid) == [] and process.space.text == TEXT


def test_debug_registers_that_were_given_back_while_a_thread_ran_are_clear_when_it_is_let_go(here: Scene) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engine = here.engine()
    here.tracer.insert_breakpoint(engine.engine_id, process.pid, HANDLER, 1, hardware=True)
    here.settle()
    assert task.debug[7]
    here.tracer.detach(process.pid, engine.engine_id)
    here.settle()
    assert not task.traced and task.debug[7] == 0


@pytest.mark.parametrize("leaves", [True, False])
def test_a_debug_register_that_was_given_back_after_it_triggered_is_no_signal_of_the_program(
    here: Scene, leaves: bool
) -> None:
    process = here.process()
    (task,) = tasks_of(process)
    engine = here.engine(STOP)
    here.tracer.insert_breakpoint(engine.engine_id, process.pid, SPOT, 1, hardware=True)
    here.settle()
    while not task.forced:
        here.kernel.move(task)
    if leaves:
        here.tracer.detach_engine(engine.engine_id)
    else:
        here.tracer.remove_breakpoint(engine.engine_id, process.pid, SPOT, 1, hardware=True)
    here.settle()
    here.move(task)
    assert [each.given for each in here.kernel.resolutions] == [NO_SIGNAL]
    assert engine.events == [] and task.get("rip") == SPOT + 1


def test_an_heir_keeps_what_it_held_itself(here: Scene) -> None:
    (task,) = tasks_of(here.process())
    giver, heir = here.engine(), here.engine()
    here.stop(heir)
    assert not here.tracer.transfer(giver.engine_id, heir.engine_id, task.process.pid)
    assert stands(task) and here.tracer.holders(task.tid) == [heir.engine_id]
    here.go_on(heir)
    assert not stands(task)


def test_who_has_left_a_program_that_starts_is_not_welcomed_to_it(here: Scene) -> None:
    child = here.launch()
    here.engine()
    engine = RecordingEngine(here.fresh_id(), (STOP,))
    here.tracer.attach_engine(engine, everywhere=True)
    here.tracer.detach(child.pid, engine.engine_id)
    here.settle()
    assert engine.told(Joined) == []


def test_who_has_left_the_program_that_it_starts_is_not_told_of_the_start(here: Scene) -> None:
    here.process()
    engine = here.engine(STOP, keeps_traced=False)
    pid = here.tracer.launch(engine.engine_id, LaunchSpec(["program"]))
    here.tracer.detach(pid, engine.engine_id)
    here.settle()
    assert engine.events == [] and here.tracer.holders(Tid(pid)) == []
