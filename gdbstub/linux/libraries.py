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
from collections.abc import Iterator

from gdbstub.linux.dynamic import DynamicSymbols
from gdbstub.linux.image import (
    AT_BASE,
    AT_PHDR,
    AT_PHENT,
    AT_PHNUM,
    PT_DYNAMIC,
    PT_LOAD,
    ImageMemory,
    Read,
    auxiliary_vector,
    load_bias,
    segments,
    segments_at,
)
from gdbstub.vocab.errors import TargetError

DT_NULL = 0
DT_DEBUG = 21

#: glibc, musl and uClibc agree on its name.
_BRAKE = b"_dl_debug_state"

_MAX_LIBRARIES = 20000
_MAX_NAMESPACES = 64
_MAX_DYNAMIC_ENTRIES = 1024

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


def _debug_entry(memory: ImageMemory, auxv: dict[int, int]) -> tuple[int, int] | None:
    """Return where the address of ``r_debug`` is kept, and that address; None where there never is one.

    The address is 0 until the dynamic linker has run.
    """
    program = segments(memory, auxv.get(AT_PHDR, 0), auxv.get(AT_PHENT, 0), auxv.get(AT_PHNUM, 0))
    dynamic = next((each for each in program if each.kind == PT_DYNAMIC), None)
    if dynamic is None:
        return None
    bias = load_bias(program, auxv[AT_PHDR], memory.pointer_size)
    address = (dynamic.vaddr + bias) & memory.mask
    for index in range(min(dynamic.memsz // (2 * memory.pointer_size), _MAX_DYNAMIC_ENTRIES)):
        entry = memory.words(address + index * 2 * memory.pointer_size, 2)
        if entry is None or entry[0] == DT_NULL:
            return None
        if entry[0] == DT_DEBUG:
            return address + (2 * index + 1) * memory.pointer_size, entry[1]
    return None


def _list(memory: ImageMemory, lm: int, prev: int, lmid: int, seen: set[int]) -> Iterator[tuple[int, bytes]]:
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


def _namespaces(memory: ImageMemory, r_debug: int) -> Iterator[tuple[int, int]]:
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


def linker_pointer(read: Read, auxv: bytes, pointer_size: int) -> tuple[int, int] | None:
    """Return where the program keeps the address of its linker's ``r_debug``, and what is there now.

    Args:
        read: Reads the inferior's memory: (address, length); may return less, may raise ``TargetError``.
        auxv: The auxiliary vector.
        pointer_size: Of the inferior, bytes.
    """
    return _debug_entry(ImageMemory(read, pointer_size), auxiliary_vector(auxv, pointer_size))


def linker_brake(read: Read, auxv: bytes, pointer_size: int) -> int | None:
    """Return the function that the dynamic linker calls before and after it changes its list; None: nobody does.

    Args:
        read: Reads the inferior's memory: (address, length); may return less, may raise ``TargetError``.
        auxv: The auxiliary vector.
        pointer_size: Of the inferior, bytes.
    """
    memory = ImageMemory(read, pointer_size)
    vector = auxiliary_vector(auxv, pointer_size)
    entry = _debug_entry(memory, vector)
    head = memory.words(entry[1], 3) if entry is not None and entry[1] else None
    if head is not None and head[2]:
        return head[2]
    # The linker has not run yet, and cannot say it itself.  A program that names none may be the linker.
    base = vector.get(AT_BASE, 0)
    if base:
        program = segments_at(memory, base)
        first = next((each.vaddr for each in program if each.kind == PT_LOAD and not each.offset), 0)
        bias = (base - first) & memory.mask
    else:
        program = segments(memory, vector.get(AT_PHDR, 0), vector.get(AT_PHENT, 0), vector.get(AT_PHNUM, 0))
        bias = load_bias(program, vector.get(AT_PHDR, 0), pointer_size)
    dynamic = next((each for each in program if each.kind == PT_DYNAMIC), None)
    if dynamic is None:
        return None
    return DynamicSymbols(memory, bias, (dynamic.vaddr + bias) & memory.mask).find(_BRAKE)


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
    memory = ImageMemory(read, pointer_size)
    out: list[bytes] = []
    seen: set[int] = set()
    if start:
        out.append(b'<library-list-svr4 version="1.0">')
        out += [item for _, item in _list(memory, start, prev or 0, lmid or 0, seen)]
    else:
        main = 0
        entry = _debug_entry(memory, auxiliary_vector(auxv, pointer_size))
        if entry is None:
            # A client that is refused looks for itself, for example in a program started through ld.so.
            raise TargetError(errno.ENOENT, "the program has no DT_DEBUG entry")
        for r_debug, first in _namespaces(memory, entry[1]):
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
