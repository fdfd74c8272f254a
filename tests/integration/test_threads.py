"""Threads that come and go, and the end of processes: ptrace gotchas G34, G35, G38 to G41."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest

from tests.support import proc
from tests.support.dialogue import (
    at_entry,
    at_ready,
    attached,
    check_alive,
    expect_exit,
    extended,
    order,
    run_program,
)
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient, parse_thread
from tests.support.stub import attach
from tests.support.tracees import TraceeBuilder, running


def test_g34_a_storm_of_threads_runs_to_its_end(build: TraceeBuilder) -> None:
    with at_entry(build("clone_storm"), 40) as (stub, client):
        client.resume()
        stub.line()
        stub.tell("g")
        assert stub.line(30) == "total 640"
        expect_exit(client)


def test_g34_every_thread_of_a_storm_hits_its_breakpoint(build: TraceeBuilder) -> None:
    program = build("clone_storm")
    with at_ready(program, 6) as (stub, client):
        client.insert(0, program.address("born"))
        stop = order(stub, client, "g")
        hits = []
        while not stop.exited:
            assert "swbreak" in stop.fields, stop
            hits.append(stop.tid)
            stop = client.cont()
        assert len(hits) == 6 * 16
        assert len(set(hits)) == len(hits)
        assert stub.line() == "total 96"


@pytest.mark.parametrize(("letter", "name"), [("u", "usr1"), ("3", "clone3")])
def test_g35_a_process_made_by_an_unusual_clone_is_let_go_clean(build: TraceeBuilder, letter: str, name: str) -> None:
    program = build("clones")
    with at_ready(program) as (stub, client):
        client.pass_signals(GdbSignal.CHLD, GdbSignal.USR1)
        client.insert(0, program.address("in_child"))
        client.resume()
        stub.tell(letter)
        line = stub.line()
        assert line.startswith(name) and line.endswith("exited 13")
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert {pid for pid, _ in client.threads()} == {stub.pid}


def test_g35_a_child_that_the_kernel_hides_from_tracers_changes_nothing(build: TraceeBuilder) -> None:
    with at_ready(build("clones")) as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        client.resume()
        stub.tell("n")
        assert stub.line().endswith("exited 13")
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert client.threads() == [(stub.pid, stub.pid)]


def test_g35_a_sibling_process_is_reaped_by_the_server_that_is_its_parent(build: TraceeBuilder) -> None:
    program = build("clones")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("in_child"))
        client.resume()
        stub.tell("P")
        child = int(stub.line().split()[1])
        proc.wait_reaped(child)
        stub.ping()
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert client.threads() == [(stub.pid, stub.pid)]


def test_g35_a_thread_is_a_thread(build: TraceeBuilder) -> None:
    program = build("clones")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("in_thread"))
        stop = order(stub, client, "t")
        assert "swbreak" in stop.fields
        assert stop.pid == stub.pid and stop.tid != stub.pid
        assert sorted(client.threads()) == sorted([(stub.pid, stub.pid), (stub.pid, stop.tid)])


KILL_SCENES = ["entry", "interrupt", "breakpoint", "watchpoint", "step", "signal"]


@pytest.mark.parametrize("scene", KILL_SCENES)
def test_g38_a_kill_during_a_stop_is_reported_when_the_client_goes_on(build: TraceeBuilder, scene: str) -> None:
    program = build("trap_rows")
    with at_entry(program) as (stub, client):
        stop = client.current_stop()
        if scene != "entry":
            client.resume()
            stub.line()
            stop = client.interrupt()
        if scene in ("breakpoint", "step"):
            client.insert(0, program.address("hot"))
            stop = order(stub, client, "h")
        if scene == "step":
            stop = client.step(stop.tid)
        if scene == "watchpoint":
            client.insert(2, program.address("watched"), 8)
            stop = order(stub, client, "w")
        if scene == "signal":
            stop = order(stub, client, "r")
        assert stop.kind == "T"
        os.kill(stub.pid, signal.SIGKILL)
        # Any answer is right here but silence.
        client.ask("g")
        client.ask(f"m{program.address('hot'):x},4")
        client.ask("qfThreadInfo")
        stop = client.cont()
        assert (stop.kind, stop.value) == ("X", GdbSignal.KILL)
        assert stub.is_alive()


def test_g38_a_kill_of_running_threads_is_reported_at_once(build: TraceeBuilder) -> None:
    with at_ready(build("spin")) as (stub, client):
        client.resume()
        os.kill(stub.pid, signal.SIGKILL)
        stop = client.expect_stop()
        assert (stop.kind, stop.value) == ("X", GdbSignal.KILL)


def check_lives_without_leader(client: RspClient, pid: int, worker: int, value_at: int) -> None:
    assert client.threads() == [(pid, worker)]
    assert client.read_word(value_at) == 1234
    client.write_memory(value_at, (4321).to_bytes(8, "little"))
    client.select_thread(worker)
    assert client.registers("rip")[0]
    assert client.read_object("auxv")


def test_g39_attaching_to_a_process_whose_leader_has_ended(build: TraceeBuilder) -> None:
    program = build("leader_exit")
    with running(program) as tracee:
        tracee.tell("l")
        worker = int(tracee.line().split()[1])
        proc.wait_until(lambda: proc.state(tracee.pid) == "Z", "the leader is a zombie")
        with attach(tracee.pid) as stub, stub.connect() as client:
            assert client.current_stop().tid == worker
            check_lives_without_leader(client, tracee.pid, worker, program.address("value"))
            client.resume()
            tracee.tell("m")
            assert tracee.line() == "value 4321"
            assert client.interrupt().is_signal(GdbSignal.INT)
            client.resume()
            tracee.tell("q")
            expect_exit(client, 5)
        assert tracee.process.wait(5) == 5


def test_g39_an_exec_gives_a_process_a_leader_again_that_had_none_to_be_traced(build: TraceeBuilder) -> None:
    with running(build("leader_exit")) as tracee:
        tracee.tell("l")
        tracee.line()
        proc.wait_until(lambda: proc.state(tracee.pid) == "Z", "the leader is a zombie")
        with attach(tracee.pid) as stub, stub.connect(f"{DEFAULT_FEATURES};exec-events+") as client:
            client.current_stop()
            client.resume()
            tracee.tell("e")
            stop = client.expect_stop()
            assert "exec" in stop.fields and stop.tid == tracee.pid
            assert client.threads() == [(tracee.pid, tracee.pid)]
            client.resume()
            assert tracee.line() == f"after {tracee.pid} {tracee.pid}"
            tracee.tell("q")
            expect_exit(client, 6)
        assert tracee.process.wait(5) == 6


def test_g39_g50_a_32bit_process_whose_leader_has_ended_is_known_for_one(build: TraceeBuilder) -> None:
    with running(build("leader_exit", "-m32")) as tracee:
        tracee.tell("l")
        tracee.line()
        proc.wait_until(lambda: proc.state(tracee.pid) == "Z", "the leader is a zombie")
        with attach(tracee.pid) as stub, stub.connect() as client:
            client.current_stop()
            assert client.register("eip")
            client.resume()
            tracee.tell("q")
            expect_exit(client, 5)
        assert tracee.process.wait(5) == 5


def test_g39_the_leader_ends_while_the_process_is_traced(build: TraceeBuilder) -> None:
    program = build("leader_exit")
    with attached(program) as (tracee, _stub, client):
        client.current_stop()
        client.resume()
        tracee.tell("l")
        worker = int(tracee.line().split()[1])
        proc.wait_until(lambda: proc.state(tracee.pid) == "Z", "the leader is a zombie")
        assert client.is_quiet(0.05)
        stop = client.interrupt()
        assert stop.is_signal(GdbSignal.INT) and stop.tid == worker
        check_lives_without_leader(client, tracee.pid, worker, program.address("value"))
        client.resume()
        tracee.tell("q")
        expect_exit(client, 5)
        assert tracee.process.wait(5) == 5


def test_g39_a_leaderless_process_can_be_detached(build: TraceeBuilder) -> None:
    with attached(build("leader_exit")) as (tracee, _stub, client):
        client.current_stop()
        client.resume()
        tracee.tell("l")
        tracee.line()
        client.interrupt()
        client.detach()
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        tracee.tell("q")
        assert tracee.process.wait(5) == 5


def test_g40_an_end_in_a_race_is_reported_exactly_once(build: TraceeBuilder) -> None:
    program = build("exit_race")
    with extended() as (_, client):
        for status in range(1, 26):
            run_program(client, program, status)
            stop = client.cont()
            assert (stop.kind, stop.value) == ("W", status), stop
            assert client.is_quiet(0.01)


def run_until_dead(client: RspClient, dice: random.Random, code: int, data: int) -> None:
    """Send packets of every kind until the client has been told of the process's death."""
    questions = [
        "g",
        f"m{data:x},40",
        f"M{data:x},1:00",
        f"Z0,{code:x},1",
        f"z0,{code:x},1",
        f"Z2,{data:x},8",
        f"z2,{data:x},8",
        "qfThreadInfo",
        "qsThreadInfo",
        "?",
        "qXfer:auxv:read::0,1000",
        "qXfer:threads:read::0,1000",
        "p10",
        f"Hg{client.thread_id(client.pid)}",
        f"T{client.thread_id(client.pid)}",
    ]
    for _ in range(4000):
        choice = dice.randrange(len(questions) + 3)
        if choice < len(questions):
            reply = client.ask(questions[choice])
            if questions[choice] == "?" and client.stop_of(reply).exited:
                return
            continue
        if choice == len(questions):
            tid = client.pid
            client.send(f"vCont;s:{client.thread_id(tid)};c")
            client.send_interrupt()
        else:
            client.resume()
            client.send_interrupt()
        stop = client.expect_stop()
        if stop.exited:
            assert (stop.kind, stop.value) == ("X", GdbSignal.KILL)
            return
    raise AssertionError("the death was never reported")


def test_g41_a_kill_at_any_moment_ends_in_a_report(build: TraceeBuilder) -> None:
    program = build("spin")
    dice = random.Random(41)
    with extended() as (stub, client):
        for _ in range(30):
            run_program(client, program, 2)
            client.resume()
            assert stub.line().startswith("ready")
            client.interrupt()
            client.is_quiet(0.0)
            killer = threading.Timer(dice.random() * 0.03, os.kill, (client.pid, signal.SIGKILL))
            killer.start()
            try:
                run_until_dead(client, dice, program.address("main"), program.address("counters"))
            finally:
                killer.join()
        assert stub.is_alive()


def test_every_thread_of_a_churn_is_told_of_at_its_beginning_and_end(build: TraceeBuilder) -> None:
    rounds = 5
    features = f"{DEFAULT_FEATURES};QThreadEvents+"
    with at_entry(build("thread_rounds"), rounds, features=features) as (stub, client):
        client.ok("QThreadEvents:1")
        alive: set[int] = set()
        born = 0
        while not (reply := client.ask("vCont;c")).startswith("W"):
            if reply.startswith("w"):
                status, _, thread = reply[1:].partition(";")
                assert int(status, 16) == 0
                alive.remove(parse_thread(thread)[1])
            else:
                stop = client.stop_of(reply)
                assert "create" in stop.fields
                assert stop.tid not in alive
                alive.add(stop.tid)
                born += 1
                assert len(alive) <= 4
        assert client.stop_of(reply).value == 0
        assert (born, alive) == (4 * rounds, set())
        assert stub.line() == f"visits {4 * rounds}"


def test_threads_are_listed_with_their_process(build: TraceeBuilder) -> None:
    with at_ready(build("sleepers"), 8) as (stub, client):
        assert sorted(client.threads()) == sorted((stub.pid, tid) for tid in proc.tids(stub.pid))
        for _, tid in client.threads():
            client.ok(f"T{client.thread_id(tid)}")
            client.select_thread(tid)
            assert client.registers("rsp")[0]
        assert client.ask(f"T{client.thread_id(1)}").startswith("E")


def test_a_dead_thread_is_no_longer_listed(build: TraceeBuilder) -> None:
    program = build("clones")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("in_thread"))
        worker = order(stub, client, "t").tid
        client.resume()
        assert stub.line().startswith("thread:")
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert client.threads() == [(stub.pid, stub.pid)]
        assert client.ask(f"T{client.thread_id(worker)}").startswith("E")
        client.close()
        check_alive(stub, stub.pid)
