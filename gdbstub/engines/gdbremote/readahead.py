"""How much of a file to send to a client that asks for as much as there can be.

Layer: engines.  Used by: conversation (one for each client), handlers.hostio.

QUIRK(gdb, all): whatever it wants of a file, it asks for a whole packet of it, forgets that when it looks elsewhere,
and takes longer over each byte than the link does (tests/unit/engines/test_hostio.py has its pattern).  When it
connects it reads the head of a library three times: with packets of 128 KiB that was most of its time.
"""

from __future__ import annotations

#: At a place that does not continue what was read last, bytes: a header, or a table of a small library.
_FIRST = 1 << 12


class ReadAhead:
    """What a client has read last, of each file."""

    def __init__(self) -> None:
        #: By descriptor: where that ended, and the most that it could have been.
        self._last: dict[int, tuple[int, int]] = {}

    def allow(self, fd: int, offset: int, most: int) -> int:
        """Return how much to send: little at a new place, and twice as much as before to one that reads on."""
        end, before = self._last.get(fd, (-1, 0))
        allowed = min(2 * before if offset == end else _FIRST, most)
        self._last[fd] = (-1, allowed)
        return allowed

    def sent(self, fd: int, end: int) -> None:
        """Learn where a read has ended."""
        self._last[fd] = (end, self._last[fd][1])

    def forget(self, fd: int) -> None:
        """Learn that a descriptor is closed."""
        self._last.pop(fd, None)
