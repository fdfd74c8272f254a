"""Terminals of launched programs: what they write goes to clients, what clients type is what they read.

Layer: server.  Used by: server.  Source: pty(7), Linux drivers/tty/n_tty.c.

A terminal belongs to a program and is watched by the clients that take part in it.  It lives until nobody has
it open any more: a child of the program may write on when the program has ended.

PTRACE: a read of the master's side that finds nothing has waited for the kernel's tty work, so that after a
stop or an end everything the program wrote before is there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable

import trio

from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import EngineId, Pid

_READ = 1 << 14
#: The most that is kept for a program that does not read, bytes.
_INPUT_LIMIT = 1 << 20

Deliver = Callable[[frozenset[EngineId], bytes], None]
WaitForRoom = Callable[[frozenset[EngineId]], Awaitable[None]]


class Terminal:
    """One pseudo-terminal."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)
        self.pid = Pid(0)
        self.watchers: frozenset[EngineId] = frozenset()
        self.input = bytearray()
        self.typed = trio.Event()
        #: Nobody has the other side open any more.
        self.hung_up = False

    def read(self) -> bytes:
        """Return what has been written and not been read; empty where there is nothing."""
        if self.hung_up:
            return b""
        try:
            return os.read(self.master, _READ)
        except BlockingIOError:
            return b""
        except OSError:
            self.hung_up = True
            return b""

    def write(self) -> None:
        """Hand over as much of the input as is taken."""
        try:
            while self.input:
                del self.input[: os.write(self.master, self.input)]
        except BlockingIOError:
            return
        except OSError:
            # Nobody reads any more.
            self.input.clear()

    def leave_to_program(self) -> None:
        """Keep it open no longer than programs do."""
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1

    def close(self) -> None:
        """Close it; it is not served."""
        self.leave_to_program()
        os.close(self.master)


class Terminals:
    """All terminals of launched programs.

    Args:
        deliver: Takes what a program wrote, and for whom.
        wait_for_room: Waits until these clients have taken what they were sent.
    """

    def __init__(self, deliver: Deliver, wait_for_room: WaitForRoom) -> None:
        self._deliver = deliver
        self._wait_for_room = wait_for_room
        #: Without a program yet, by path.
        self._waiting: dict[str, Terminal] = {}
        self._by_pid: dict[Pid, Terminal] = {}
        self._nursery: trio.Nursery | None = None

    def open(self) -> str:
        """Make a terminal; return its path.

        Raises:
            TargetError: There are no more.
        """
        try:
            terminal = Terminal()
        except OSError as failure:
            code = failure.errno or errno.EIO
            raise TargetError(code, f"cannot make a terminal: {failure.strerror}") from None
        self._waiting[terminal.path] = terminal
        return terminal.path

    def drop(self, path: str) -> None:
        """Close a terminal whose program was not started."""
        terminal = self._waiting.pop(path, None)
        if terminal is not None:
            terminal.close()

    def give(self, engine_id: EngineId, pid: Pid, path: str) -> None:
        """Say whose it is, and begin to serve it."""
        terminal = self._waiting.pop(path)
        terminal.pid = pid
        terminal.watchers = frozenset((engine_id,))
        self._by_pid[pid] = terminal
        assert self._nursery is not None
        self._nursery.start_soon(self._serve, terminal)

    def watch(self, engine_id: EngineId, pid: Pid) -> None:
        """Let a client that takes part in a program see what it writes."""
        terminal = self._by_pid.get(pid)
        if terminal is not None:
            terminal.watchers |= {engine_id}

    def unwatch(self, engine_id: EngineId) -> None:
        """Forget a client."""
        for terminal in self._by_pid.values():
            terminal.watchers -= {engine_id}

    def drain(self, pid: Pid) -> None:
        """Hand out what a program has written so far; a forked child writes where some other program does."""
        own = self._by_pid.get(pid)
        for terminal in list(self._by_pid.values()) if own is None else [own]:
            self._hand_out(terminal)

    def ended(self, pid: Pid) -> None:
        """Learn that a program has ended."""
        terminal = self._by_pid.get(pid)
        if terminal is not None:
            self._hand_out(terminal)
            terminal.leave_to_program()

    def type(self, pid: Pid, data: bytes) -> None:
        """Give a program something to read.

        Raises:
            TargetError: It has no terminal of ours, or does not read.
        """
        terminal = self._by_pid.get(pid)
        if terminal is None:
            raise TargetError(errno.ENOTTY, f"process {pid} does not read from a terminal of this server")
        if len(terminal.input) + len(data) > _INPUT_LIMIT:
            raise TargetError(errno.ENOBUFS, f"process {pid} does not read what it was given before")
        terminal.input += data
        terminal.write()
        if terminal.input:
            terminal.typed.set()

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Serve the terminals until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    def _hand_out(self, terminal: Terminal) -> None:
        while data := terminal.read():
            self._deliver(terminal.watchers, data)

    async def _serve(self, terminal: Terminal) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._feed, terminal)
                while not terminal.hung_up:
                    await trio.lowlevel.wait_readable(terminal.master)
                    # One part at a time, so that a program which writes much cannot flood a slow client.
                    data = terminal.read()
                    if data:
                        self._deliver(terminal.watchers, data)
                        await self._wait_for_room(terminal.watchers)
                nursery.cancel_scope.cancel()
        finally:
            if self._by_pid.get(terminal.pid) is terminal:
                del self._by_pid[terminal.pid]
            terminal.close()

    async def _feed(self, terminal: Terminal) -> None:
        while True:
            await terminal.typed.wait()
            terminal.typed = trio.Event()
            while terminal.input:
                await trio.lowlevel.wait_writable(terminal.master)
                terminal.write()
