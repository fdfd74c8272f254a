"""What programs write and read through a terminal of ours; the program's side is opened by the test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from gdbstub.server.terminal import Terminals
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import EngineId, Pid

ME, OTHER, PID = EngineId(1), EngineId(2), Pid(100)


class Screen:
    """Collects what is handed out."""

    def __init__(self) -> None:
        self.shown: list[tuple[frozenset[EngineId], bytes]] = []
        self.change = trio.Event()

    def deliver(self, watchers: frozenset[EngineId], data: bytes) -> None:
        self.shown.append((watchers, data))
        self.change.set()

    async def wait_for_room(self, watchers: frozenset[EngineId]) -> None:
        await trio.lowlevel.checkpoint()

    @property
    def text(self) -> bytes:
        return b"".join(data for _, data in self.shown)

    async def wait_for(self, text: bytes) -> None:
        while self.text != text:
            await self.change.wait()
            self.change = trio.Event()


@asynccontextmanager
async def started() -> AsyncIterator[tuple[Terminals, Screen, int]]:
    """Give a program a terminal; yield its side of it."""
    screen = Screen()
    terminals = Terminals(screen.deliver, screen.wait_for_room)
    async with trio.open_nursery() as nursery:
        await nursery.start(terminals.run)
        path = terminals.open()
        program = os.open(path, os.O_RDWR | os.O_NOCTTY)
        terminals.give(ME, PID, path)
        try:
            yield terminals, screen, program
        finally:
            os.close(program)
            nursery.cancel_scope.cancel()


async def test_what_is_written_is_handed_out() -> None:
    async with started() as (terminals, screen, program):
        os.write(program, b"one\n")
        await screen.wait_for(b"one\r\n")
        terminals.watch(OTHER, PID)
        os.write(program, b"two\n")
        terminals.drain(PID)
        assert screen.shown[-1] == (frozenset((ME, OTHER)), b"two\r\n")
        terminals.unwatch(ME)
        os.write(program, b"three\n")
        terminals.drain(PID)
        assert screen.shown[-1] == (frozenset((OTHER,)), b"three\r\n")


async def test_what_is_typed_is_read() -> None:
    async with started() as (terminals, _, program):
        terminals.type(PID, b"hello\n")
        assert os.read(program, 100) == b"hello\n"
        with pytest.raises(TargetError):
            terminals.type(Pid(7), b"x")


async def test_a_child_of_an_ended_program_is_still_heard() -> None:
    async with started() as (terminals, screen, program):
        os.write(program, b"last\n")
        terminals.ended(PID)
        assert screen.text == b"last\r\n"
        os.write(program, b"child\n")
        await screen.wait_for(b"last\r\nchild\r\n")


async def test_it_ends_with_the_last_program_that_has_it() -> None:
    screen = Screen()
    terminals = Terminals(screen.deliver, screen.wait_for_room)
    async with trio.open_nursery() as nursery:
        await nursery.start(terminals.run)
        path = terminals.open()
        program = os.open(path, os.O_RDWR | os.O_NOCTTY)
        terminals.give(ME, PID, path)
        terminals.ended(PID)
        os.close(program)
        await trio.testing.wait_all_tasks_blocked(0.05)
        with pytest.raises(TargetError):
            terminals.type(PID, b"x")
        nursery.cancel_scope.cancel()


async def test_too_much_for_a_program_that_does_not_read_is_refused() -> None:
    async with started() as (terminals, _, _program):
        for _ in range(16):
            terminals.type(PID, b"x" * 65535 + b"\n")
        with pytest.raises(TargetError, match="does not read"):
            terminals.type(PID, b"x" * (1 << 20))


def test_a_terminal_whose_program_was_not_started_is_closed() -> None:
    terminals = Terminals(lambda _, __: None, Screen().wait_for_room)
    path = terminals.open()
    terminals.drop(path)
    terminals.drop(path)
    with pytest.raises(OSError, match=path):
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY))
