"""gdb's tracepoints: what it collects through us, and how it looks at it, saves it and finds it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_running import line_of
from tests.support import proc
from tests.support.debuggers.gdb_session import GdbError, GdbSession, StartGdb
from tests.support.stub import attach, launch
from tests.support.tracees import Program, TraceeBuilder, running

UNOPTIMISED = "-O0"


@pytest.fixture
def traced(build: TraceeBuilder) -> Program:
    return build("e2e_traced", UNOPTIMISED)


def actions(session: GdbSession, *lines: str) -> None:
    """Give the last tracepoint its actions."""
    session.execute("\n".join(("actions", *lines, "end")))


def text(session: GdbSession, line: str) -> str:
    return session.execute(line).text


def collected(session: GdbSession, *, strings: bool = True) -> None:
    """Trace work() from its second line, and run to done()."""
    session.break_at("work")
    session.cont()
    session.execute("delete")
    session.execute("tvariable $seen = 100")
    session.execute(f"trace e2e_traced.c:{line_of('e2e_traced.c', 'work ends')} if number > 2")
    actions(
        session,
        "collect $regs, $args, $locals, both.right, counter",
        # QUIRK(gdb, 13): it does not read a trace file whose tracepoints collect strings.
        *(["collect/s word"] if strings else []),
        "teval $seen = $seen + number",
        "collect $seen",
    )
    session.execute("tstart a note")
    session.break_at("done")
    session.cont()


def check_frames(session: GdbSession, *, strings: bool = True) -> None:
    """Look at what ``collected`` has collected."""
    assert "Found trace frame 0" in text(session, "tfind start")
    seen = 100
    for number in range(3, 10):
        seen += number
        assert session.number("number") == number
        assert session.number("square") == number * number
        assert session.number("both.right") == -number
        assert "<unavailable>" in session.show("both")
        assert session.number("$seen") == seen
        word = ("one", "twenty-two", "")[number % 3]
        if strings:
            assert f'"{word}"' in session.show("word")
        assert session.number("$trace_frame") == number - 3
        if number < 9:
            session.execute("tfind")
    said = text(session, "tdump")
    assert "number = 9" in said and "square = 81" in said and "both.right = -9" in said
    session.execute("tfind none")


def test_what_is_collected_is_what_was_there(traced: Program, gdb: StartGdb) -> None:
    with launch(traced) as stub:
        session = gdb(traced)
        session.connect(stub.port)
        collected(session)
        assert "Trace is running" in text(session, "tstatus")
        session.execute("tstop enough of that")
        said = text(session, "tstatus")
        assert "Trace stopped by a tstop command (enough of that)" in said
        assert "Collected 7 trace frames" in said and "a note" in said
        check_frames(session)
        assert session.number("counter") == 285 + 7
        session.execute("delete breakpoints")
        session.begin_cont()
        assert stub.line().startswith("ready")
        assert stub.line() == "counter 292"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_steps_counts_and_searches(traced: Program, gdb: StartGdb) -> None:
    with launch(traced) as stub:
        session = gdb(traced)
        session.connect(stub.port)
        session.execute("trace work")
        actions(session, "collect $regs", "while-stepping 3", "collect $regs", "collect counter", "end")
        session.execute("passcount 4 1")
        session.execute("trace done")
        actions(session, "collect $rip")
        session.break_at(f"e2e_traced.c:{line_of('e2e_traced.c', 'work ends')}")
        session.cont()
        session.execute("tstart")
        session.execute("delete 3")
        session.break_at("done")
        session.cont()
        assert "Trace stopped by tracepoint 1" in text(session, "tstatus")
        assert "Collected 16 trace frames" in text(session, "tstatus")
        assert "hit 4 times" in text(session, "info tracepoints")
        session.execute("tfind 0")
        start = session.place()
        assert start.function == "work"
        session.execute(f"tfind pc {start.pc:#x}")
        assert session.number("$trace_frame") == 4
        session.execute(f"tfind outside {start.pc:#x}, {start.pc:#x}")
        assert session.number("$trace_frame") == 5
        assert session.place().pc > start.pc
        session.execute(f"tfind range {start.pc:#x}, {start.pc + 3:#x}")
        assert session.number("$trace_frame") == 8
        session.execute("tfind line")
        assert session.number("$trace_frame") > 8
        with pytest.raises(GdbError):
            session.execute("tfind tracepoint 2")
        session.execute("tfind end")
        assert session.place().function == "done"


def test_a_saved_trace_is_read_without_the_program(traced: Program, gdb: StartGdb, tmp_path: Path) -> None:
    with launch(traced) as stub:
        session = gdb(traced)
        session.connect(stub.port)
        collected(session, strings=False)
        session.execute("tstop")
        session.execute(f"tsave {tmp_path}/here.tf")
        session.execute(f"tsave -r {tmp_path}/there.tf")
    for name in ("here", "there"):
        reader = gdb(traced)
        reader.execute(f"target tfile {tmp_path}/{name}.tf", strict=False)
        assert "Using a trace file" in text(reader, "tstatus")
        assert "if number > 2" in text(reader, "info tracepoints")
        check_frames(reader, strings=False)


def test_a_trace_goes_on_alone_and_is_found_again(traced: Program, gdb: StartGdb) -> None:
    with running(traced) as tracee:
        assert tracee.line() == "counter 292"
        with attach(tracee.pid) as stub:
            session = gdb(traced)
            session.connect(stub.port)
            session.execute("set disconnected-tracing on")
            session.execute("trace work")
            actions(session, "collect $regs, number")
            session.execute("tstart")
            session.execute("disconnect")
            tracee.tell("x")
            assert tracee.line() == "counter 584"

            second = gdb(traced)
            second.connect(stub.port)
            assert "Collected 10 trace frames" in text(second, "tstatus")
            said = text(second, "info tracepoints")
            assert "in work at" in said and "collect $regs, number" in said and "hit 10 times" in said
            second.execute("tstop")
            second.execute("tfind 7")
            assert second.number("number") == 7
            second.execute("tfind none")
            second.detach()
        assert proc.tracer_pid(tracee.pid) == 0
        tracee.tell("q")


def test_changes_while_a_trace_runs(traced: Program, gdb: StartGdb) -> None:
    with launch(traced) as stub:
        session = gdb(traced)
        session.connect(stub.port)
        session.execute("trace work")
        actions(session, "collect $regs, number")
        session.break_at("work")
        session.cont()
        session.execute("tstart")
        session.execute("trace done")
        session.cont()
        session.cont()
        session.execute("disable 1")
        session.cont()
        session.cont()
        session.execute("enable 1")
        session.cont()
        session.execute("disable 2")
        session.break_at("done")
        session.cont()
        session.execute("tstop")
        found = []
        for frame in range(9):
            session.execute(f"tfind {frame}")
            found.append(session.number("number"))
        # What stands at a tracepoint when it is enabled counts: its instruction has not been run.
        assert found == [0, 1, 2, 4, 5, 6, 7, 8, 9]
        session.execute("tfind tracepoint 3")
        assert session.place().function == "done"


def test_an_address_that_cannot_be_patched(traced: Program, gdb: StartGdb) -> None:
    with launch(traced) as stub:
        session = gdb(traced)
        session.connect(stub.port)
        session.execute("trace *0x10")
        with pytest.raises(GdbError, match="cannot insert a tracepoint at 0x10"):
            session.execute("tstart")


def test_a_fast_tracepoint_becomes_a_plain_one(traced: Program, gdb: StartGdb) -> None:
    with launch(traced) as stub:
        session = gdb(traced)
        session.connect(stub.port)
        session.break_at("done")
        session.execute("ftrace work")
        actions(session, "collect $regs, number")
        said = session.execute("tstart", strict=False).text
        assert "does not support fast tracepoints" in said
        session.cont()
        session.execute("tstop")
        session.execute("tfind 5")
        assert session.number("number") == 5
