"""Debug output: quiet unless asked.

Layer: server.  Used by: server.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

from gdbstub.server.wording import say


class DebugLog:
    """Lines about packets (``remote``) and about the tracer (``threads``, ``event-loop``).

    Args:
        kinds: What is switched on.
        timestamps: Put the time before each line.
        path: Write there rather than to stderr.
    """

    def __init__(self, kinds: frozenset[str], *, timestamps: bool, path: str | None) -> None:
        self._kinds = set(kinds)
        self.timestamps = timestamps
        self._file: TextIO = sys.stderr
        if path:
            try:
                # Line-buffered and kept open for the life of the server.
                self._file = open(path, "a", buffering=1)  # noqa: SIM115, PTH123
            except OSError as failure:
                say(f"Failed to open log file `{path}': {failure.strerror}\nWill log to stderr instead.")

    def switch(self, kind: str, on: bool) -> None:
        """Switch one kind of output."""
        if on:
            self._kinds.add(kind)
        else:
            self._kinds.discard(kind)

    def wants(self, kind: str) -> bool:
        """Tell whether a kind is switched on."""
        return kind in self._kinds

    def write(self, kind: str, text: str) -> None:
        """Write a line of one kind."""
        if kind not in self._kinds:
            return
        stamp = f"{time.time():.6f} " if self.timestamps else ""
        self._file.write(f"{stamp}[{kind}] {text}\n")
        self._file.flush()
