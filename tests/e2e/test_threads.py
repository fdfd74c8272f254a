"""gdb and programs of many threads: lists, names, stacks, steps of one thread, thread-local variables, non-stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import OTHER_GDB, GdbSession, StartGdb, Thread
from tests.support.offers import not_offered
from tests.support.stub import Stub, attach, launch, multi
from tests.support.tracees import TraceeBuilder, running

WORKERS = 7


@contextmanager
def stopped_team(
    build: TraceeBuilder, gdb: StartGdb, workers: int = WORKERS, *mode: str
) -> Iterator[tuple[Stub, GdbSession]]:
    """Launch the team, run it until all are up, and stop it with Ctrl-C."""
    program = build("e2e_team")
    with launch(program, workers, *mode) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        assert session.end_cont().signal == "SIGINT"
        yield stub, session


def test_all_threads_are_listed_with_their_names(build: TraceeBuilder, gdb: StartGdb) -> None:
    with stopped_team(build, gdb) as (stub, session):
        threads = session.threads()
        assert [each.tid for each in threads] == proc.tids(stub.pid)
        assert [each.name for each in threads] == ["e2e_team", *(f"worker-{index}" for index in range(WORKERS))]
        assert {each.pid for each in threads} == {stub.pid}
        text = session.execute("info threads").text
        assert text.count("worker-") == WORKERS


def test_each_thread_has_its_own_stack(build: TraceeBuilder, gdb: StartGdb) -> None:
    with stopped_team(build, gdb) as (_, session):
        for index, thread in enumerate(session.threads()[1:]):
            expected = ["wait_turn", "serve", "body"]
            assert [name for name in session.backtrace(thread.tid) if name in expected] == expected
            session.execute("frame function serve")
            session.execute("up")
            assert session.number("index") == index


def test_with_the_scheduler_locked_a_step_moves_one_thread_only(build: TraceeBuilder, gdb: StartGdb) -> None:
    with stopped_team(build, gdb, 3, "busy") as (stub, session):
        session.execute("set scheduler-locking on")
        first = session.threads()[1].tid

        def counters() -> list[int]:
            return [session.number(f"counters[{index}]") for index in range(3)]

        session.backtrace(first)
        session.break_at("count")
        before = counters()
        for _ in range(3):
            assert session.cont().tid == first
        after = counters()
        assert after[1:] == before[1:]
        assert after[0] > before[0]
        pcs = {}
        for thread in session.threads():
            session.backtrace(thread.tid)
            pcs[thread.tid] = session.registers("rip")["rip"]
        session.backtrace(first)
        session.execute("stepi")
        for thread in session.threads():
            session.backtrace(thread.tid)
            assert (session.registers("rip")["rip"] == pcs[thread.tid]) == (thread.tid != first)
        session.execute("set scheduler-locking off")
        session.execute("delete")
        session.begin_cont()
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_breakpoint_names_the_thread_that_hit_it(build: TraceeBuilder, gdb: StartGdb) -> None:
    with stopped_team(build, gdb) as (stub, session):
        workers = session.threads()[1:]
        session.break_at("reached")
        for index in (5, 0, 3):
            session.begin_cont()
            stub.tell(str(index))
            stop = session.end_cont()
            assert (stop.tid, stop.function) == (workers[index].tid, "reached")
            assert session.number("index") == index


def test_thread_local_variables_are_each_threads_own(build: TraceeBuilder, gdb: StartGdb) -> None:
    with stopped_team(build, gdb) as (_, session):
        threads = session.threads()
        if session.packet(f"qGetTLSAddr:p{threads[0].pid:x}.{threads[0].tid:x},0,0") == "":
            not_offered("qGetTLSAddr")
        values = []
        for thread in threads:
            session.backtrace(thread.tid)
            values.append(session.number("mine"))
        assert values == [99, *(100 + index for index in range(WORKERS))]
        session.backtrace(threads[2].tid)
        session.execute("set var mine = 1000")
        session.backtrace(threads[3].tid)
        assert session.number("mine") == 102


def in_order(session: GdbSession) -> list[Thread]:
    """Return the threads by age; in non-stop mode gdb numbers them as it gets to know them."""
    return sorted(session.threads(), key=lambda each: each.tid)


def test_in_non_stop_mode_one_thread_stops_and_the_others_run(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_team")
    with launch(program, 3, "busy") as stub:
        session = gdb(program, ["set non-stop on"])
        session.connect(stub.port)
        number = session.break_at("reached")
        session.execute("continue -a &")
        assert stub.line().startswith("ready")

        stub.tell("1")
        (stop,) = session.wait_stops()
        assert (stop.numbers, stop.function) == ([number], "reached")
        threads = in_order(session)
        assert [each.name for each in threads] == ["e2e_team", "worker-0", "worker-1", "worker-2"]
        assert [each.running for each in threads] == [True, True, False, True]
        assert stop.tid == threads[2].tid

        # The leader and the other workers go on.
        stub.ping()
        stub.tell("c")
        before = int(stub.line().removeprefix("sum "))

        def moved() -> bool:
            stub.tell("c")
            return int(stub.line().removeprefix("sum ")) > before + 10

        proc.wait_until(moved, "the other workers count")

        # A second thread stops while the first is still stopped.
        stub.tell("0")
        (second,) = session.wait_stops()
        assert second.tid == threads[1].tid
        assert [each.running for each in in_order(session)] == [True, False, False, True]
        session.backtrace(stop.tid)
        assert session.number("index") == 1
        session.backtrace(second.tid)
        assert session.number("index") == 0

        # One of the two goes on; the other stays.
        session.execute(f"thread {threads[2].number}")
        session.execute("continue &")
        assert stub.line() == "worker 1 done"
        assert [each.running for each in in_order(session)] == [True, False, True, True]

        # A running thread is interrupted alone.
        session.execute(f"thread {threads[3].number}")
        session.execute("interrupt")
        (third,) = session.wait_stops()
        assert third.tid == threads[3].tid
        assert [each.running for each in in_order(session)] == [True, False, True, False]

        session.execute("continue -a &")
        assert stub.line() == "worker 0 done"
        session.execute("interrupt -a")
        stops = session.wait_stops(4)
        assert sorted(each.tid for each in stops) == sorted(each.tid for each in threads)
        session.execute("continue -a &")
        stub.tell("q")
        assert session.wait_stops()[0].is_exit(0)


@pytest.mark.parametrize("mode", ["set non-stop on", "maint set target-non-stop on"])
@pytest.mark.parametrize("command", ["gdb", "other gdb"])
def test_a_gdb_in_non_stop_mode_connects_to_threads_that_stand(
    build: TraceeBuilder, gdb: StartGdb, mode: str, command: str
) -> None:
    other = OTHER_GDB if command == "other gdb" else None
    with running(build("e2e_team"), 3) as tracee, attach(tracee.pid) as stub:
        session = gdb(build("e2e_team"), [mode, "set sysroot /"], command=other)
        session.connect(stub.port)
        proc.wait_until(
            lambda: [each.running for each in session.threads()] == [False] * 4, "gdb knows how all stand"
        )
        threads = in_order(session)
        assert [session.backtrace(each.tid)[-1] for each in threads[:1]] == ["main"]
        session.wait_stops(0, 0)
        session.execute("continue -a &" if mode == "set non-stop on" else "continue &")
        tracee.ping()
        session.execute("interrupt -a" if mode == "set non-stop on" else "interrupt")
        stops = session.wait_stops(4 if mode == "set non-stop on" else 1)
        assert {each.tid for each in stops} <= {each.tid for each in threads}
        session.execute("detach")
        tracee.ping()
        assert tracee.finish() == 0


def test_stepping_in_non_stop_mode_moves_one_thread(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_team")
    with launch(program, 2) as stub:
        session = gdb(program, ["set non-stop on"])
        session.connect(stub.port)
        session.break_at("reached")
        session.execute("continue -a &")
        assert stub.line().startswith("ready")
        stub.tell("0")
        (stop,) = session.wait_stops()
        session.execute(f"thread {next(each.number for each in session.threads() if each.tid == stop.tid)}")
        outcome = session.execute("finish")
        assert outcome.stop.function == "serve"
        outcome = session.execute("next")
        assert (outcome.stop.tid, outcome.stop.function) == (stop.tid, "serve")
        assert stub.line() == "worker 0 done"
        stub.ping()
        session.execute("detach")
        stub.ping()
        stub.tell("1")
        assert stub.line() == "worker 1 done"
        stub.tell("q")


def test_threads_that_come_and_go_are_told_of(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("thread_rounds")
    rounds = 4
    with launch(program, rounds) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("visit")
        seen: set[tuple[int, int]] = set()
        told = ""
        for _ in range(4 * rounds):
            outcome = session.execute("continue")
            told += outcome.text
            assert outcome.stop.numbers == [number]
            threads = session.threads()
            assert len(threads) <= 5
            assert outcome.stop.tid in {each.tid for each in threads} - {stub.pid}
            seen.add((outcome.stop.tid, session.number("number")))
        assert {number for _, number in seen} == set(range(4 * rounds))
        # Each thread that stopped was new to gdb then.
        assert told.count("[New Thread ") == len(seen)
        assert session.cont().is_exit(0)
        assert stub.line() == f"visits {4 * rounds}"


def test_a_worker_is_debugged_when_its_leader_has_ended(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("leader_exit")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("tell")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("l")
        worker = int(stub.line().split()[1])
        stub.tell("m")
        stop = session.end_cont()
        assert (stop.numbers, stop.tid) == ([number], worker)
        assert [each.tid for each in session.threads()] == [worker]
        assert session.backtrace()[:2] == ["tell", "worker"]
        assert session.number("value") == 1234
        session.begin_cont()
        assert stub.line() == "value 1234"
        stub.tell("q")
        assert session.end_cont().is_exit(5)


def wait_for_zombie(pid: int) -> None:
    proc.wait_until(lambda: proc.state(pid) == "Z", "the leader is a zombie")


def test_a_leaderless_program_is_let_go_or_killed(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("leader_exit")
    with multi() as stub:
        session = gdb(program)
        session.connect_extended(stub.port)
        for ending in ("detach", "kill"):
            with running(program) as tracee:
                tracee.tell("l")
                worker = int(tracee.line().split()[1])
                wait_for_zombie(tracee.pid)
                session.attach(tracee.pid)
                assert [each.tid for each in session.threads()] == [worker]
                session.execute(ending)
                if ending == "detach":
                    tracee.ping()
                    tracee.tell("q")
                assert tracee.process.wait(30) == (5 if ending == "detach" else -9)
