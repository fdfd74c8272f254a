"""The dynamic symbols of a module, looked up by their hash tables in an inferior's memory.

Layer: linux.  Used by: tls, libraries, symbols.
Spec: System V gABI, "Dynamic Section", "Hash Table", "Symbol Table"; the GNU hash section as GNU ld and LLD write it.

No file is read: what the dynamic linker needs at run time is mapped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from gdbstub.linux.image import ImageMemory

DT_NULL = 0
DT_HASH = 4
DT_STRTAB = 5
DT_SYMTAB = 6
DT_GNU_HASH = 0x6FFFFEF5
SHN_UNDEF = 0

_MAX_DYNAMIC_ENTRIES = 1024
_MAX_CHAIN = 4096


class _Tables(NamedTuple):
    """Where a module has the tables that a symbol is looked up in; 0 where it has none."""

    gnu_hash: int
    sysv_hash: int
    symtab: int
    strtab: int


def gnu_hash(name: bytes) -> int:
    """Return the number by which a DT_GNU_HASH table finds a name."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def sysv_hash(name: bytes) -> int:
    """Return the number by which a DT_HASH table finds a name."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high
    return value


class DynamicSymbols:
    """The dynamic symbols of one module.

    Args:
        memory: The inferior's.
        bias: How far from its own addresses the module was loaded.
        section: Where its dynamic section lies.
    """

    def __init__(self, memory: ImageMemory, bias: int, section: int) -> None:
        self._memory = memory
        self._word = memory.pointer_size
        self._bias = bias
        self._tables = self._read_tables(section)

    def _read_tables(self, section: int) -> _Tables:
        found: dict[int, int] = {}
        for index in range(_MAX_DYNAMIC_ENTRIES):
            entry = self._memory.words(section + index * 2 * self._word, 2)
            if entry is None or entry[0] == DT_NULL:
                break
            found.setdefault(entry[0], entry[1])

        def place(tag: int) -> int:
            # glibc writes addresses over the offsets of a writable section, musl never does.
            value = found.get(tag, 0)
            return value + self._bias if 0 < value < self._bias else value

        return _Tables(place(DT_GNU_HASH), place(DT_HASH), place(DT_SYMTAB), place(DT_STRTAB))

    def find(self, name: bytes) -> int | None:
        """Return the address of a symbol; None where the module does not define it."""
        if self._tables.symtab and self._tables.strtab:
            for index in self._candidates(name):
                value = self._value(index, name)
                if value is not None:
                    return (self._bias + value) & self._memory.mask
        return None

    def _numbers(self, address: int, count: int) -> tuple[int, ...]:
        data = self._memory.block(address, 4 * count)
        return (0,) * count if data is None else struct.unpack(f"={count}I", data)

    def _candidates(self, name: bytes) -> Iterator[int]:
        """Go through the numbers of the symbols that may have a name."""
        tables = self._tables
        if tables.gnu_hash:
            value = gnu_hash(name)
            buckets, first, blooms, shift = self._numbers(tables.gnu_hash, 4)
            if not buckets or not blooms:
                return
            bits = 8 * self._word
            filters = tables.gnu_hash + 16
            word = self._memory.words(filters + (value // bits) % blooms * self._word, 1)
            wanted = (1 << value % bits) | (1 << (value >> shift) % bits)
            if word is None or word[0] & wanted != wanted:
                return
            bucket_table = filters + blooms * self._word
            (index,) = self._numbers(bucket_table + value % buckets * 4, 1)
            chain = bucket_table + 4 * (buckets - first)
            for _ in range(_MAX_CHAIN if index >= first else 0):
                (entry,) = self._numbers(chain + 4 * index, 1)
                if (entry | 1) == (value | 1):
                    yield index
                if entry & 1:
                    return
                index += 1
        elif tables.sysv_hash:
            buckets, _ = self._numbers(tables.sysv_hash, 2)
            if not buckets:
                return
            (index,) = self._numbers(tables.sysv_hash + 8 + sysv_hash(name) % buckets * 4, 1)
            for _ in range(_MAX_CHAIN):
                if not index:
                    return
                yield index
                (index,) = self._numbers(tables.sysv_hash + 8 + 4 * (buckets + index), 1)

    def _value(self, index: int, name: bytes) -> int | None:
        symbol = struct.Struct("=IBBHQQ" if self._word == 8 else "=IIIBBH")
        data = self._memory.block(self._tables.symtab + index * symbol.size, symbol.size)
        if data is None:
            return None
        if self._word == 8:
            st_name, _, _, section, value, _ = symbol.unpack(data)
        else:
            st_name, value, _, _, _, section = symbol.unpack(data)
        if section == SHN_UNDEF or self._memory.text(self._tables.strtab + st_name) != name:
            return None
        return int(value)
