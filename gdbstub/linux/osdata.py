"""What GDB's ``info os`` shows of this machine.

Layer: linux.  Used by: tracer.
Spec: GDB manual, "Operating System Information", "Process list" and the ``qXfer:osdata:read`` packet;
proc(5) for the sources.

Every table is a row of ``_TABLES``; its columns carry gdbserver's names, which
clients and scripts look for.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from errno import ENOENT
from typing import NamedTuple

from gdbstub.linux import procfs
from gdbstub.vocab.errors import TargetError

Row = Sequence[str]

_not_xml = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _escape(text: str) -> str:
    if not text.isalnum():
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        text = _not_xml.sub("?", text)
    return text


class _Names:
    """Names of users and groups, looked up once each: the lookup may ask a network service."""

    def __init__(self) -> None:
        self._users: dict[str, str] = {}
        self._groups: dict[str, str] = {}

    def user(self, uid: str) -> str:
        name = self._users.get(uid)
        if name is None:
            import pwd

            try:
                name = pwd.getpwuid(int(uid)).pw_name
            except (KeyError, ValueError, OverflowError):
                name = uid
            self._users[uid] = name
        return name

    def group(self, gid: str) -> str:
        name = self._groups.get(gid)
        if name is None:
            import grp

            try:
                name = grp.getgrgid(int(gid)).gr_name
            except (KeyError, ValueError, OverflowError):
                name = gid
            self._groups[gid] = name
        return name


def _command(pid: int, root: str) -> str:
    """Return a process's command line, or its name in brackets where it has none."""
    words = procfs.command_line(pid, root=root)
    if words:
        return " ".join(words)
    return f"[{procfs.thread_name(pid, pid, root=root) or '?'}]"


def _name(pid: int, root: str) -> str:
    return procfs.thread_name(pid, pid, root=root) or "?"


def _core(pid: int, tid: int, root: str) -> str | None:
    fields = procfs.stat_fields(tid, root=f"{root}/{pid}/task")
    return fields[36].decode("ascii", "replace") if len(fields) > 36 else None


def _processes(root: str) -> Iterator[Row]:
    names = _Names()
    for pid in procfs.process_ids(root=root):
        tids = procfs.thread_ids(pid, root=root)
        cores = {core for tid in tids if (core := _core(pid, tid, root)) is not None}
        try:
            owner = names.user(str(os.stat(f"{root}/{pid}").st_uid))
        except OSError:
            continue
        yield str(pid), owner, _command(pid, root), ",".join(sorted(cores, key=int))


def _process_groups(root: str) -> Iterator[Row]:
    members: list[tuple[int, bool, int]] = []
    for pid in procfs.process_ids(root=root):
        fields = procfs.stat_fields(pid, root=root)
        if len(fields) > 2 and int(fields[2]):
            group = int(fields[2])
            # The leader comes first within its group.
            members.append((group, group != pid, pid))
    for group, _, member in sorted(members):
        yield str(group), _name(group, root), str(member), _command(member, root)


def _threads(root: str) -> Iterator[Row]:
    for pid in procfs.process_ids(root=root):
        name = _name(pid, root)
        for tid in procfs.thread_ids(pid, root=root):
            core = _core(pid, tid, root)
            if core is not None:
                yield str(pid), name, str(tid), core


def _files(root: str) -> Iterator[Row]:
    for pid in procfs.process_ids(root=root):
        try:
            fds = sorted(int(name) for name in os.listdir(f"{root}/{pid}/fd"))
        except OSError:
            continue
        name = _name(pid, root)
        for fd in fds:
            link = procfs.read_link(f"{root}/{pid}/fd/{fd}")
            # To see where it leads takes more rights than to see that it is there.
            yield str(pid), name, str(fd), (link or b"").decode("utf-8", "replace")


#: include/net/tcp_states.h, from 1 on.
_TCP_STATES = (
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
)

#: File below /proc/net, family, protocol.
_SOCKET_TABLES = (
    ("tcp", "INET", "STREAM"),
    ("udp", "INET", "DGRAM"),
    ("tcp6", "INET6", "STREAM"),
    ("udp6", "INET6", "DGRAM"),
)


def _endpoint(text: str) -> tuple[str, str]:
    address, _, port = text.partition(":")
    # The kernel prints the address as words of its own byte order.
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words)), str(int(port, 16))


def _sockets(root: str) -> Iterator[Row]:
    names = _Names()
    for file, family, protocol in _SOCKET_TABLES:
        for fields in _lines(f"{root}/net/{file}", 8):
            state = int(fields[3], 16)
            yield (
                *_endpoint(fields[1]),
                *_endpoint(fields[2]),
                _TCP_STATES[state - 1] if 0 < state <= len(_TCP_STATES) else fields[3],
                names.user(fields[7]),
                family,
                protocol,
            )


def _lines(path: str, least: int, *, headings: int = 1) -> Iterator[list[str]]:
    """Yield the lines of a table as fields, without its headings and what is shorter than ``least``."""
    for line in (procfs.read_file(path) or b"").decode("utf-8", "replace").split("\n")[headings:]:
        fields = line.split()
        if len(fields) >= least:
            yield fields


def _when(seconds: str) -> str:
    return time.ctime(int(seconds)) if seconds.strip("0") else ""


def _owners(names: _Names, uid: str, gid: str, creator: str, creator_group: str) -> Row:
    return names.user(uid), names.group(gid), names.user(creator), names.group(creator_group)


def _process_or_pid(pid: str, root: str) -> str:
    return procfs.thread_name(int(pid), int(pid), root=root) or pid


def _shared_memory(root: str) -> Iterator[Row]:
    names = _Names()
    for f in _lines(f"{root}/sysvipc/shm", 14):
        creator, last = _process_or_pid(f[4], root), _process_or_pid(f[5], root)
        yield (*f[:4], creator, last, f[6], *_owners(names, *f[7:11]), *map(_when, f[11:14]))


def _semaphores(root: str) -> Iterator[Row]:
    names = _Names()
    for f in _lines(f"{root}/sysvipc/sem", 10):
        yield (*f[:4], *_owners(names, *f[4:8]), *map(_when, f[8:10]))


def _message_queues(root: str) -> Iterator[Row]:
    names = _Names()
    for f in _lines(f"{root}/sysvipc/msg", 14):
        sender, receiver = _process_or_pid(f[5], root), _process_or_pid(f[6], root)
        yield (*f[:5], sender, receiver, *_owners(names, *f[7:11]), *map(_when, f[11:14]))


def _modules(root: str) -> Iterator[Row]:
    for name, size, uses, used_by, status, address, *_ in _lines(f"{root}/modules", 6, headings=0):
        yield name, size, uses, used_by, status, address.removeprefix("0x").lstrip("0") or "0"


def _cpus(root: str) -> Iterator[Sequence[tuple[str, str]]]:
    item: list[tuple[str, str]] = []
    for line in (procfs.read_file(f"{root}/cpuinfo") or b"").decode("utf-8", "replace").split("\n"):
        name, colon, value = line.partition(":")
        if not colon:
            continue
        name = name.strip()
        if name == "processor" and item:
            yield item
            item = []
        item.append((name, value.strip()))
    if item:
        yield item


class _Table(NamedTuple):
    """One table of ``info os``."""

    #: The ``type`` attribute of its document.
    type: str
    title: str
    description: str
    columns: tuple[str, ...]
    rows: Callable[[str], Iterable[Row]]


_OWNERS = ("user", "group", "creator user", "creator group")

_TABLES: dict[str, _Table] = {
    "cpus": _Table("cpus", "CPUs", "Processors of this machine", (), lambda root: ()),
    "files": _Table(
        "files",
        "File descriptors",
        "Open files, by process",
        ("pid", "command", "file descriptor", "name"),
        _files,
    ),
    "modules": _Table(
        "modules",
        "Kernel modules",
        "Modules loaded into the kernel",
        ("name", "size", "num uses", "dependencies", "status", "address"),
        _modules,
    ),
    "msg": _Table(
        "message queues",
        "Message queues",
        "System V message queues",
        (
            "key",
            "msqid",
            "permissions",
            "num used bytes",
            "num messages",
            "last msgsnd() command",
            "last msgrcv() command",
            *_OWNERS,
            "last msgsnd() time",
            "last msgrcv() time",
            "last msgctl() time",
        ),
        _message_queues,
    ),
    "processes": _Table(
        "processes",
        "Processes",
        "Processes, their users and the processors they use",
        ("pid", "user", "command", "cores"),
        _processes,
    ),
    "procgroups": _Table(
        "process groups",
        "Process groups",
        "Processes, by process group",
        ("pgid", "leader command", "pid", "command line"),
        _process_groups,
    ),
    "semaphores": _Table(
        "semaphores",
        "Semaphores",
        "System V semaphore sets",
        (
            "key",
            "semid",
            "permissions",
            "num semaphores",
            *_OWNERS,
            "last semop() time",
            "last semctl() time",
        ),
        _semaphores,
    ),
    "shm": _Table(
        "shared memory",
        "Shared-memory regions",
        "System V shared-memory segments",
        (
            "key",
            "shmid",
            "permissions",
            "size",
            "creator command",
            "last op. command",
            "num attached",
            *_OWNERS,
            "last shmat() time",
            "last shmdt() time",
            "last shmctl() time",
        ),
        _shared_memory,
    ),
    "sockets": _Table(
        "I sockets",
        "Sockets",
        "TCP and UDP sockets",
        (
            "local address",
            "local port",
            "remote address",
            "remote port",
            "state",
            "user",
            "family",
            "protocol",
        ),
        _sockets,
    ),
    "threads": _Table(
        "threads",
        "Threads",
        "Threads of every process",
        ("pid", "command", "tid", "core"),
        _threads,
    ),
}

#: Other names for the same tables.
_ALIASES = {"sem": "semaphores"}


def _document(kind: str, items: Iterable[Iterable[tuple[str, str]]]) -> bytes:
    out = [f'<osdata type="{kind}">\n']
    for item in items:
        out.append("<item>")
        out += [f'<column name="{_escape(name)}">{_escape(value)}</column>' for name, value in item]
        out.append("</item>")
    out.append("</osdata>\n")
    return "".join(out).encode()


def osdata(annex: str, *, root: str = procfs.PROC) -> bytes:
    """Return one table as XML; the empty annex and ``types`` list the tables there are.

    Raises:
        TargetError: ENOENT: there is no such table.
    """
    if annex in ("", "types"):
        types = [
            (("Type", name), ("Description", table.description), ("Title", table.title))
            for name, table in _TABLES.items()
        ]
        return _document("types", types)
    annex = _ALIASES.get(annex, annex)
    table = _TABLES.get(annex)
    if table is None:
        raise TargetError(ENOENT, f"there is no table of the name {annex[:40]!r}")
    if annex == "cpus":
        # Its columns are whatever the processor's driver prints.
        return _document(table.type, _cpus(root))
    columns = table.columns
    return _document(table.type, (zip(columns, row, strict=True) for row in table.rows(root)))
