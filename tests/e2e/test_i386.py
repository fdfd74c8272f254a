"""gdb and 32-bit programs on this 64-bit machine, and programs of one width that become the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbSession, StartGdb
from tests.support.stub import attach, launch
from tests.support.tracees import Program, TraceeBuilder, running

NARROW = "-m32"
WIDTHS = {"64": (), "32": (NARROW,)}


def architecture(session: GdbSession) -> str:
    """Return what gdb takes the program for."""
    return session.execute("show architecture").text.rpartition('currently "')[2].partition('"')[0]


def test_a_32bit_program_is_launched_stepped_and_changed(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_become", NARROW)
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        assert architecture(session) == "i386"
        assert session.registers("eip")["eip"] < 1 << 32
        session.break_at("spot")
        session.begin_cont()
        assert stub.line() == f"ready {stub.pid}"
        stub.tell("g")
        assert session.end_cont().function == "spot"
        assert session.backtrace()[:2] == ["spot", "main"]
        session.execute("set var spots = 41")
        assert session.number("(int)getpid()") == stub.pid
        esp = session.registers("esp")["esp"]
        session.execute("stepi")
        session.finish()
        assert session.place().function == "main"
        assert session.registers("esp")["esp"] > esp
        session.execute("set var $ebx = $ebx")
        session.begin_cont()
        assert stub.line() == "spot 42"
        stub.tell("q")
        assert session.end_cont().is_exit(4)


def test_floating_point_and_vectors_of_a_32bit_program(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_become", NARROW)
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("*at_filled")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("f")
        session.end_cont()
        assert session.show("$st0") == "1"
        assert session.show("$xmm3.v2_double") == "{0.5, 1.5}"
        session.execute("set var $xmm3.v2_double[0] = 7.25")
        session.execute("set var $st0 = 3")
        assert session.show("$xmm3.v2_double[0]") == "7.25"
        assert session.show("$st0") == "3"
        session.begin_cont()
        assert stub.line() == "filled"
        stub.tell("q")
        assert session.end_cont().is_exit(4)


def test_watchpoints_and_hardware_breakpoints_of_a_32bit_program(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_become", NARROW)
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        watch, hardware = session.watch("spots"), session.hbreak("spot")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        assert session.end_cont().numbers == [hardware]
        assert session.cont().numbers == [watch]
        assert session.number("spots") == 1
        session.execute(f"delete {hardware} {watch}")
        session.begin_cont()
        assert stub.line() == "spot 1"
        stub.tell("q")
        assert session.end_cont().is_exit(4)


def test_a_32bit_program_is_attached_to_signalled_and_let_go(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("signal_info", NARROW)
    with running(program) as tracee, attach(tracee.pid) as stub:
        session = gdb(program)
        session.connect(stub.port)
        assert architecture(session) == "i386"
        assert session.backtrace()[-1] == "main"
        session.execute("signal 0&", strict=False)
        session.execute("interrupt")
        session.wait_stops()
        session.execute("queue-signal SIGUSR1")
        session.begin_cont()
        assert tracee.line().startswith("usr1 ")
        session.interrupt()
        session.end_cont()
        session.detach()
        tracee.ping()
        assert proc.tracer_pid(tracee.pid) == 0
        assert tracee.finish() == 0


@pytest.mark.parametrize("options", WIDTHS.values(), ids=WIDTHS)
def test_the_fault_address_of_a_bad_access_is_told(
    build: TraceeBuilder, gdb: StartGdb, options: tuple[str, ...]
) -> None:
    program = build("siginfo_rows", *options)
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("s")
        assert session.end_cont().signal == "SIGSEGV"
        assert session.number("$_siginfo._sifields._sigfault.si_addr") == 0x1234
        session.execute("handle SIGUSR1 stop")
        session.begin_cont()
        stub.line()
        stub.tell("v")
        assert session.end_cont().signal == "SIGUSR1"
        assert session.number("$_siginfo._sifields._rt.si_sigval.sival_int") == -5
        assert session.number("$_siginfo._sifields._rt.si_pid") == stub.pid


def test_threads_and_their_variables_of_a_32bit_program(build: TraceeBuilder, gdb: StartGdb, tmp_path: Path) -> None:
    program = build("e2e_team", NARROW)
    with launch(program, 3) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        session.end_cont()
        threads = session.threads()
        values = []
        for thread in threads:
            session.backtrace(thread.tid)
            values.append(session.number("mine"))
        assert values == [99, 100, 101, 102]
        session.execute(f"gcore {tmp_path / 'core'}")
        later = gdb(program)
        later.execute(f"core-file {tmp_path / 'core'}")
        assert len(later.threads()) == 4


@pytest.mark.parametrize("first", WIDTHS, ids=lambda width: f"from {width}")
@pytest.mark.parametrize("second", WIDTHS, ids=lambda width: f"to {width}")
def test_g50_a_program_becomes_one_of_another_width(
    build: TraceeBuilder, gdb: StartGdb, first: str, second: str
) -> None:
    before: Program = build("e2e_become", *WIDTHS[first])
    after: Program = build("e2e_become", *WIDTHS[second])
    names = {"64": "i386:x86-64", "32": "i386"}
    with launch(before, after) as stub:
        session = gdb(before)
        session.connect(stub.port)
        session.execute("catch exec")
        session.break_at("spot")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("e")
        outcome = session.end_line()
        assert f"is executing new program: {after}" in outcome.text.replace("target:", "")
        assert architecture(session) == names[second]
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        stop = session.end_cont()
        assert (stop.function, stop.pid) == ("spot", stub.pid)
        assert session.backtrace()[:2] == ["spot", "main"]
        watch = session.watch("spots")
        assert session.cont().numbers == [watch]
        session.execute(f"delete {watch}")
        session.begin_cont()
        assert stub.line() == "spot 1"
        stub.tell("q")
        assert session.end_cont().is_exit(4)
