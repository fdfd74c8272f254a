"""Identifying ELF files: made here byte by byte, in both classes."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path

import pytest

from gdbstub.linux import modules
from gdbstub.linux.modules import build_id_in, identity, module_info
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

ME = Pid(os.getpid())
BUILD_ID = bytes(range(20))


def note(kind: int, name: bytes, body: bytes) -> bytes:
    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 4)

    return struct.pack("=III", len(name), len(body), kind) + padded(name) + padded(body)


NOTES = note(1, b"GNU\0", bytes(16)) + note(5, b"XY\0", b"odd") + note(3, b"GNU\0", BUILD_ID)


def elf(bits: int, machine: int, notes: bytes = b"", link: bytes = b"") -> bytes:
    """Make a file of a header, one program header, its notes, and one section if there is a ``link``."""
    wide = bits == 64
    header, entry = (64, 56) if wide else (52, 32)
    offset = header + entry
    names = b"\0.shstrtab\0.gnu_debuglink\0"
    sections_at = offset + len(notes) + len(names) + len(link)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    rest = (2, machine, 1, 0, header, sections_at if link else 0, 0, header, entry, 1, 64 if wide else 40)
    out = ident + struct.pack(
        "=HHIQQQIHHHHHH" if wide else "=HHIIIIIHHHHHH", *rest, 3 if link else 0, 1 if link else 0
    )
    if wide:
        out += struct.pack("=IIQQQQQQ", 4, 4, offset, 0, 0, len(notes), 0, 4)
    else:
        out += struct.pack("=IIIIIIII", 4, offset, 0, 0, len(notes), 0, 4, 4)
    out += notes + names + link
    if link:
        form = "=IIQQQQIIQQ" if wide else "=IIIIIIIIII"
        for name, at, size in (
            (0, 0, 0),
            (1, offset + len(notes), len(names)),
            (11, sections_at - len(link), len(link)),
        ):
            out += struct.pack(form, name, 1, 0, 0, at, size, 0, 0, 1, 0)
    return out


@pytest.mark.parametrize(("bits", "machine", "name"), [(64, 62, "x86_64"), (32, 3, "i386"), (64, 183, "aarch64")])
def test_the_build_id(tmp_path: Path, bits: int, machine: int, name: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(elf(bits, machine, NOTES))
    info = module_info(ME, bytes(path))
    assert (info.uuid, info.machine, info.size, info.path) == (BUILD_ID, name, path.stat().st_size, bytes(path))


@pytest.mark.parametrize("bits", [32, 64])
def test_without_a_build_id_the_debug_link_counts(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(elf(bits, 62, note(1, b"GNU\0", bytes(16)), b"x.debug\0\x01\x02\x03\x04"))
    assert module_info(ME, bytes(path)).uuid == b"\x01\x02\x03\x04"


def test_with_neither_the_file_is_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(elf(64, 62) + bytes(3 << 20))
    assert module_info(ME, bytes(path)).uuid == struct.pack("<I", zlib.crc32(path.read_bytes()))
    monkeypatch.setattr(modules, "_MAX_SUMMED", 1 << 20)
    with pytest.raises(TargetError) as refused:
        module_info(ME, bytes(path))
    assert refused.value.errno == errno.EFBIG


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF\x09" + bytes(90), b"\x7fELF\x02\x02" + bytes(90)]
)
def test_what_is_no_elf_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(TargetError) as refused:
        module_info(ME, bytes(path))
    assert refused.value.errno == errno.ENOEXEC


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (bytes(tmp_path), bytes(tmp_path / "pipe"), bytes(tmp_path / "none"), b"/dev/null", b""):
        with pytest.raises(TargetError):
            module_info(ME, name)


def test_headers_that_lie(tmp_path: Path) -> None:
    good = bytearray(elf(64, 62, NOTES))
    path = tmp_path / "x"
    for at, value in ((32, 1 << 63), (56, 0xFFFF), (54, 3), (72, 1 << 62), (96, 1 << 60)):
        bad = bytearray(good)
        struct.pack_into("=Q" if value > 0xFFFF else "=H", bad, at, value)
        path.write_bytes(bad)
        assert len(module_info(ME, bytes(path)).uuid) in (4, 20)


def test_notes_that_end_early() -> None:
    assert build_id_in(NOTES) == BUILD_ID
    for length in range(len(NOTES)):
        assert BUILD_ID.startswith(build_id_in(NOTES[:length]))
    assert build_id_in(b"\xff" * 64) == b""


def test_device_and_inode(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    (tmp_path / "link").symlink_to("x")
    status = (tmp_path / "x").stat()
    assert identity(ME, bytes(tmp_path / "link")) == (status.st_dev, status.st_ino)
    assert identity(ME, b"/none") == (0, 0)
