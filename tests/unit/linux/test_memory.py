"""A process's memory, tried on our own."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Iterator

import pytest

from gdbstub.linux import ptrace_calls
from gdbstub.linux.memory import ProcessMemory
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, Tid

PAGE = mmap.PAGESIZE


@pytest.fixture
def pages() -> Iterator[int]:
    """Two pages of ours; the third one's place is taken, and nothing is there: the file ends before it."""
    fd = os.memfd_create("pages")
    os.ftruncate(fd, 3 * PAGE)
    with mmap.mmap(fd, 3 * PAGE, flags=mmap.MAP_PRIVATE) as mapping:
        os.ftruncate(fd, 2 * PAGE)
        os.close(fd)
        view = ctypes.c_char.from_buffer(mapping)
        yield ctypes.addressof(view)
        del view


@pytest.fixture
def own() -> Iterator[ProcessMemory]:
    memory = ProcessMemory(lambda: Tid(os.getpid()), lambda: None)
    yield memory
    memory.close()


def test_what_is_written_is_read(own: ProcessMemory, pages: int) -> None:
    own.write(Addr(pages + 10), b"hello")
    assert own.read(Addr(pages + 10), 5) == b"hello"
    assert ctypes.string_at(pages + 10, 5) == b"hello"


def test_a_write_across_pages(own: ProcessMemory, pages: int) -> None:
    own.write(Addr(pages + PAGE - 3), b"abcdef")
    assert own.read(Addr(pages + PAGE - 3), 6) == b"abcdef"


def test_nothing_is_read_and_written_without_asking(own: ProcessMemory) -> None:
    assert own.read(Addr(0), 0) == b""
    own.write(Addr(0), b"")
    assert own._fd == -1


@pytest.mark.parametrize("address", [0, 1 << 47, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_what_is_not_mapped_is_an_error(own: ProcessMemory, address: int) -> None:
    with pytest.raises(TargetError) as failure:
        own.read(Addr(address), 4)
    assert failure.value.errno == errno.EIO
    with pytest.raises(TargetError) as failure:
        own.write(Addr(address), b"abcd")
    assert failure.value.errno == errno.EIO


def test_a_read_ends_where_the_mapping_does(own: ProcessMemory, pages: int) -> None:
    assert len(own.read(Addr(pages + PAGE), 2 * PAGE)) == PAGE


def test_a_write_is_whole_or_nothing(own: ProcessMemory, pages: int) -> None:
    end = Addr(pages + 2 * PAGE - 4)
    own.write(end, b"keep")
    with pytest.raises(TargetError):
        own.write(end, b"changed")
    assert own.read(end, 4) == b"keep"


def test_a_write_that_stops_half_way_is_undone(
    own: ProcessMemory, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Addr(pages + PAGE - 4)
    own.write(start, b"old!old!")
    whole = os.pwrite

    def half(fd: int, data: bytes, offset: int) -> int:
        return whole(fd, data[:4] if len(data) == 8 else data, offset)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(TargetError):
        own.write(start, b"new!new!")
    assert own.read(start, 8) == b"old!old!"


def test_a_process_that_is_gone_has_no_memory() -> None:
    memory = ProcessMemory(lambda: Tid((1 << 22) + 1), lambda: None)
    with pytest.raises(TargetError):
        memory.read(Addr(0x1000), 1)
    with pytest.raises(TargetError):
        memory.write(Addr(0x1000), b"a")


def test_the_descriptor_is_opened_anew_after_exec(own: ProcessMemory, pages: int) -> None:
    own.read(Addr(pages), 1)
    assert own._fd >= 0
    own.reopen()
    assert own._fd == -1
    assert own.read(Addr(pages), 1) == b"\0"


class Words:
    """Memory that is reached word by word; one word may be refused."""

    def __init__(self, refused: int = -1) -> None:
        self.data = bytearray(b"0123456789abcdefghijklmnopqrstuv")
        self.refused = refused

    def peek(self, tid: Tid, address: Addr) -> int:
        return int.from_bytes(self.data[address : address + 8], "little")

    def poke(self, tid: Tid, address: Addr, value: int) -> None:
        if address == self.refused:
            raise TraceeGone(tid)
        self.data[address : address + 8] = value.to_bytes(8, "little")


def restricted(words: Words, monkeypatch: pytest.MonkeyPatch, *, stopped: bool = True) -> ProcessMemory:
    """Return memory as a kernel without forced writes has it."""

    def refuse(fd: int, data: bytes, offset: int) -> int:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "pwrite", refuse)
    monkeypatch.setattr(ptrace_calls, "peek_data", words.peek)
    monkeypatch.setattr(ptrace_calls, "poke_data", words.poke)
    return ProcessMemory(lambda: Tid(os.getpid()), lambda: Tid(1) if stopped else None)


@pytest.mark.parametrize("start", range(9))
@pytest.mark.parametrize("length", [1, 3, 8, 15])
def test_words_are_poked_where_the_kernel_restricts_writes(
    start: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = Words()
    expected = bytearray(words.data)
    expected[start : start + length] = b"X" * length
    memory = restricted(words, monkeypatch)
    memory.write(Addr(start), b"X" * length)
    memory.close()
    assert words.data == expected


def test_poked_words_are_taken_back_where_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Words(refused=16)
    before = bytes(words.data)
    memory = restricted(words, monkeypatch)
    with pytest.raises(TargetError):
        memory.write(Addr(4), b"X" * 20)
    memory.close()
    assert bytes(words.data) == before


def test_nothing_is_poked_without_a_stopped_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = restricted(Words(), monkeypatch, stopped=False)
    with pytest.raises(TargetError):
        memory.write(Addr(4), b"X")
    memory.close()
