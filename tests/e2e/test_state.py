"""gdb reads and writes what a program is made of: registers, memory, core files, maps, auxv; and files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.debuggers.gdb_session import GdbError, StartGdb
from tests.support.stub import launch, multi
from tests.support.tracees import TraceeBuilder

AT_PAGESZ, AT_ENTRY = 6, 9


def _cpu_has(flag: str) -> bool:
    text = Path("/proc/cpuinfo").read_text()
    return flag in next(line for line in text.splitlines() if line.startswith("flags")).split()


def test_written_registers_reach_the_program(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_vectors")
    wide = _cpu_has("avx")
    with launch(program, *(["wide"] if wide else [])) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("*sample")
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.end_cont()
        session.execute("set var $rbx = 0x1122334455667788")
        session.execute("set var $r13d = 0x99aabbcc")
        session.execute("set var $xmm5.v2_int64 = {0x0706050403020100, 0x0f0e0d0c0b0a0908}")
        assert session.registers("rbx")["rbx"] == 0x1122334455667788
        number = session.break_at("*sample_both") if wide else 0
        session.begin_cont()
        line = stub.line()
        assert line.startswith("rbx 1122334455667788 r13 ")
        assert line.endswith("99aabbcc")
        assert stub.line() == "xmm5 " + bytes(range(16)).hex()
        stop = session.end_cont()
        if wide:
            assert stop.numbers == [number]
            session.execute("set var $ymm6.v4_int64 = {0x0706050403020100, 0x0f0e0d0c0b0a0908, -1, 2}")
            session.begin_cont()
            assert stub.line() == "ymm6 " + bytes(range(16)).hex() + "ff" * 8 + "02" + "00" * 7
            stop = session.end_cont()
        assert stop.is_exit(0)


def test_written_memory_reaches_the_program(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.execute("set var counter = 1000")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        assert stub.line() == "spot 1001"
        session.interrupt()
        session.end_cont()
        # Read-only text is written too, as a debugger must.
        address = program.address("text")
        session.write(address, b"A LINE")
        assert session.read(address, 14) == b"A LINE of read"
        session.execute("set var counter = 5")
        session.begin_cont()
        stub.tell("g")
        assert stub.line() == "spot 6"


def test_a_function_is_called_with_a_string(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("e2e_calls")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("outer")
        session.cont()
        assert session.number("loop(10)") == 45
        # gdb allocates the string in the program: a call inside a call.
        assert session.number('(long)strlen("seven!!")') == 7
        assert session.place().function == "outer"
        assert session.cont().is_exit(7)


def test_a_core_file_of_a_running_team_shows_every_thread(
    build: TraceeBuilder, gdb: StartGdb, tmp_path: Path
) -> None:
    program = build("e2e_team")
    core = tmp_path / "core"
    with launch(program, 7) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("reached")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("4")
        stop = session.end_cont()
        session.execute(f"gcore {core}")
        stacks = {each.tid: session.backtrace(each.tid) for each in session.threads()}
        session.kill()
    later = gdb(program)
    later.execute(f"core-file {core}")
    assert {each.tid: later.backtrace(each.tid) for each in later.threads()} == stacks
    assert later.backtrace(stop.tid)[:2] == ["reached", "serve"]


def test_facts_about_the_process_are_the_kernels(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("main")
        session.cont()

        text = session.execute("info auxv").text
        auxv = {int(line.split()[0]): line.split()[-1] for line in text.splitlines() if line[:1].isdigit()}
        assert int(auxv[AT_PAGESZ], 0) == os.sysconf("SC_PAGESIZE")
        assert int(auxv[AT_ENTRY], 0) == program.address("_start")

        maps = Path(f"/proc/{stub.pid}/maps").read_text().splitlines()
        text = session.execute("info proc mappings").text
        starts = [int(line.split()[0], 16) for line in text.splitlines() if line.strip().startswith("0x")]
        assert starts == [int(line.split("-")[0], 16) for line in maps]
        assert str(program) in text

        text = session.execute("info proc all").text
        assert f"process {stub.pid}" in text
        assert f"exe = '{program}'" in text
        assert "TracerPid:" in text

        libraries = session.execute("info sharedlibrary").text
        assert "libc.so.6" in libraries
        assert "ld-linux-x86-64.so.2" in libraries
        assert any("libc.so.6" in name for name in session.libraries())

        rows = [line.split() for line in session.execute("info os processes").text.splitlines()]
        assert str(stub.pid) in {row[0] for row in rows if row}


def test_files_are_put_got_and_deleted(gdb: StartGdb, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1500 + b"}$#*" * 40
    local, remote, back = tmp_path / "local", tmp_path / "remote", tmp_path / "back"
    local.write_bytes(data)
    with multi() as stub:
        session = gdb()
        session.connect_extended(stub.port)
        session.execute(f"remote put {local} {remote}")
        assert remote.read_bytes() == data
        session.execute(f"remote get {remote} {back}")
        assert back.read_bytes() == data
        session.execute(f"remote delete {remote}")
        assert not remote.exists()
        with pytest.raises(GdbError, match="No such file"):
            session.execute(f"remote get {remote} {back}")


def test_searches_and_dumps_of_memory_are_exact(build: TraceeBuilder, gdb: StartGdb, tmp_path: Path) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        address = program.address("text")
        found = session.execute(f'find /1 {address - 256:#x}, +1024, "read-only text"').text
        assert f"{address + len('a line of '):#x}" in found
        file = tmp_path / "dump"
        session.execute(f"dump binary memory {file} {address} {address + 24}")
        assert file.read_bytes() == b"a line of read-only text"
