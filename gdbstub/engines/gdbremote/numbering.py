"""The two ways in which clients count registers.

Layer: engines.  Used by: handlers.registers, handlers.xfer.

gdb counts registers as its kind of target description does, which is how the
target itself has them.  LLDB counts them as its catalogue does: with parts, and
with vectors in one piece.
"""

from __future__ import annotations

import errno
from functools import partial
from typing import Protocol

from gdbstub.arch.catalogue import Catalogue, Entry, Piece, catalogue_xml
from gdbstub.arch.spec import ArchSpec
from gdbstub.arch.tdesc import target_xml
from gdbstub.arch.x86_catalogue import x86_catalogue
from gdbstub.engines.gdbremote import faults
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Tid


class Numbering(Protocol):
    """A way to count registers, for one instruction set."""

    def description(self) -> bytes:
        """Return the target description."""

    def width(self, number: int | None) -> int:
        """Return how many bytes a register has; None: all of them together."""

    def read_all(self, target: Target, tid: Tid) -> bytes:
        """Return all registers."""

    def write_all(self, target: Target, tid: Tid, data: bytes) -> None:
        """Replace all registers; a shorter ``data`` leaves the rest."""

    def read(self, target: Target, tid: Tid, number: int) -> bytes:
        """Return one register."""

    def write(self, target: Target, tid: Tid, number: int, data: bytes) -> None:
        """Replace one register."""


class PlainNumbering:
    """The target's own, which is gdb's.

    Args:
        spec: Which.
        described: Whether the client reads descriptions: all registers together are else those it takes for granted.
    """

    def __init__(self, spec: ArchSpec, described: bool = True) -> None:
        self._spec = spec
        self._described = described

    def description(self) -> bytes:
        """Return the target description."""
        return target_xml(self._spec)

    def width(self, number: int | None) -> int:
        """Return how many bytes a register has; None: all of them together."""
        registers = self._spec.registers
        if number is None:
            return sum(each.bits // 8 for each in (registers if self._described else registers[: self._spec.granted]))
        if number >= len(registers):
            raise faults.no_such_register(number)
        return registers[number].bits // 8

    def read_all(self, target: Target, tid: Tid) -> bytes:
        """Return all registers."""
        block = target.read_registers(tid)
        return block if self._described else block[: self.width(None)]

    def write_all(self, target: Target, tid: Tid, data: bytes) -> None:
        """Replace all registers; a shorter ``data`` leaves the rest."""
        target.write_registers(tid, data)

    def read(self, target: Target, tid: Tid, number: int) -> bytes:
        """Return one register."""
        return target.read_register(tid, number)

    def write(self, target: Target, tid: Tid, number: int, data: bytes) -> None:
        """Replace one register."""
        target.write_register(tid, number, data)


class ListedNumbering:
    """LLDB's."""

    def __init__(self, spec: ArchSpec) -> None:
        self._spec = spec
        self.catalogue: Catalogue = x86_catalogue(spec)
        places: dict[int, int] = {}
        at = 0
        for register in spec.registers:
            places[register.number] = at
            at += register.bits // 8
        #: Where the pieces of ``g`` are in the target's own block of all registers, and the zeros behind each.
        self._all = [
            (slice(places[piece.number] + piece.offset, places[piece.number] + piece.offset + piece.size), padding)
            for entry in self.catalogue.roots
            for piece, padding in _padded(entry)
        ]
        width_of = {register.number: register.bits // 8 for register in spec.registers}
        #: The registers that are one of the target's as a whole, with its number.
        self._whole = {
            entry.number: entry.pieces[0].number
            for entry in self.catalogue.entries
            if len(entry.pieces) == 1
            and entry.pieces[0].offset == 0
            and entry.pieces[0].size == entry.size == width_of[entry.pieces[0].number]
        }

    def description(self) -> bytes:
        """Return the target description."""
        return catalogue_xml(self.catalogue)

    def entry(self, number: int) -> Entry:
        """Return what is known of one register."""
        if number >= len(self.catalogue.entries):
            raise faults.no_such_register(number)
        return self.catalogue.entries[number]

    def width(self, number: int | None) -> int:
        """Return how many bytes a register has; None: all of them together."""
        return self.catalogue.length if number is None else self.entry(number).size

    def read_all(self, target: Target, tid: Tid) -> bytes:
        """Return all registers."""
        block = target.read_registers(tid)
        return b"".join([block[place] + padding for place, padding in self._all])

    def write_all(self, target: Target, tid: Tid, data: bytes) -> None:
        """Replace all registers; a shorter ``data`` leaves the rest."""
        if len(data) > self.catalogue.length:
            raise TargetError(errno.EINVAL, f"the registers have {self.catalogue.length} bytes, not {len(data)}")
        read = partial(target.read_register, tid)
        values: dict[int, bytes] = {}
        for entry in self.catalogue.roots:
            value = data[entry.offset : entry.offset + entry.size]
            if len(value) == entry.size:
                values.update(self.catalogue.split(entry, value, read))
        whole = [values.get(each.number) or read(each.number) for each in self._spec.registers]
        target.write_registers(tid, b"".join(whole))

    def read(self, target: Target, tid: Tid, number: int) -> bytes:
        """Return one register."""
        whole = self._whole.get(number)
        if whole is not None:
            return target.read_register(tid, whole)
        return self.catalogue.read(self.entry(number), partial(target.read_register, tid))

    def write(self, target: Target, tid: Tid, number: int, data: bytes) -> None:
        """Replace one register."""
        entry = self.entry(number)
        if len(data) != entry.size:
            raise TargetError(errno.EINVAL, f"{entry.name} has {entry.size} bytes, not {len(data)}")
        for each, value in self.catalogue.split(entry, data, partial(target.read_register, tid)):
            target.write_register(tid, each, value)


def _padded(entry: Entry) -> list[tuple[Piece, bytes]]:
    """Return a register's pieces with the zeros behind each: there are some behind the last of a narrow one."""
    kept = sum(piece.size for piece in entry.pieces)
    last = len(entry.pieces) - 1
    return [(piece, bytes(entry.size - kept) if index == last else b"") for index, piece in enumerate(entry.pieces)]


# Specs are made once and compare by identity: hashing a whole one costs more than its use.
_made: dict[int, ListedNumbering] = {}


def listed_numbering(spec: ArchSpec) -> ListedNumbering:
    """Return LLDB's way to count the registers of an ArchSpec."""
    found = _made.get(id(spec))
    if found is None:
        found = _made[id(spec)] = ListedNumbering(spec)
    return found
