"""What gdb asks beside running: where the program lies, libraries, tables, sums, how a program starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.debuggers.gdb_session import GdbError, StartGdb
from tests.support.stub import launch, multi
from tests.support.tracees import TraceeBuilder

#: How a program can lie in memory.
LAYOUTS = {
    "fixed": (),
    "pie": ("-fpie", "-pie"),
    "static": ("-static",),
    "static pie": ("-fpie", "-static-pie"),
    "32-bit pie": ("-m32", "-fpie", "-pie"),
}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_gdb_knows_where_the_program_lies(build: TraceeBuilder, gdb: StartGdb, options: tuple[str, ...]) -> None:
    program = build("obey", *options)
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        # gdb knows it by the auxiliary vector, from the first instruction on.
        assert session.number("*(long *)&counter") & 0xFFFFFFFF == 41
        session.break_at("spot")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        assert session.end_cont().function == "spot"


def test_symbols_are_offered_once_whatever_is_loaded(build: TraceeBuilder, gdb: StartGdb, plugin: Path) -> None:
    program = build("e2e_plugin_host")
    with launch(program, plugin, options=["--remote-debug"]) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("plugin_entry")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("d")
        assert session.end_cont().function == "plugin_entry"
        assert stub.stderr.count("qSymbol:") == 1


def test_a_library_in_a_namespace_of_its_own_is_seen(build: TraceeBuilder, gdb: StartGdb, plugin: Path) -> None:
    program = build("e2e_plugin_host")
    with launch(program, plugin) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("plugin_entry")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("n")
        stop = session.end_cont()
        assert (stop.numbers, stop.function) == ([number], "plugin_entry")
        assert session.backtrace() == ["plugin_entry", "main"]
        text = session.execute("info sharedlibrary").text
        assert plugin.name in text
        session.begin_cont()
        assert stub.line() == "entry 23"
        stub.tell("d")
        assert session.end_cont().numbers == [number]
        session.begin_cont()
        assert stub.line() == "entry 23"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_sections_are_compared_by_their_sums(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("information")
    with launch(program) as stub:
        session = gdb(program, log_packets=True)
        session.connect(stub.port)
        session.break_at("main")
        session.cont()
        text = session.execute("compare-sections .text").text
        assert "matched" in text and "MIS" not in text
        session.execute("set var *(char *)make_syscalls = 0")
        assert "MIS-MATCHED" in session.execute("compare-sections .text", strict=False).text
        session.kill()
        assert session.sent("qCRC:") == 2


def test_a_string_that_runs_over_the_end_of_its_page_is_shown_up_to_it(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("information")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("h")
        place = int(stub.line(), 16)
        session.interrupt()
        session.end_cont()
        text = session.execute(f"x/s {place + 4090:#x}", strict=False).text
        assert '"needle"' in text and f"Cannot access memory at address {place + 4096:#x}" in text
        with pytest.raises(GdbError, match="Cannot access memory"):
            session.execute(f"x/2gx {place + 4090:#x}")


def test_what_the_user_forbade_at_the_connection_stays_forbidden(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program, ["set may-write-memory off", "set may-write-registers off"], log_packets=True)
        session.connect(stub.port)
        assert session.sent("QAllow:WriteReg:0;WriteMem:0") == session.sent("QAllow") == 1
        session.execute("set may-write-memory on")
        for change in ("set var counter = 7", "set may-write-registers on", "set var $rbx = 5"):
            with pytest.raises(GdbError):
                session.execute(change)
        session.disconnect()
        # A new connection is told anew, and now memory may be written.
        session.connect(stub.port)
        session.execute("set var counter = 7")
        assert session.number("counter") == 7


def test_branches_are_refused_and_an_agent_is_not(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        with pytest.raises(GdbError, match="does not support branch tracing"):
            session.execute("record btrace")
        session.execute("set agent on")
        assert "on" in session.execute("show agent").text
        session.execute("set agent off")


def test_threads_are_named_without_the_list_in_xml(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_team")
    with launch(program, 3) as stub:
        session = gdb(program, ["set remote threads-packet off"])
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        session.end_cont()
        text = session.execute("info threads").text
        assert all(f"worker-{index}" in text for index in range(3))


@pytest.mark.parametrize("table", ["", "processes", "procgroups", "threads", "files", "sockets", "cpus"])
def test_tables_of_the_operating_system(gdb: StartGdb, table: str) -> None:
    with multi() as stub:
        session = gdb()
        session.connect_extended(stub.port)
        rows = session.execute(f"info os {table}").text.splitlines()
        assert len(rows) > 1, rows


def test_a_run_starts_where_and_how_the_user_says(build: TraceeBuilder, gdb: StartGdb, tmp_path: Path) -> None:
    program = build("hot")
    place = tmp_path / "a place"
    place.mkdir()
    shutil.copy(program, place / "here")
    with multi(["--wrapper", "env", "GDBSTUB_WRAPPED=yes", "--"]) as stub:
        session = gdb(program, ["set remote exec-file ./here", f"set cwd {place}", "unset environment LC_ALL"])
        session.connect_extended(stub.port)
        session.break_at("main")
        pid = session.run().stop.pid
        assert Path(f"/proc/{pid}/cwd").readlink() == place
        assert Path(f"/proc/{pid}/exe").readlink() == place / "here"
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert b"GDBSTUB_WRAPPED=yes" in variables
        assert not any(each.startswith(b"LC_ALL=") for each in variables)
        session.kill()
