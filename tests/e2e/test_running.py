"""gdb runs a program: breakpoints, steps, watchpoints, Ctrl-C, output, exit codes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbError, StartGdb
from tests.support.stub import attach, launch, server, server_command
from tests.support.tracees import SOURCES, TraceeBuilder, running


def line_of(source: str, mark: str) -> int:
    """Return the line of a source file that carries a mark."""
    lines = (SOURCES / source).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f"line: {mark} */" in line)


def test_a_program_runs_to_a_breakpoint_steps_and_exits(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("outer")
        stop = session.cont()
        assert (stop.kind, stop.numbers, stop.function) == ("breakpoint", [number], "outer")
        assert stop.pid == stub.pid
        assert session.backtrace() == ["outer", "main"]
        assert session.number("number") == 20

        calls = line_of("e2e_calls.c", "outer calls")
        while (stop := session.next()).line < calls:
            pass
        assert (stop.function, stop.line) == ("outer", calls)
        stop = session.step()
        assert stop.function == "inner"
        assert session.backtrace() == ["inner", "outer", "main"]
        outcome = session.finish()
        assert outcome.stop.function == "outer"
        assert "= 43\n" in outcome.text
        assert session.number("seen") == 42

        here = session.registers("rip", "rsp", "eflags", "cs", "orig_rax")
        assert here["rip"] == outcome.stop.pc
        assert here["cs"] == 0x33
        assert here["rsp"] % 8 == 0
        assert here["orig_rax"] == 0xFFFFFFFFFFFFFFFF

        assert session.cont().is_exit(7)
        assert stub.line() == "outer 143 sum 19900"


def test_next_over_a_loop_on_one_line_is_one_range_step(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = gdb(program, log_packets=True)
        session.connect(stub.port)
        session.break_at(f"e2e_calls.c:{line_of('e2e_calls.c', 'loop')}")
        stop = session.cont()
        session.execute("delete")
        before = session.sent("vCont;")
        while stop.line != line_of("e2e_calls.c", "loop ends"):
            stop = session.next()
            assert stop.function == "loop"
        # gdb may stop at the statements of the line one by one; the 200 rounds cost none.
        assert session.sent("vCont;r") >= 1
        assert session.sent("vCont;") - before <= 6
        assert session.cont().is_exit(7)


def test_a_hardware_breakpoint_stops_and_leaves_the_text_alone(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = gdb(program, ["set breakpoint always-inserted on"])
        session.connect(stub.port)
        address = program.address("inner")
        original = session.read(address, 8)
        number = session.hbreak("*inner")
        stop = session.cont()
        assert (stop.numbers, stop.pc) == ([number], address)
        with Path(f"/proc/{stub.pid}/mem").open("rb") as memory:
            memory.seek(address)
            assert memory.read(8) == original
        assert session.cont().is_exit(7)


def test_memory_over_a_breakpoint_shows_the_program(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = gdb(program, ["set breakpoint always-inserted on"])
        session.connect(stub.port)
        address = program.address("inner")
        original = session.read(address, 4)
        instructions = session.execute("x/2i inner").text
        session.break_at("*inner")
        with Path(f"/proc/{stub.pid}/mem").open("rb") as memory:
            memory.seek(address)
            assert memory.read(1) == b"\xcc"
        # The packet shows what the server says; gdb itself would hide its own breakpoints.
        assert session.packet(f"m{address:x},4") == original.hex()
        assert session.read(address, 4) == original
        assert session.execute("x/2i inner").text == instructions


def test_watchpoints_tell_old_and_new_values(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("watch")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.watch("first")
        session.begin_cont()
        stub.tell("a")
        outcome = session.end_line()
        assert outcome.stop.numbers == [number]
        assert "Old value = 0\nNew value = 1\n" in outcome.text
        assert outcome.stop.function == "write_first"
        session.begin_cont()
        stub.tell("ba")
        outcome = session.end_line()
        assert "Old value = 1\nNew value = 2\n" in outcome.text
        session.execute("delete")

        reading = session.watch("first", "read")
        session.begin_cont()
        stub.tell("r")
        outcome = session.end_line()
        assert outcome.stop.numbers == [reading]
        assert "Value = 2\n" in outcome.text
        session.execute("delete")

        access = session.watch("second", "access")
        session.begin_cont()
        stub.tell("b")
        # The increment reads and writes: one instruction on x86, so one or two hits.
        outcome = session.end_line()
        assert outcome.stop.numbers == [access]
        while "Old value = 1\nNew value = 2\n" not in outcome.text:
            outcome = session.execute("continue")
            assert outcome.stop.numbers == [access]


def test_ctrl_c_stops_a_running_program_where_it_is(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("spin")
    with launch(program, 2) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        stop = session.end_cont()
        assert (stop.kind, stop.signal) == ("signal", "SIGINT")
        assert len(session.threads()) == 3
        session.begin_cont()
        stub.ping()
        session.interrupt()
        assert session.end_cont().signal == "SIGINT"
        session.begin_cont()
        stub.tell("q")
        # The SIGINT was gdb's way to stop and never reaches the program.
        assert session.end_cont().is_exit(0)


def test_output_is_the_servers_and_never_mixes_with_the_protocol(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line() == f"ready {stub.pid}"
        stub.tell("g")
        assert stub.line() == "spot 42"
        stub.tell("x")
        assert session.end_cont().is_exit(7)


def test_a_crash_is_a_signal_and_then_the_end(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        stub.tell("a")
        stop = session.end_cont()
        assert (stop.kind, stop.signal) == ("signal", "SIGABRT")
        assert "main" in session.backtrace()
        end = session.cont()
        assert (end.kind, end.signal) == ("exited", "6")


def test_attach_then_detach_leaves_the_program_running(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with running(program) as tracee, attach(tracee.pid) as stub:
        session = gdb(program)
        session.connect(stub.port)
        assert session.backtrace()[-1] == "main"
        number = session.break_at("spot")
        session.begin_cont()
        tracee.tell("g")
        stop = session.end_cont()
        assert (stop.numbers, stop.pid) == ([number], tracee.pid)
        session.detach()
        assert tracee.line() == "spot 42"
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        assert tracee.finish() == 0


def test_a_pending_breakpoint_waits_for_its_library(build: TraceeBuilder, gdb: StartGdb, plugin: Path) -> None:
    program = build("e2e_plugin_host")
    with launch(program, plugin) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("plugin_entry")
        assert session.ask("is_pending", number=number)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        session.end_cont()
        session.begin_cont()
        stub.tell("d")
        stop = session.end_cont()
        assert (stop.numbers, stop.function) == ([number], "plugin_entry")
        assert session.backtrace() == ["plugin_entry", "main"]
        assert any(name.endswith(plugin.name) for name in session.libraries())
        assert plugin.name in session.execute("info sharedlibrary").text
        # It is unloaded and loaded once more.
        session.begin_cont()
        assert stub.line() == "entry 23"
        stub.tell("d")
        assert session.end_cont().numbers == [number]
        session.begin_cont()
        assert stub.line() == "entry 23"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_call_inside_an_interrupted_sleep_disturbs_nothing(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_nap")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("n")
        assert stub.line() == "sleeping"
        proc.wait_until(lambda: proc.state(stub.pid) == "S", "the program sleeps")
        session.interrupt()
        session.end_cont()
        assert any("nanosleep" in name for name in session.backtrace())
        assert session.number("answer(41)") == 42
        assert session.number("own_pid()") == stub.pid
        session.begin_cont()
        assert stub.line() == "slept 0 long enough 1"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_memory_that_is_not_there_is_named_to_the_user(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        with pytest.raises(GdbError, match="Cannot access memory at address 0x10"):
            session.execute("x/4xb 0x10")
        with pytest.raises(GdbError, match="Cannot access memory at address 0x10"):
            session.execute("set var *(char *)0x10 = 1")
        session.break_at("*0x10")
        with pytest.raises(GdbError, match=r"Cannot insert breakpoint 1\.\nCannot access memory at address 0x10"):
            session.execute("continue")
        session.execute("delete")
        assert session.cont().is_exit(7)


def test_a_condition_is_judged_at_every_hit(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.execute("break spot if counter == 43")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("gg")
        assert stub.line() == "spot 42"
        assert stub.line() == "spot 43"
        stub.tell("g")
        assert session.end_cont().function == "spot"
        assert session.number("counter") == 43


def test_a_system_call_is_caught_on_both_sides(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("syscalls")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.execute("catch syscall getpid").text.split()[1]
        session.begin_cont()
        # The program tells its pid before the first order: that is a call, too.
        outcome = session.end_line()
        assert outcome.stop.numbers == [int(number)]
        assert "call to syscall" in outcome.text
        outcome = session.execute("continue")
        assert "returned from syscall" in outcome.text
        assert session.number("$rax") == stub.pid
        session.execute("delete")
        session.begin_cont()
        assert stub.line() == f"ready {stub.pid}"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_unix_socket_serves_as_well(build: TraceeBuilder, gdb: StartGdb, tmp_path: Path) -> None:
    program = build("obey")
    path = tmp_path / "socket"
    with server(path, program) as stub:
        stub.wait_for_words("Listening on")
        session = gdb(program)
        session.execute(f"target remote {path}")
        session.break_at("main")
        assert session.cont().function == "main"
        session.kill()


def test_gdb_starts_the_server_itself_on_a_pipe(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    session = gdb(program)
    session.execute(f"target remote | exec {shlex.join(server_command())} - {program}", strict=False)
    session.break_at("inner")
    assert session.cont().function == "inner"
    # The protocol has stdout, so the program's output goes to the server's stderr, which gdb shows.
    outcome = session.execute("continue", strict=False)
    assert outcome.stop.is_exit(7)
    assert "outer 143 sum 19900" in outcome.text


def test_monitor_commands_answer_in_gdbs_console(build: TraceeBuilder, gdb: StartGdb) -> None:
    with launch(build("obey")) as stub:
        session = gdb()
        session.connect(stub.port)
        assert "monitor commands are supported" in session.execute("monitor help", strict=False).text
        with pytest.raises(GdbError, match="Unknown monitor command"):
            session.execute("monitor no such thing")
