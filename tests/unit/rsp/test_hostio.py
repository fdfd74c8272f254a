from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp import registry
from gdbstub.rsp.commands import hostio
from gdbstub.rsp.hexcodec import escape
from gdbstub.vocab.errors import PacketError, TargetError


def parse(payload: bytes) -> Any:
    found = registry.find(payload)
    assert found is not None
    row, args = found
    return row.parse(args)


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (b"vFile:setfs:0", hostio.SetFilesystem(None)),
        (b"vFile:setfs:1a", hostio.SetFilesystem(0x1A)),  # type: ignore[arg-type]  # Pid is an int
        (b"vFile:open:2f61,601,1b6", hostio.OpenFile(b"/a", 0x601, 0o666)),
        (b"vFile:open:,0,0", hostio.OpenFile(b"", 0, 0)),
        (b"vFile:close:8", hostio.CloseFile(8)),
        (b"vFile:pread:8,11,10", hostio.ReadFile(8, 0x11, 0x10)),
        (b"vFile:pwrite:8,6,some,data", hostio.WriteFile(8, 6, b"some,data")),
        (b"vFile:pwrite:8,6,a:b;c?}\x03}]", hostio.WriteFile(8, 6, b"a:b;c?#}")),
        (b"vFile:pwrite:8,6,", hostio.WriteFile(8, 6, b"")),
        (b"vFile:fstat:8", hostio.StatDescriptor(8)),
        (b"vFile:stat:2f", hostio.StatPath(b"/")),
        (b"vFile:lstat:2fff", hostio.StatLink(b"/\xff")),
        (b"vFile:unlink:2f61", hostio.UnlinkFile(b"/a")),
        (b"vFile:readlink:2f61", hostio.ReadLink(b"/a")),
    ],
)
def test_each_packet(payload: bytes, command: object) -> None:
    assert parse(payload) == command
    assert type(parse(payload)) is type(command)


@pytest.mark.parametrize(
    "payload",
    [
        b"vFile:setfs",
        b"vFile:setfs:",
        b"vFile:setfs:-1",
        b"vFile:open:2f",
        b"vFile:open:2f,0",
        b"vFile:open:2,0,0",
        b"vFile:open:2f00,0,0",
        b"vFile:open:zz,0,0",
        b"vFile:open:2f,0x0,0",
        b"vFile:close",
        b"vFile:close:",
        b"vFile:close:-1",
        b"vFile:close:ffffffff",
        b"vFile:pread:8,11",
        b"vFile:pread:8,,0",
        b"vFile:pread:8,1,0,0",
        b"vFile:pwrite:8,6",
        b"vFile:pwrite:8,6,a}",
        b"vFile:fstat:",
        b"vFile:stat:2",
        b"vFile:readlink:2f00",
    ],
)
def test_what_is_not_of_the_form(payload: bytes) -> None:
    with pytest.raises(PacketError):
        parse(payload)


@given(st.integers(0, 0x7FFFFFFF), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_binary_data_survives(fd: int, offset: int, data: bytes) -> None:
    assert parse(b"vFile:pwrite:%x,%x,%b" % (fd, offset, escape(data))) == (fd, offset, data)


@given(st.binary(max_size=60))
def test_any_bytes_parse_or_are_refused(args: bytes) -> None:
    for row in registry.rows():
        if row.name.startswith(b"vFile:"):
            try:
                row.parse(args)
            except PacketError:
                continue


@pytest.mark.parametrize(
    ("flags", "linux"),
    [
        (0, os.O_RDONLY),
        (1, os.O_WRONLY),
        (2, os.O_RDWR),
        (0x8 | 1, os.O_WRONLY | os.O_APPEND),
        (0x601, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (0xA02, os.O_RDWR | os.O_CREAT | os.O_EXCL),
        (1 << 30, os.O_RDONLY | os.O_CLOEXEC),
    ],
)
def test_open_flags(flags: int, linux: int) -> None:
    assert hostio.linux_flags(flags) == linux


@pytest.mark.parametrize("flags", [3, 4, 0x10, 0x1000, 1 << 31, 1 << 40])
def test_unknown_open_flags(flags: int) -> None:
    with pytest.raises(TargetError) as caught:
        hostio.linux_flags(flags)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        (errno.ENOENT, b"F-1,2"),
        (errno.EISDIR, b"F-1,15"),
        (errno.ENAMETOOLONG, b"F-1,5b"),
        (errno.ELOOP, b"F-1,270f"),
    ],
)
def test_failures(code: int, reply: bytes) -> None:
    assert hostio.failure(code) == reply


def test_successes() -> None:
    assert hostio.success(0) == b"F0"
    assert hostio.success(0x1F) == b"F1f"
    assert hostio.success_with(2, b"}\x03x") == b"F2;}\x03x"
