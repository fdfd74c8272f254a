"""gdb and lldb on one server that was told about neither: one after the other, and at once."""

from __future__ import annotations

from tests.support.debuggers.gdb_session import OTHER_GDB, StartGdb
from tests.support.debuggers.lldb_session import StartLldb
from tests.support.stub import attach, launch
from tests.support.tracees import Program, Tracee, TraceeBuilder, running


def with_gdb(gdb: StartGdb, port: int, program: Program, tracee: Tracee, command: str | None = None) -> None:
    """Do with a gdb what users do: a breakpoint, a step, a backtrace, a register."""
    session = gdb(program, ["set sysroot /"], command=command)
    session.connect(port)
    number = session.break_at("spot")
    session.begin_cont()
    tracee.tell("g")
    stop = session.end_cont()
    assert (list(stop.numbers), stop.function) == ([number], "spot")
    assert session.backtrace() == ["spot", "main"]
    session.execute("set $rax = 0x1234")
    assert session.registers("rax") == {"rax": 0x1234}
    pc = stop.pc
    session.execute("stepi")
    assert session.place().pc != pc
    session.execute("delete")
    session.begin_cont()
    assert tracee.line().startswith("spot ")
    session.interrupt()
    session.end_cont()
    session.disconnect()


def with_lldb(lldb: StartLldb, port: int, program: Program, tracee: Tracee) -> None:
    """Do the same with an lldb."""
    session = lldb(program)
    session.connect(port)
    number = session.break_at("spot")
    session.begin_cont()
    tracee.tell("g")
    stop = session.end_cont()
    assert (list(stop.numbers), stop.function) == ([number], "spot")
    assert session.backtrace()[:2] == ["spot", "main"]
    session.write_register("rax", 0x4321)
    assert session.register("rax") == 0x4321
    assert session.step_instruction().pc != stop.pc
    session.execute("breakpoint delete -f")
    session.begin_cont()
    assert tracee.line().startswith("spot ")
    session.close()


def test_one_after_the_other(build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb) -> None:
    program = build("obey")
    with running(program) as tracee, attach(tracee.pid) as stub:
        with_gdb(gdb, stub.port, program, tracee)
        with_lldb(lldb, stub.port, program, tracee)
        with_gdb(gdb, stub.port, program, tracee, OTHER_GDB)


def test_both_at_once(build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        first, second = gdb(program, ["set sysroot /"]), lldb(program)
        first.connect(stub.port)
        second.connect(stub.port)
        ours, theirs = first.break_at("outer"), second.break_at("inner")
        # What either of them has put into the code, the other does not see.
        outer, inner = program.address("outer"), program.address("inner")
        assert 0xCC not in (*second.read(outer, 8), *first.read(inner, 8))
        first.begin_cont()
        second.begin_cont()
        stop = first.end_cont()
        assert (list(stop.numbers), stop.function) == ([ours], "outer")
        assert first.backtrace() == ["outer", "main"]
        first.execute("set $rax = 0x1234")
        first.execute("stepi")
        assert first.place().function == "outer"
        first.begin_cont()
        met = second.end_cont()
        assert (list(met.numbers), met.function) == ([theirs], "inner")
        assert second.backtrace()[:3] == ["inner", "outer", "main"]
        second.write_register("rax", 0x4321)
        assert second.register("rax") == 0x4321
        assert second.step_instruction().function == "inner"
        second.begin_cont()
        assert first.end_cont().is_exit(7)
        assert second.end_cont().is_exit(7)
        assert stub.line() == "outer 143 sum 19900"


def test_both_on_one_breakpoint(build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        first, second = gdb(program, ["set sysroot /"]), lldb(program)
        first.connect(stub.port)
        second.connect(stub.port)
        ours, theirs = first.break_at("inner"), second.break_at("inner")
        first.begin_cont()
        second.begin_cont()
        assert list(first.end_cont().numbers) == [ours]
        assert list(second.end_cont().numbers) == [theirs]
        second.begin_cont()
        first.begin_cont()
        assert first.end_cont().is_exit(7)
        assert second.end_cont().is_exit(7)


def test_lldb_that_leaves_takes_nothing_of_gdbs_along(build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        first, second = gdb(program, ["set sysroot /"]), lldb(program)
        first.connect(stub.port)
        second.connect(stub.port)
        number = first.break_at("inner")
        second.break_at("inner")
        second.detach()
        assert list(first.cont().numbers) == [number]
        assert first.cont().is_exit(7)
