"""When a thread at a breakpoint is at a new hit, and when it is at one that was reported already."""

from __future__ import annotations

import pytest

from tests.support import proc
from tests.support.dialogue import at_ready, attached, expect_exit, order
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import DEFAULT_FEATURES
from tests.support.tracees import TraceeBuilder

SIGSEGV = 0xB


def test_a_syscall_instruction_in_a_loop_is_hit_each_time(build: TraceeBuilder) -> None:
    program = build("information")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("raw_syscall"))
        stop = order(stub, client, "g")
        for _ in range(2):
            assert stop.is_breakpoint
            stop = client.cont()
        assert stop.is_breakpoint
        client.resume()
        assert stub.line() == "done"


def test_a_thread_that_the_client_moved_past_a_breakpoint_hits_it_again(build: TraceeBuilder) -> None:
    program = build("hot")
    with at_ready(program, 1, 4) as (stub, client):
        hot = program.address("hot")
        client.insert(0, hot)
        tid = order(stub, client, "g").tid
        client.remove(0, hot)
        behind = client.pc(client.step(tid))
        client.insert(0, hot)
        for _ in range(2):
            assert client.cont().is_breakpoint
            client.select_thread(tid)
            client.write_register("rip", behind)
        assert client.cont().is_breakpoint
        client.resume()
        assert stub.line() == "total 2"


@pytest.mark.parametrize("steps", [True, False], ids=["steps", "continues"])
def test_a_client_that_sends_a_signal_at_a_breakpoint_meets_it_again_after_the_handler(
    build: TraceeBuilder, steps: bool
) -> None:
    program = build("hot_alarm")
    hot = program.address("hot")
    with at_ready(program, 2, 900_000) as (stub, client):
        client.pass_signals(GdbSignal.ALRM)
        client.insert(0, hot)
        stop = order(stub, client, "g")
        assert client.pc(stop) == hot
        if steps:
            stop = client.step(stop.tid, GdbSignal.ALRM)
            assert client.pc(stop) == program.address("on_alarm")
            stop = client.cont()
        else:
            stop = client.cont(GdbSignal.ALRM)
        assert "swbreak" in stop.fields and client.pc(stop) == hot, stop
        assert (client.read_word(program.address("alarms")), client.read_word(program.address("rounds"))) == (1, 0)
        stop = client.cont()
        assert client.read_word(program.address("rounds")) == 1
        client.remove(0, hot)
        client.resume()
        assert stub.line() == "rounds 2 alarms 1"
        expect_exit(client)


def test_a_fault_at_a_breakpoint_is_reported_though_its_signal_is_passed(build: TraceeBuilder) -> None:
    """A client's call returns to a breakpoint on the stack, where nothing can be executed."""
    with at_ready(build("information")) as (_, client):
        client.pass_signals(SIGSEGV)
        place = client.register("rsp") - 512
        at = client.register("rip")
        client.insert(0, place)
        client.write_register("rip", place)
        stop = client.cont()
        assert stop.is_signal(GdbSignal.SEGV) and client.pc(stop) == place
        client.remove(0, place)
        client.write_register("rip", at)


def test_the_end_of_a_leader_that_runs_alone_is_told(build: TraceeBuilder) -> None:
    with attached(build("leader_exit"), features=f"{DEFAULT_FEATURES};no-resumed+") as (tracee, _, client):
        client.current_stop()
        worker = next(tid for _, tid in client.threads() if tid != tracee.pid)
        client.resume(f"vCont;c:{client.thread_id(tracee.pid)}")
        tracee.tell("l")
        assert client.receive() == "N"
        assert proc.state(tracee.pid) == "Z"
        assert client.threads() == [(tracee.pid, worker)]
        client.resume()
        assert tracee.line().split() == ["alone", str(worker)]
        tracee.tell("q")
        assert client.expect_stop().exited


def test_a_step_goes_on_while_other_threads_are_continued_in_non_stop(build: TraceeBuilder) -> None:
    """A resume of all in non-stop leaves alone what runs: a range step that is under way ends as one."""
    program = build("information")
    with at_ready(program) as (stub, client):
        client.ok("QNonStop:1")
        client.stop_of(client.ask("?"))
        assert client.ask("vStopped") == "OK"
        # The program waits for a letter inside the range and leaves it afterwards.
        at = client.register("rip")
        client.ok(f"vCont;r{at - 2:x},{at + 1:x}:{client.thread_id(stub.pid)}")
        client.ok("vCont;c")
        stub.tell("r")
        while not client.notifications:
            client.ask("qC")
        assert client.notifications.pop().startswith("Stop:T05")
        assert client.ask("vStopped") == "OK"
        client.ok("QNonStop:0")
