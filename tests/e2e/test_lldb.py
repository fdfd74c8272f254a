"""lldb on our server, over the same port and with no option, as a user drives it."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.support import proc
from tests.support.debuggers.lldb_session import LldbError, StartLldb
from tests.support.stub import attach, launch
from tests.support.tracees import TraceeBuilder, running

#: Rounds of eight threads over two breakpoints.
ROUNDS = 3


def test_stops_have_reasons_and_functions(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = lldb(program)
        stop = session.connect(stub.port)
        assert (stop.reason, stop.text, stop.pid) == ("signal", "signal SIGSTOP", stub.pid)
        number = session.break_at("outer")
        stop = session.cont()
        assert (stop.reason, list(stop.numbers), stop.function) == ("breakpoint", [number], "outer")
        assert session.backtrace()[:2] == ["outer", "main"]
        before = stop.pc
        assert session.step_instruction().reason in ("trace", "plan complete")
        assert session.state().pc != before
        assert session.step_over().function == "outer"
        assert session.finish().function == "main"
        assert session.cont().is_exit(7)
        assert stub.line() == "outer 143 sum 19900"


def test_registers_and_their_parts(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = lldb(program)
        session.connect(stub.port)
        session.write_register("rax", 0x1122334455667788)
        assert session.register("eax") == 0x55667788
        assert session.register("ah") == 0x77
        assert len(session.register_bytes("xmm0")) == 16
        session.write_register("rdi", 5)
        listed = session.execute("register read --all")
        for name in (
            "General Purpose Registers",
            "Floating Point Registers",
            "rip",
            "rflags",
            "fs_base",
            "st0",
            "mm7",
        ):
            assert name in listed
        for purpose, name in (("pc", "rip"), ("sp", "rsp"), ("fp", "rbp"), ("arg1", "rdi")):
            assert session.register(purpose) == session.register(name)


def test_a_fault_is_explained(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("faults")
    with launch(program, "unmapped") as stub:
        session = lldb(program)
        session.connect(stub.port)
        stop = session.cont()
        assert stop.signal == signal.SIGSEGV
        assert re.search("address not mapped to object .*0xbad000", stop.text)
        assert stop.function == "unmapped"
        assert session.cont().kind == "exited"


def test_functions_are_called(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = lldb(program)
        session.connect(stub.port)
        session.break_at("inner")
        stop = session.cont()
        assert session.evaluate("(long)seen + 2") == "2"
        assert session.evaluate("(long)loop(4)") == "6"
        assert session.state().pc == stop.pc
        session.execute("breakpoint delete 1")
        assert session.cont().is_exit(7)


def test_threads_are_listed_with_names_and_one_reason(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("e2e_team")
    with launch(program, 3) as stub:
        session = lldb(program)
        session.connect(stub.port)
        session.break_at("reached")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("1")
        stop = session.end_cont()
        assert (stop.reason, stop.function) == ("breakpoint", "reached")
        threads = session.threads()
        assert sorted(name for _, name, _ in threads)[-3:] == ["worker-0", "worker-1", "worker-2"]
        assert [name for _, name, reason in threads if reason == "breakpoint"] == ["worker-1"]
        session.kill()


def test_no_hit_of_many_threads_is_lost(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("e2e_pair")
    with launch(program, ROUNDS) as stub:
        session = lldb(program)
        session.connect(stub.port)
        numbers = [session.break_at(name) for name in ("alpha", "beta")]
        end = session.break_at("done")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        stop = session.end_cont()
        while list(stop.numbers) != [end]:
            assert stop.reason == "breakpoint", stop
            stop = session.cont()
        assert [session.hits(number) for number in numbers] == [8 * ROUNDS, 8 * ROUNDS]
        session.begin_cont()
        assert stub.line() == f"alpha {8 * ROUNDS} beta {8 * ROUNDS}"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_hardware_breakpoints(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = lldb(program)
        session.connect(stub.port)
        number = session.break_at("-H inner")
        stop = session.cont()
        assert (stop.reason, list(stop.numbers), stop.function) == ("breakpoint", [number], "inner")
        assert session.cont().is_exit(7)


def test_a_watchpoint_names_its_address(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("watch")
    with launch(program) as stub:
        session = lldb(program)
        session.connect(stub.port)
        session.break_at("main")
        session.cont()
        session.execute("watchpoint set variable first")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("a")
        stop = session.end_cont()
        assert stop.reason == "watchpoint"
        assert "watchpoint 1" in stop.text
        session.kill()


def test_an_attached_process_is_left_as_it_was(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("obey")
    with running(program) as tracee, attach(tracee.pid) as stub:
        session = lldb(program)
        stop = session.connect(stub.port)
        assert (stop.reason, stop.pid) == ("signal", tracee.pid)
        session.break_at("spot")
        session.begin_cont()
        tracee.tell("g")
        assert session.end_cont().function == "spot"
        session.detach()
        assert tracee.line() == "spot 42"
        tracee.ping()


def test_or_stopped_where_that_is_wished(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("obey")
    with running(program) as tracee, attach(tracee.pid) as stub:
        session = lldb(program)
        session.connect(stub.port)
        session.detach(stays_stopped=True)
        proc.wait_until(lambda: proc.state(tracee.pid) == "T", "it stands")
        os.kill(tracee.pid, signal.SIGCONT)
        tracee.ping()


def test_a_refused_command_says_why(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = lldb(program)
        session.connect(stub.port)
        with pytest.raises(LldbError, match="memory read failed"):
            session.execute("memory read 0x10")
        assert session.cont().is_exit(7)


def test_the_end_by_a_signal(build: TraceeBuilder, lldb: StartLldb) -> None:
    program = build("faults")
    with launch(program, "kill") as stub:
        session = lldb(program)
        session.connect(stub.port)
        stop = session.cont()
        assert (stop.kind, stop.code) == ("exited", signal.SIGKILL)
