"""Searching memory with holes, without a process."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.linux.procfs import Mapping
from gdbstub.linux.search import search
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr

PAGE = 0x1000


class Memory:
    """Mapped ranges with contents; some pages cannot be read though they are mapped."""

    def __init__(self, *, unreadable: frozenset[int] = frozenset()) -> None:
        self.areas: dict[int, bytes] = {}
        #: What only a tracer may read.
        self.reserved: set[int] = set()
        self.unreadable = unreadable
        self.reads = 0

    def area(self, start: int, data: bytes) -> Memory:
        assert start % PAGE == 0 and len(data) % PAGE == 0
        self.areas[start] = data
        return self

    def read(self, at: Addr, count: int) -> bytes:
        self.reads += 1
        data = b""
        while len(data) < count:
            place = at + len(data)
            page = place - place % PAGE
            area = next((a for a in self.areas if a <= place < a + len(self.areas[a])), None)
            if area is None or page in self.unreadable:
                break
            offset = place - area
            data += self.areas[area][offset : offset + min(count - len(data), page + PAGE - place)]
        if not data:
            raise TargetError(5, "cannot read")
        return data

    def mappings(self) -> list[Mapping]:
        return [
            Mapping(start, start + len(data), "---p" if start in self.reserved else "rw-p", 0, "00:00", 0, b"")
            for start, data in sorted(self.areas.items())
        ]

    def find(self, start: int, length: int, pattern: bytes) -> int | None:
        return outcome(search(self.read, self.mappings, Addr(start), length, pattern))


def outcome(work: Generator[None, None, Addr | None]) -> Addr | None:
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: Addr | None = end.value
            return found


def pages(count: int, **at: bytes) -> bytes:
    data = bytearray(count * PAGE)
    for place, text in at.items():
        offset = int(place.removeprefix("x"), 16)
        data[offset : offset + len(text)] = text
    return bytes(data)


def test_a_match_at_either_end_is_found() -> None:
    memory = Memory().area(0x10000, pages(2, x0=b"first", x1ffb=b"final"))
    assert memory.find(0x10000, 2 * PAGE, b"first") == 0x10000
    assert memory.find(0x10000, 2 * PAGE, b"final") == 0x11FFB
    assert memory.find(0x10000, 2 * PAGE - 1, b"final") is None
    assert memory.find(0x10001, 2 * PAGE, b"first") is None


def test_a_match_may_span_two_reads() -> None:
    size = 0x40000
    memory = Memory().area(0x100000, pages(0x60, x3fffd=b"across"))
    assert memory.find(0x100000, 2 * size, b"across") == 0x100000 + size - 3


def test_holes_are_jumped_over_and_not_matched_across() -> None:
    memory = Memory().area(0x10000, pages(1, xffd=b"abc")).area(0x900000, pages(1, x0=b"def", x80=b"abcdef"))
    assert memory.find(0x10000, 0xFF0000, b"abcdef") == 0x900080
    assert memory.find(0x8000, 0xFF0000, b"abcdef") == 0x900080


def test_one_page_that_cannot_be_read_hides_only_itself() -> None:
    memory = Memory(unreadable=frozenset({0x11000})).area(0x10000, pages(8, x2010=b"here"))
    assert memory.find(0x10000, 8 * PAGE, b"here") == 0x12010


def test_a_device_is_given_up_after_two_pages() -> None:
    pages_of_device = frozenset(range(0x10000, 0x10000 + 1000 * PAGE, PAGE))
    memory = Memory(unreadable=pages_of_device).area(0x10000, pages(1000)).area(0x10000000, pages(1, x8=b"here"))
    assert memory.find(0x10000, 0x20000000, b"here") == 0x10000008
    assert memory.reads < 10


def test_nothing_readable_is_an_error_and_nothing_found_is_not() -> None:
    memory = Memory().area(0x10000, pages(1))
    with pytest.raises(TargetError):
        memory.find(0x2000, 0x100, b"x")
    assert memory.find(0x10000, PAGE, b"x") is None
    assert memory.find(0x2000, 0x20000, b"x") is None


@given(st.binary(min_size=1, max_size=3 * PAGE), st.integers(0, 3 * PAGE), st.integers(1, 4))
def test_the_answer_is_that_of_find(text: bytes, start: int, size: int) -> None:
    data = text.ljust(3 * PAGE, b"\0")
    pattern = data[start : start + size] or b"\0"
    memory = Memory().area(0x10000, data)
    expected = data.find(pattern)
    assert memory.find(0x10000, len(data), pattern) == (None if expected < 0 else 0x10000 + expected)


def test_reserved_memory_that_was_never_written_is_jumped_over() -> None:
    part = 1 << 18
    memory = Memory().area(PAGE, bytes(64 * part)).area(PAGE + 64 * part, b"needle".ljust(PAGE, b"."))
    memory.reserved.add(PAGE)
    assert memory.find(PAGE, 65 * part, b"needle") == PAGE + 64 * part
    assert memory.reads == 2


def test_what_is_zero_but_can_be_read_is_searched() -> None:
    part = 1 << 18
    memory = Memory().area(PAGE, bytes(2 * part) + b"needle".ljust(PAGE, b"."))
    assert memory.find(PAGE, 3 * part, b"needle") == PAGE + 2 * part


def test_what_was_written_into_reserved_memory_is_found() -> None:
    memory = Memory().area(PAGE, bytes(PAGE - 6) + b"needle")
    memory.reserved.add(PAGE)
    assert memory.find(PAGE, PAGE, b"needle") == 2 * PAGE - 6
