from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdbstub.linux import hostfs
from gdbstub.linux.hostfs import LinuxFiles
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

PID = Pid(123)


@pytest.fixture
def jail(tmp_path: Path) -> Path:
    """Make the root of a made-up process, with links that would leave it if followed from outside."""
    root = tmp_path / "jail"
    (root / "etc").mkdir(parents=True)
    (root / "lib").mkdir()
    (root / "etc" / "os").write_bytes(b"inside")
    (root / "lib" / "absolute").symlink_to("/etc/os")
    (root / "lib" / "relative").symlink_to("../../../../etc/os")
    (root / "lib" / "chain").symlink_to("absolute")
    (root / "lib" / "dangling").symlink_to("/etc/none")
    (root / "lib" / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os").write_bytes(b"outside")
    return root


@pytest.fixture
def proc(tmp_path: Path, jail: Path) -> Path:
    """Make a /proc whose process 123 has that root."""
    folder = tmp_path / "proc"
    (folder / "123" / "task").mkdir(parents=True)
    (folder / "123" / "root").symlink_to(jail)
    return folder


@pytest.fixture(params=["openat2", "walk"])
def jailed(request: pytest.FixtureRequest, proc: Path) -> Iterator[LinuxFiles]:
    if request.param == "openat2" and hostfs._resolver() is not hostfs._openat2:
        pytest.skip("[kernel] no openat2 here")
    files = LinuxFiles(str(proc), {"openat2": hostfs._openat2, "walk": hostfs._walk}[request.param])
    files.set_root(PID)
    yield files
    files.close_all()


@pytest.fixture
def files() -> Iterator[LinuxFiles]:
    each = LinuxFiles()
    yield each
    each.close_all()


def contents(files: LinuxFiles, path: bytes) -> bytes:
    fd = files.open(path, os.O_RDONLY, 0)
    try:
        return files.pread(fd, 100, 0)
    finally:
        files.close(fd)


def code(caught: pytest.ExceptionInfo[TargetError]) -> str:
    return errno.errorcode[caught.value.errno]


@pytest.mark.parametrize(
    "path",
    [
        b"/etc/os",
        b"etc/os",
        b"//etc/./os",
        b"/lib/../etc/os",
        b"/../../etc/os",
        b"/lib/absolute",
        b"/lib/relative",
        b"/lib/chain",
        b"/lib/up/etc/os",
    ],
)
def test_no_path_leaves_the_root_of_a_process(jailed: LinuxFiles, path: bytes) -> None:
    assert contents(jailed, path) == b"inside"
    assert jailed.stat(path).size == 6


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/none", "ENOENT"),
        (b"", "ENOENT"),
        (b"/etc/os/x", "ENOTDIR"),
        (b"/etc/os/", "ENOTDIR"),
        (b"/loop", "ELOOP"),
        (b"/lib/dangling", "ENOENT"),
        (b"/a\0b", "EINVAL"),
    ],
)
def test_errors_inside_a_root(jailed: LinuxFiles, path: bytes, expected: str) -> None:
    with pytest.raises(TargetError) as caught:
        jailed.open(path, os.O_RDONLY, 0)
    assert code(caught) == expected


def test_a_process_s_program_can_be_opened_though_it_was_deleted(
    jailed: LinuxFiles, jail: Path, tmp_path: Path
) -> None:
    # The root of the made-up process is ours, by a name that is not.
    (tmp_path / "proc" / "123" / "root").unlink()
    (tmp_path / "proc" / "123" / "root").symlink_to("/proc")
    path = b"/%d/exe" % os.getpid()
    with Path(sys.executable).open("rb") as file:
        assert contents(jailed, path) == file.read(100)
    assert jailed.stat(path).inode == os.stat(sys.executable).st_ino
    with pytest.raises(TargetError) as caught:
        jailed.open(b"/%d/cwd" % os.getpid(), os.O_RDONLY, 0)
    assert code(caught) in ("EXDEV", "ENOENT")


def test_only_proc_s_own_links_are_no_text(jailed: LinuxFiles, jail: Path, tmp_path: Path) -> None:
    (jail / "exe").symlink_to("/etc/os")
    assert contents(jailed, b"/exe") == b"inside"


def test_links_inside_a_root(jailed: LinuxFiles) -> None:
    assert jailed.readlink(b"/lib/absolute") == b"/etc/os"
    assert stat.S_ISLNK(jailed.lstat(b"/lib/absolute").mode)
    assert stat.S_ISREG(jailed.stat(b"/lib/absolute").mode)
    assert stat.S_ISDIR(jailed.stat(b"/").mode)
    assert stat.S_ISDIR(jailed.lstat(b"/lib/").mode)
    with pytest.raises(TargetError) as caught:
        jailed.readlink(b"/etc/os")
    assert code(caught) == "EINVAL"


def test_files_are_made_and_removed_inside_a_root(jailed: LinuxFiles, jail: Path) -> None:
    fd = jailed.open(b"/lib/dangling", os.O_RDWR | os.O_CREAT, 0o640)
    assert jailed.pwrite(fd, b"hello", 2) == 5
    assert jailed.pread(fd, 100, 0) == b"\0\0hello"
    assert jailed.fstat(fd).size == 7
    assert (jail / "etc" / "none").read_bytes() == b"\0\0hello"
    with pytest.raises(TargetError) as caught:
        jailed.open(b"/etc/none", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
    assert code(caught) == "EEXIST"
    jailed.unlink(b"/etc/none")
    assert not (jail / "etc" / "none").exists()
    jailed.unlink(b"/lib/absolute")
    assert (jail / "etc" / "os").exists()
    for path in (b"/etc/none", b"/etc/", b"", b"/lib/.."):
        with pytest.raises(TargetError):
            jailed.unlink(path)


def test_our_own_root_again(jailed: LinuxFiles, tmp_path: Path) -> None:
    outside = os.fsencode(tmp_path / "etc" / "os")
    with pytest.raises(TargetError):
        jailed.stat(outside)
    jailed.set_root(None)
    assert contents(jailed, outside) == b"outside"


def test_a_process_that_has_gone(jailed: LinuxFiles, proc: Path) -> None:
    with pytest.raises(TargetError) as caught:
        jailed.set_root(Pid(124))
    assert code(caught) == "ENOENT"
    (proc / "123" / "root").unlink()
    # The root stays what it was.
    assert contents(jailed, b"/etc/os") == b"inside"


def test_a_zombie_leader_has_threads_with_a_root(proc: Path, jail: Path) -> None:
    (proc / "123" / "root").unlink()
    (proc / "123" / "task" / "125").mkdir()
    (proc / "123" / "task" / "125" / "root").symlink_to(jail)
    files = LinuxFiles(str(proc))
    files.set_root(PID)
    try:
        assert contents(files, b"/lib/absolute") == b"inside"
    finally:
        files.close_all()


def test_a_process_with_our_root_needs_no_detour(files: LinuxFiles) -> None:
    files.set_root(Pid(os.getpid()))
    assert files._root is None
    assert stat.S_ISDIR(files.stat(b"/").mode)


def test_only_descriptors_of_this_connection(files: LinuxFiles) -> None:
    mine = os.open("/dev/null", os.O_RDONLY)
    try:
        for call in (
            lambda: files.pread(mine, 1, 0),
            lambda: files.pwrite(mine, b"", 0),
            lambda: files.fstat(mine),
            lambda: files.close(mine),
        ):
            with pytest.raises(TargetError) as caught:
                call()
            assert code(caught) == "EBADF"
    finally:
        os.close(mine)
    fd = files.open(b"/dev/null", os.O_RDONLY, 0)
    files.close(fd)
    with pytest.raises(TargetError):
        files.close(fd)


def test_the_descriptors_die_with_the_connection(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    files = LinuxFiles()
    fds = [files.open(b"/dev/null", os.O_RDONLY, 0) for _ in range(3)]
    assert not any(os.get_inheritable(fd) for fd in fds)
    files.close_all()
    assert os.listdir("/proc/self/fd") == before


def test_a_pipe_without_a_writer_does_not_block(files: LinuxFiles, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    fd = files.open(os.fsencode(tmp_path / "pipe"), os.O_RDONLY, 0)
    with pytest.raises(TargetError) as caught:
        files.pread(fd, 1, 0)
    assert code(caught) == "ESPIPE"


def test_a_read_has_a_limit(files: LinuxFiles) -> None:
    fd = files.open(b"/dev/zero", os.O_RDONLY, 0)
    assert len(files.pread(fd, 1 << 40, 0)) == hostfs.READ_MAX
    with pytest.raises(TargetError) as caught:
        files.pread(fd, 1, 1 << 63)
    assert code(caught) == "EINVAL"


def test_plain_errors(files: LinuxFiles, tmp_path: Path) -> None:
    for path, expected in ((b"/none", "ENOENT"), (b"/a\0", "EINVAL"), (b"x" * 5000, "ENAMETOOLONG")):
        with pytest.raises(TargetError) as caught:
            files.open(path, os.O_RDONLY, 0)
        assert code(caught) == expected
    fd = files.open(os.fsencode(tmp_path), os.O_RDONLY, 0)
    with pytest.raises(TargetError) as caught:
        files.pread(fd, 1, 0)
    assert code(caught) == "EISDIR"


def test_no_descriptor_is_leaked(jailed: LinuxFiles) -> None:
    jailed.stat(b"/")
    before = len(os.listdir("/proc/self/fd"))
    for path in (b"/etc/os", b"/lib/chain", b"/loop", b"/none", b"/lib/dangling", b"/lib/up/lib/../etc/os"):
        for call in (jailed.stat, jailed.lstat, jailed.readlink):
            try:
                call(path)
            except TargetError:
                continue
    assert len(os.listdir("/proc/self/fd")) == before


# What only lldb asks for


def test_links_directories_and_permissions(files: LinuxFiles, tmp_path: Path) -> None:
    link = tmp_path / "link"
    files.symlink(b"any where", os.fsencode(link))
    assert os.readlink(link) == "any where"
    folder = os.fsencode(tmp_path / "folder")
    files.mkdir(folder, 0o700)
    files.mkdir(folder + b"/", 0o755)
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    files.chmod(folder, 0o750)
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o750
    with pytest.raises(TargetError):
        files.mkdir(os.fsencode(tmp_path / "no" / "folder"), 0o700)
    with pytest.raises(TargetError):
        files.chmod(os.fsencode(tmp_path / "none"), 0o700)
    with pytest.raises(TargetError):
        files.symlink(b"x", os.fsencode(link))
    with pytest.raises(TargetError):
        files.mkdir(os.fsencode(link), 0o700)


def test_they_stay_in_the_root_of_the_process(jailed: LinuxFiles, jail: Path) -> None:
    jailed.symlink(b"x", b"/lib/up/lib/new")
    assert os.readlink(jail / "lib" / "new") == "x"
    jailed.mkdir(b"/../../folder", 0o700)
    assert (jail / "folder").is_dir()
    jailed.chmod(b"/lib/absolute", 0o600)
    assert stat.S_IMODE((jail / "etc" / "os").stat().st_mode) == 0o600


def test_relative_paths_begin_where_the_client_says(files: LinuxFiles, tmp_path: Path) -> None:
    assert files.directory() == os.getcwdb()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"text")
    files.chdir(os.fsencode(tmp_path))
    files.chdir(b"a")
    assert files.directory() == os.fsencode(tmp_path / "a")
    fd = files.open(b"file", os.O_RDONLY, 0)
    assert files.pread(fd, 10, 0) == b"text"
    files.unlink(b"file")
    assert not (tmp_path / "a" / "file").exists()
    with pytest.raises(TargetError):
        files.chdir(b"none")
    files.chdir(b"..")
    assert files.directory() == os.fsencode(tmp_path)


def test_completion(files: LinuxFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.c").touch()
    (tmp_path / "main.d").mkdir()
    (tmp_path / "other").touch()
    start = os.fsencode(tmp_path) + b"/"
    assert files.complete(start + b"ma", directories=False) == [start + b"main.c", start + b"main.d/"]
    assert files.complete(start + b"ma", directories=True) == [start + b"main.d/"]
    assert files.complete(start + b"none/x", directories=False) == []
    files.chdir(os.fsencode(tmp_path))
    assert files.complete(b"oth", directories=False) == [b"other"]
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert files.complete(b"~/oth", directories=False) == [start + b"other"]
