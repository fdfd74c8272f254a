"""Clients that come, go, crash, and several gdbs on one process at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbSession, StartGdb, first_to_answer
from tests.support.stub import attach, launch
from tests.support.tracees import TraceeBuilder, running

THREADS = 8
#: Breakpoint hits of each client; a long run sets 10000.
HITS = int(os.environ.get("GDBSTUB_HITS", "500"))
#: Seconds for one hit of two clients, with much to spare.
PER_HIT = 0.06


def test_a_second_gdb_takes_over_after_a_disconnect(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        first = gdb(program)
        first.connect(stub.port)
        first.break_at("inner")
        stop = first.cont()
        first.disconnect()
        second = gdb(program)
        second.connect(stub.port)
        assert (second.place().function, second.place().pc) == ("inner", stop.pc)
        assert second.backtrace() == ["inner", "outer", "main"]
        assert second.finish().stop.function == "outer"
        assert second.cont().is_exit(7)


def test_a_gdb_that_is_killed_leaves_the_program_to_the_next(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("spin")
    with launch(program, 2) as stub:
        first = gdb(program)
        first.connect(stub.port)
        first.break_at("main")
        first.cont()
        first.begin_cont()
        assert stub.line().startswith("ready")
        first.crash()
        second = gdb(program)
        second.connect(stub.port)
        assert second.place().pid == stub.pid
        assert len(second.threads()) == 3
        number = second.break_at("tick")
        assert second.cont().numbers == [number]
        second.execute("delete")
        second.begin_cont()
        stub.ping()
        stub.tell("q")
        assert second.end_cont().is_exit(0)


def test_neither_of_two_gdbs_sees_the_others_breakpoints(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_pair")
    with launch(program, 1) as stub:
        first, second = (gdb(program, ["set breakpoint always-inserted on"]) for _ in range(2))
        first.connect(stub.port)
        second.connect(stub.port)
        alpha, beta = program.address("alpha"), program.address("beta")
        original = {address: second.read(address, 8) for address in (alpha, beta)}
        first.break_at("*alpha")
        second.break_at("*beta")
        with Path(f"/proc/{stub.pid}/mem").open("rb", buffering=0) as memory:
            for address in (alpha, beta):
                memory.seek(address)
                assert memory.read(1) == b"\xcc"
        for session in (first, second):
            for address in (alpha, beta):
                assert session.packet(f"m{address:x},8") == original[address].hex()
                assert session.read(address, 8) == original[address]
        # What one writes over the other's breakpoint is there once the breakpoint goes.
        second.write(alpha, original[alpha][:1])
        first.execute("delete")
        second.execute("delete")
        proc.check_text(stub.pid, program)


def _both_reach_done(sessions: tuple[GdbSession, GdbSession], seconds: float) -> None:
    for session in sessions:
        session.begin_cont()
    for session in sessions:
        stop = session.end_cont(seconds)
        assert stop.function == "done", stop


@pytest.mark.timeout(120 + 3 * HITS * PER_HIT)
@pytest.mark.parametrize("how", ["ignore", "python", "non-stop target"])
def test_two_gdbs_count_every_hit_of_their_own(build: TraceeBuilder, gdb: StartGdb, how: str) -> None:
    program = build("e2e_pair")
    rounds, settings = -(-HITS // THREADS), []
    if how == "non-stop target":
        # Each stops everything by itself for its steps, in the same moment perhaps.
        rounds, settings = rounds // 4, ["maint set target-non-stop on", "set displaced-stepping off"]
    with launch(program, rounds) as stub:
        first, second = gdb(program, settings), gdb(program, settings)
        first.connect(stub.port)
        second.connect(stub.port)
        if how == "ignore":
            mine, others = first.ignore_hits("alpha", 1 << 30), second.ignore_hits("beta", 1 << 30)
        else:
            mine, others = first.count_hits("alpha"), second.count_hits("beta")
        first.break_at("done")
        second.break_at("done")
        stub.tell("g")
        begin = time.monotonic()
        _both_reach_done((first, second), 15 + HITS * PER_HIT)
        spent = time.monotonic() - begin
        print(f"{rounds * THREADS} hits each, {how}: {spent:.1f} s")
        total = rounds * THREADS
        assert (first.hits(mine), second.hits(others)) == (total, total)
        assert (first.number("alphas"), second.number("betas")) == (total, total)
        first.detach()
        second.detach()
        assert stub.line().startswith("ready")
        assert stub.line() == f"alpha {total} beta {total}"
        proc.wait_untraced(stub.pid)
        proc.check_text(stub.pid, program)
        stub.ping()
        stub.tell("q")


@pytest.mark.timeout(120 + 3 * HITS * PER_HIT)
def test_two_gdbs_count_every_hit_of_a_breakpoint_they_share(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_pair")
    rounds = -(-HITS // THREADS)
    total = rounds * THREADS
    with launch(program, rounds) as stub:
        sessions = gdb(program), gdb(program)
        counters = []
        for session in sessions:
            session.connect(stub.port)
            counters.append(session.count_hits("alpha"))
            session.break_at("done")
        stub.tell("g")
        _both_reach_done(sessions, 15 + HITS * PER_HIT)
        assert [session.hits(number) for session, number in zip(sessions, counters, strict=True)] == [total, total]
        for session in sessions:
            session.detach()
        proc.wait_untraced(stub.pid)
        proc.check_text(stub.pid, program)
        stub.tell("q")


@pytest.mark.timeout(120 + 3 * HITS * PER_HIT)
@pytest.mark.parametrize("how", ["detach", "crash"])
def test_one_gdb_leaves_in_the_middle_and_the_other_goes_on(build: TraceeBuilder, gdb: StartGdb, how: str) -> None:
    program = build("e2e_pair")
    rounds = -(-HITS // THREADS)
    total = rounds * THREADS
    with running(program, rounds) as tracee, attach(tracee.pid) as stub:
        leaving, staying = gdb(program), gdb(program)
        leaving.connect(stub.port)
        staying.connect(stub.port)
        quarter = leaving.count_hits("alpha", max(1, total // 4))
        others = staying.count_hits("beta")
        staying.break_at("done")
        staying.begin_cont()
        tracee.tell("g")
        stop = leaving.cont(15 + HITS * PER_HIT)
        assert stop.numbers == [quarter]
        assert leaving.hits(quarter) == total // 4
        if how == "detach":
            leaving.detach()
        else:
            leaving.crash()
        assert staying.end_cont(15 + HITS * PER_HIT).function == "done"
        assert staying.hits(others) == total
        staying.detach()
        assert tracee.line() == f"alpha {total} beta {total}"
        proc.wait_untraced(tracee.pid)
        proc.check_text(tracee.pid, program)
        assert tracee.finish() == 0


def test_two_gdbs_share_one_breakpoint(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        first, second = gdb(program), gdb(program)
        first.connect(stub.port)
        second.connect(stub.port)
        for session in (first, second):
            session.break_at("spot")
            session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        for session in (first, second):
            stop = session.end_cont()
            assert (stop.kind, stop.function) == ("breakpoint", "spot")
        # One takes its own away; the other's stays.
        first.execute("delete")
        first.begin_cont()
        second.begin_cont()
        assert stub.line() == "spot 42"
        stub.tell("g")
        assert second.end_cont().function == "spot"
        second.begin_cont()
        assert stub.line() == "spot 43"
        stub.tell("x")
        assert first.end_cont().is_exit(7)
        assert second.end_cont().is_exit(7)


def test_one_gdb_stops_and_looks_while_the_other_believes_that_it_runs(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("spin")
    with launch(program, 2) as stub:
        first, second = gdb(program), gdb(program)
        first.connect(stub.port)
        second.connect(stub.port)
        first.begin_cont()
        second.begin_cont()
        assert stub.line().startswith("ready")
        first.interrupt()
        assert first.end_cont().signal == "SIGINT"
        held = first.number("counters[0]")
        assert first.number("counters[0]") == held
        # The second is answered at once, though the program is held already.
        second.interrupt()
        assert second.end_cont().signal == "SIGINT"
        assert second.number("counters[0]") == held
        first.begin_cont()
        second.begin_cont()
        stub.ping()
        stub.tell("q")
        assert first.end_cont().is_exit(0)
        assert second.end_cont().is_exit(0)


def test_two_gdbs_step_two_threads_at_once(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_team")
    with launch(program, 2, "busy") as stub:
        sessions = gdb(program), gdb(program)
        for session in sessions:
            session.connect(stub.port)
            session.begin_cont()
        assert stub.line().startswith("ready")
        for session in sessions:
            session.interrupt()
        for session in sessions:
            session.end_cont()
        # Each holds everything but its own thread: without an order among them neither would ever step.
        chosen = [session.threads()[index + 1].tid for index, session in enumerate(sessions)]
        for session, tid in zip(sessions, chosen, strict=True):
            session.execute("set scheduler-locking on")
            session.backtrace(tid)
            session.begin_line("stepi")
        steps = [0, 0]
        for _ in range(40):
            session = first_to_answer(sessions)
            index = sessions.index(session)
            steps[index] += 1
            assert session.end_line().stop.tid == chosen[index]
            session.begin_line("stepi")
        assert min(steps) >= 15, steps
        session = first_to_answer(sessions)
        session.end_line()
        # It stands now, so the other's step waits until it leaves.
        session.disconnect()
        index = 1 - sessions.index(session)
        assert sessions[index].end_line().stop.tid == chosen[index]
