"""gdb and programs that become others: exec, fork, vfork; extended-remote: run, attach, kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbError, StartGdb
from tests.support.stub import launch, multi
from tests.support.tracees import TraceeBuilder, running


@pytest.mark.parametrize("letter", ["l", "e"], ids=["leader", "thread"])
def test_exec_is_followed(build: TraceeBuilder, gdb: StartGdb, letter: str) -> None:
    program = build("exec_thread")
    with launch(program, 2) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("second_image")
        session.execute("catch exec")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell(letter)
        outcome = session.end_line()
        assert "is executing new program" in outcome.text
        assert [each.tid for each in session.threads()] == [stub.pid]
        stop = session.cont()
        assert (stop.numbers, stop.function, stop.tid) == ([number], "second_image", stub.pid)
        assert session.number("image") == 1
        session.begin_cont()
        assert stub.line() == f"after {stub.pid} {stub.pid}"
        stub.tell("q")
        assert session.end_cont().is_exit(6)


def test_after_a_fork_the_parent_is_kept_by_default(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("forks")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("hot")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("f")
        # The child runs free, without the breakpoint, to its own end.
        assert stub.line() == "fork: exited 8"
        stub.tell("h")
        stop = session.end_cont()
        assert (stop.function, stop.pid) == ("hot", stub.pid)
        session.begin_cont()
        assert stub.line() == "hits 1"
        stub.tell("v")
        assert stub.line() == "vfork: exited 9"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


@pytest.mark.parametrize(("letter", "status"), [("f", 8), ("v", 9)], ids=["fork", "vfork"])
def test_after_a_fork_the_child_can_be_followed(
    build: TraceeBuilder, gdb: StartGdb, letter: str, status: int
) -> None:
    program = build("forks")
    with launch(program) as stub:
        session = gdb(program, ["set follow-fork-mode child"])
        session.connect(stub.port)
        session.break_at("hot")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell(letter)
        stop = session.end_cont()
        assert stop.function == "hot"
        assert stop.pid != stub.pid
        child = stop.pid
        while (stop := session.cont()).kind == "breakpoint":
            assert stop.pid == child
        assert stop.is_exit(status)
        kind = "fork" if letter == "f" else "vfork"
        assert stub.line() == f"{kind}: exited {status}"
        stub.ping()
        assert proc.tracer_pid(stub.pid) == 0
        stub.tell("q")


def test_both_sides_of_a_fork_can_be_kept(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("forks")
    with launch(program) as stub:
        session = gdb(program, ["set detach-on-fork off"])
        session.connect(stub.port)
        session.execute("catch fork")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("f")
        assert session.end_cont().kind == "breakpoint"
        session.break_at("hot")
        # The parent goes on to wait for its child, which gdb holds.
        session.begin_cont()
        proc.wait_until(lambda: proc.state(stub.pid) == "S", "the parent waits for its child")
        session.interrupt()
        session.end_line()
        pids = session.inferiors()
        assert len(pids) == 2
        assert pids[1] == stub.pid
        assert proc.state(pids[2]) == "t"
        session.execute("inferior 2")
        stop = session.cont()
        assert (stop.function, stop.pid) == ("hot", pids[2])
        assert session.cont().is_exit(8)
        session.execute("inferior 1")
        session.begin_cont()
        assert stub.line() == "fork: exited 8"
        stub.tell("h")
        assert session.end_cont().pid == stub.pid
        session.begin_cont()
        assert stub.line() == "hits 1"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_both_sides_of_a_fork_run_together(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("forks")
    with launch(program) as stub:
        session = gdb(program, ["set detach-on-fork off", "set schedule-multiple on"])
        session.connect(stub.port)
        session.break_at("hot")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("f")
        stop = session.end_cont()
        assert stop.function == "hot"
        assert stop.pid == session.inferiors()[2] != stub.pid
        assert session.cont().is_exit(8)
        session.execute("inferior 1")
        session.begin_cont()
        assert stub.line() == "fork: exited 8"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_program_is_run_twice_over_one_connection(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with multi() as stub:
        session = gdb(program, [f"set remote exec-file {program}"])
        session.connect_extended(stub.port)
        session.break_at("main")
        session.break_at("spot")
        pids = []
        for _ in range(2):
            stop = session.run().stop
            assert stop.function == "main"
            pids.append(stop.pid)
            session.begin_cont()
            assert stub.line() == f"ready {stop.pid}"
            stub.tell("g")
            assert session.end_cont().function == "spot"
            session.begin_cont()
            assert stub.line() == "spot 42"
            stub.tell("x")
            assert session.end_cont().is_exit(7)
        assert pids[0] != pids[1]
        # A third run is killed by a fourth.
        third = session.run().stop
        fourth = session.run().stop
        assert third.pid != fourth.pid
        proc.wait_reaped(third.pid)
        session.kill()
        proc.wait_reaped(fourth.pid)
        assert stub.is_alive()


def test_a_breakpoint_at_an_expression_moves_with_the_program(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey", variant="pie")
    with multi() as stub:
        session = gdb(program, [f"set remote exec-file {program}"])
        session.connect_extended(stub.port)
        session.execute("break *main")
        for _ in range(2):
            stop = session.run().stop
            assert (stop.kind, stop.function) == ("breakpoint", "main")
        session.kill()


def test_run_gives_the_program_its_arguments_and_environment(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("hot")
    with multi() as stub:
        session = gdb(program, [f"set remote exec-file {program}", "set environment GDBSTUB_E2E two words"])
        session.connect_extended(stub.port)
        session.execute("set args 1 'a b' \"it's\"")
        session.break_at("main")
        session.run()
        assert session.number("argc") == 4
        words = [session.show(f"argv[{index}]").partition(" ")[2] for index in (1, 2, 3)]
        assert words == ['"1"', '"a b"', '"it\'s"']
        environment = Path(f"/proc/{session.place().pid}/environ").read_bytes().split(b"\0")
        assert b"GDBSTUB_E2E=two words" in environment
        session.kill()


def test_a_running_program_is_attached_and_let_go(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with multi() as stub, running(program) as first, running(program) as second:
        session = gdb(program)
        session.connect_extended(stub.port)
        for tracee in (first, second):
            session.attach(tracee.pid)
            assert session.place().pid == tracee.pid
            assert session.backtrace()[-1] == "main"
            session.detach()
            proc.wait_untraced(tracee.pid)
            tracee.ping()
        session.attach(first.pid)
        session.kill()
        assert first.process.wait(30) == -9
        # Older gdbs do not pass on what the server says.
        with pytest.raises(GdbError, match=f"(?i)no such process|Attaching to process {first.pid} failed"):
            session.attach(first.pid)
        assert second.finish() == 0
        assert stub.is_alive()
