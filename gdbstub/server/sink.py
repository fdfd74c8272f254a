"""Where a log's text goes: a file, a terminal, a pipe.

Layer: server.  Used by: logrun, server.

Text is gathered and written when the tracer has nothing else to do, or when there is much of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from gdbstub.vocab.errors import StartupError

#: Written at once from this size on, characters.
_MUCH = 1 << 15


class Sink:
    """A descriptor that text is written to.

    Args:
        put: Writes bytes, all of them.
        close: Called at the end.
    """

    def __init__(self, put: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._put = put
        self._close = close
        self._texts: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        """Take text."""
        self._texts.append(text)
        self._size += len(text)
        if self._size > _MUCH:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        if self._texts:
            data = "".join(self._texts).encode("utf-8", "surrogateescape")
            self._texts.clear()
            self._size = 0
            self._put(data)

    def close(self) -> None:
        """Write what is left, and close."""
        self.flush()
        self._close()


def write_all(fd: int) -> Callable[[bytes], None]:
    """Return a function that writes bytes to a descriptor and waits until it has taken them."""
    gone = False

    def put(data: bytes) -> None:
        nonlocal gone
        while data and not gone:
            try:
                data = data[os.write(fd, data) :]
            except BrokenPipeError:
                # Nobody reads any more; the program that is traced goes on as it would.
                gone = True

    return put


def waiting_sink(fd: int) -> Sink:
    """Return a sink that waits for a slow reader: for a run that serves nobody else."""
    return Sink(write_all(fd), lambda: None)


def open_file(path: str, flags: int = 0) -> int:
    """Open a file for a log, empty.

    Raises:
        StartupError: It cannot be.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | flags, 0o666)
    except OSError as failure:
        raise StartupError(f"Can't fopen '{path}': {failure.strerror}") from None
