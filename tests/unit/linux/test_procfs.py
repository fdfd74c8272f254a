from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdbstub.linux import procfs

NOBODY = 2**22 + 1

#: A name with a parenthesis in it; last run on processor 6.
ODD_STAT = b"77 (a) R (b) S 5 77 77 0 -1 4194304" + b" 1" * 28 + b" 17 6 0 0 0\n"

#: Its main thread exits; another one runs until stdin ends.
ZOMBIE_LEADER = """
import ctypes, os, threading
def worker():
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=worker).start()
os.write(1, b"r")
ctypes.CDLL(None).syscall(60, 0)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for tid in (77, 78):
        task = tmp_path / "77" / "task" / str(tid)
        task.mkdir(parents=True)
        (task / "comm").write_bytes(b"caf\xc3\n" if tid == 78 else b"main\n")
        (task / "stat").write_bytes(ODD_STAT)
    (tmp_path / "77" / "stat").write_bytes(ODD_STAT)
    (tmp_path / "78").mkdir()
    (tmp_path / "78" / "stat").write_bytes(ODD_STAT)
    (tmp_path / "self").mkdir()
    return tmp_path


@pytest.fixture
def zombie_leader() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", ZOMBIE_LEADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.read(1)
        from tests.support.proc import wait_until

        wait_until(lambda: procfs.state(process.pid) == "Z", "the leader has exited")
        yield process.pid
        process.stdin.close()


def test_a_name_with_blanks_and_parentheses_does_not_shift_the_fields(root: Path) -> None:
    assert procfs.state(77, root=str(root)) == "S"
    fd = os.open(root / "77" / "stat", os.O_RDONLY)
    try:
        assert procfs.last_cpu(fd) == 6
        assert procfs.last_cpu(fd) == 6
    finally:
        os.close(fd)


def test_threads_and_names(root: Path) -> None:
    assert sorted(procfs.thread_ids(77, root=str(root))) == [77, 78]
    assert procfs.thread_name(77, 77, root=str(root)) == "main"
    # Cut by the kernel in the middle of a character.
    assert procfs.thread_name(77, 78, root=str(root)) == "caf\N{REPLACEMENT CHARACTER}"
    assert procfs.process_ids(root=str(root)) == [77, 78]


def test_a_process_that_is_gone_is_nothing_and_no_error() -> None:
    assert procfs.thread_ids(NOBODY) == []
    assert procfs.thread_name(NOBODY, NOBODY) is None
    assert procfs.state(NOBODY) is None
    assert procfs.status_fields(NOBODY) == {}
    assert procfs.tracer_pid(NOBODY) is None
    assert procfs.thread_group(NOBODY) is None
    assert procfs.command_line(NOBODY) == []
    assert procfs.exec_path(NOBODY) == b""
    assert procfs.auxv(NOBODY) == b""
    assert procfs.maps(NOBODY) == []
    assert procfs.elf_class(NOBODY) == 64
    assert procfs.live_thread(NOBODY) is None
    assert procfs.stat_fields(NOBODY) == []
    assert procfs.process_ids(root="/nowhere") == []


def test_a_thread_that_died_has_no_processor() -> None:
    born, done = threading.Event(), threading.Event()
    tids: list[int] = []

    def body() -> None:
        tids.append(threading.get_native_id())
        born.set()
        done.wait()

    thread = threading.Thread(target=body)
    thread.start()
    born.wait()
    fd = os.open(f"/proc/self/task/{tids[0]}/stat", os.O_RDONLY)
    try:
        assert procfs.last_cpu(fd) in range(os.cpu_count() or 1)
        done.set()
        thread.join()
        from tests.support.proc import wait_until

        wait_until(lambda: not Path(f"/proc/self/task/{tids[0]}").exists(), "the thread is gone")
        assert procfs.last_cpu(fd) is None
    finally:
        os.close(fd)


def test_facts_about_this_process() -> None:
    me = os.getpid()
    assert me in procfs.thread_ids(me)
    assert procfs.thread_group(threading.get_native_id()) == me
    assert procfs.status_fields(me)["Pid"] == str(me)
    assert os.path.samefile(procfs.exec_path(me), sys.executable)
    assert procfs.elf_class(me) == (64 if sys.maxsize > 2**32 else 32)
    assert procfs.command_line(me)
    assert len(procfs.auxv(me)) % 16 == 0 and procfs.auxv(me)
    text = [each for each in procfs.maps(me) if each.permissions == "r-xp" and each.path.startswith(b"/")]
    assert text and all(each.start < each.end for each in text)


def test_the_lines_of_maps(root: Path) -> None:
    (root / "77" / "maps").write_bytes(
        b"00400000-00401000 r-xp 00001000 fe:00 1234                       /a b/c (deleted)\n"
        b"7ffd0000-7ffd1000 rw-p 00000000 00:00 0 \n"
        b"7ffd2000-7ffd3000 rw-s 00000000 00:01 5                          /odd\\012name\n"
    )
    first, second, third = procfs.maps(77, root=str(root))
    assert first == procfs.Mapping(0x400000, 0x401000, "r-xp", 0x1000, "fe:00", 1234, b"/a b/c (deleted)")
    assert second.path == b""
    assert third.path == b"/odd\nname"


def test_a_deleted_program_is_named_without_the_kernels_remark(root: Path) -> None:
    (root / "77" / "exe").symlink_to("/opt/tool (deleted)")
    assert procfs.exec_path(77, root=str(root)) == b"/opt/tool"


def test_a_program_that_is_really_called_deleted_keeps_its_name(root: Path) -> None:
    program = root / "tool (deleted)"
    program.write_bytes(b"")
    (root / "77" / "exe").symlink_to(program)
    assert procfs.exec_path(77, root=str(root)) == os.fsencode(program)


@pytest.fixture
def running(root: Path) -> Path:
    """Make process 77 run a program of a root of its own; return that root."""
    inside = root / "jail"
    (inside / "bin").mkdir(parents=True)
    (inside / "proc" / "5").mkdir(parents=True)
    (inside / "bin" / "tool").write_bytes(b"the one that runs")
    (root / "77" / "exe").symlink_to(inside / "bin" / "tool")
    (root / "77" / "root").symlink_to(inside)
    (root / "77" / "status").write_text("Pid:\t77\nNSpid:\t77\t5\n")
    return inside


def test_a_program_is_named_as_its_own_root_has_it(root: Path, running: Path) -> None:
    assert procfs.exec_path(77, root=str(root)) == b"/bin/tool"


def test_a_program_whose_name_leads_elsewhere_is_named_by_proc(root: Path, running: Path) -> None:
    outside = root / "tool"
    outside.write_bytes(b"another")
    (root / "77" / "exe").unlink()
    (root / "77" / "exe").symlink_to(outside)
    assert procfs.exec_path(77, root=str(root)) == os.fsencode(outside)
    os.link(outside, running / "proc" / "5" / "exe")
    assert procfs.exec_path(77, root=str(root)) == b"/proc/5/exe"


@pytest.mark.parametrize(("head", "bits"), [(b"\x7fELF\x01", 32), (b"\x7fELF\x02", 64)])
def test_the_class_is_in_the_programs_header(root: Path, head: bytes, bits: int) -> None:
    (root / "77" / "exe").write_bytes(head + bytes(11))
    assert procfs.elf_class(77, root=str(root)) == bits


@pytest.mark.parametrize(
    ("vector", "bits"),
    [
        # AT_SYSINFO_EHDR, AT_PAGESZ, AT_NULL.
        (b"".join(n.to_bytes(4, "little") for n in (33, 0xF7F00000, 6, 4096, 0, 0)), 32),
        (b"".join(n.to_bytes(8, "little") for n in (33, 0x7FFF00000000, 6, 4096, 0, 0)), 64),
    ],
)
def test_without_a_readable_program_the_auxiliary_vector_tells_the_class(
    root: Path, vector: bytes, bits: int
) -> None:
    (root / "77" / "auxv").write_bytes(vector)
    assert procfs.elf_class(77, root=str(root)) == bits


def test_a_zombie_leader_leaves_its_threads_to_be_asked(zombie_leader: int) -> None:
    live = procfs.live_thread(zombie_leader)
    assert live is not None and live != zombie_leader
    assert procfs.maps(zombie_leader) == []
    assert procfs.maps(live)
    assert os.path.samefile(procfs.exec_path(zombie_leader), sys.executable)
    assert os.path.samefile(procfs.exec_path(zombie_leader, live), sys.executable)
    assert procfs.auxv(live)


def test_processes_are_found_by_name(tmp_path: Path) -> None:
    program = tmp_path / "quite-a-long-name-for-a-program"
    program.symlink_to(sys.executable)
    words = [os.fspath(program), "-c", "import os; os.write(1, b'r'); os.read(0, 1)"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.read(1)
        real = os.path.realpath(sys.executable)
        # What the kernel calls it is cut, and is the name it was started by.
        for name in (real, os.path.basename(real), "quite-a-long-na"):
            assert process.pid in procfs.processes_named(name)
        assert process.pid not in procfs.processes_named("quite-a-long-name")
        process.stdin.close()
    assert process.pid not in procfs.processes_named(real)
    assert os.getpid() not in procfs.processes_named(real)
