"""Who owns which of x86's four debug registers.

Layer: tracer, pure.  Used by: tracer (inferior, trap classification).
Spec source: Intel SDM vol. 3, 18.2 (debug registers).

The four registers of an inferior are shared out among the engines.  A claim of any length and alignment is
cut into the aligned pieces that the hardware can watch; a piece that is armed already is shared.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, EngineId

_SLOTS = 4
_WIDEST = 8
_TOP = 1 << 64


class SlotKind(Enum):
    """What a debug register looks for."""

    EXECUTE = "execute"
    WRITE = "write"
    #: x86 cannot watch reads alone: armed like ACCESS, reported to its owner as READ.
    READ = "read"
    ACCESS = "access"


#: The R/W field of DR7.
_CONDITION = {SlotKind.EXECUTE: 0b00, SlotKind.WRITE: 0b01, SlotKind.READ: 0b11, SlotKind.ACCESS: 0b11}
#: The LEN field of DR7 by bytes.
_LENGTH = {1: 0b00, 2: 0b01, 4: 0b11, 8: 0b10}


class _Piece(NamedTuple):
    """What one debug register watches."""

    address: Addr
    length: int
    condition: int


class _Claim(NamedTuple):
    """What an owner asked for."""

    owner: EngineId
    address: Addr
    length: int
    kind: SlotKind


class DebugSlots:
    """The debug registers of one inferior and the claims on them."""

    __slots__ = ("_claims", "_free", "_pieces", "_registers")

    def __init__(self) -> None:
        #: Claims in the order they were made, each with its pieces.
        self._claims: dict[_Claim, tuple[_Piece, ...]] = {}
        self._pieces: list[_Piece | None] = [None] * _SLOTS
        #: Free slots, the one free for longest first: a trap of an old piece that is still to be
        #: looked at is then least likely to be taken for one of a new piece.
        self._free = list(range(_SLOTS))
        self._registers = (0, 0, 0, 0, 0)

    def claim(self, owner: EngineId, address: Addr, length: int, kind: SlotKind) -> bool:
        """Watch ``[address, address + length)`` for an owner; to claim it twice is the same as once.

        Returns:
            True where the registers have changed and must be written to every thread.

        Raises:
            TargetError: ENOSPC where the free registers do not suffice; nothing has changed.
        """
        claim = _claim(owner, address, length, kind)
        if claim in self._claims:
            return False
        needed = _pieces_needed(claim)
        if needed > _SLOTS:
            raise self._exhausted(needed)
        pieces = tuple(_cut(claim))
        new = [piece for piece in pieces if piece not in self._pieces]
        if len(new) > len(self._free):
            raise self._exhausted(len(new))
        self._claims[claim] = pieces
        for piece in new:
            self._pieces[self._free.pop(0)] = piece
        if new:
            self._encode()
        return bool(new)

    def release(self, owner: EngineId, address: Addr, length: int, kind: SlotKind) -> bool:
        """Drop a claim; one that is not held is ignored.

        Returns:
            True where the registers have changed and must be written to every thread.
        """
        if self._claims.pop(_claim(owner, address, length, kind), None) is None:
            return False
        return self._free_unclaimed()

    def owners(self) -> set[EngineId]:
        """Return whose claims there are."""
        return {claim.owner for claim in self._claims}

    def watches(self, owner: EngineId, address: Addr, kind: SlotKind) -> bool:
        """Tell whether an owner has a claim of which a piece begins at an address."""
        return any(
            claim.owner == owner and claim.kind is kind and any(piece.address == address for piece in pieces)
            for claim, pieces in self._claims.items()
        )

    def release_owner(self, owner: EngineId) -> bool:
        """Drop all claims of one owner; True where the registers have changed."""
        self._claims = {claim: pieces for claim, pieces in self._claims.items() if claim.owner != owner}
        return self._free_unclaimed()

    def clear(self) -> None:
        """Drop every claim: a new program has been loaded, and its registers are clear."""
        self._claims.clear()
        self._free_unclaimed()

    def copy(self) -> DebugSlots:
        """Return the same claims in the same registers, for a forked child."""
        twin = DebugSlots()
        twin._claims = dict(self._claims)
        twin._pieces = list(self._pieces)
        twin._free = list(self._free)
        twin._registers = self._registers
        return twin

    @property
    def armed(self) -> bool:
        """True where at least one register is in use."""
        return len(self._free) < _SLOTS

    def registers(self) -> tuple[int, int, int, int, int]:
        """Return what DR0 to DR3 and DR7 must hold."""
        return self._registers

    def hits(self, dr6: int) -> list[tuple[EngineId, SlotKind, Addr]]:
        """Return whose claims triggered, by a thread's DR6.

        The address is that of the piece that triggered, so it lies in what the owner asked to watch.
        """
        # QUIRK(x86): DR6 may show the condition of a register that is not enabled.
        triggered = {piece for slot, piece in enumerate(self._pieces) if piece is not None and dr6 >> slot & 1}
        found = {
            (claim.owner, claim.kind, piece.address): None
            for claim, pieces in self._claims.items()
            for piece in pieces
            if piece in triggered
        }
        return list(found)

    def read_pieces(self) -> list[tuple[Addr, int]]:
        """Return address and length of each piece that somebody watches for reads alone."""
        return list(
            {
                (piece.address, piece.length): None
                for claim, pieces in self._claims.items()
                if claim.kind is SlotKind.READ
                for piece in pieces
            }
        )

    def _exhausted(self, needed: int) -> TargetError:
        return TargetError(
            errno.ENOSPC,
            f"this needs {needed} of the {_SLOTS} debug registers, and {len(self._free)} are free",
        )

    def _free_unclaimed(self) -> bool:
        claimed = {piece for pieces in self._claims.values() for piece in pieces}
        changed = False
        for slot, piece in enumerate(self._pieces):
            if piece is not None and piece not in claimed:
                self._pieces[slot] = None
                self._free.append(slot)
                changed = True
        if changed:
            self._encode()
        return changed

    def _encode(self) -> None:
        addresses = [0] * _SLOTS
        control = 0
        for slot, piece in enumerate(self._pieces):
            if piece is not None:
                addresses[slot] = piece.address
                field = _LENGTH[piece.length] << 2 | piece.condition
                control |= 1 << 2 * slot | field << 16 + 4 * slot
        self._registers = (addresses[0], addresses[1], addresses[2], addresses[3], control)


def _claim(owner: EngineId, address: Addr, length: int, kind: SlotKind) -> _Claim:
    if kind is SlotKind.EXECUTE:
        # SPEC(DR7): an execute condition has no length; it looks at the instruction's first byte.
        length = 1
    if length < 1 or not 0 <= address <= _TOP - length:
        raise TargetError(errno.EINVAL, f"there is nothing to watch in {length} bytes at {address:#x}")
    return _Claim(owner, address, length, kind)


def _pieces_needed(claim: _Claim) -> int:
    if claim.length <= _WIDEST * _SLOTS:
        return sum(1 for _ in _cut(claim))
    head = -claim.address % _WIDEST
    middle, tail = divmod(claim.length - head, _WIDEST)
    return head.bit_count() + middle + tail.bit_count()


def _cut(claim: _Claim) -> Iterator[_Piece]:
    """Yield the fewest aligned pieces that cover a claim exactly."""
    condition = _CONDITION[claim.kind]
    address, left = claim.address, claim.length
    while left:
        size = _WIDEST
        while size > left or address % size:
            size //= 2
        yield _Piece(address, size, condition)
        address = Addr(address + size)
        left -= size
