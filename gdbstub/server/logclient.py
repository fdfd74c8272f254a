"""The other end of a log: shows what a running server sends.

Layer: server.  Used by: cli.strace, cli.events.

It asks for the log and then only reads.  At Ctrl-C it asks for the end, so that a summary still comes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from gdbstub.rsp.commands.logs import LogChannel
from gdbstub.rsp.framing import frame
from gdbstub.rsp.incoming import ServerStream
from gdbstub.server.address import TcpEndpoint, UnixEndpoint, parse_comm
from gdbstub.vocab.errors import StartupError

_READ = 1 << 16


def _connect(comm: str) -> socket.socket:
    endpoint = parse_comm(comm)
    if isinstance(endpoint, UnixEndpoint):
        addresses: list[tuple[int, str | tuple[str, int]]] = [(socket.AF_UNIX, endpoint.path)]
    elif isinstance(endpoint, TcpEndpoint):
        addresses = [(each.family, (each.host, endpoint.port)) for each in endpoint.addresses]
    else:
        raise StartupError(f"{comm}: a log comes through a socket")
    problem = OSError(0, "no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.connect(address)
        except OSError as failure:
            sock.close()
            problem = failure
        else:
            return sock
    raise StartupError(f"cannot connect to {comm}: {problem.strerror}")


class _Watch:
    """One log that is shown."""

    def __init__(self, sock: socket.socket, channel: LogChannel, show: Callable[[bytes], None]) -> None:
        self._sock = sock
        self._channel = channel
        self._show = show
        self._stream = ServerStream()
        #: Replies that are still to come.
        self._expected = 0
        self._ending = False
        #: The server has closed the connection before the end of the log.
        self.cut_off = False

    def ask(self, payload: bytes) -> None:
        self._sock.sendall(frame(payload))
        self._expected += 1

    def end(self) -> None:
        if not self._ending:
            self._ending = True
            self.ask(self._channel.stop())

    def read(self) -> bool:
        """Read what is there; tell whether there is more to come."""
        data = self._sock.recv(_READ)
        if not data:
            self.cut_off = not self._ending
            return False
        going_on = True
        for item in self._stream.feed(data):
            if not item.is_notification:
                self._sock.sendall(b"+")
                self._expected -= 1
                _check(item.payload)
                going_on = going_on and not (self._ending and not self._expected)
            elif item.payload.startswith(self._channel.log):
                self._show(item.payload[len(self._channel.log) :])
            elif item.payload.startswith(self._channel.end):
                going_on = False
        return going_on


def _check(reply: bytes) -> None:
    if reply == b"OK":
        return
    if not reply:
        raise StartupError("this server keeps no such log")
    raise StartupError(reply.removeprefix(b"E.").decode("utf-8", "replace"))


def watch(comm: str, channel: LogChannel, words: Sequence[str], output: str | None) -> int:
    """Show a log until the server or the user ends it; return the exit status.

    Raises:
        StartupError: There is no server, or it refuses.
    """
    from gdbstub.server.sink import open_file, write_all

    sock = _connect(comm)
    fd = 2 if output is None else open_file(output)
    show = write_all(fd)
    with sock:
        log = _Watch(sock, channel, show)
        try:
            log.ask(channel.start(tuple(words)))
            going_on = True
            while going_on:
                try:
                    going_on = log.read()
                except KeyboardInterrupt:
                    log.end()
            # All has come: there is nothing left to end, and no word of an interrupt that comes now.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        except ConnectionError as failure:
            return _cut_off(failure.strerror)
        except KeyboardInterrupt:
            # It came before the log began, or between two pieces of it.
            return 0
        finally:
            if output is not None:
                os.close(fd)
    return _cut_off("it has closed the connection") if log.cut_off else 0


def _cut_off(reason: str | None) -> int:
    sys.stderr.write(f"gdbstub: the server has gone: {reason}\n")
    return 1
