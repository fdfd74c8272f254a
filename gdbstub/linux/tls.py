"""Where a thread keeps a module's thread-local storage.

Layer: linux.  Used by: tracer.
Spec: Drepper, "ELF Handling For Thread-Local Storage" (variant II); System V gABI, "Hash Table";
glibc's <link.h>, the ``_thread_db_*`` data that libc.so (libpthread.so before glibc 2.34) exports for
debuggers, and the head of struct link_map; musl's struct pthread and dtv.

Everything is read from the inferior's memory: no file, no libthread_db, no symbols but the dynamic ones.
Four ways, the first that fits:

- The program itself, of any C library, static or not: its storage ends at the thread pointer, at a distance
  that the linker has built into its code.
- glibc says where l_tls_modid and l_tls_offset are in its struct link_map.
- glibc without libpthread, before 2.34, does not say; there the members are found by those before them, which
  repeat the module's PT_TLS header.
- musl gives its modules numbers in the order of loading and never takes one back.

With a number, the thread's dtv has the address, if the thread has used that storage yet.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import NamedTuple

from gdbstub.linux.dynamic import DynamicSymbols
from gdbstub.linux.image import (
    AT_PHDR,
    AT_PHENT,
    AT_PHNUM,
    PT_DYNAMIC,
    PT_TLS,
    ImageMemory,
    Read,
    Segment,
    auxiliary_vector,
    load_bias,
    segments,
    segments_at,
)
from gdbstub.vocab.errors import TargetError

_MAX_MODULES = 20000
_MAX_SLOT_BLOCKS = 4096

#: Where the libraries that answer our look-ups usually are, by the start of the file's name.
_LIKELY = (b"libc.", b"libpthread", b"ld-", b"ld.", b"ld64.")

#: How much of struct link_map is searched for the TLS members, words.
_LINK_MAP_WORDS = 256

# Exported by glibc for debuggers; each is three 32-bit numbers: bits, count and offset of a member.
_L_TLS_MODID = b"_thread_db_link_map_l_tls_modid"
_L_TLS_OFFSET = b"_thread_db_link_map_l_tls_offset"
_SLOT_LIST = b"_thread_db_rtld_global__dl_tls_dtv_slotinfo_list"
_RTLD_GLOBAL = b"_rtld_global"
#: The name of musl's dynamic linker for its r_debug; no other C library exports it.
_MUSL_MARK = b"_dl_debug_addr"

#: l_tls_offset of a module whose storage is not in the static block: undecided, or never to be there.
NO_TLS_OFFSET = 0
FORCED_DYNAMIC_TLS_OFFSET = -1

_NOT_YET = "this thread has not allocated that module's storage yet"


def _one(segments: Sequence[Segment], kind: int) -> Segment | None:
    return next((each for each in segments if each.kind == kind), None)


class _Module(NamedTuple):
    """One struct link_map: its address and its public head."""

    link_map: int
    l_addr: int
    l_name: int
    l_ld: int
    l_next: int
    l_prev: int


def _not_listed() -> TargetError:
    return TargetError(errno.EFAULT, "that link_map is not in the dynamic linker's list")


class _Process:
    """An inferior's modules, and what its C library says about their storage."""

    def __init__(self, memory: ImageMemory, auxv: bytes) -> None:
        self._memory = memory
        self._word = memory.pointer_size
        vector = auxiliary_vector(auxv, memory.pointer_size)
        self._headers = vector.get(AT_PHDR, 0)
        self._program = segments(memory, self._headers, vector.get(AT_PHENT, 0), vector.get(AT_PHNUM, 0))

    # The program

    def is_program(self, module: _Module) -> bool:
        """Tell the program that the kernel started from its libraries."""
        # Where the dynamic linker was started as a command, the kernel's program is one of the libraries.
        dynamic = None if module.l_prev else _one(self._program, PT_DYNAMIC)
        return dynamic is not None and module.l_ld == (dynamic.vaddr + self._bias()) & self._memory.mask

    def _bias(self) -> int:
        return load_bias(self._program, self._headers, self._word)

    def program_distance(self) -> int:
        """Return how far below the thread pointer the program's storage starts."""
        tls = _one(self._program, PT_TLS)
        if tls is None:
            raise TargetError(errno.ENOENT, "the program has no thread-local storage")
        return tls.memsz + ((-tls.memsz - tls.vaddr) & (tls.align - 1 if tls.align else 0))

    # The list of modules

    def module(self, link_map: int) -> _Module:
        """Return one module.

        Raises:
            TargetError: There is none at that address.
        """
        head = self._memory.words(link_map, 5)
        if head is None:
            raise _not_listed()
        return _Module(link_map, *head)

    def modules(self, link_map: int) -> list[_Module]:
        """Return the namespace that a module is in, in the order of loading.

        Raises:
            TargetError: It is in none.
        """
        first = self.module(link_map)
        seen = {link_map}
        while first.l_prev:
            first = self.module(first.l_prev)
            if first.link_map in seen or len(seen) > _MAX_MODULES:
                raise _not_listed()
            seen.add(first.link_map)
        found = [first]
        while found[-1].l_next and len(found) < _MAX_MODULES:
            each = self.module(found[-1].l_next)
            if each.l_prev != found[-1].link_map:
                # The linker is in the middle of a change, or it is no list.
                break
            found.append(each)
        if all(each.link_map != link_map for each in found):
            raise _not_listed()
        return found

    def segments(self, module: _Module) -> list[Segment]:
        """Return a module's program headers; empty where they are not found in memory."""
        if self.is_program(module):
            return self._program
        found = segments_at(self._memory, module.l_addr)
        dynamic = _one(found, PT_DYNAMIC)
        if dynamic is None or (module.l_addr + dynamic.vaddr) & self._memory.mask != module.l_ld:
            return []
        return found

    # Symbols

    def by_likelihood(self, modules: Sequence[_Module]) -> list[_Module]:
        """Put first the modules that are C libraries by their names."""

        def unlikely(module: _Module) -> bool:
            name = self._memory.text(module.l_name) or b""
            return not name[name.rfind(b"/") + 1 :].startswith(_LIKELY)

        return sorted(modules, key=unlikely)

    def find(self, modules: Sequence[_Module], name: bytes) -> int | None:
        """Return the address of the first definition of a dynamic symbol."""
        for module in modules:
            found = DynamicSymbols(self._memory, module.l_addr, module.l_ld).find(name)
            if found is not None:
                return found
        return None

    def described(self, modules: Sequence[_Module], name: bytes) -> int | None:
        """Return the offset of a structure's member as the C library describes it to debuggers."""
        at = self.find(modules, name)
        if at is None:
            return None
        data = self._memory.block(at, 12)
        bits, _count, offset = (0, 0, 0) if data is None else struct.unpack("=3I", data)
        return offset if bits == 8 * self._word else None


class _Storage(NamedTuple):
    """What glibc's struct link_map says about a module's storage."""

    l_tls_offset: int
    l_tls_modid: int


class _Lookup:
    """One question: the storage of one module in one thread."""

    def __init__(self, process: _Process, memory: ImageMemory, pointer: int) -> None:
        self._process = process
        self._memory = memory
        self._word = memory.pointer_size
        self._pointer = pointer

    def _load(self, address: int) -> int:
        word = self._memory.words(address & self._memory.mask, 1)
        if word is None:
            raise TargetError(errno.EFAULT, "the thread's storage cannot be read")
        return word[0]

    def block(self, link_map: int) -> int:
        """Return where the storage starts."""
        process = self._process
        if not link_map:
            return self._pointer - process.program_distance()
        module = process.module(link_map)
        if process.is_program(module):
            return self._pointer - process.program_distance()
        modules = process.modules(link_map)
        likely = process.by_likelihood(modules)
        storage = self._described(module, likely) or self._recognised(module)
        if storage is not None:
            return self._glibc(module, storage, likely)
        if process.find(likely, _MUSL_MARK) is not None:
            return self._musl(module, modules)
        if modules and not self._has_storage(module):
            raise TargetError(errno.ENOENT, "that module has no thread-local storage")
        raise TargetError(errno.ENOTSUP, "the program's C library does not say where thread-local storage is")

    def _has_storage(self, module: _Module) -> bool:
        return _one(self._process.segments(module), PT_TLS) is not None

    # glibc

    def _described(self, module: _Module, likely: Sequence[_Module]) -> _Storage | None:
        modid = self._process.described(likely, _L_TLS_MODID)
        offset = self._process.described(likely, _L_TLS_OFFSET)
        if modid is None or offset is None:
            return None
        return _Storage(self._load(module.link_map + offset), self._load(module.link_map + modid))

    def _recognised(self, module: _Module) -> _Storage | None:
        tls = _one(self._process.segments(module), PT_TLS)
        if tls is None:
            return None
        # l_tls_initimage, l_tls_initimage_size, l_tls_blocksize, l_tls_align, l_tls_firstbyte_offset.
        image = (tls.vaddr + module.l_addr) & self._memory.mask
        first_byte = tls.vaddr & (tls.align - 1 if tls.align else 0)
        wanted = (image, tls.filesz, tls.memsz, tls.align, first_byte)
        for index in range(_LINK_MAP_WORDS):
            words = self._memory.words(module.link_map + index * self._word, 7)
            if words is None:
                break
            if words[:5] == wanted:
                return _Storage(words[5], words[6])
        return None

    def _glibc(self, module: _Module, storage: _Storage, likely: Sequence[_Module]) -> int:
        modid = storage.l_tls_modid
        if not modid:
            raise TargetError(errno.ENOENT, "that module has no thread-local storage")
        if storage.l_tls_offset not in (NO_TLS_OFFSET, FORCED_DYNAMIC_TLS_OFFSET & self._memory.mask):
            return self._pointer - storage.l_tls_offset
        dtv = self._load(self._pointer + self._word)
        entry = 2 * self._word
        # The entry before the first counts the entries, the first holds the generation.
        if not dtv or modid > self._load(dtv - entry):
            raise TargetError(errno.EAGAIN, _NOT_YET)
        generation = self._generation(module, modid, likely)
        if generation is not None and generation > self._load(dtv):
            # The number was another module's before, and the pointer is still that one's.
            raise TargetError(errno.EAGAIN, _NOT_YET)
        block = self._load(dtv + modid * entry)
        if block in (0, self._memory.mask):
            raise TargetError(errno.EAGAIN, _NOT_YET)
        return block

    def _generation(self, module: _Module, modid: int, likely: Sequence[_Module]) -> int | None:
        """Return the generation in which a module got its number; None where the C library does not say."""
        member = self._process.described(likely, _SLOT_LIST)
        rtld_global = None if member is None else self._process.find(likely, _RTLD_GLOBAL)
        if member is None or rtld_global is None:
            return None
        # struct dtv_slotinfo_list: len, next, then len pairs of gen and map.
        block = self._load(rtld_global + member)
        for _ in range(_MAX_SLOT_BLOCKS):
            if not block:
                break
            length, following = self._load(block), self._load(block + self._word)
            if modid < length:
                slot = block + (2 + 2 * modid) * self._word
                return self._load(slot) if self._load(slot + self._word) == module.link_map else None
            modid -= length
            block = following
        return None

    # musl

    def _musl(self, module: _Module, modules: Sequence[_Module]) -> int:
        if not self._has_storage(module):
            raise TargetError(errno.ENOENT, "that module has no thread-local storage")
        modid = 0
        for each in modules:
            modid += self._has_storage(each)
            if each == module:
                break
        dtv = self._load(self._pointer + self._word)
        if not dtv or modid > self._load(dtv):
            raise TargetError(errno.EAGAIN, _NOT_YET)
        block = self._load(dtv + modid * self._word)
        if not block:
            raise TargetError(errno.EAGAIN, _NOT_YET)
        return block


def tls_address(read: Read, auxv: bytes, pointer_size: int, pointer: int, offset: int, link_map: int) -> int:
    """Return the address of a thread-local variable.

    Args:
        read: Reads the inferior's memory: (address, length); may return less, may raise ``TargetError``.
        auxv: The auxiliary vector.
        pointer_size: Of the inferior, bytes.
        pointer: The thread's pointer to its storage (``RegisterFile.thread_pointer``).
        offset: Of the variable within its module's storage.
        link_map: Of the module; 0 is the program.

    Raises:
        TargetError: The thread or the module has no such storage, or not yet; the text says which.
    """
    if not pointer:
        raise TargetError(errno.EAGAIN, "this thread has no thread-local storage yet")
    memory = ImageMemory(read, pointer_size)
    block = _Lookup(_Process(memory, auxv), memory, pointer).block(link_map)
    return (block + offset) & memory.mask
