"""A program's ELF image as it lies in an inferior's memory: reading it, its auxiliary vector, its program headers.

Layer: linux.  Used by: libraries, symbols, tls, tracer.
Spec: System V ABI, "ELF Header", "Program Header"; getauxval(3) for the vector.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gdbstub.vocab.errors import TargetError

Read = Callable[[int, int], bytes]

AT_NULL = 0
AT_PHDR = 3
AT_PHENT = 4
AT_PHNUM = 5
AT_BASE = 7
PT_LOAD = 1
PT_DYNAMIC = 2
PT_PHDR = 6
PT_TLS = 7

#: Size of the ELF header, which the program headers follow in every file that a linker makes.
EHDR_SIZE = {4: 52, 8: 64}

#: Unit of reading.  Memory is mapped in multiples of it, so a unit is readable as a whole or not at all.
_UNIT = 4096
_PATH_MAX = 4096
_MAX_HEADERS = 1024


class ImageMemory:
    """The inferior's memory, read by units, each of them once."""

    __slots__ = ("_pointer", "_read", "_units", "mask", "pointer_size")

    def __init__(self, read: Read, pointer_size: int) -> None:
        self._read = read
        self._units: dict[int, bytes] = {}
        self.pointer_size = pointer_size
        self.mask = (1 << 8 * pointer_size) - 1
        self._pointer = "Q" if pointer_size == 8 else "I"

    def _unit(self, base: int) -> bytes:
        data = self._units.get(base)
        if data is None:
            try:
                data = self._read(base, _UNIT)
            except TargetError:
                data = b""
            self._units[base] = data
        return data

    def block(self, address: int, length: int) -> bytes | None:
        """Read exactly ``length`` bytes, or None."""
        base = address & -_UNIT
        at = address - base
        data = self._unit(base)[at : at + length]
        while len(data) < length:
            base += _UNIT
            more = self._unit(base)[: length - len(data)]
            if not more or base > self.mask:
                return None
            data += more
        return data

    def words(self, address: int, count: int) -> tuple[int, ...] | None:
        """Read pointers in a row, or None."""
        data = self.block(address, count * self.pointer_size)
        return None if data is None else struct.unpack(f"={count}{self._pointer}", data)

    def text(self, address: int) -> bytes | None:
        """Read up to a NUL; None where there is none within PATH_MAX or within readable memory."""
        out = b""
        while len(out) < _PATH_MAX:
            base = address & -_UNIT
            unit = self._unit(base)
            at = address - base
            end = unit.find(b"\0", at)
            if end >= 0:
                return out + unit[at:end]
            if len(unit) <= at:
                return None
            out += unit[at:]
            address = base + _UNIT
        return None


def auxiliary_vector(auxv: bytes, pointer_size: int) -> dict[int, int]:
    """Return the vector's values by type."""
    entry = struct.Struct("=QQ" if pointer_size == 8 else "=II")
    found: dict[int, int] = {}
    for kind, value in entry.iter_unpack(auxv[: len(auxv) - len(auxv) % entry.size]):
        if kind == AT_NULL:
            break
        found[kind] = value
    return found


class Segment(NamedTuple):
    """One program header."""

    kind: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int
    align: int


def segments(memory: ImageMemory, address: int, size: int, count: int) -> list[Segment]:
    """Read program headers; empty where they are not readable.

    Args:
        memory: The inferior's.
        address: Of the first header.
        size: Of each, bytes.
        count: How many.
    """
    # p_type, p_flags and p_offset are in a different order in the two classes.
    header = struct.Struct("=IIQQQQQQ" if memory.pointer_size == 8 else "=IIIIIIII")
    table = memory.block(address, size * count) if size >= header.size and 0 < count <= _MAX_HEADERS else None
    if table is None:
        return []
    found = []
    for at in range(0, size * count, size):
        if memory.pointer_size == 8:
            kind, _, offset, vaddr, _, filesz, memsz, align = header.unpack_from(table, at)
        else:
            kind, offset, vaddr, _, filesz, memsz, _, align = header.unpack_from(table, at)
        found.append(Segment(kind, offset, vaddr, filesz, memsz, align))
    return found


def segments_at(memory: ImageMemory, base: int) -> list[Segment]:
    """Read the program headers of an image whose ELF header lies at ``base``; empty where there is none."""
    word = memory.pointer_size
    size = EHDR_SIZE[word]
    head = memory.block(base, size)
    if head is None or not head.startswith(b"\x7fELF" + bytes((word // 4,))):
        return []
    e_phoff = int.from_bytes(head[24 + word :][:word], "little")
    e_phentsize, e_phnum = struct.unpack_from("=HH", head, size - 10)
    return segments(memory, base + e_phoff, e_phentsize, e_phnum)


def load_bias(program: Sequence[Segment], headers: int, pointer_size: int) -> int:
    """Return how far from its own addresses a program was loaded.

    Args:
        program: Its program headers.
        headers: Where the kernel says that these lie (``AT_PHDR``).
        pointer_size: Of the program, bytes.
    """
    for each in program:
        if each.kind == PT_PHDR:
            return headers - each.vaddr
    for each in program:
        if each.kind == PT_LOAD and each.offset == 0:
            # A static PIE has no PT_PHDR; its headers are at the start of the file.
            return headers - EHDR_SIZE[pointer_size] - each.vaddr
    return 0
