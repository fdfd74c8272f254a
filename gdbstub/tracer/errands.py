"""Work that takes long and is nobody's packet: done in slices, beside everything else.

Layer: tracer (pure).  Used by: layout, driver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator


class Errands:
    """What is to be done, each a generator that yields after a part of its work; they take turns."""

    def __init__(self) -> None:
        self._jobs: deque[Generator[None, None, None]] = deque()
        #: Called when there is something to do: whoever does it need not look all the time.
        self.wake: Callable[[], None] = lambda: None

    def __bool__(self) -> bool:
        """Tell whether something is left to do."""
        return bool(self._jobs)

    def begin(self, job: Generator[None, None, None]) -> None:
        """Take something on; nothing of it is done before this returns."""
        self._jobs.append(job)
        self.wake()

    def advance(self) -> None:
        """Do one part of what is next in turn."""
        if self._jobs:
            job = self._jobs.popleft()
            try:
                next(job)
            except StopIteration:
                return
            self._jobs.append(job)
