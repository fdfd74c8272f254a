"""The log as JSON objects, one a line, for programs.

Layer: engines.  Used by: log.

A call is shown when it has returned, or when it is clear that it will not; ``result`` is
null then.  ``args`` is the arguments' text as the lines have it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from gdbstub.engines.syscalls.record import OpenCall, Returned, ThreadRecord


class Objects:
    """A view that writes JSON.

    Args:
        write: Takes text; must not block.
    """

    shows_text = True
    shows_holds = False

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def _put(self, thread: ThreadRecord, clock: float, fields: dict[str, object]) -> None:
        head: dict[str, object] = {"time": round(clock, 6), "pid": thread.pid, "tid": thread.tid}
        self._write(json.dumps({**head, **fields}) + "\n")

    def threads_changed(self, count: int) -> None:
        """Do nothing: every object names its thread."""

    def entered(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Wait for the call's end."""

    def returned(self, thread: ThreadRecord, opened: OpenCall, how: Returned) -> None:
        """Write a call."""
        call = opened.call
        fields: dict[str, object] = {
            "syscall": opened.name,
            "args": opened.shown + how.arguments,
            "result": -1 if call.failed else call.result,
            "text": how.result,
        }
        if call.failed:
            fields["error"] = how.result.removeprefix("-1 ").removeprefix("? ").split(" ", 1)[0]
        fields["duration"] = round(how.duration / 1e9, 6)
        self._put(thread, opened.clock, fields)

    def abandoned(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Write a call that does not return."""
        shown = opened.shown.removesuffix(", ")
        self._put(thread, opened.clock, {"syscall": opened.name, "args": shown, "result": None, "text": "?"})

    def said(self, thread: ThreadRecord, kind: str, text: str, **facts: object) -> None:
        """Write what happened between calls."""
        self._put(thread, time.time(), {"text": text, **facts})

    def noticed(self, text: str) -> None:
        """Write what concerns the log itself."""

    def finish(self) -> None:
        """Do nothing."""
