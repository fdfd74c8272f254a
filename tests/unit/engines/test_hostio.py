from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.engines.gdbremote.dispatch import handler_of
from gdbstub.engines.gdbremote.handlers import hostio as handlers
from gdbstub.engines.gdbremote.readahead import ReadAhead
from gdbstub.engines.gdbremote.role import Role
from gdbstub.rsp.commands import hostio
from gdbstub.rsp.hexcodec import unescape
from gdbstub.target.files import FileStat
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

REGULAR = FileStat(
    device=0xFE00,
    inode=(7 << 32) + 0x2A,
    mode=stat.S_IFREG | 0o4755,
    links=1 << 40,
    uid=1000,
    gid=1001,
    rdev=0,
    size=0x1_0000_0023,
    block_size=4096,
    blocks=24,
    atime=1,
    mtime=2,
    ctime=3,
)


@dataclass
class FakeFiles:
    data: bytes = b""
    info: FileStat = REGULAR
    error: int = 0
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def _did(self, *call: object) -> None:
        self.calls.append(call)
        if self.error:
            raise TargetError(self.error)

    def set_root(self, pid: Pid | None) -> None:
        self._did("set_root", pid)

    def open(self, path: bytes, flags: int, mode: int) -> int:
        self._did("open", path, flags, mode)
        return 0x1F

    def close(self, fd: int) -> None:
        self._did("close", fd)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        self._did("pread", fd, length, offset)
        return self.data[offset : offset + length]

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        self._did("pwrite", fd, data, offset)
        return len(data)

    def fstat(self, fd: int) -> FileStat:
        self._did("fstat", fd)
        return self.info

    def stat(self, path: bytes) -> FileStat:
        self._did("stat", path)
        return self.info

    def lstat(self, path: bytes) -> FileStat:
        self._did("lstat", path)
        return self.info

    def unlink(self, path: bytes) -> None:
        self._did("unlink", path)

    def readlink(self, path: bytes) -> bytes:
        self._did("readlink", path)
        return self.data

    def close_all(self) -> None:
        self._did("close_all")


@dataclass
class FakeSession:
    files: FakeFiles = field(default_factory=FakeFiles)
    packet_size: int = 1000
    role: Role = Role.DEBUGGER
    read_ahead: ReadAhead = field(default_factory=ReadAhead)


def answer(session: FakeSession, command: object) -> bytes:
    handler: Any = handler_of(type(command))
    assert handler is not None
    reply = handler(session, command)
    assert isinstance(reply, bytes)
    return reply


CASES: list[tuple[object, tuple[Any, ...], bytes]] = [
    (hostio.SetFilesystem(Pid(5)), ("set_root", 5), b"F0"),
    (hostio.SetFilesystem(None), ("set_root", None), b"F0"),
    (
        hostio.OpenFile(b"/a", 0x601, 0o644),
        ("open", b"/a", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        b"F1f",
    ),
    (hostio.CloseFile(9), ("close", 9), b"F0"),
    (hostio.ReadFile(9, 4, 1), ("pread", 9, 4, 1), b"F3;}\x03bc"),
    (hostio.ReadFile(9, 4, 100), ("pread", 9, 4, 100), b"F0;"),
    (hostio.WriteFile(9, 2, b"xyz"), ("pwrite", 9, b"xyz", 2), b"F3"),
    (hostio.UnlinkFile(b"/a"), ("unlink", b"/a"), b"F0"),
    (hostio.ReadLink(b"/a"), ("readlink", b"/a"), b"F4;a}\x03bc"),
]


@pytest.mark.parametrize(("command", "call", "reply"), CASES)
def test_each_command(command: object, call: tuple[Any, ...], reply: bytes) -> None:
    session = FakeSession(FakeFiles(data=b"a#bc"))
    assert answer(session, command) == reply
    assert session.files.calls == [call]


@pytest.mark.parametrize(("command", "call", "reply"), CASES)
def test_each_failure(command: object, call: tuple[Any, ...], reply: bytes) -> None:
    assert answer(FakeSession(FakeFiles(error=errno.EACCES)), command) == b"F-1,d"


def test_unknown_flags_open_nothing() -> None:
    session = FakeSession()
    assert answer(session, hostio.OpenFile(b"/a", 0x10000, 0)) == b"F-1,16"
    assert session.files.calls == []


@pytest.mark.parametrize("command", [hostio.StatDescriptor(9), hostio.StatPath(b"/a"), hostio.StatLink(b"/a")])
def test_struct_stat(command: object) -> None:
    reply = answer(FakeSession(), command)
    assert reply.startswith(b"F40;")
    # The size has a ``#`` in it.
    body = unescape(reply[4:])
    assert len(body) == 64 and b"#" not in reply
    assert struct.unpack(">7I3Q3I", body) == (
        0xFE00, 0x2A, stat.S_IFREG | 0o755, 0xFFFFFFFF, 1000, 1001, 0, 0x1_0000_0023, 4096, 24, 1, 2, 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        (stat.S_IFDIR | 0o1777, stat.S_IFDIR | 0o777),
        (stat.S_IFCHR | 0o666, stat.S_IFCHR | 0o666),
        # Their bits would be taken for those of other types.
        (stat.S_IFLNK | 0o777, 0o777),
        (stat.S_IFSOCK | 0o600, 0o600),
        (stat.S_IFBLK | 0o600, 0o600),
        (stat.S_IFIFO | 0o600, 0o600),
    ],
)
def test_only_types_that_the_protocol_has(mode: int, sent: int) -> None:
    session = FakeSession(FakeFiles(info=REGULAR._replace(mode=mode)))
    body = unescape(answer(session, hostio.StatLink(b"/a"))[4:])
    assert struct.unpack_from(">I", body, 8) == (sent,)


@given(
    st.binary(max_size=400) | st.lists(st.sampled_from(b"#$}*a"), max_size=400).map(bytes),
    st.integers(20, 300),
)
def test_a_reply_fits_and_holds_as_much_as_it_says(data: bytes, packet_size: int) -> None:
    session = FakeSession(FakeFiles(data=data), packet_size)
    reply = answer(session, hostio.ReadFile(9, len(data), 0))
    assert len(reply) <= packet_size
    head, _, body = reply.partition(b";")
    plain = unescape(body)
    assert plain == data[: int(head[1:], 16)]
    # An empty answer means the end of the file.
    assert bool(plain) == bool(data)
    assert len(plain) == len(data) or len(reply) > packet_size - handlers._HEAD - 2


def reads(session: FakeSession, *offsets: int) -> list[int]:
    """Return how much is read where a client asks for as much as there can be."""
    session.files.calls.clear()
    for offset in offsets:
        answer(session, hostio.ReadFile(9, 0x20000, offset))
    return [call[2] for call in session.files.calls if call[0] == "pread"]


def test_a_guess_gets_little_and_one_who_reads_on_ever_more() -> None:
    session = FakeSession(FakeFiles(data=bytes(1 << 20)), 0x20000)
    most = 0x20000 - handlers._HEAD
    # gdb looks at the parts of a header one by one.
    assert reads(session, 0, 0x40, 0x238) == [0x1000] * 3
    assert reads(session, 0, 0x1000, 0x3000, 0x7000, 0xF000, 0x1F000) == [
        0x1000,
        0x2000,
        0x4000,
        0x8000,
        0x10000,
        most,
    ]
    assert reads(session, 0x1F000 + most) == [most]
    assert reads(session, 5) == [0x1000]


def test_reading_on_is_by_what_was_sent() -> None:
    # Escaping doubles it: less is sent than was read.
    session = FakeSession(FakeFiles(data=b"}" * (1 << 16)), 0x5000)
    reply = answer(session, hostio.ReadFile(9, 0x5000, 0))
    sent = int(reply[1 : reply.index(b";")], 16)
    assert sent == 0x1000
    # Twice as many bytes do not fit into the packet any more.
    assert reads(session, sent) == [0x2000]
    reply = answer(session, hostio.ReadFile(9, 0x5000, 0x3000))
    sent = int(reply[1 : reply.index(b";")], 16)
    assert sent < 0x4000
    assert reads(session, 0x3000 + sent) == [0x5000 - handlers._HEAD]


def test_a_closed_descriptor_begins_anew() -> None:
    session = FakeSession(FakeFiles(data=bytes(1 << 20)), 0x20000)
    assert reads(session, 0, 0x1000) == [0x1000, 0x2000]
    answer(session, hostio.CloseFile(9))
    assert reads(session, 0x3000) == [0x1000]


def test_what_is_asked_for_by_its_size_is_given() -> None:
    session = FakeSession(FakeFiles(data=bytes(1 << 20)), 0x20000)
    reply = answer(session, hostio.ReadFile(9, 0x1F000, 7))
    assert reply.startswith(b"F1f000;")


def test_a_read_asks_for_no_more_than_a_packet_carries() -> None:
    session = FakeSession(FakeFiles(data=bytes(10)), 500)
    answer(session, hostio.ReadFile(9, 1 << 60, 0))
    assert session.files.calls == [("pread", 9, 500 - handlers._HEAD, 0)]
