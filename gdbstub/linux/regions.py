"""The mappings of an inferior as they are while it stands still: read once, asked for often.

Layer: linux.  Used by: tracer.
Source: proc(5) on ``maps`` and ``smaps``; Linux Documentation/filesystems/proc.rst on ``VmFlags``.

``smaps`` walks the page tables, which takes long for a large process, so it is read only where the processor has
something that only ``smaps`` tells: protection keys, shadow stacks, tagged memory.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from functools import cache

from gdbstub.linux import procfs
from gdbstub.target.regions import MemoryRegion
from gdbstub.vocab.ids import Addr, Tid

#: A client that asks for one region after the other ends at this address, which is no address.
_END = (1 << 64) - 1

_lines = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (....) \S+ (\S+ \d+) *(.*)$", re.M).findall
_flags = re.compile(rb"^VmFlags:(.*)$", re.M).search
_key = re.compile(rb"^ProtectionKey: *(\d+)$", re.M).search

#: Flags of ``VmFlags`` that are passed on.
_TOLD = (b"mt", b"ss")
#: The words of /proc/cpuinfo that say that ``smaps`` has more to tell.
_TELLING = frozenset((b"ospke", b"user_shstk", b"mte", b"poe"))


@cache
def _has_more() -> bool:
    """Tell whether ``smaps`` of this machine's processes says anything that ``maps`` does not."""
    for line in (procfs.read_file(f"{procfs.PROC}/cpuinfo") or b"").split(b"\n"):
        name, _, words = line.partition(b":")
        if name.strip().lower() in (b"flags", b"features"):
            return not _TELLING.isdisjoint(words.split())
    return False


class RegionMap:
    """The regions of one address space.

    Args:
        maps: The text of ``maps`` or of ``smaps``.
    """

    __slots__ = ("_details", "_known", "_rows", "_starts")

    def __init__(self, maps: bytes) -> None:
        self._rows: list[tuple[bytes, bytes, bytes, bytes, bytes]] = _lines(maps)
        self._starts = [int(row[0], 16) for row in self._rows]
        #: Those that were asked for.
        self._known: dict[int, MemoryRegion] = {}
        #: What ``smaps`` says about each mapping, below its line.
        self._details = _line_split(maps)[1:] if b"\nVmFlags:" in maps else []

    def at(self, address: Addr) -> MemoryRegion:
        """Return the mapping at an address, or the gap from it to the next one."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0:
            region = self._known.get(index) or self._mapping(index)
            if address < region.start + region.size:
                return region
        after = self._starts[index + 1] if index + 1 < len(self._starts) else _END
        return MemoryRegion(address, max(0, after - address), False)

    def _mapping(self, index: int) -> MemoryRegion:
        start = self._starts[index]
        _, end, permissions, _, name = self._rows[index]
        flags, key = self._detail(index)
        region = self._known[index] = MemoryRegion(
            Addr(start),
            int(end, 16) - start,
            True,
            permissions[:3].replace(b"-", b"").decode("ascii"),
            # The kernel writes a newline inside a name as an octal escape, and nothing else.
            name.replace(b"\\012", b"\n"),
            flags,
            key,
        )
        return region

    def _detail(self, index: int) -> tuple[tuple[str, ...], int | None]:
        if index >= len(self._details):
            return (), None
        text = self._details[index]
        found = _flags(text)
        words = found[1].split() if found is not None else []
        key = _key(text)
        return tuple(each.decode("ascii") for each in _TOLD if each in words), None if key is None else int(key[1])

    def base_of(self, path: bytes, device: int = 0, inode: int = 0) -> Addr | None:
        """Return where a file is mapped first; None where it is not.

        Args:
            path: As the kernel shows it.
            device: Of the file, for when a symbolic link leads to it.
            inode: The same.
        """
        identity = b"%02x:%02x %d" % (os.major(device), os.minor(device), inode)
        for row, start in zip(self._rows, self._starts, strict=True):
            if row[4] == path or (inode and row[3] == identity):
                return Addr(start)
        return None

    def path_named(self, name: bytes) -> bytes | None:
        """Return the path of the first mapped file whose last component is ``name``."""
        for row in self._rows:
            if row[4].rpartition(b"/")[2] == name and row[4].startswith(b"/"):
                return row[4]
        return None


_line_split = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ .*$", re.M).split


def read_regions(tid: Tid, *, root: str = procfs.PROC) -> RegionMap:
    """Return the regions of a live thread's address space; one large gap where it has none any more."""
    text = procfs.read_file(f"{root}/{tid}/smaps") if _has_more() else None
    return RegionMap(text or procfs.read_file(f"{root}/{tid}/maps") or b"")
