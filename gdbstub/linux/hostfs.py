"""Files of this machine, as a client sees them: in our own root or in that of a process.

Layer: linux.  Used by: the engines' sessions, one object each, through ``target.files.HostFiles``.
Spec: openat2(2), path_resolution(7), proc(5) on ``/proc/PID/root``, mount_namespaces(7).

``/proc/PID/root`` leads into the process's mount namespace and to its root in
it, so no namespace is ever joined.  An absolute symbolic link must be resolved
against that root and ``..`` must not leave it: ``openat2`` does both with
RESOLVE_IN_ROOT.  Where a kernel or a seccomp filter has no ``openat2``, the
path is walked here, component by component, each opened without following.

One kind of link is no text and leads where no path may: ``exe`` of a process.
``openat2`` follows none of these inside a root; the walk follows that one,
which is a program that processes of that root run, whether deleted or not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat as st
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from gdbstub.linux import procfs
from gdbstub.linux.machine import machine
from gdbstub.target.files import FileStat
from gdbstub.target.machine import Machine
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

#: include/uapi/linux/openat2.h; the number is the same on every architecture.
SYS_OPENAT2 = 437
RESOLVE_IN_ROOT = 0x10

#: include/uapi/linux/magic.h: what statfs says of /proc.
PROC_SUPER_MAGIC = 0x9FA0
#: Room for a struct statfs, whose first word is the type; bytes.
_STATFS_ROOM = 256

#: Most that one call reads, bytes: a client's number is no reason to allocate gigabytes.
READ_MAX = 1 << 20

#: As the kernel's MAXSYMLINKS.
_LINKS_MAX = 40

#: Nothing that a client opens may block us, become our terminal, or leak into an inferior.
_ALWAYS = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

Resolve = Callable[[int, bytes, int, int], int]


def _openat2(root: int, path: bytes, flags: int, mode: int) -> int:
    """Open a path inside the root directory ``root``."""
    # The kernel refuses a mode where nothing is created.
    how = struct.pack("=QQQ", flags, mode if flags & os.O_CREAT else 0, RESOLVE_IN_ROOT)
    if b"\0" in path:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    # EAGAIN: a rename went on beside the resolution of a ``..``; the manual page says to try again.
    code = errno.EAGAIN
    for _ in range(16):
        fd: int = _syscall(ctypes.c_long(SYS_OPENAT2), ctypes.c_long(root), path, how, ctypes.c_size_t(len(how)))
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(code, os.strerror(code))


def _is_of_proc(fd: int) -> bool:
    """Tell whether a file is one of /proc's own, which no process can forge."""
    room = ctypes.create_string_buffer(_STATFS_ROOM)
    kind: int = struct.unpack_from("=q", room)[0] if _libc.fstatfs(fd, room) == 0 else 0
    return kind == PROC_SUPER_MAGIC


def _walk(root: int, path: bytes, flags: int, mode: int) -> int:
    """Open a path inside the root directory ``root`` without the help of ``openat2``."""
    if not path:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if path.endswith(b"/"):
        flags |= os.O_DIRECTORY
    todo = [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]
    #: The directories that lead to where we are: ``..`` goes back along them and never beyond the root.
    dirs = [os.dup(root)]
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == b"..":
                if len(dirs) > 1:
                    os.close(dirs.pop())
                continue
            try:
                found = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dirs[-1])
            except FileNotFoundError:
                if todo or not flags & os.O_CREAT:
                    raise
                return os.open(part, flags | os.O_NOFOLLOW, mode, dir_fd=dirs[-1])
            dirs.append(found)
            if st.S_ISLNK(os.fstat(found).st_mode):
                if not todo and flags & os.O_NOFOLLOW:
                    break
                if part == b"exe" and not todo and not flags & os.O_CREAT and _is_of_proc(found):
                    return os.open(part, flags, dir_fd=dirs[-2])
                if not todo and flags & os.O_CREAT and flags & os.O_EXCL:
                    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
                links += 1
                if links > _LINKS_MAX:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                target = os.readlink(b"", dir_fd=found)
                os.close(dirs.pop())
                if target.startswith(b"/"):
                    while len(dirs) > 1:
                        os.close(dirs.pop())
                todo += [each for each in reversed(target.split(b"/")) if each not in (b"", b".")]
            elif not todo and not flags & os.O_PATH:
                # Opened anew rather than through /proc/self/fd, which need not be there.
                return os.open(part, flags | os.O_NOFOLLOW, mode, dir_fd=dirs[-2])
        if flags & os.O_PATH:
            if flags & os.O_DIRECTORY and not st.S_ISDIR(os.fstat(dirs[-1]).st_mode):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return os.dup(dirs[-1])
        return os.open(b".", flags, mode, dir_fd=dirs[-1])
    finally:
        for fd in dirs:
            os.close(fd)


@cache
def _resolver() -> Resolve:
    """Choose the way to resolve; some seccomp filters answer EPERM to calls they do not know."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, b".", os.O_PATH | os.O_CLOEXEC, 0))
    except OSError:
        return _walk
    finally:
        os.close(root)
    return _openat2


@contextmanager
def _target_errors() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise TargetError(failure.errno or errno.EIO) from None
    except (ValueError, OverflowError):
        # A NUL in a path, an offset beyond what off_t holds.
        raise TargetError(errno.EINVAL) from None


def _file_stat(result: os.stat_result) -> FileStat:
    return FileStat(
        device=result.st_dev,
        inode=result.st_ino,
        mode=result.st_mode,
        links=result.st_nlink,
        uid=result.st_uid,
        gid=result.st_gid,
        rdev=result.st_rdev,
        size=result.st_size,
        block_size=result.st_blksize,
        blocks=result.st_blocks,
        atime=int(result.st_atime),
        mtime=int(result.st_mtime),
        ctime=int(result.st_ctime),
    )


class LinuxFiles:
    """The file operations of one connection; implements ``target.files.HostFiles``.

    Args:
        proc: Where /proc is.
        resolve: Opens (root directory, path, flags, mode) inside that root; None chooses by the kernel.
    """

    def __init__(self, proc: str = procfs.PROC, resolve: Resolve | None = None) -> None:
        self._proc = proc
        self._resolve = resolve
        self._open: set[int] = set()
        self._pid: Pid | None = None
        #: Where relative paths begin; empty: where this server was started.
        self._directory = b""
        #: The last root of ``_pid`` that could be opened; None: it is our own.
        self._root: int | None = None

    # The root

    def set_root(self, pid: Pid | None) -> None:
        """Resolve later paths inside a process's root and mount namespace; None: our own."""
        if pid is None:
            self._pid = None
            self._keep(None)
            return
        with _target_errors():
            root = self._open_root(pid)
        self._pid = pid
        self._keep(root)

    def _keep(self, root: int | None) -> None:
        if self._root is not None:
            os.close(self._root)
        self._root = root

    def _open_root(self, pid: Pid) -> int | None:
        failure: OSError | None = None
        # A leader that has exited has no root any more, its other threads do.
        for path in (f"{self._proc}/{pid}", *self._tasks(pid)):
            try:
                root = os.open(f"{path}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as refused:
                failure = failure or refused
                continue
            if self._is_ours(root, path):
                os.close(root)
                return None
            return root
        assert failure is not None
        raise failure

    def _tasks(self, pid: Pid) -> Iterator[str]:
        for tid in procfs.thread_ids(pid, root=self._proc):
            yield f"{self._proc}/{pid}/task/{tid}"

    def _is_ours(self, root: int, path: str) -> bool:
        if not os.path.samestat(os.fstat(root), os.stat("/")):
            return False
        # The same directory may carry other mounts in another namespace.
        theirs = procfs.read_link(f"{path}/ns/mnt")
        return theirs is not None and theirs == procfs.read_link(f"{self._proc}/self/ns/mnt")

    def _current_root(self) -> int | None:
        if self._pid is not None:
            # Looked up each time, since the process may call chroot; a dead one keeps the root it had.
            with suppress(OSError):
                self._keep(self._open_root(self._pid))
        return self._root

    def _open_at(self, path: bytes, flags: int, mode: int = 0) -> int:
        root = self._current_root()
        if root is None:
            return os.open(os.path.join(self._directory, path) if path else path, flags, mode)
        resolve = self._resolve or _resolver()
        try:
            return resolve(root, path, flags, mode)
        except OSError as failure:
            if failure.errno != errno.EXDEV or resolve is _walk:
                raise
        return _walk(root, path, flags, mode)

    # Descriptors

    def _check(self, fd: int) -> int:
        if fd not in self._open:
            raise TargetError(errno.EBADF)
        return fd

    def open(self, path: bytes, flags: int, mode: int) -> int:
        """Open a file with Linux ``O_*`` flags; return a descriptor of this connection."""
        with _target_errors():
            fd = self._open_at(path, flags | _ALWAYS, mode & 0o777)
        self._open.add(fd)
        return fd

    def close(self, fd: int) -> None:
        """Close a descriptor of this connection."""
        self._open.discard(self._check(fd))
        with _target_errors():
            os.close(fd)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        """Read up to ``length`` bytes at ``offset``, at most ``READ_MAX``."""
        self._check(fd)
        with _target_errors():
            return os.pread(fd, min(length, READ_MAX), offset)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        """Write at ``offset``; return the bytes written."""
        self._check(fd)
        with _target_errors():
            return os.pwrite(fd, data, offset)

    def fstat(self, fd: int) -> FileStat:
        """Stat a descriptor."""
        self._check(fd)
        with _target_errors():
            return _file_stat(os.fstat(fd))

    def machine(self) -> Machine:
        """Return the facts about this machine."""
        return machine()

    def close_all(self) -> None:
        """Close every descriptor of this connection, and leave the process's root."""
        for fd in self._open:
            with suppress(OSError):
                os.close(fd)
        self._open.clear()
        self.set_root(None)

    # Paths

    @contextmanager
    def _located(self, path: bytes, flags: int) -> Iterator[int]:
        """Hold a file by O_PATH, which needs no permission on the file and has no effect on it."""
        with _target_errors():
            fd = self._open_at(path, flags | os.O_PATH | os.O_CLOEXEC)
            try:
                yield fd
            finally:
                os.close(fd)

    def stat(self, path: bytes) -> FileStat:
        """Stat a path, following links."""
        with self._located(path, 0) as fd:
            return _file_stat(os.fstat(fd))

    def lstat(self, path: bytes) -> FileStat:
        """Stat a path itself."""
        with self._located(path, os.O_NOFOLLOW) as fd:
            return _file_stat(os.fstat(fd))

    @contextmanager
    def _entry(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """Hold the directory of a path, which need not exist itself, and give its last part."""
        parent, slash, name = path.rpartition(b"/")
        if name in (b"", b".", b".."):
            raise TargetError(errno.EISDIR if path else errno.ENOENT)
        with self._located(parent + slash or b".", os.O_DIRECTORY) as fd:
            yield fd, name

    def unlink(self, path: bytes) -> None:
        """Remove a file."""
        with self._entry(path) as (directory, name):
            os.unlink(name, dir_fd=directory)

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a symbolic link at ``path`` that holds ``target``."""
        with self._entry(path) as (directory, name):
            os.symlink(target, name, dir_fd=directory)

    def mkdir(self, path: bytes, mode: int) -> None:
        """Make a directory; one that is there already is no error."""
        with self._entry(path.rstrip(b"/")) as (directory, name), suppress(FileExistsError):
            os.mkdir(name, mode & 0o7777, dir_fd=directory)
        if not st.S_ISDIR(self.stat(path).mode):
            raise TargetError(errno.ENOTDIR)

    def chmod(self, path: bytes, mode: int) -> None:
        """Set a file's permissions."""
        with self._located(path, 0) as fd:
            # The descriptor is one of O_PATH, which fchmod refuses.
            os.chmod(f"{procfs.PROC}/self/fd/{fd}", mode & 0o7777)

    def chdir(self, path: bytes) -> None:
        """Let relative paths begin at a directory."""
        with self._located(path, os.O_DIRECTORY):
            self._directory = os.path.normpath(os.path.join(self.directory(), path))

    def directory(self) -> bytes:
        """Return where relative paths begin."""
        return self._directory or os.getcwdb()

    def complete(self, path: bytes, *, directories: bool) -> list[bytes]:
        """Return the paths that begin like ``path``; directories end in ``/``."""
        parent, slash, start = path.rpartition(b"/")
        folder = os.path.expanduser(parent + slash)
        try:
            with self._located(folder or b".", os.O_DIRECTORY) as fd:
                # Read through /proc, because the descriptor is one of O_PATH.
                entries = list(os.scandir(f"{procfs.PROC}/self/fd/{fd}"))
        except (TargetError, OSError):
            return []
        found = []
        for entry in entries:
            name = os.fsencode(entry.name)
            is_directory = entry.is_dir()
            if name.startswith(start) and (is_directory or not directories):
                found.append(folder + name + (b"/" if is_directory else b""))
        return sorted(found)

    def readlink(self, path: bytes) -> bytes:
        """Return what a symbolic link holds."""
        with self._located(path, os.O_NOFOLLOW) as fd:
            if not st.S_ISLNK(os.fstat(fd).st_mode):
                raise TargetError(errno.EINVAL)
            return os.readlink(b"", dir_fd=fd)
