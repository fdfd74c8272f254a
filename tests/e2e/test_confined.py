"""gdb and programs whose files are not the server's, or no longer there: containers, chroot, deleted programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.confined import Confined, contained, jailed, remove_inside
from tests.support.debuggers.gdb_session import GdbSession, StartGdb
from tests.support.stub import multi
from tests.support.tracees import Program, TraceeBuilder, running


def attached(gdb: StartGdb, port: int, pid: int) -> GdbSession:
    """Return a gdb that has been given no file at all and has attached to a process."""
    session = gdb(None, ["set sysroot target:"])
    session.connect_extended(port)
    session.attach(pid)
    return session


def check_and_leave(session: GdbSession, confined: Confined) -> None:
    """Stop in a function of the program, by its symbols, and let it go on."""
    session.break_at("spot")
    session.begin_cont()
    confined.tell("g")
    stop = session.end_cont()
    assert (stop.function, stop.pid) == ("spot", confined.pid)
    assert session.backtrace()[:2] == ["spot", "main"]
    session.detach()
    assert confined.line() == "spot 42"
    confined.ping()
    assert proc.tracer_pid(confined.pid) == 0
    confined.finish()


@pytest.mark.parametrize("own_pids", [False, True], ids=["files", "files and pids"])
def test_g73_g74_a_program_of_a_container_is_found_there(
    build: TraceeBuilder, gdb: StartGdb, tmp_path: Path, own_pids: bool
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with multi() as stub, contained(build("obey"), place, own_pids=own_pids) as confined:
        assert (confined.own_pid == 1) is own_pids
        assert not Path(confined.path).exists()
        session = attached(gdb, stub.port, confined.pid)
        assert f"target:{confined.path}" in session.execute("info inferiors").text
        text = session.execute("info sharedlibrary").text
        assert "target:" in text and "libc.so.6" in text
        assert confined.path in session.execute("info proc mappings").text
        check_and_leave(session, confined)


@pytest.mark.parametrize("own_pids", [False, True], ids=["files", "files and pids"])
def test_g74_a_program_of_a_container_that_was_deleted_is_found_in_proc(
    build: TraceeBuilder, gdb: StartGdb, tmp_path: Path, own_pids: bool
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with multi() as stub, contained(build("obey"), place, own_pids=own_pids) as confined:
        remove_inside(confined)
        session = attached(gdb, stub.port, confined.pid)
        assert f"target:/proc/{confined.own_pid}/exe" in session.execute("info inferiors").text
        check_and_leave(session, confined)


def test_g74_a_library_of_a_container_is_not_that_of_the_same_name_outside(
    build: TraceeBuilder, gdb: StartGdb, tmp_path: Path, plugin: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    library = place / plugin.name
    library.write_text("no library at all")
    host = build("e2e_plugin_host")
    with multi() as stub, contained(host, place, library, beside=plugin) as confined:
        session = attached(gdb, stub.port, confined.pid)
        session.break_at("plugin_entry")
        session.begin_cont()
        confined.tell("d")
        assert session.end_cont().function == "plugin_entry"
        assert f"target:{library}" in session.execute("info sharedlibrary").text
        session.detach()
        assert confined.line() == "entry 23"
        confined.finish()


def test_g74_a_program_in_a_chroot_is_found_there(build: TraceeBuilder, gdb: StartGdb, tmp_path: Path) -> None:
    program = build("obey", "-static")
    with multi() as stub, jailed(program, tmp_path / "jail") as confined:
        session = attached(gdb, stub.port, confined.pid)
        assert "target:/bin/program" in session.execute("info inferiors").text
        check_and_leave(session, confined)


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_the_program_that_runs_is_found_though_its_file_is_gone(
    build: TraceeBuilder, gdb: StartGdb, tmp_path: Path, replaced: bool
) -> None:
    copy = Program(tmp_path / "copy")
    shutil.copy(build("obey"), copy)
    with multi() as stub, running(copy) as tracee:
        copy.path.unlink()
        if replaced:
            # Another program, with other symbols at the same addresses.
            shutil.copy(build("forks"), copy)
        session = attached(gdb, stub.port, tracee.pid)
        assert f"/proc/{tracee.pid}/exe" in session.execute("info inferiors").text
        session.break_at("spot")
        session.begin_cont()
        tracee.tell("g")
        assert session.end_cont().function == "spot"
        session.detach()
        assert tracee.line() == "spot 42"
        assert tracee.finish() == 0


def test_g73_children_of_a_container_have_the_pids_that_we_see(
    build: TraceeBuilder, gdb: StartGdb, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with multi() as stub, contained(build("forks"), place, own_pids=True) as confined:
        session = gdb(None, ["set sysroot target:", "set follow-fork-mode child"])
        session.connect_extended(stub.port)
        session.attach(confined.pid)
        session.break_at("hot")
        session.begin_cont()
        confined.tell("f")
        stop = session.end_cont()
        assert stop.function == "hot"
        ours, own = (proc.status_field(stop.pid, "NSpid") or "").split()
        assert int(ours) == stop.pid != int(own)
        assert f"process {stop.pid}" in session.execute("info proc").text
        assert session.cont().is_exit(8)
        assert confined.line() == "fork: exited 8"
        confined.finish()
