"""One client's byte stream and the session at its end.

Layer: server.  Used by: server.

The socket is served by ``wait_readable`` and non-blocking reads and writes,
draining what is there, rather than through a stream object: that halves the
cost of a packet.  Output that the client does not take is kept up to a bound; a
client that lets it grow past that is dropped, so that it delays nobody.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from time import perf_counter_ns
from typing import Generic, TypeVar

import trio

from gdbstub.engines.gdbremote.conversation import Conversation
from gdbstub.server.wording import say

S = TypeVar("S", bound=Conversation)

#: What is read goes through here, a packet of the largest size and then some: a buffer of this size that is made for
#: each read would be mapped and unmapped each time.
_buffer = memoryview(bytearray(1 << 18))
#: How much a client may leave unread, bytes.
_BACKLOG = 64 << 20
#: Packets served in a row before others get their turn.
_TURN = 64


class Channel:
    """A pair of non-blocking descriptors: a socket's, a terminal's, or stdin and stdout."""

    def __init__(self, read_fd: int, write_fd: int, close: Callable[[], None], sock: socket.socket | None) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.close = close
        self._sock = sock
        if sock is not None:
            self.read_into: Callable[[memoryview], int] = sock.recv_into
            self.write: Callable[[bytes], int] = sock.send
        else:
            self.read_into = lambda buffer: os.readv(read_fd, [buffer])
            self.write = lambda data: os.write(write_fd, data)

    def at_end(self) -> bool:
        """Tell whether the stream has ended, without taking anything from it."""
        if self._sock is None:
            return False
        try:
            return not self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True


class Connection(Generic[S]):
    """A session and its channel.

    Args:
        channel: The byte stream.
        session: The protocol at its end.
        peer: What to call the client in messages.
        work: Called after packets were handled: polls the tracer and flushes every client.
        wait_here: Waits a little for the next packet without giving up the turn; tells whether it came.
    """

    def __init__(
        self,
        channel: Channel,
        session: S,
        peer: str,
        work: Callable[[S], None],
        wait_here: Callable[[int], bool],
    ) -> None:
        self.channel = channel
        self.session = session
        self.peer = peer
        self._work = work
        self._wait_here = wait_here
        self._backlog = bytearray()
        self._unblocked = trio.Event()
        self._drained = trio.Event()
        self.failed = False
        #: When the last output went out, for a client whose link is measured.
        self._sent_at = 0
        self.scope = trio.CancelScope()

    def is_lost(self) -> bool:
        """Tell whether the client has closed its end and everything it sent has been read."""
        return self.channel.at_end()

    @property
    def has_backlog(self) -> bool:
        """Tell whether the client has not taken all of its output."""
        return bool(self._backlog)

    def flush(self) -> None:
        """Send what the session has to say, as far as the client takes it."""
        data = self.session.take_output()
        if not data or self.failed:
            return
        if self.session.compression is not None:
            self._sent_at = perf_counter_ns()
        if self._backlog:
            self._backlog += data
        else:
            try:
                sent = self.channel.write(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._give_up()
                return
            if sent == len(data):
                return
            self._backlog += data[sent:]
            self._unblocked.set()
        if len(self._backlog) > _BACKLOG:
            who = self.peer or "the client"
            say(f"Client at {who} has left {len(self._backlog) >> 20} MiB unread and is dropped")
            self._give_up()

    async def wait_for_room(self) -> None:
        """Wait until the client has taken all of its output, or is lost."""
        while self._backlog and not self.failed:
            await self._drained.wait()

    def _give_up(self) -> None:
        self.failed = True
        self._backlog.clear()
        self._drained.set()
        self.scope.cancel()

    async def serve(self, on_first_bytes: Callable[[bytes], bool]) -> None:
        """Serve until the client leaves.

        Args:
            on_first_bytes: Called once, with what the client has sent first; False ends the connection.
        """
        with self.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._drain_backlog)
                await self._read(on_first_bytes)
                nursery.cancel_scope.cancel()
        self.failed = True
        self._drained.set()

    async def _read(self, on_first_bytes: Callable[[bytes], bool]) -> None:
        read_into, fd = self.channel.read_into, self.channel.read_fd
        session, work = self.session, self._work
        wait_here = self._wait_here
        first = True
        turn = 0
        while True:
            try:
                length = read_into(_buffer)
            except BlockingIOError:
                if wait_here(fd):
                    continue
                turn = 0
                await trio.lowlevel.wait_readable(fd)
                continue
            except OSError:
                return
            if not length:
                return
            data = bytes(_buffer[:length])
            if first:
                first = False
                if not on_first_bytes(data):
                    return
            if session.compression is not None:
                session.compression.note_delay(perf_counter_ns() - self._sent_at)
            session.receive(data)
            work(session)
            while session.at_work:
                await trio.lowlevel.checkpoint()
                session.work_on()
                work(session)
            turn += 1
            if turn >= _TURN:
                turn = 0
                await trio.lowlevel.checkpoint()
            # A read that finds nothing costs more than the look that says so.
            elif not wait_here(fd):
                turn = 0
                await trio.lowlevel.wait_readable(fd)

    async def _drain_backlog(self) -> None:
        while True:
            await self._unblocked.wait()
            self._unblocked = trio.Event()
            while self._backlog:
                await trio.lowlevel.wait_writable(self.channel.write_fd)
                try:
                    sent = self.channel.write(bytes(self._backlog[: 1 << 20]))
                except BlockingIOError:
                    continue
                except OSError:
                    self._give_up()
                    return
                del self._backlog[:sent]
            self._drained.set()
            self._drained = trio.Event()
