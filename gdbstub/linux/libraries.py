"""The libraries of an inferior, from the list that its dynamic linker keeps.

Layer: linux.  Used by: tracer.
Spec: GDB manual, "Library List Format for SVR4 Targets" and the ``qXfer:libraries-svr4:read`` packet;
System V ABI, "Dynamic Linking"; glibc's <link.h> for struct r_debug and struct link_map.

The way there: the auxiliary vector gives the program headers, these give the
dynamic section, its DT_DEBUG entry points to the linker's r_debug, and that to
one list of link_map structs for each namespace.

A list that is being changed, or a corrupt one, gives a shorter document, never
an error: all of it is the inferior's memory, and the inferior may write there.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gdbstub.vocab.errors import TargetError

Read = Callable[[int, int], bytes]

AT_NULL = 0
AT_PHDR = 3
AT_PHENT = 4
AT_PHNUM = 5
PT_LOAD = 1
PT_DYNAMIC = 2
PT_PHDR = 6
DT_NULL = 0
DT_DEBUG = 21

#: Size of the ELF header, which the program headers follow in every file that a linker makes.
_EHDR_SIZE = {4: 52, 8: 64}

#: Unit of reading.  Memory is mapped in multiples of it, so a unit is readable as a whole or not at all.
_UNIT = 4096
_PATH_MAX = 4096
_MAX_LIBRARIES = 20000
_MAX_NAMESPACES = 64
_MAX_DYNAMIC_ENTRIES = 1024
_MAX_HEADERS = 1024

_XML_ESCAPES = {
    **{code: f"&#{code};".encode() for code in (9, 10, 13)},
    # XML 1.0 has no way to write these.
    **{code: b"?" for code in range(32) if code not in (9, 10, 13)},
    ord("&"): b"&amp;",
    ord("<"): b"&lt;",
    ord(">"): b"&gt;",
    ord('"'): b"&quot;",
    ord("'"): b"&apos;",
}

_special = bytes(_XML_ESCAPES)


def _escape(name: bytes) -> bytes:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        # One byte that is no UTF-8 would make the client drop the whole document.
        name = name.decode("utf-8", "replace").encode("utf-8")
    if len(name.translate(None, _special)) == len(name):
        return name
    return b"".join(_XML_ESCAPES.get(byte) or bytes((byte,)) for byte in name)


class _Memory:
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


def _vector(auxv: bytes, pointer_size: int) -> dict[int, int]:
    entry = struct.Struct("=QQ" if pointer_size == 8 else "=II")
    found: dict[int, int] = {}
    for kind, value in entry.iter_unpack(auxv[: len(auxv) - len(auxv) % entry.size]):
        if kind == AT_NULL:
            break
        found[kind] = value
    return found


class _Segment(NamedTuple):
    kind: int
    offset: int
    vaddr: int
    memsz: int


def _segments(memory: _Memory, auxv: dict[int, int]) -> Iterator[_Segment]:
    address, size, count = auxv.get(AT_PHDR, 0), auxv.get(AT_PHENT, 0), auxv.get(AT_PHNUM, 0)
    # p_type, p_flags and p_offset are in a different order in the two classes.
    header = struct.Struct("=IIQQQQQQ" if memory.pointer_size == 8 else "=IIIIIIII")
    if not address or size < header.size:
        return
    for index in range(min(count, _MAX_HEADERS)):
        data = memory.block(address + index * size, header.size)
        if data is None:
            return
        fields = header.unpack(data)
        if memory.pointer_size == 8:
            yield _Segment(fields[0], fields[2], fields[3], fields[6])
        else:
            yield _Segment(fields[0], fields[1], fields[2], fields[5])


def _r_debug(memory: _Memory, auxv: dict[int, int]) -> int | None:
    """Return the address of ``r_debug``: 0 before the dynamic linker has run, None where there never is one."""
    segments = list(_segments(memory, auxv))
    dynamic = next((each for each in segments if each.kind == PT_DYNAMIC), None)
    if dynamic is None:
        return None
    headers = auxv[AT_PHDR]
    bias = 0
    for each in segments:
        if each.kind == PT_PHDR:
            bias = headers - each.vaddr
            break
        if each.kind == PT_LOAD and each.offset == 0:
            # A static PIE has no PT_PHDR; its headers are at the start of the file.
            bias = headers - _EHDR_SIZE[memory.pointer_size] - each.vaddr
    address = (dynamic.vaddr + bias) & memory.mask
    for index in range(min(dynamic.memsz // (2 * memory.pointer_size), _MAX_DYNAMIC_ENTRIES)):
        entry = memory.words(address + index * 2 * memory.pointer_size, 2)
        if entry is None or entry[0] == DT_NULL:
            return None
        if entry[0] == DT_DEBUG:
            # Zero until the dynamic linker has run.
            return entry[1]
    return None


def _list(memory: _Memory, lm: int, prev: int, lmid: int, seen: set[int]) -> Iterator[tuple[int, bytes]]:
    while lm and lm not in seen and len(seen) < _MAX_LIBRARIES:
        seen.add(lm)
        node = memory.words(lm, 5)
        if node is None:
            return
        l_addr, l_name, l_ld, l_next, l_prev = node
        if l_prev != prev:
            # Not the list it is taken for, or the linker is in the middle of a change.
            return
        name = memory.text(l_name)
        if name is None:
            return
        yield (
            lm,
            b""
            if not name
            else (
                b'<library name="%s" lm="0x%x" l_addr="0x%x" l_ld="0x%x" lmid="0x%x"/>'
                % (_escape(name), lm, l_addr, l_ld, lmid)
            ),
        )
        prev, lm = lm, l_next


def _namespaces(memory: _Memory, r_debug: int) -> Iterator[tuple[int, int]]:
    seen: set[int] = set()
    while r_debug and r_debug not in seen and len(seen) < _MAX_NAMESPACES:
        seen.add(r_debug)
        head = memory.words(r_debug, 5)
        if head is None:
            return
        version = head[0] & 0xFFFFFFFF
        if not version:
            return
        yield r_debug, head[1]
        # r_next exists from version 2 on, which glibc sets when there is a second namespace.
        following = memory.words(r_debug + 5 * memory.pointer_size, 1) if version >= 2 else None
        r_debug = following[0] if following else 0


def svr4_xml(
    read: Read,
    auxv: bytes,
    pointer_size: int,
    *,
    start: int | None = None,
    prev: int | None = None,
    lmid: int | None = None,
) -> bytes:
    """Return the ``<library-list-svr4>`` document.

    Args:
        read: Reads the inferior's memory: (address, length); may return less, may raise ``TargetError``.
        auxv: The auxiliary vector.
        pointer_size: Of the inferior, bytes.
        start: Where the client asks for the rest of a list it knows: the first link_map it does not know.
        prev: The link_map before ``start``; the list is empty where the inferior says otherwise.
        lmid: The namespace of ``start``, as it was sent with an earlier list.

    Raises:
        TargetError: ENOENT where the program's dynamic section names no list: it is static, or ld.so itself.
    """
    memory = _Memory(read, pointer_size)
    out: list[bytes] = []
    seen: set[int] = set()
    if start:
        out.append(b'<library-list-svr4 version="1.0">')
        out += [item for _, item in _list(memory, start, prev or 0, lmid or 0, seen)]
    else:
        main = 0
        base = _r_debug(memory, _vector(auxv, pointer_size))
        if base is None:
            # A client that is refused looks for itself, for example in a program started through ld.so.
            raise TargetError(errno.ENOENT, "the program has no DT_DEBUG entry")
        for r_debug, first in _namespaces(memory, base):
            is_base = not out and not main
            for lm, item in _list(memory, first, 0, r_debug, seen):
                if is_base and not main:
                    # The program itself: the client knows it, and its name here is usually empty.
                    main = lm
                else:
                    out.append(item)
        out.insert(0, b'<library-list-svr4 version="1.0"%s>' % (b' main-lm="0x%x"' % main if main else b""))
    out.append(b"</library-list-svr4>")
    return b"".join(out)
