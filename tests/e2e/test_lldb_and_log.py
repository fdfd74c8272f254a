"""lldb beside a log of system calls: what it stops and steps is in the log as any call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbSession, StartGdb
from tests.support.debuggers.lldb_session import LldbSession, StartLldb
from tests.support.gates import OPEN, Gate, log_beside, untraced
from tests.support.stub import attach
from tests.support.tracees import Program, Tracee, TraceeBuilder, running

#: What enters the kernel.
SYSCALL = b"\x0f\x05"
EBADF = 9
#: The calls of step_calls from the first one on.
CALLS = (
    r"getppid\(\) += \d+",
    r'write\(1, "stepped\\n", 8\) += 8',
    r"getppid\(\) += \d+",
    r"close\(99\) += -1 EBADF \(Bad file descriptor\)",
    r"kill\(67108863, 0\) += -1 ESRCH \(No such process\)",
    r"exit_group\(0\) += \?",
    r"\+\+\+ exited with 0 \+\+\+",
)


@pytest.mark.parametrize("first", ["log", "lldb"])
def test_every_call_that_lldb_steps_over_is_in_the_log(
    build: TraceeBuilder, lldb: StartLldb, tmp_path: Path, first: str
) -> None:
    program = build("step_calls")
    file = tmp_path / "log"
    with running(program, "wait") as tracee, attach(tracee.pid) as stub:
        session = lldb(program)
        if first == "lldb":
            session.connect(stub.port)
        with log_beside(stub.port, file, remarks=True) as log:
            log.wait_for(f"Process {tracee.pid} attached")
            if first == "log":
                session.connect(stub.port)
            number = session.break_at("begin")
            session.begin_cont()
            tracee.tell("g")
            stop = session.end_cont()
            assert list(stop.numbers) == [number]
            session.execute("breakpoint delete -f")
            stepped = 0
            while stop.function != "end":
                at = stop.pc
                calls = session.read(at, 2) == SYSCALL
                stop = session.step_instruction()
                assert stop.kind == "stopped" and stop.pc != at, stop
                if calls:
                    assert stop.pc == at + 2
                    stepped += 1
            assert stepped == 5
            assert tracee.line() == "stepped"
            assert session.cont().is_exit(0)
            assert log.process.wait(30) == 0
    lines = file.read_text().splitlines()
    made = lines[next(at for at, line in enumerate(lines) if line.startswith("getppid")) :]
    assert len(made) == len(CALLS) and all(map(re.fullmatch, CALLS, made)), made


def end_of_run(program: Program, tracee: Tracee, total: int, gdb: GdbSession) -> None:
    """Let the program come to its end as if nobody looked, and stop gdb's wait for it."""
    tracee.tell("e")
    assert tracee.line(60) == untraced(program, total)
    gdb.interrupt()
    assert gdb.end_cont().signal == "SIGINT"


def check_untouched(program: Program, tracee: Tracee) -> None:
    """Check that nothing is left in the program, and end it."""
    proc.wait_untraced(tracee.pid)
    proc.check_text(tracee.pid, program)
    tracee.ping()
    assert tracee.finish() == 0


def test_breakpoints_on_the_instruction_that_enters_the_kernel_hide_no_call(
    build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb, tmp_path: Path
) -> None:
    program = build("e2e_stack")
    # More than all threads in each of lldb's stops.
    total = 200
    with running(program, total) as tracee, attach(tracee.pid) as stub:
        theirs, session = gdb(program, ["set sysroot /"]), lldb(program)
        theirs.connect(stub.port)
        mine = theirs.count_hits("*seek_call")
        session.connect(stub.port)
        ours = session.break_at(f"*{program.address('seek_call')}")
        theirs.begin_cont()
        session.begin_cont()
        tracee.ping()
        with log_beside(stub.port, tmp_path / "log") as log:
            log.wait_until_begun()
            tracee.tell(OPEN)
            for _ in range(40):
                stop = session.end_cont()
                assert list(stop.numbers) == [ours] and stop.pc == program.address("seek_call"), stop
                session.begin_cont()
            session.end_cont()
            session.detach()
            end_of_run(program, tracee, total, theirs)
            assert theirs.hits(mine) == 3 * total
            theirs.detach()
            assert log.process.wait(30) == 0
            assert log.check(program, tracee.pid) == 3 * total
        check_untouched(program, tracee)


def step_over_call(session: LldbSession, tid: int) -> None:
    """Step a thread until it has made its next call, which is an lseek that fails."""
    for _ in range(200):
        at = session.state().pc
        calls = session.read(at, 2) == SYSCALL
        stop = session.step_instruction()
        assert (stop.kind, stop.tid) == ("stopped", tid) and stop.pc != at, stop
        if calls:
            assert stop.pc == at + 2
            assert session.register("rax") == (1 << 64) - EBADF
            return
    raise AssertionError("no call within 200 steps")


def test_lldb_steps_over_calls_of_one_thread_while_others_are_logged_and_gdb_meets_its_hits(
    build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb, tmp_path: Path
) -> None:
    program = build("e2e_stack")
    total = 500
    with running(program, total) as tracee, attach(tracee.pid) as stub:
        gates = [Gate(program, tracee, kind) for kind in range(3)]
        theirs = gdb(program, ["set sysroot /"])
        theirs.connect(stub.port)
        mine = theirs.count_hits(f"*{gates[0].name}")
        theirs.begin_cont()
        tracee.ping()
        with log_beside(stub.port, tmp_path / "log") as log:
            log.wait_until_begun()
            session = lldb(program)
            session.connect(stub.port)
            ours = session.break_at(f"*{gates[1].place}")
            session.begin_cont()
            tracee.tell(OPEN)
            for _ in range(10):
                stop = session.end_cont()
                assert list(stop.numbers) == [ours] and stop.pc == gates[1].place, stop
                step_over_call(session, stop.tid)
                session.begin_cont()
            session.end_cont()
            session.detach()
            end_of_run(program, tracee, total, theirs)
            assert theirs.hits(mine) == total
            theirs.detach()
            assert log.process.wait(30) == 0
            assert log.check(program, tracee.pid) == 3 * total
        check_untouched(program, tracee)
