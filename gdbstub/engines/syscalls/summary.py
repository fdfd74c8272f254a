"""The log as a table of how often each call was made, and how long it took.

Layer: engines.  Used by: log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.engines.syscalls.record import OpenCall, Returned, ThreadRecord, View


class _Count:
    __slots__ = ("calls", "errors", "time")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        #: Nanoseconds between entry and return.
        self.time = 0


_KEYS: dict[str, Callable[[tuple[str, _Count]], object]] = {
    "time": lambda row: -row[1].time,
    "calls": lambda row: -row[1].calls,
    "count": lambda row: -row[1].calls,
    "errors": lambda row: -row[1].errors,
    "name": lambda row: row[0],
    "nothing": lambda row: 0,
}


class Summary:
    """A view that counts.

    Args:
        write: Takes text at the end.
        sort: What the table is sorted by.
        also: Shown besides.
    """

    shows_holds = False

    def __init__(self, write: Callable[[str], None], sort: str, also: View | None) -> None:
        self._write = write
        self._sort = sort
        self._also = also
        self.shows_text = also is not None and also.shows_text
        self._counts: dict[str, _Count] = {}

    def threads_changed(self, count: int) -> None:
        """Pass it on."""
        if self._also is not None:
            self._also.threads_changed(count)

    def entered(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Count nothing yet."""
        if self._also is not None:
            self._also.entered(thread, opened)

    def returned(self, thread: ThreadRecord, opened: OpenCall, how: Returned) -> None:
        """Count a call."""
        count = self._count(opened.name)
        count.calls += 1
        count.time += how.duration
        if opened.call.failed:
            count.errors += 1
        if self._also is not None:
            self._also.returned(thread, opened, how)

    def _count(self, name: str) -> _Count:
        found = self._counts.get(name)
        if found is None:
            found = self._counts[name] = _Count()
        return found

    def abandoned(self, thread: ThreadRecord, opened: OpenCall) -> None:
        """Count a call that does not return, with the time until its thread ended left out."""
        self._count(opened.name).calls += 1
        if self._also is not None:
            self._also.abandoned(thread, opened)

    def said(self, thread: ThreadRecord, kind: str, text: str, **facts: object) -> None:
        """Pass it on."""
        if self._also is not None:
            self._also.said(thread, kind, text, **facts)

    def noticed(self, text: str) -> None:
        """Pass it on."""
        if self._also is not None:
            self._also.noticed(text)

    def finish(self) -> None:
        """Write the table."""
        if self._also is not None:
            self._also.finish()
        if self._counts:
            self._write(table(self._rows()))

    def _rows(self) -> list[tuple[str, int, int, int]]:
        rows = sorted(self._counts.items(), key=_KEYS[self._sort])  # type: ignore[arg-type]  # keys of one kind each
        return [(name, count.calls, count.errors, count.time) for name, count in rows]


_RULE = "------ ----------- ----------- --------- --------- ----------------\n"


def table(rows: Sequence[tuple[str, int, int, int]]) -> str:
    """Return the table of (name, calls, errors, nanoseconds)."""
    whole = sum(time for *_, time in rows)
    text = f"{'% time':>6} {'seconds':>11} {'usecs/call':>11} {'calls':>9} {'errors':>9} syscall\n" + _RULE
    for name, calls, errors, time in rows:
        share = 100 * time / whole if whole else 0.0
        each = time // 1000 // calls if calls else 0
        text += f"{share:6.2f} {time / 1e9:11.6f} {each:11} {calls:9} {errors or '':>9} {name}\n"
    calls = sum(row[1] for row in rows)
    errors = sum(row[2] for row in rows)
    each = whole // 1000 // calls if calls else 0
    return text + _RULE + f"{100.0:6.2f} {whole / 1e9:11.6f} {each:11} {calls:9} {errors or '':>9} total\n"
