"""Symbols of this process: those of its libraries, and of files that are made here and mapped."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gdbstub.linux import procfs, symbols
from gdbstub.linux.symbols import find_symbol
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Tid

UNDEFINED, TEXT = 0, 1
FUNC, TLS = 2, 6
Symbol = tuple[bytes, int, int, int]


def read(address: int, length: int) -> bytes:
    """Read this process's memory."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123  (no file of ours)
        memory.seek(address)
        try:
            return memory.read(length)
        except OSError as failure:
            raise TargetError(failure.errno or 0) from None


def searched(name: str) -> tuple[Addr | None, int]:
    """Return where this process has a symbol, and in how many parts it was looked for."""
    search = find_symbol(Tid(os.getpid()), name.encode(), read, 8)
    parts = 0
    while True:
        try:
            next(search)
        except StopIteration as end:
            return end.value, parts
        parts += 1


def elf(table: list[Symbol], strings: bytes, *, wide: bool = True) -> bytes:
    """Make a file with one segment, at 0x10000, and a symbol table: (name, value, type, section) each."""
    if wide:
        rows = b"".join(
            struct.pack("=IBBHQQ", strings.index(name + b"\0"), kind, 0, section, value, 0)
            for name, value, kind, section in table
        )
        at = 64 + 56
        segment = struct.pack("=IIQQQQQQ", 1, 5, 0, 0x10000, 0x10000, 0x1000, 0x1000, 0x1000)
        sections = bytes(64) + struct.pack("=IIQQQQIIQQ", 0, 2, 0, 0, at, len(rows), 2, 0, 8, 24)
        sections += struct.pack("=IIQQQQIIQQ", 0, 3, 0, 0, at + len(rows), len(strings), 0, 0, 1, 0)
        ident = b"\x7fELF\2\1\1" + bytes(9)
        ends = at + len(rows) + len(strings)
        header = struct.pack("=16sHHIQQQIHHHHHH", ident, 3, 62, 1, 0, 64, ends, 0, 64, 56, 1, 64, 3, 0)
    else:
        rows = b"".join(
            struct.pack("=IIIBBH", strings.index(name + b"\0"), value, 0, kind, 0, section)
            for name, value, kind, section in table
        )
        at = 52 + 32
        segment = struct.pack("=IIIIIIII", 1, 0, 0x10000, 0x10000, 0x1000, 0x1000, 5, 0x1000)
        sections = bytes(40) + struct.pack("=IIIIIIIIII", 0, 2, 0, 0, at, len(rows), 2, 0, 4, 16)
        sections += struct.pack("=IIIIIIIIII", 0, 3, 0, 0, at + len(rows), len(strings), 0, 0, 1, 0)
        ident = b"\x7fELF\1\1\1" + bytes(9)
        ends = at + len(rows) + len(strings)
        header = struct.pack("=16sHHIIIIIHHHHHH", ident, 3, 3, 1, 0, 52, ends, 0, 52, 32, 1, 40, 3, 0)
    return header + segment + rows + strings + sections


@contextmanager
def mapped(path: Path, data: bytes) -> Iterator[int]:
    """Map a file here; give where it lies."""
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        yield next(each.start for each in procfs.maps(Tid(os.getpid())) if each.path == os.fsencode(path))


def test_a_librarys_symbol_is_found_by_its_hash_table() -> None:
    address, parts = searched("getpid")
    assert address == ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
    assert parts > 0


def test_what_nothing_defines_is_not_found() -> None:
    assert searched("there_is_no_such_symbol")[0] is None
    assert searched("") == (None, 0)


@pytest.mark.parametrize("wide", [True, False])
def test_a_symbol_of_the_full_table(tmp_path: Path, wide: bool) -> None:
    strings = b"\0ours_elsewhere\0ours_tls\0ours_of_a_file\0"
    table = [
        (b"ours_of_a_file", 0x10010, FUNC, UNDEFINED),
        (b"ours_tls", 0x10, TLS, TEXT),
        (b"ours_of_a_file", 0, FUNC, TEXT),
        # A linker lets names share their ends.
        (b"elsewhere", 0x10018, FUNC, TEXT),
        (b"ours_of_a_file", 0x10020, FUNC, TEXT),
    ]
    with mapped(tmp_path / "file", elf(table, strings, wide=wide)) as base:
        assert searched("ours_of_a_file")[0] == base + 0x20
        assert searched("elsewhere")[0] == base + 0x18
        assert searched("ours_tls")[0] is None
        assert searched("rs_elsewhere")[0] is None


def test_a_long_table_is_searched_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbols, "_PART", 48)
    many = [b"ours_%d" % number for number in range(100)]
    strings = b"\0" + b"\0".join(many) + b"\0"
    table = [(name, 0x10000 + 8 * number, FUNC, TEXT) for number, name in enumerate(many)]
    few = searched("ours_99")[1]
    with mapped(tmp_path / "file", elf(table, strings)) as base:
        for number in (0, 1, 7, 50, 98, 99):
            assert searched(f"ours_{number}")[0] == base + 8 * number
        # One for its memory, then the parts of the names, then those of the table.
        assert searched("ours_99")[1] - few >= len(strings) // 48 + len(table) * 24 // 48


@pytest.mark.parametrize("length", [5, 63, 100, 130, 200])
def test_a_file_that_is_cut_off_has_no_symbols(tmp_path: Path, length: int) -> None:
    whole = elf([(b"ours_cut_off", 0x10010, FUNC, TEXT)] * 20, b"\0ours_cut_off\0")
    with mapped(tmp_path / "file", whole[:length]):
        assert searched("ours_cut_off")[0] is None


def test_a_file_whose_place_has_been_taken_by_a_fifo_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with mapped(path, elf([(b"ours_replaced", 0x10010, FUNC, TEXT)], b"\0ours_replaced\0")):
        path.unlink()
        # /proc names what was there before with a mark behind it.
        os.mkfifo(f"{path} (deleted)")
        assert searched("ours_replaced")[0] is None
