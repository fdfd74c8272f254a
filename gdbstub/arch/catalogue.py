"""Registers as LLDB lists them: by sets, with their parts, and numbered by other standards too.

Layer: arch.  Used by: engines.gdbremote (qXfer:features:read, qRegisterInfo, p, P, g, G, stop replies).
Spec: LLDB's "GDB Remote Protocol Extensions", ``qRegisterInfo``; lldb's own reading of target descriptions.

An entry is made of pieces of the registers of the ArchSpec, which are numbered as gdb counts them: ``eax`` is
four bytes of ``rax``, ``ymm0`` is ``xmm0`` with ``ymm0h`` behind it.
"""

from __future__ import annotations

import operator
import struct
from binascii import hexlify
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gdbstub.arch.spec import ArchSpec, Regset


class Piece(NamedTuple):
    """Bytes of one register of the ArchSpec."""

    number: int
    offset: int
    size: int


class Entry(NamedTuple):
    """One register as LLDB sees it."""

    number: int
    name: str
    bits: int
    #: Byte offset within ``g``; a part lies inside of what it is a part of.
    offset: int
    encoding: str
    format: str
    #: The set that it is shown with.
    group: str
    #: Its number in DWARF and in .eh_frame, which agree on Linux.
    dwarf: int | None
    #: What it is for, in LLDB's words (``pc``, ``arg1``), or empty.
    generic: str
    #: The register that it is a part of, by number.
    container: int | None
    #: The registers whose values a write to it changes, by number.
    invalidates: tuple[int, ...]
    #: What it is made of, lowest bytes first; fewer than ``bits`` mean zeros on top.
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Width on the wire, bytes."""
        return self.bits // 8


class Field(NamedTuple):
    """A general register as stop replies carry it."""

    number: int
    #: Its number as the stop reply writes it, with the colon.
    key: str
    #: Where its digits are in the general regset as hex.
    place: slice
    #: The zeros behind them.
    padding: str


class Writer:
    """Writes general registers as fields of a stop reply, all at once.

    Args:
        fields: Which, in the order in which they are written.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        in_regset = sorted(fields, key=lambda each: each.place.start)
        layout = "="
        at = 0
        for each in in_regset:
            layout += f"{each.place.start - at}x{each.place.stop - each.place.start}s"
            at = each.place.stop
        self._cut = struct.Struct(layout).unpack_from
        self._order = operator.itemgetter(*[in_regset.index(each) for each in fields])
        self._form = b"".join([f"{each.key}%b{each.padding};".encode("ascii") for each in fields])

    def write(self, regset: bytes) -> bytes:
        """Return the fields with the values of a general regset."""
        values: tuple[bytes, ...] = self._order(self._cut(hexlify(regset)))
        return self._form % values


class Draft(NamedTuple):
    """An entry before it has a number."""

    name: str
    bits: int
    group: str
    pieces: tuple[Piece, ...]
    encoding: str = "uint"
    format: str = "hex"
    dwarf: int | None = None
    generic: str = ""
    #: The name of the register that it is a part of.
    container: str = ""
    #: The name of a wider register that holds the same bytes from its lowest one on.
    within: str = ""


class Catalogue:
    """All registers of one ArchSpec as LLDB lists them.

    Args:
        spec: What they are made of.
        drafts: In the order of their numbers.
    """

    def __init__(self, spec: ArchSpec, drafts: list[Draft]) -> None:
        self.spec = spec
        places: dict[str, int] = {}
        length = 0
        by_name = {draft.name: draft for draft in drafts}
        for draft in drafts:
            if not draft.container and not draft.within:
                places[draft.name] = length
                length += draft.bits // 8
        #: Length of ``g``, bytes.
        self.length = length
        number_of = {draft.name: number for number, draft in enumerate(drafts)}
        families: dict[str, list[int]] = {}
        for draft in drafts:
            families.setdefault(_root(draft, by_name).name, []).append(number_of[draft.name])

        def entry(draft: Draft) -> Entry:
            number = number_of[draft.name]
            root = _root(draft, by_name)
            shift = _shift(draft, by_name[draft.container]) if draft.container else 0
            family = families[root.name]
            return Entry(
                number,
                draft.name,
                draft.bits,
                places[root.name] + shift,
                draft.encoding,
                draft.format,
                draft.group,
                draft.dwarf,
                draft.generic,
                number_of[draft.container] if draft.container else None,
                tuple(each for each in family if each != number),
                draft.pieces,
            )

        self.entries = tuple(map(entry, drafts))
        #: Those that ``g`` consists of.
        self.roots = tuple(self.entries[number_of[name]] for name in places)
        kept = {register.number: register for register in spec.registers if register.regset is Regset.GENERAL}
        #: The general registers.
        self.general = tuple(each for each in self.roots if each.pieces[0].number in kept)
        by_piece = {each.pieces[0].number: each for each in self.general}
        self.pc, self.sp, self.fp = (by_piece[number] for number in (spec.pc, spec.sp, spec.expedited[0]))
        #: Byte offsets in the general regset.
        self.sp_offset, self.fp_offset = (kept[number].offset for number in (spec.sp, spec.expedited[0]))

        def field(each: Entry) -> Field:
            register = kept[each.pieces[0].number]
            place = slice(2 * register.offset, 2 * (register.offset + register.size))
            return Field(each.number, f"{each.number:02x}:", place, "00" * (each.size - register.size))

        #: What stop replies carry: all general registers.
        self.expedited = tuple(map(field, self.general))
        #: Writes them.
        self.writer = Writer(self.expedited)
        #: What is told of every thread: where it is.
        self.essential = tuple(map(field, (self.pc, self.sp, self.fp)))

    def read(self, entry: Entry, read: Callable[[int], bytes]) -> bytes:
        """Put the value of a register together.

        Args:
            entry: Which.
            read: Returns a register of the ArchSpec by its number.
        """
        parts = [read(piece.number)[piece.offset : piece.offset + piece.size] for piece in entry.pieces]
        return b"".join(parts).ljust(entry.size, b"\0")

    def split(self, entry: Entry, data: bytes, read: Callable[[int], bytes]) -> Iterator[tuple[int, bytes]]:
        """Take a new value of a register apart: yield registers of the ArchSpec and their new values.

        Args:
            entry: Which.
            data: As wide as the register.
            read: Returns a register of the ArchSpec by its number, for what stays as it is.
        """
        at = 0
        for number, offset, size in entry.pieces:
            old = read(number)
            yield number, old[:offset] + data[at : at + size] + old[offset + size :]
            at += size


def _root(draft: Draft, by_name: dict[str, Draft]) -> Draft:
    while draft.container or draft.within:
        draft = by_name[draft.container or draft.within]
    return draft


def _shift(part: Draft, whole: Draft) -> int:
    """Return how far into a register its part begins, bytes."""
    first = part.pieces[0]
    at = 0
    for piece in whole.pieces:
        if piece.number == first.number:
            return at + first.offset - piece.offset
        at += piece.size
    raise ValueError(f"{part.name} is no part of {whole.name}")


def catalogue_xml(catalogue: Catalogue) -> bytes:
    """Return the target description as LLDB reads it best: one feature, with LLDB's attributes."""
    lines = [
        '<?xml version="1.0"?>\n<target version="1.0">\n',
        f"<architecture>{catalogue.spec.llvm_name}</architecture>\n<feature>\n",
    ]
    for each in catalogue.entries:
        attributes = {
            "name": each.name,
            "bitsize": each.bits,
            "regnum": each.number,
            "offset": each.offset,
            "encoding": each.encoding,
            "format": each.format,
            "group": each.group,
            "ehframe_regnum": each.dwarf,
            "dwarf_regnum": each.dwarf,
            "generic": each.generic or None,
            "value_regnums": each.container,
            "invalidate_regnums": ",".join(map(str, each.invalidates)) or None,
        }
        text = " ".join(f'{name}="{value}"' for name, value in attributes.items() if value is not None)
        lines.append(f"<reg {text}/>\n")
    lines.append("</feature>\n</target>\n")
    return "".join(lines).encode("ascii")


def register_info(entry: Entry) -> bytes:
    """Return the reply to ``qRegisterInfo`` for one register."""
    fields = {
        "name": entry.name,
        "bitsize": entry.bits,
        "offset": entry.offset,
        "encoding": entry.encoding,
        "format": entry.format,
        "set": entry.group,
        "ehframe": entry.dwarf,
        "dwarf": entry.dwarf,
        "generic": entry.generic or None,
        "container-regs": None if entry.container is None else f"{entry.container:x}",
        "invalidate-regs": ",".join(f"{each:x}" for each in entry.invalidates) or None,
    }
    return "".join(f"{key}:{value};" for key, value in fields.items() if value is not None).encode("ascii")
