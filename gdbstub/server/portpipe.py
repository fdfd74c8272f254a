"""``--pipe`` and ``--named-pipe``: telling whoever started this server where it listens, as lldb wants to be told.

Layer: server.  Used by: server.  Source: fifo(7); the behaviour of lldb-server 19.

What is written is the port, or the name of a Unix-domain socket, and a NUL.
"""

from __future__ import annotations

import contextlib
import errno
import os

import trio

from gdbstub.server.wording import say

#: How long a reader may take to open its end of a FIFO, and how often that is tried, seconds.
_PATIENCE = 10.0
_PAUSE = 0.02


def tell_descriptor(fd: int, socket_id: str) -> None:
    """Write to an inherited pipe and close it."""
    try:
        os.write(fd, socket_id.encode() + b"\0")
    except OSError as failure:
        say(f"failed to write to the unnamed pipe: {failure.strerror}")
    if fd > 2:
        with contextlib.suppress(OSError):
            os.close(fd)


async def tell_fifo(path: str, socket_id: str) -> None:
    """Write into a FIFO as soon as somebody reads it."""
    failure: OSError | None = None
    with trio.move_on_after(_PATIENCE):
        while True:
            try:
                fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as refused:
                failure = refused
                if refused.errno not in (errno.ENXIO, errno.ENOENT):
                    break
                await trio.sleep(_PAUSE)
                continue
            try:
                os.write(fd, socket_id.encode() + b"\0")
                return
            except OSError as refused:
                failure = refused
                break
            finally:
                os.close(fd)
    if failure is not None:
        say(f"failed to write to the named pipe '{path}': {failure.strerror}")
