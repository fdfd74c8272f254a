"""The server's stdout, for what breakpoint commands print.

Layer: server.  Used by: server.

Whoever reads it may be slow or gone, and nothing here may block: what does not fit is kept, up to a limit, and
written with the next text or at the end.  The descriptor itself is not made non-blocking, because it is shared
with the program that is debugged and with whoever started us.
"""

from __future__ import annotations

import os
import select

#: A pipe that polls as writable takes this much at once, bytes.
_PIECE = select.PIPE_BUF
#: The longest text that is kept for a reader that does not read, bytes.
_BACKLOG_LIMIT = 1 << 20
#: How long the end waits for such a reader, milliseconds.
_PATIENCE = 100


class Console:
    """A descriptor that is written to without blocking.

    Args:
        fd: Which.
    """

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._poll: select.poll | None = None
        self._backlog = bytearray()
        self._gone = False

    def write(self, text: bytes) -> None:
        """Write a text now or as soon as there is room."""
        if self._gone:
            return
        if len(self._backlog) + len(text) <= _BACKLOG_LIMIT:
            self._backlog += text
        self._drain(0)

    def flush(self) -> None:
        """Write what is left, where somebody still reads."""
        if self._backlog:
            self._drain(_PATIENCE)

    def _drain(self, patience: int) -> None:
        poll = self._poll
        if poll is None:
            poll = self._poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
        backlog = self._backlog
        try:
            while backlog and poll.poll(patience):
                del backlog[: os.write(self._fd, backlog[:_PIECE])]
        except OSError:
            # Closed, or the reader has gone: what is printed from now on is nobody's.
            self._gone = True
            backlog.clear()
