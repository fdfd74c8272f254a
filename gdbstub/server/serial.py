"""Connections that are there from the start: a serial device, standard input and output, and what ``dial`` opens.

Layer: server.  Used by: pump, cli.  Source: termios(3), open(2).
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable
from typing import Any

from gdbstub.server.address import ConnectEndpoint, DescriptorEndpoint, SerialEndpoint, StdioEndpoint, StreamEndpoint
from gdbstub.vocab.errors import StartupError


class FdPair:
    """Two non-blocking descriptors that carry the protocol; they may be the same one."""

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        name: str,
        restore: Callable[[], None],
        sock: socket.socket | None = None,
    ) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.name = name
        #: Where both are a socket.
        self.sock = sock
        self._restore: Callable[[], None] | None = restore

    @property
    def message(self) -> str:
        """The line that tools wait for."""
        return f"Remote debugging using {self.name}"

    def close(self) -> None:
        """Give the device or the descriptors back as they were found."""
        if self._restore is None:
            return
        restore, self._restore = self._restore, None
        restore()
        if self.sock is not None:
            self.sock.close()
            return
        for fd in {self.read_fd, self.write_fd}:
            os.close(fd)


def open_pair(endpoint: StreamEndpoint) -> FdPair:
    """Open the connection of an endpoint.

    Raises:
        StartupError: There is no such device, or nobody answers.
    """
    match endpoint:
        case SerialEndpoint():
            return open_serial(endpoint.path)
        case StdioEndpoint():
            return open_stdio()
        case ConnectEndpoint():
            from gdbstub.server import dial

            return dial.connect(endpoint)
        case DescriptorEndpoint():
            from gdbstub.server import dial

            return dial.take_descriptor(endpoint)


# Serial devices


def _cannot_open(path: str, reason: str | None) -> StartupError:
    text = f"Could not open remote device: {reason}."
    if path.isascii() and path.isdigit():
        text += f"\nFor a TCP port write :{path}"
    return StartupError(text)


def open_serial(path: str) -> FdPair:
    """Open a character device; a terminal is made raw, its speed stays.

    Raises:
        StartupError: It cannot be opened, or is not a character device.
    """
    try:
        # Without O_NONBLOCK the open would wait for a carrier.
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as failure:
        raise _cannot_open(path, failure.strerror) from None
    try:
        if not stat.S_ISCHR(os.fstat(fd).st_mode):
            raise _cannot_open(path, "it is not a character device")
        return raw_pair(fd, path)
    except BaseException:
        os.close(fd)
        raise


def raw_pair(fd: int, name: str) -> FdPair:
    """Speak on one descriptor of any kind; a terminal is made raw."""
    restore = _make_raw(fd)
    os.set_blocking(fd, False)
    return FdPair(fd, fd, name, restore)


def _make_raw(fd: int) -> Callable[[], None]:
    """Turn off everything that a terminal does to bytes; return what undoes it."""
    if not os.isatty(fd):
        return lambda: None
    import termios

    found = termios.tcgetattr(fd)
    raw: list[Any] = termios.tcgetattr(fd)
    raw[0] = 0
    raw[1] &= ~termios.OPOST
    raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8 | termios.CLOCAL | termios.CREAD
    raw[3] = 0
    raw[6][termios.VMIN] = 1
    raw[6][termios.VTIME] = 0
    # What was received before belongs to nobody's protocol, but a client that was quick may have sent its
    # first packet: TCSANOW keeps it.
    termios.tcsetattr(fd, termios.TCSANOW, raw)

    def restore() -> None:
        # The other side may have hung up.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, found)

    return restore


# Standard input and output


def _take(fd: int, flags: int) -> tuple[int, Callable[[], None]]:
    """Return a non-blocking descriptor for what ``fd`` is, and what undoes that."""
    if stat.S_ISFIFO(os.fstat(fd).st_mode):
        # O_NONBLOCK belongs to the open file, which stderr or whoever started this server may share.
        # A pipe can be opened once more, which gives an open file of our own.
        with contextlib.suppress(OSError):
            return os.open(f"/proc/self/fd/{fd}", flags | os.O_NONBLOCK | os.O_CLOEXEC), lambda: None
    taken = os.dup(fd)
    was_blocking = os.get_blocking(taken)
    os.set_blocking(taken, False)
    return taken, lambda: os.set_blocking(taken, was_blocking)


def open_stdio() -> FdPair:
    """Take descriptors 0 and 1 for the protocol, and put /dev/null and stderr in their places.

    Nothing that is printed later, by this server or by a program that inherits descriptors, can then get
    between the packets.

    Raises:
        StartupError: They are closed.
    """
    try:
        read_fd, restore_read = _take(0, os.O_RDONLY)
        write_fd, restore_write = _take(1, os.O_WRONLY)
    except OSError as failure:
        raise _cannot_open("stdio", failure.strerror) from None
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)

    def restore() -> None:
        # The last one first: both may be one open file, and the first to look saw how it was.
        restore_write()
        restore_read()

    return FdPair(read_fd, write_fd, "stdio", restore)
