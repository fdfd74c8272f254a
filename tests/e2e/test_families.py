"""gdb and programs with children of every kind: forks, vforks, execs, sharers of memory, job control, tracers."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbError, StartGdb
from tests.support.stub import launch
from tests.support.tracees import TraceeBuilder

ROUNDS = 2


@pytest.mark.parametrize(("what", "stops"), [("fork", ROUNDS), ("vfork", 2 * ROUNDS)])
def test_every_child_is_caught_as_it_is_made(build: TraceeBuilder, gdb: StartGdb, what: str, stops: int) -> None:
    program = build("family")
    with launch(program, ROUNDS) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.execute(f"catch {what}")
        children = set()
        for _ in range(stops):
            outcome = session.execute("continue")
            assert f"({what}ed process " in outcome.text
            assert outcome.stop.pid == stub.pid
            children.add(outcome.text.split(f"({what}ed process ")[1].split(")")[0])
        assert len(children) == stops
        assert session.cont().is_exit(0)
        assert stub.line() == f"good {3 * ROUNDS} of {3 * ROUNDS}"


def test_the_exec_of_a_followed_child_is_caught(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("family")
    with launch(program, 1) as stub:
        session = gdb(program)
        session.connect(stub.port)
        # The fork's child and the first vfork's are let go, the second vfork's is followed.
        session.execute("catch vfork")
        session.cont()
        session.cont()
        session.execute("delete")
        session.execute("set follow-fork-mode child")
        session.execute("catch exec")
        outcome = session.execute("continue")
        assert "(exec'd " in outcome.text
        child = outcome.stop.pid
        assert child != stub.pid
        session.break_at("in_child")
        stop = session.cont()
        assert (stop.function, stop.pid) == ("in_child", child)
        assert session.number("number") == 9
        assert session.cont().is_exit(9)
        assert stub.line() == "good 3 of 3"


def test_a_followed_child_is_stopped_where_it_works(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("family")
    with launch(program, 1) as stub:
        session = gdb(program, ["set follow-fork-mode child"])
        session.connect(stub.port)
        session.break_at("in_child")
        stop = session.cont()
        assert stop.function == "in_child"
        assert stop.pid != stub.pid
        assert session.number("number") == 7
        assert session.cont().is_exit(7)
        assert stub.line() == "good 3 of 3"


def test_a_storm_of_forks_loses_no_child_and_no_breakpoint(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("fork_storm")
    with launch(program, 10) as stub:
        session = gdb(program, ["set breakpoint always-inserted on"])
        session.connect(stub.port)
        number = session.count_hits("hot")
        assert session.cont(60).is_exit(0)
        # QUIRK(gdb, 13): a hit that comes with a fork of another thread is counted twice, with gdbserver too; the
        # exact number is shown in tests/integration/test_exec_fork.py.
        assert session.hits(number) >= 40
        assert stub.line() == "good 40 of 40"


def test_a_process_in_the_same_memory_meets_the_breakpoint_and_lives(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("memory_sharer")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("store")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("c")
        stop = session.end_cont()
        assert stop.numbers == [number]
        assert session.number("value") == 11
        session.begin_cont()
        assert stub.line() == "stored 11 exited 1 status 17"
        stub.tell("s")
        stop = session.end_cont()
        assert (stop.numbers, stop.tid, session.number("stored")) == ([number], stub.pid, 11)
        session.begin_cont()
        assert stub.line() == "stored 5"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_job_control_of_an_untraced_child_is_as_without_a_debugger(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("job_control")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("c")
        assert stub.line() == "stopped 1 continued 1 ended 1"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


@pytest.mark.parametrize(("letter", "name", "line"), [("t", "SIGTSTP", "after tstp"), ("s", "SIGSTOP", "after stop")])
def test_a_stop_signal_is_reported_and_dropped_or_passed(
    build: TraceeBuilder, gdb: StartGdb, letter: str, name: str, line: str
) -> None:
    program = build("job_control")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell(letter)
        stop = session.end_cont()
        assert (stop.kind, stop.signal) == ("signal", name)
        session.begin_line("signal 0")
        assert stub.line() == line
        stub.tell(letter)
        assert session.end_line().stop.signal == name
        # Passed on, it stops the program as the shell would, until it is continued.
        session.begin_line(f"signal {name}")
        proc.wait_until(lambda: proc.state(stub.pid) in ("T", "t"), "the program is stopped")
        assert stub.says_nothing()
        os.kill(stub.pid, signal.SIGCONT)
        stop = session.end_line().stop
        assert stop.signal == "SIGCONT"
        session.begin_cont()
        assert stub.line() == line
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_program_that_traces_its_own_child_is_not_disturbed(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("nested")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("before_fork")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("n")
        assert session.end_cont().numbers == [number]
        # A breakpoint is in the memory that the child inherits.
        session.begin_cont()
        assert stub.line() == "status 4 many 1"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_child_that_is_followed_cannot_be_traced_by_its_parent(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("nested")
    with launch(program) as stub:
        session = gdb(program, ["set follow-fork-mode child"])
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("n")
        # PTRACE_TRACEME fails: the child has a tracer, gdb's.
        assert session.end_cont().is_exit(5)
        assert stub.line() == "status 5 many 0"
        stub.ping()
        assert proc.tracer_pid(stub.pid) == 0
        stub.tell("q")
        with pytest.raises(GdbError):
            session.execute("continue")
