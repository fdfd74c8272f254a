"""tracer.debugslots: claims on x86's four debug registers."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.tracer.debugslots import DebugSlots, SlotKind
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, EngineId

A, B = EngineId(1), EngineId(2)
WRITE, READ, ACCESS, EXECUTE = SlotKind.WRITE, SlotKind.READ, SlotKind.ACCESS, SlotKind.EXECUTE
BYTES = {0b00: 1, 0b01: 2, 0b11: 4, 0b10: 8}

Claim = tuple[EngineId, Addr, int, SlotKind]


def decoded(registers: tuple[int, int, int, int, int]) -> list[tuple[int, int, int]]:
    """Return (address, length, condition) of each register that DR7 enables."""
    control = registers[4]
    found = []
    for slot in range(4):
        if control >> 2 * slot & 0b11:
            field = control >> 16 + 4 * slot & 0xF
            found.append((registers[slot], BYTES[field >> 2], field & 0b11))
        else:
            assert registers[slot] == 0 and not control >> 16 + 4 * slot & 0xF
    return found


def claim(slots: DebugSlots, owner: EngineId, address: int, length: int, kind: SlotKind) -> bool:
    return slots.claim(owner, Addr(address), length, kind)


def test_registers_of_one_write_watch() -> None:
    slots = DebugSlots()
    assert not slots.armed
    assert claim(slots, A, 0x1000, 4, WRITE)
    assert slots.armed
    assert slots.registers() == (0x1000, 0, 0, 0, 0b1101 << 16 | 0b01)


@pytest.mark.parametrize(("kind", "condition"), [(EXECUTE, 0b00), (WRITE, 0b01), (READ, 0b11), (ACCESS, 0b11)])
def test_conditions(kind: SlotKind, condition: int) -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 1, kind)
    assert decoded(slots.registers()) == [(0x1000, 1, condition)]


def test_execute_has_no_length() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1001, 4, EXECUTE)
    assert decoded(slots.registers()) == [(0x1001, 1, 0)]
    assert slots.release(A, Addr(0x1001), 1, EXECUTE)


def test_odd_region_is_cut_into_aligned_pieces() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1001, 8, WRITE)
    pieces = [(at, length) for at, length, _ in decoded(slots.registers())]
    assert pieces == [(0x1001, 1), (0x1002, 2), (0x1004, 4), (0x1008, 1)]


def test_e20_same_piece_is_shared_and_freed_with_its_last_owner() -> None:
    slots = DebugSlots()
    assert claim(slots, A, 0x1000, 8, WRITE)
    assert not claim(slots, B, 0x1000, 8, WRITE)
    assert not claim(slots, A, 0x1000, 8, WRITE)
    assert len(decoded(slots.registers())) == 1
    assert not slots.release(A, Addr(0x1000), 8, WRITE)
    assert not slots.release(A, Addr(0x1000), 8, WRITE)
    assert slots.release(B, Addr(0x1000), 8, WRITE)
    assert slots.registers() == (0, 0, 0, 0, 0)


def test_e20_read_and_access_share_one_register() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 4, READ)
    assert not claim(slots, B, 0x1000, 4, ACCESS)
    assert slots.hits(0b1) == [(A, READ, 0x1000), (B, ACCESS, 0x1000)]


def test_write_and_access_have_registers_of_their_own() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 4, WRITE)
    assert claim(slots, B, 0x1000, 4, ACCESS)
    assert len(decoded(slots.registers())) == 2


def test_e20_late_claim_is_refused_with_figures_and_nothing_changes() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 24, WRITE)
    before = slots.registers()
    with pytest.raises(TargetError, match="needs 2 of the 4 debug registers, and 1 are free") as caught:
        claim(slots, B, 0x2000, 16, WRITE)
    assert caught.value.errno == errno.ENOSPC
    assert slots.registers() == before
    assert not slots.release(B, Addr(0x2000), 16, WRITE)
    assert claim(slots, B, 0x2000, 8, WRITE)


@pytest.mark.parametrize(("address", "length", "needed"), [(0x1000, 1 << 40, 1 << 37), (0x1001, 1 << 20, 131075)])
def test_huge_region_is_refused_at_once(address: int, length: int, needed: int) -> None:
    with pytest.raises(TargetError, match=f"needs {needed} "):
        claim(DebugSlots(), A, address, length, WRITE)


@pytest.mark.parametrize(("address", "length"), [(0x1000, 0), (0x1000, -1), ((1 << 64) - 4, 8), (-8, 8)])
def test_empty_or_impossible_region_is_refused(address: int, length: int) -> None:
    with pytest.raises(TargetError) as caught:
        claim(DebugSlots(), A, address, length, WRITE)
    assert caught.value.errno == errno.EINVAL


def test_region_may_end_at_the_top_of_the_address_space() -> None:
    slots = DebugSlots()
    claim(slots, A, (1 << 64) - 8, 8, WRITE)
    assert decoded(slots.registers()) == [((1 << 64) - 8, 8, 0b01)]


def test_hits_name_owners_and_the_piece_that_triggered() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 16, WRITE)
    claim(slots, B, 0x1008, 8, WRITE)
    assert slots.hits(0b01) == [(A, WRITE, 0x1000)]
    assert slots.hits(0b10) == [(A, WRITE, 0x1008), (B, WRITE, 0x1008)]
    assert slots.hits(0b1100) == []
    assert slots.hits(0xFFFF0FF0) == []


def test_freed_register_is_used_again_last() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 8, WRITE)
    slots.release(A, Addr(0x1000), 8, WRITE)
    claim(slots, A, 0x2000, 8, WRITE)
    assert slots.hits(0b1) == []
    assert slots.hits(0b10) == [(A, WRITE, 0x2000)]


def test_release_owner_and_clear() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 8, WRITE)
    claim(slots, A, 0x2000, 8, ACCESS)
    claim(slots, B, 0x1000, 8, WRITE)
    assert slots.release_owner(A)
    assert decoded(slots.registers()) == [(0x1000, 8, 0b01)]
    assert not slots.release_owner(A)
    slots.clear()
    assert not slots.armed
    assert slots.registers() == (0, 0, 0, 0, 0)


def test_copy_is_independent() -> None:
    slots = DebugSlots()
    claim(slots, A, 0x1000, 8, WRITE)
    twin = slots.copy()
    assert twin.registers() == slots.registers()
    twin.release_owner(A)
    assert slots.armed and not twin.armed
    claim(slots, B, 0x3000, 8, WRITE)
    assert twin.hits(0b11) == []


# Any interleaving

claims = st.tuples(
    st.sampled_from([A, B, EngineId(3)]),
    st.integers(0x1000, 0x1020).map(Addr),
    st.integers(1, 12),
    st.sampled_from(list(SlotKind)),
)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), claims),
        st.tuples(st.just("release"), claims),
        st.tuples(st.just("leave"), claims),
    ),
    max_size=40,
)


def covered(held: set[Claim]) -> dict[int, set[int]]:
    """Return the conditions that each byte must be watched with."""
    result: dict[int, set[int]] = {}
    for _, address, length, kind in held:
        for at in range(address, address + (1 if kind is EXECUTE else length)):
            result.setdefault(at, set()).add({EXECUTE: 0, WRITE: 1}.get(kind, 3))
    return result


@given(operations)
def test_e20_registers_follow_from_the_claims_that_are_held(script: list[tuple[str, Claim]]) -> None:
    slots = DebugSlots()
    held: set[Claim] = set()
    for what, (owner, address, length, kind) in script:
        before = slots.registers()
        if what == "claim":
            try:
                told = slots.claim(owner, address, length, kind)
            except TargetError as failure:
                assert failure.errno == errno.ENOSPC
                told = False
                assert slots.registers() == before
            else:
                held.add((owner, address, 1 if kind is EXECUTE else length, kind))
        elif what == "release":
            told = slots.release(owner, address, length, kind)
            held.discard((owner, address, 1 if kind is EXECUTE else length, kind))
        else:
            told = slots.release_owner(owner)
            held = {claim for claim in held if claim[0] != owner}
        assert told is (slots.registers() != before)
        pieces = decoded(slots.registers())
        assert len(set(pieces)) == len(pieces)
        found: dict[int, set[int]] = {}
        for at, size, condition in pieces:
            assert at % size == 0
            for byte in range(at, at + size):
                found.setdefault(byte, set()).add(condition)
        assert found == covered(held)
        assert slots.armed is bool(held)
        for owner_, address_, length_, kind_ in held:
            hits = {hit[2] for hit in slots.hits(0xF) if hit[:2] == (owner_, kind_)}
            assert any(address_ <= hit < address_ + length_ for hit in hits)


@given(st.integers(0, 1 << 20).map(Addr), st.integers(1, 32))
def test_a_region_is_covered_exactly_or_refused(address: Addr, length: int) -> None:
    slots = DebugSlots()
    try:
        slots.claim(A, address, length, WRITE)
    except TargetError:
        assert not slots.armed
        return
    watched = [byte for at, size, _ in decoded(slots.registers()) for byte in range(at, at + size)]
    assert sorted(watched) == list(range(address, address + length))
