"""gdb and code that comes and goes, writes itself or calls itself: libraries, generated code, deep stacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbError, StartGdb
from tests.support.stub import attach, launch
from tests.support.tracees import Program, TraceeBuilder, running

INT3 = b"\xcc"
#: mov $42, %eax; nop; ret
CODE = bytes.fromhex("b82a000000 90 c3")


def raw_memory(pid: int, address: int, length: int) -> bytes:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(length)


def test_libraries_come_and_go_under_gdbs_eyes(build: TraceeBuilder, gdb: StartGdb, plugin: Path) -> None:
    program = build("e2e_plugin_host")
    with launch(program, plugin) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("plugin_entry")
        session.execute(f"catch load {plugin.name}")
        session.execute(f"catch unload {plugin.name}")
        session.begin_cont()
        assert stub.line().startswith("ready")
        for _ in range(3):
            stub.tell("d")
            outcome = session.end_line()
            assert "Inferior loaded" in outcome.text
            assert plugin.name in session.execute("info sharedlibrary").text
            assert session.cont().numbers == [number]
            outcome = session.execute("continue")
            assert "Inferior unloaded" in outcome.text
            assert plugin.name not in session.execute("info sharedlibrary").text
            session.begin_cont()
            assert stub.line() == "entry 23"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


@pytest.mark.parametrize(("page", "letter"), [("writable", "w"), ("fixed", "x")])
def test_generated_code_has_breakpoints_and_can_be_changed(
    build: TraceeBuilder, gdb: StartGdb, page: str, letter: str
) -> None:
    program = build("generated")
    with launch(program) as stub:
        session = gdb(program, ["set breakpoint always-inserted on"])
        session.connect(stub.port)
        session.tbreak("written")
        session.cont()
        at = session.number(f"(unsigned long){page}")
        assert session.read(at, len(CODE)) == CODE
        text = session.execute(f"x/3i {page}").text
        assert "mov    $0x2a,%eax" in text and "ret" in text
        number = session.break_at(f"*{at:#x}")
        assert raw_memory(stub.pid, at, 1) == INT3
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell(letter)
        stop = session.end_cont()
        assert (stop.numbers, stop.pc) == ([number], at)
        session.execute(f"delete {number}")
        session.begin_cont()
        # The program sums its own bytes: nothing of ours is left.
        assert stub.line() == "returned 42 intact 1"
        session.interrupt()
        session.end_cont()
        session.write(at + 1, b"\x07")
        session.begin_cont()
        stub.tell(letter)
        assert stub.line() == "returned 7 intact 0"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_code_rewritten_under_a_breakpoint_is_the_code_that_runs(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("generated")
    with launch(program) as stub:
        session = gdb(program, ["set breakpoint always-inserted on"])
        session.connect(stub.port)
        session.tbreak("written")
        session.cont()
        at = session.number("(unsigned long)writable")
        session.break_at(f"*{at:#x}")
        session.begin_cont()
        assert stub.line().startswith("ready")
        # The program writes over the trap instruction: the breakpoint is gone until it is set anew.
        stub.tell("r")
        assert stub.line() == "rewritten"
        stub.tell("w")
        assert stub.line() == "returned 43 intact 1"
        session.interrupt()
        session.end_cont()
        session.execute("delete")
        assert session.read(at, 2) == b"\xb8\x2b"
        number = session.break_at(f"*{at:#x}")
        session.begin_cont()
        stub.tell("w")
        assert session.end_cont().numbers == [number]
        session.execute("delete")
        session.begin_cont()
        assert stub.line() == "returned 43 intact 1"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_stack_of_thousands_is_walked_and_left(build: TraceeBuilder, gdb: StartGdb) -> None:
    depth = 5000
    program = build("deep")
    with launch(program, depth) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("bottom")
        assert session.cont().function == "bottom"
        last = session.execute("backtrace -2").text
        assert f"#{depth}" in last and f"#{depth + 1}" in last and "main" in last
        session.execute("up 4000")
        assert session.number("level") == depth - 3999
        session.execute("frame 1")
        assert session.number("level") == depth
        session.execute("frame 0")
        outcome = session.finish()
        assert f"Value returned is $1 = {depth}\n" in outcome.text
        assert session.cont().is_exit(0)
        assert stub.line() == f"bottom {depth}"


def wait_for_count(pid: int, program: Program, before: int) -> None:
    at = program.address("count")
    proc.wait_until(lambda: int.from_bytes(raw_memory(pid, at, 8), "little") > before, "the program counts")


def test_a_program_counts_only_while_it_runs(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("counting")
    with running(program) as tracee, attach(tracee.pid) as stub:
        session = gdb(program)
        session.connect(stub.port)
        for _ in range(3):
            before = session.number("count")
            assert session.number("count") == before
            session.begin_cont()
            wait_for_count(tracee.pid, program, before)
            session.interrupt()
            assert session.end_cont().signal == "SIGINT"
            assert session.number("count") > before
        before = session.number("count")
        session.detach()
        wait_for_count(tracee.pid, program, before)
        proc.wait_untraced(tracee.pid)


def test_a_program_that_waits_for_the_debugger_is_told_to_end(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("counting")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        session.end_cont()
        session.execute("set var enough = 1")
        assert session.cont().is_exit(0)
        assert stub.line() == "counted"


def test_a_running_program_is_killed(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("counting")
    with running(program) as tracee, attach(tracee.pid) as stub:
        session = gdb(program)
        session.connect(stub.port)
        before = session.number("count")
        session.begin_cont()
        wait_for_count(tracee.pid, program, before)
        session.interrupt()
        session.end_cont()
        session.kill()
        assert tracee.process.wait(30) == -9
        with pytest.raises(GdbError):
            session.execute("continue")
