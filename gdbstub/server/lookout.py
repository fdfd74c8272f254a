"""Looking out for what is about to come, for a moment, before sleeping until it does.

Layer: server.  Used by: server.

A client that runs on another processor answers within some twenty microseconds, in a
virtual machine whose idle processors go to others within sixty, and to be woken from
sleep takes us as long again.  A client that waits for the processor
that we run on is only kept from it by looking: where looks have been in vain a few
times in a row, none are made for a while.
"""

from __future__ import annotations

from collections.abc import Callable

#: How often to look: some hundred and fifty microseconds, less where the processor is faster, and so is the client.
_LOOKS = 200
#: After so many times in vain nothing is looked for, and for how many times.
_ENOUGH = 2
_REST = 64


class Lookout:
    """Looks for readable descriptors.

    Args:
        poll: Returns those that are readable, after so many milliseconds at most.
    """

    def __init__(self, poll: Callable[[int], list[tuple[int, int]]]) -> None:
        self._poll = poll
        self._in_vain = 0
        self._rest = 0

    def wait(self, milliseconds: int) -> list[tuple[int, int]]:
        """Return the readable descriptors: at once where something comes within a moment, or when time is over."""
        poll = self._poll
        if self._rest:
            self._rest -= 1
            return poll(milliseconds)
        for _ in range(_LOOKS):
            ready = poll(0)
            if ready:
                self._in_vain = 0
                return ready
        self._in_vain += 1
        if self._in_vain >= _ENOUGH:
            self._in_vain = 0
            self._rest = _REST
        return poll(milliseconds)
