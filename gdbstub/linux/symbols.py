"""Addresses of a process's symbols, from its memory and from the symbol tables of the files it has mapped.

Layer: linux.  Used by: tracer.layout.
Spec: System V gABI, "ELF Header", "Sections", "String Table", "Symbol Table".

Dynamic symbols are found by their hash tables, in memory.  Others are in no table that is made for looking up, and a
program may have millions of them, so the work is cut into parts: the generator yields after each, and whoever drives
it can serve others in between.  A part is a piece of a file: first the string table is searched for the name, then
the symbol table for a symbol whose name stands at one of the places that were found.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from gdbstub.linux import procfs
from gdbstub.linux.dynamic import SHN_UNDEF, DynamicSymbols
from gdbstub.linux.image import PT_DYNAMIC, PT_LOAD, ImageMemory, Read, Segment, segments_at
from gdbstub.vocab.ids import Addr, Tid

SHT_SYMTAB: Final = 2
STT_TLS: Final = 6

#: Read at once, bytes; a multiple of the size of a symbol.
_PART: Final = 24 << 13
#: The longest table of headers that is read, bytes.
_MOST_HEADERS: Final = 1 << 22


class _Class(NamedTuple):
    """Where an ELF class has what is wanted: offsets and sizes as the ABI gives them."""

    #: e_phoff, e_shoff, e_phentsize, e_phnum, e_shentsize, e_shnum.
    header: struct.Struct
    #: p_type, p_offset, p_vaddr, p_filesz, p_memsz, p_align.
    segment: struct.Struct
    #: sh_type, sh_offset, sh_size, sh_link.
    section: struct.Struct
    #: st_name, st_info, st_shndx, st_value; in the order of ``symbol_order``.
    symbol: struct.Struct
    symbol_order: tuple[int, int, int, int]


_CLASSES: Final = {
    b"\x7fELF\1\1": _Class(
        struct.Struct("=28xII6xHHHH2x"),
        struct.Struct("=IIIxxxxII4xI"),
        struct.Struct("=4xI8xIII12x"),
        struct.Struct("=II4xBxH"),
        (0, 2, 3, 1),
    ),
    b"\x7fELF\2\1": _Class(
        struct.Struct("=32xQQ6xHHHH2x"),
        struct.Struct("=I4xQQ8xQQQ"),
        struct.Struct("=4xI16xQQI20x"),
        struct.Struct("=IBxHQ8x"),
        (0, 1, 2, 3),
    ),
}


class _Table(NamedTuple):
    """A section's place in its file."""

    kind: int
    offset: int
    size: int
    link: int


def find_symbol(tid: Tid, name: bytes, read: Read, pointer_size: int) -> Generator[None, None, Addr | None]:
    """Find where a process has a symbol; None where no mapped file defines it.

    The program comes first, then the libraries in the order of their addresses.

    Args:
        tid: A live thread of the process; its root decides which files are meant.
        name: As the linker writes it.
        read: Reads the process's memory: (address, length); may return less, may raise ``TargetError``.
        pointer_size: Of the process, bytes.
    """
    memory = ImageMemory(read, pointer_size)
    for path, mapping in _files(tid) if name else ():
        found = _in_memory(memory, mapping, name)
        yield
        if found is None:
            # A file that is no ELF file, or is cut off, has no symbols.
            with contextlib.suppress(OSError, struct.error):
                found = yield from _in_file(path, mapping, name)
        if found is not None:
            return Addr(found & memory.mask)
    return None


def _files(tid: Tid) -> Iterator[tuple[str, procfs.Mapping]]:
    """Return the mapped files, each with its first mapping; the program is named by its link, which always works."""
    program = procfs.read_link(f"/proc/{tid}/exe")
    first: dict[bytes, procfs.Mapping] = {}
    for mapping in procfs.maps(tid):
        if mapping.path.startswith(b"/"):
            first.setdefault(mapping.path, mapping)
    for path, mapping in sorted(first.items(), key=lambda item: item[0] != program):
        if path == program:
            yield f"/proc/{tid}/exe", mapping
        else:
            yield f"/proc/{tid}/root{path.decode('utf-8', 'surrogateescape')}", mapping


def _bias(program: list[Segment], mapping: procfs.Mapping) -> int:
    """Return how far a file's addresses have moved, from where its part at one offset lies."""
    for each in program:
        begin = each.offset & ~0xFFF
        if each.kind == PT_LOAD and begin <= mapping.offset < each.offset + max(each.filesz, 1):
            return mapping.start - ((each.vaddr & ~0xFFF) + mapping.offset - begin)
    return 0


def _in_memory(memory: ImageMemory, mapping: procfs.Mapping, name: bytes) -> int | None:
    if mapping.offset:
        return None
    program = segments_at(memory, mapping.start)
    dynamic = next((each for each in program if each.kind == PT_DYNAMIC), None)
    if dynamic is None:
        return None
    bias = _bias(program, mapping)
    return DynamicSymbols(memory, bias, (dynamic.vaddr + bias) & memory.mask).find(name)


def _in_file(path: str, mapping: procfs.Mapping, name: bytes) -> Generator[None, None, int | None]:
    # What has taken a library's place by now may be a FIFO.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return (yield from _File(fd).find(mapping, name))
    finally:
        os.close(fd)
    return None


class _File:
    """An open file."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def find(self, mapping: procfs.Mapping, name: bytes) -> Generator[None, None, int | None]:
        head = os.pread(self._fd, 64, 0)
        layout = _CLASSES.get(head[:6])
        if layout is None:
            return None
        phoff, shoff, phsize, phnum, shsize, shnum = layout.header.unpack_from(head)
        sections = [_Table(*each) for each in self._entries(layout.section, shoff, shsize, shnum)]
        for table in sections:
            if table.kind == SHT_SYMTAB and table.link < len(sections):
                places = yield from self._places(sections[table.link], name)
                value = (yield from self._value(layout, table, places)) if places else None
                if value is not None:
                    program = [Segment(*each) for each in self._entries(layout.segment, phoff, phsize, phnum)]
                    return value + _bias(program, mapping)
        return None

    def _entries(self, entry: struct.Struct, offset: int, size: int, count: int) -> Iterator[tuple[int, ...]]:
        if size < entry.size or size * count > _MOST_HEADERS:
            return
        data = os.pread(self._fd, size * count, offset)
        for at in range(0, len(data) - entry.size + 1, size):
            yield entry.unpack_from(data, at)

    def _parts(self, table: _Table, overlap: int) -> Iterator[tuple[int, bytes]]:
        """Read a section in parts, each beginning so many bytes before the end of the one before."""
        at = 0
        while at < table.size:
            data = os.pread(self._fd, min(_PART, table.size - at), table.offset + at)
            yield at, data
            if len(data) <= overlap or at + len(data) >= table.size:
                return
            at += len(data) - overlap

    def _places(self, strings: _Table, name: bytes) -> Generator[None, None, set[int]]:
        """Find where names end like this one: a linker lets a name share the end of a longer one."""
        wanted = name + b"\0"
        found: set[int] = set()
        for start, data in self._parts(strings, len(wanted) - 1):
            at = data.find(wanted)
            while at >= 0:
                found.add(start + at)
                at = data.find(wanted, at + 1)
            yield
        return found

    def _value(self, layout: _Class, symbols: _Table, places: set[int]) -> Generator[None, None, int | None]:
        size = layout.symbol.size
        for _, data in self._parts(symbols, 0):
            whole = data[: len(data) - len(data) % size]
            # st_name comes first in both classes.
            names = memoryview(whole).cast("I")[:: size // 4].tolist()
            if not places.isdisjoint(names):
                for index, st_name in enumerate(names):
                    if st_name in places:
                        fields = layout.symbol.unpack_from(whole, index * size)
                        _, info, section, value = [int(fields[each]) for each in layout.symbol_order]
                        if section != SHN_UNDEF and value and info & 0xF != STT_TLS:
                            return value
            yield
        return None
