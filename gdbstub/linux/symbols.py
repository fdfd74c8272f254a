"""Addresses of a process's symbols, from the symbol tables of the files it has mapped.

Layer: linux.  Used by: tracer.layout.
Spec: System V ABI, "Symbol Table" and "Program Header".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gdbstub.linux import procfs
from gdbstub.vocab.ids import Addr, Tid

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

_TABLES = (".symtab", ".dynsym")
_UNDEFINED = "SHN_UNDEF"


def find_symbol(tid: Tid, name: str) -> Addr | None:
    """Return where a process has a symbol; None where no mapped file defines it.

    The program comes first, then the libraries in the order of their addresses.

    Args:
        tid: A live thread of the process; its root decides which files are meant.
        name: As the linker writes it.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    for path, mapping in _files(tid):
        try:
            with open(path, "rb") as stream:  # noqa: PTH123  (a path of /proc, read once)
                image = ELFFile(stream)
                value = _value(image, name)
                if value is not None:
                    return Addr(value + _bias(image, mapping))
        except (OSError, ELFError):
            continue
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


def _value(image: ELFFile, name: str) -> int | None:
    from elftools.elf.sections import SymbolTableSection

    for table in _TABLES:
        section = image.get_section_by_name(table)
        found = section.get_symbol_by_name(name) if isinstance(section, SymbolTableSection) else None
        for symbol in found or ():
            if symbol["st_shndx"] != _UNDEFINED and symbol["st_value"]:
                value: int = symbol["st_value"]
                return value
    return None


def _bias(image: ELFFile, mapping: procfs.Mapping) -> int:
    """Return how far a file's addresses have moved, from where its part at one offset lies."""
    for segment in image.iter_segments("PT_LOAD"):
        begin = segment["p_offset"] & ~0xFFF
        if begin <= mapping.offset < segment["p_offset"] + max(segment["p_filesz"], 1):
            moved: int = mapping.start - ((segment["p_vaddr"] & ~0xFFF) + mapping.offset - begin)
            return moved
    return 0
