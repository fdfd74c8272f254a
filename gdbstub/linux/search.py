"""Looking for bytes in a process's memory.

Layer: linux.  Used by: tracer.

The work is cut into parts: the generator yields after each, so that whoever drives it can serve others in between.
Addresses where nothing is mapped are jumped over, and a match never spans such a hole.  So is memory that only a
tracer can read, and that is nothing but zeros: address space that a program has reserved, gigabytes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Final

from gdbstub.linux.procfs import Mapping
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr

#: Read at once, bytes.
_PART: Final = 1 << 18
_PAGE: Final = 1 << 12
_ZEROS: Final = bytes(_PART)
#: How many of the pattern's bytes are looked for first.
_PROBES: Final = 8

Reader = Callable[[Addr, int], bytes]


class _Holes:
    """Finds the way over memory that cannot be read."""

    def __init__(self, mappings: Callable[[], Sequence[Mapping]]) -> None:
        self._mappings = mappings
        self._last = -1
        self._readable = range(0)

    def next_readable(self, at: int) -> int | None:
        """Return where to try again after ``at`` could not be read; None: there is nothing above it."""
        for mapping in self._mappings():
            if mapping.start > at:
                return mapping.start
            if mapping.end <= at:
                continue
            # A page that cannot be read may be a single one; two in a row are a device, or past the end of a file.
            page = at - at % _PAGE + _PAGE
            again, self._last = self._last == at, page
            if not again and page < mapping.end:
                return page
            at = mapping.end
        return None

    def end_of_reserve(self, at: int) -> int | None:
        """Return where the mapping at ``at`` ends; None where the program itself can read it."""
        if at in self._readable:
            return None
        for mapping in self._mappings():
            if mapping.start <= at < mapping.end:
                if "r" not in mapping.permissions:
                    return mapping.end
                self._readable = range(mapping.start, mapping.end)
                break
        return None


def search(
    read: Reader, mappings: Callable[[], Sequence[Mapping]], start: Addr, length: int, pattern: bytes
) -> Generator[None, None, Addr | None]:
    """Find the first place of ``pattern`` in ``[start, start + length)``; None where there is none.

    Args:
        read: Reads up to so many bytes; raises where not even the first is readable.
        mappings: What is mapped now, lowest first.
        start: Where to begin.
        length: How far to look, bytes.
        pattern: What to look for.

    Raises:
        TargetError: None of the memory can be read.
    """
    at, end = int(start), start + length
    keep = max(0, len(pattern) - 1)
    probes = tuple(set(pattern))[:_PROBES] if keep else ()
    holes = _Holes(mappings)
    tail = b""
    seen = False
    failure: TargetError | None = None
    while at < end:
        try:
            data = read(Addr(at), min(_PART, end - at))
        except TargetError as refusal:
            failure = failure or refusal
            data = b""
        if not data:
            after = holes.next_readable(at)
            if after is None:
                break
            at, tail = after, b""
            yield
            continue
        seen = True
        if tail:
            # Only what spans the seam: to join the parts would copy all of the memory once more.
            found = (tail + data[:keep]).find(pattern)
            if found >= 0:
                return Addr(at - len(tail) + found)
        # To look for one byte is ten times as fast, and much memory lacks one of the pattern's.
        found = data.find(pattern) if all(byte in data for byte in probes) else -1
        if found >= 0:
            return Addr(at + found)
        reserved = holes.end_of_reserve(at) if data == _ZEROS[: len(data)] else None
        if reserved is not None:
            at, tail = max(reserved, at + 1), b""
            yield
            continue
        at += len(data)
        if keep:
            tail = data[-keep:] if len(data) >= keep else (tail + data)[-keep:]
        yield
    if not seen and failure is not None:
        raise failure
    return None
