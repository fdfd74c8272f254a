"""Writing to a pipe that is full, or that nobody reads."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from gdbstub.server.console import Console


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            continue


def test_a_text_arrives_at_once(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    console = Console(writer)
    console.write(b"one\n")
    console.write(b"two\n")
    assert os.read(reader, 100) == b"one\ntwo\n"
    console.flush()


def test_a_full_pipe_does_not_block_and_loses_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    console = Console(writer)
    line = b"x" * 999 + b"\n"
    for _ in range(300):
        console.write(line)
    got = 0
    while got < 300_000:
        got += len(os.read(reader, 1 << 16))
        console.flush()
    assert got == 300_000


def test_what_nobody_reads_is_dropped_in_the_end(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    console = Console(writer)
    for _ in range(100):
        console.write(b"x" * 100_000)
    os.set_blocking(reader, False)
    got = 0
    while True:
        try:
            got += len(os.read(reader, 1 << 16))
        except BlockingIOError:
            break
        console.write(b"")
    assert got < 1 << 21


def test_a_closed_reader_is_no_error(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    console = Console(writer)
    console.write(b"lost")
    console.write(b"lost")
    console.flush()
