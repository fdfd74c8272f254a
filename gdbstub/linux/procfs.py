"""Cheap readers of /proc.

Layer: linux.  Used by: tracer, osdata, diagnose, hostfs.
Source: proc(5), Linux Documentation/filesystems/proc.rst.

A process may die between any two lines here, so nothing raises ``OSError``: a
reader answers None, or something empty, for a process that is gone.

QUIRK(Linux, all): a leader that has exited while other threads run is a zombie:
its ``maps`` reads empty, its ``exe``, ``root`` and ``auxv`` cannot be read.
Readers of such files take any live tid.
"""

from __future__ import annotations

import os
import struct
from typing import Literal, NamedTuple

from gdbstub.target.machine import Identity
from gdbstub.vocab.ids import Pid, Tid

PROC = "/proc"

_DELETED = b" (deleted)"
_CHUNK = 1 << 16

#: One entry of a 64-bit auxiliary vector: type and value.
_AUXV_64 = struct.Struct("=QQ")


def read_file(path: str) -> bytes | None:
    """Return the whole of a small file, or None where it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = os.read(fd, _CHUNK)
        # Generated files may come in parts of a page, so a short read is not yet the end.
        parts = [data]
        while data:
            data = os.read(fd, _CHUNK)
            parts.append(data)
        return b"".join(parts)
    except OSError:
        return None
    finally:
        os.close(fd)


def read_link(path: str) -> bytes | None:
    """Return what a symbolic link holds, or None."""
    try:
        return os.readlink(os.fsencode(path))
    except OSError:
        return None


# Threads


def thread_ids(pid: int, *, root: str = PROC) -> list[Tid]:
    """Return the threads of a process, oldest first; a zombie leader is among them."""
    try:
        names = os.listdir(f"{root}/{pid}/task")
    except OSError:
        return []
    return [Tid(int(name)) for name in names if name.isdigit()]


def thread_name(pid: int, tid: int, *, root: str = PROC) -> str | None:
    """Return the kernel's name of a thread; bytes that are no UTF-8 are replaced.

    The kernel cuts names at 15 bytes, which may be in the middle of a character.
    """
    data = read_file(f"{root}/{pid}/task/{tid}/comm")
    return None if data is None else data.removesuffix(b"\n").decode("utf-8", "replace")


def read_name(fd: int) -> str | None:
    """Return the kernel's name of a thread; None once it is gone.

    Args:
        fd: An open ``comm``; it is read by offset and may be kept for the next time.
    """
    try:
        return os.pread(fd, 64, 0).removesuffix(b"\n").decode("utf-8", "replace")
    except OSError:
        return None


def stat_fields(tid: int, *, root: str = PROC) -> list[bytes]:
    """Return the fields of ``stat`` from the state on: proc(5)'s field 3 is at index 0."""
    data = read_file(f"{root}/{tid}/stat")
    # The name in field 2 may hold blanks and parentheses.
    return [] if not data else data[data.rfind(b")") + 2 :].split()


def state(tid: int, *, root: str = PROC) -> str | None:
    """Return the state letter of a thread: ``R S D T t Z X``."""
    data = read_file(f"{root}/{tid}/stat")
    if not data:
        return None
    at = data.rfind(b")") + 2
    return data[at : at + 1].decode("ascii", "replace") or None


def live_thread(pid: int, *, root: str = PROC) -> Tid | None:
    """Return a thread of a process that is no zombie, the leader where it lives."""
    tids = thread_ids(pid, root=root)
    for tid in tids:
        if state(tid, root=root) not in (None, "Z", "X"):
            return tid
    return None


def last_cpu(fd: int) -> int | None:
    """Return the processor a thread last ran on.

    Args:
        fd: An open ``/proc/PID/task/TID/stat``; it is read by offset and may be kept for the next time.
    """
    try:
        data = os.pread(fd, 1024, 0)
        return int(data[data.rindex(b")") + 2 :].split(b" ", 37)[36])
    except (OSError, ValueError, IndexError):
        return None


# Processes


def process_ids(*, root: str = PROC) -> list[Pid]:
    """Return every process that /proc lists, lowest first."""
    try:
        names = os.listdir(root)
    except OSError:
        return []
    return sorted(Pid(int(name)) for name in names if name.isdigit())


def processes_named(name: str, *, root: str = PROC) -> list[Pid]:
    """Return the processes that run a program of this name, lowest first; kernel threads and zombies run none.

    Args:
        name: The program's path, its last part, or the kernel's name of the process.
        root: Where /proc is.
    """
    wanted = os.fsencode(name)
    found = []
    for pid in process_ids(root=root):
        path = read_link(f"{root}/{pid}/exe")
        if path is None or pid == os.getpid():
            continue
        path = path.removesuffix(_DELETED)
        if wanted in (path, path.rpartition(b"/")[2]) or (read_file(f"{root}/{pid}/comm") or b"")[:-1] == wanted:
            found.append(pid)
    return found


def status_fields(pid: int, *, root: str = PROC) -> dict[str, str]:
    """Return ``/proc/PID/status`` by field name; empty where the process is gone."""
    data = read_file(f"{root}/{pid}/status")
    if not data:
        return {}
    fields: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields[name] = value.strip()
    return fields


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def tracer_pid(pid: int, *, root: str = PROC) -> Pid | None:
    """Return who traces a process; None where nobody does, or nobody in our PID namespace."""
    number = _number(status_fields(pid, root=root).get("TracerPid"))
    return Pid(number) if number else None


def identity(tid: int, *, root: str = PROC) -> Identity:
    """Return whose a live thread's process is; zeros where it is gone."""
    fields = status_fields(tid, root=root)
    uids = [int(each) for each in fields.get("Uid", "0 0").split()]
    gids = [int(each) for each in fields.get("Gid", "0 0").split()]
    return Identity(Pid(_number(fields.get("PPid")) or 0), uids[0], gids[0], uids[1], gids[1])


def thread_group(tid: int, *, root: str = PROC) -> Pid | None:
    """Return the process that a thread belongs to."""
    number = _number(status_fields(tid, root=root).get("Tgid"))
    return None if number is None else Pid(number)


def handles_signal(tid: int, sig: int, *, root: str = PROC) -> bool:
    """Tell whether a thread's process has a handler of its own for a signal."""
    caught = status_fields(tid, root=root).get("SigCgt", "0")
    return bool(int(caught, 16) >> (sig - 1) & 1)


def command_line(pid: int, *, root: str = PROC) -> list[str]:
    """Return the arguments of a process; empty for a zombie and for a kernel thread."""
    data = read_file(f"{root}/{pid}/cmdline")
    if not data:
        return []
    # A program that overwrites its arguments (setproctitle) may leave a row of NULs behind.
    return data.rstrip(b"\0").decode("utf-8", "replace").split("\0")


def exec_path(pid: int, tid: int | None = None, *, root: str = PROC) -> bytes:
    """Return a path that leads to the running program inside its own root; empty where unknown.

    Args:
        pid: The process.
        tid: A live thread of it, for when the leader is a zombie.
        root: Where /proc is.
    """
    for task in (pid, tid, None):
        if task is None:
            task = live_thread(pid, root=root)
            if task is None:
                return b""
        path = read_link(f"{root}/{task}/exe")
        if path:
            return _reachable(path, task, root)
    return b""


def _reachable(path: bytes, task: int, root: str) -> bytes:
    """Return the program's own name where that leads to it, else the name that /proc has for it."""
    top = read_link(f"{root}/{task}/root")
    inside = b"" if top is None else os.fsencode(f"{root}/{task}/root")
    if top not in (None, b"/") and path.startswith(top + b"/"):
        # The kernel tells it as seen from our root, and the process has another.
        path = path[len(top) :]
    if _is_same_file(inside + path, task, root):
        return path
    # Deleted, replaced by a newer one, hidden under a mount, or outside of the root: /proc still has it.
    for number in reversed(status_fields(task, root=root).get("NSpid", str(task)).split()):
        link = b"/proc/%d/exe" % int(number)
        if _is_same_file(inside + link, task, root):
            return link
    return path.removesuffix(_DELETED)


def _is_same_file(path: bytes, task: int, root: str) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.stat(f"{root}/{task}/exe"))
    except OSError:
        return False


def auxv(tid: int, *, root: str = PROC) -> bytes:
    """Return the auxiliary vector as the kernel laid it out; empty for a zombie."""
    return read_file(f"{root}/{tid}/auxv") or b""


class Mapping(NamedTuple):
    """One line of ``maps``."""

    start: int
    end: int
    #: Four characters, ``r-xp``.
    permissions: str
    offset: int
    #: ``major:minor`` in hex.
    device: str
    inode: int
    #: A file, ``[stack]`` and the like, or empty.
    path: bytes


def maps(tid: int, *, root: str = PROC) -> list[Mapping]:
    """Return the mappings of a live thread's address space, lowest first."""
    out: list[Mapping] = []
    for line in (read_file(f"{root}/{tid}/maps") or b"").split(b"\n"):
        fields = line.split(None, 5)
        if len(fields) < 5:
            continue
        start, _, end = fields[0].partition(b"-")
        # The kernel writes a newline inside a name as an octal escape, and nothing else.
        path = fields[5].replace(b"\\012", b"\n") if len(fields) == 6 else b""
        out.append(
            Mapping(
                int(start, 16),
                int(end, 16),
                fields[1].decode("ascii"),
                int(fields[2], 16),
                fields[3].decode("ascii"),
                int(fields[4]),
                path,
            )
        )
    return out


_CLASS_BITS: dict[bytes, Literal[32, 64]] = {b"\x01": 32, b"\x02": 64}


def elf_class(pid: int, *, root: str = PROC) -> Literal[32, 64]:
    """Tell whether a process's program is 32 or 64 bits wide; 64 where nothing can be read."""
    known = _class_of(pid, root)
    if known is None:
        alive = live_thread(pid, root=root)
        known = None if alive is None else _class_of(alive, root)
    return known or 64


def _class_of(tid: int, root: str) -> Literal[32, 64] | None:
    try:
        fd = os.open(f"{root}/{tid}/exe", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        head = b""
    else:
        try:
            head = os.read(fd, 5)
        except OSError:
            head = b""
        finally:
            os.close(fd)
    if head.startswith(b"\x7fELF") and head[4:] in _CLASS_BITS:
        return _CLASS_BITS[head[4:]]
    vector = auxv(tid, root=root)
    return _auxv_class(vector) if vector else None


def _auxv_class(vector: bytes) -> Literal[32, 64]:
    # Types are small numbers.  A 32-bit vector read as 64 bits has values in the upper half of its types.
    whole = len(vector) - len(vector) % _AUXV_64.size
    if any(kind > 0xFFFF for kind, _ in _AUXV_64.iter_unpack(vector[:whole])):
        return 32
    return 64
