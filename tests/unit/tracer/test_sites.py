"""Breakpoint sites over a fake memory: whatever happens, a client reads what the program has."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gdbstub.tracer.sites import BreakpointSite, SiteTable
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, EngineId

BASE, SIZE = 0x1000, 48
A, B = EngineId(1), EngineId(2)
TRAP = b"\xcc"


class FakeMemory:
    """One mapping; everything else is unmapped."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.mapped = True
        self.writes = 0

    def read(self, address: Addr, length: int) -> bytes:
        start = address - BASE
        if not self.mapped or not 0 <= start < len(self.data):
            raise TargetError(5)
        return bytes(self.data[start : start + length])

    def write(self, address: Addr, data: bytes) -> None:
        start = address - BASE
        if not self.mapped or start < 0 or start + len(data) > len(self.data):
            raise TargetError(5)
        self.data[start : start + len(data)] = data
        self.writes += 1


def table(data: bytes = bytes(range(SIZE)), trap: bytes = TRAP) -> tuple[SiteTable, FakeMemory]:
    memory = FakeMemory(data)
    return SiteTable(memory, trap), memory


def masked(sites: SiteTable, memory: FakeMemory, start: int = 0, length: int = SIZE) -> bytes:
    address = Addr(BASE + start)
    return sites.mask(address, memory.read(address, length))


def at(offset: int) -> Addr:
    return Addr(BASE + offset)


def test_a_claim_patches_and_a_release_restores() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    assert memory.data[4] == 0xCC
    assert masked(sites, memory) == bytes(range(SIZE))
    sites.release(at(4), A)
    assert bytes(memory.data) == bytes(range(SIZE))
    assert len(sites) == 0


def test_two_owners_patch_once_and_the_last_one_restores() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    writes = memory.writes
    sites.claim(at(4), B)
    sites.claim(at(4), B)
    assert memory.writes == writes
    sites.release(at(4), B)
    sites.release(at(4), B)
    assert memory.data[4] == 0xCC
    sites.release(at(4), A)
    assert memory.data[4] == 4


def test_what_is_not_owned_is_not_released() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    sites.release(at(4), B)
    sites.release(at(5), A)
    assert memory.data[4] == 0xCC


def test_an_owner_that_leaves_takes_its_claims_along() -> None:
    sites, memory = table()
    for offset in (1, 2, 3):
        sites.claim(at(offset), A)
    sites.claim(at(2), B)
    sites.release_owner(A)
    assert [site.address for site in sites.all()] == [at(2)]
    assert memory.data[:4] == b"\x00\x01\xcc\x03"


def test_a_site_that_cannot_be_read_is_refused() -> None:
    sites, _ = table(trap=b"\x00\x00\x20\xd4")
    for address in (Addr(0), at(SIZE), at(SIZE - 2)):
        with pytest.raises(TargetError):
            sites.claim(address, A)
    assert len(sites) == 0
    assert sites.at(at(SIZE)) is None


def test_a_site_that_cannot_be_written_is_refused() -> None:
    sites, memory = table()

    class ReadOnly(FakeMemory):
        def write(self, address: Addr, data: bytes) -> None:
            raise TargetError(5)

    sites = SiteTable(ReadOnly(bytes(memory.data)), TRAP)
    with pytest.raises(TargetError):
        sites.claim(at(1), A)
    assert len(sites) == 0


def test_a_write_over_a_site_leaves_the_patch() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    sites.write(at(2), b"abcdef")
    assert memory.data[4] == 0xCC
    assert masked(sites, memory, 2, 6) == b"abcdef"
    sites.release(at(4), A)
    assert memory.read(at(2), 6) == b"abcdef"


def test_a_write_that_fails_changes_no_shadow() -> None:
    sites, memory = table()
    sites.claim(at(SIZE - 1), A)
    with pytest.raises(TargetError):
        sites.write(at(SIZE - 1), b"ab")
    assert masked(sites, memory, SIZE - 1, 1) == bytes([SIZE - 1])


def test_parts_of_a_wide_trap_are_masked() -> None:
    sites, memory = table(trap=b"\x00\x00\x20\xd4")
    sites.claim(at(8), A)
    for start in range(4, 16):
        for length in range(1, 12):
            assert masked(sites, memory, start, length) == bytes(range(start, start + length))


def test_the_programs_own_trap_instruction_is_its_own() -> None:
    sites, memory = table(b"\xcc" * SIZE)
    sites.claim(at(4), A)
    assert masked(sites, memory) == b"\xcc" * SIZE
    sites.release(at(4), A)
    assert bytes(memory.data) == b"\xcc" * SIZE


def test_a_site_is_out_during_a_step_over_it() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    site = sites.at(at(4))
    assert site is not None
    sites.lift(site)
    assert memory.data[4] == 4
    sites.put_back(site)
    assert memory.data[4] == 0xCC


def test_a_site_released_during_a_step_over_it_stays_out() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    site = sites.at(at(4))
    assert site is not None
    sites.lift(site)
    sites.release(at(4), A)
    sites.put_back(site)
    assert memory.data[4] == 4


def test_while_all_are_lifted_nothing_is_patched() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    sites.lift_all()
    sites.claim(at(6), B)
    site = sites.at(at(4))
    assert site is not None
    sites.put_back(site)
    assert bytes(memory.data) == bytes(range(SIZE))
    sites.put_back_all()
    assert memory.data[4] == memory.data[6] == 0xCC
    assert masked(sites, memory) == bytes(range(SIZE))


def test_a_page_that_goes_away_while_all_are_lifted_is_no_error() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    sites.lift_all()
    memory.mapped = False
    sites.put_back_all()
    sites.release(at(4), A)
    assert len(sites) == 0


def test_a_page_that_goes_away_under_a_patch_is_no_error() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    memory.mapped = False
    sites.release(at(4), A)
    assert len(sites) == 0


def test_a_new_page_under_a_patch_is_patched_by_the_next_claim() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    memory.data[:] = b"n" * SIZE
    assert masked(sites, memory) == b"n" * SIZE
    sites.claim(at(4), B)
    assert memory.data[4] == 0xCC
    assert masked(sites, memory) == b"n" * SIZE
    site = sites.at(at(4))
    assert site is not None
    assert site.owners == {A, B}
    sites.release_owner(A)
    sites.release_owner(B)
    assert bytes(memory.data) == b"n" * SIZE


def test_what_the_program_writes_under_a_lifted_patch_is_kept() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    site = sites.at(at(4))
    assert site is not None
    sites.lift(site)
    memory.data[4] = 0x90
    sites.put_back(site)
    assert masked(sites, memory, 4, 1) == b"\x90"
    sites.release(at(4), A)
    assert memory.data[4] == 0x90


def test_a_new_page_under_a_patch_is_not_overwritten_by_a_lift() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    memory.data[:] = b"n" * SIZE
    sites.lift_all()
    sites.put_back_all()
    assert masked(sites, memory) == b"n" * SIZE
    sites.release(at(4), A)
    assert bytes(memory.data) == b"n" * SIZE


def test_a_forked_child_has_its_own_table() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    sites.claim(at(9), B)
    child_memory = FakeMemory(bytes(memory.data))
    child = sites.clone(child_memory)
    child.release_owner(A)
    child.claim(at(20), A)
    assert masked(child, child_memory) == bytes(range(SIZE))
    assert memory.data[4] == 0xCC
    assert memory.data[20] == 20
    child.remove_all()
    assert bytes(child_memory.data) == bytes(range(SIZE))
    assert len(sites) == 2


def test_to_forget_all_writes_nothing() -> None:
    sites, memory = table()
    sites.claim(at(4), A)
    writes = memory.writes
    sites.forget_all()
    assert (len(sites), memory.writes) == (0, writes)


class SitesMachine(RuleBasedStateMachine):
    """Owners, writes, lifts and pages that change under the patches, in any order."""

    trap = TRAP
    stride = 1
    owners = st.integers(1, 3).map(EngineId)
    #: The program's own bytes are never the trap's: whose a trap instruction is could not be told.
    bytes_of_the_program = st.integers(0, 0x7F)

    def __init__(self) -> None:
        super().__init__()
        self.own = bytearray()
        self.memory = FakeMemory(b"")
        self.sites = SiteTable(self.memory, self.trap)
        self.over: BreakpointSite | None = None

    @initialize(data=st.binary(min_size=SIZE, max_size=SIZE))
    def start(self, data: bytes) -> None:
        self.own[:] = data
        self.memory.data[:] = data

    def place(self, offset: int) -> Addr:
        return at(offset - offset % self.stride)

    @rule(offset=st.integers(0, SIZE - 4), owner=owners)
    def claim(self, offset: int, owner: EngineId) -> None:
        self.sites.claim(self.place(offset), owner)

    @rule(offset=st.integers(0, SIZE - 4), owner=owners)
    def release(self, offset: int, owner: EngineId) -> None:
        self.sites.release(self.place(offset), owner)

    @rule(owner=owners)
    def leave(self, owner: EngineId) -> None:
        self.sites.release_owner(owner)

    @rule(offset=st.integers(-4, SIZE + 2), data=st.binary(min_size=1, max_size=12))
    def write(self, offset: int, data: bytes) -> None:
        if offset >= 0 and offset + len(data) <= SIZE:
            self.sites.write(at(offset), data)
            self.own[offset : offset + len(data)] = data
        else:
            with pytest.raises(TargetError):
                self.sites.write(at(offset), data)

    @precondition(lambda self: self.over is None and len(self.sites) > 0)
    @rule(which=st.integers(0, SIZE))
    def begin_step_over(self, which: int) -> None:
        every = self.sites.all()
        self.over = every[which % len(every)]
        self.sites.lift(self.over)

    @precondition(lambda self: self.over is not None)
    @rule()
    def end_step_over(self) -> None:
        assert self.over is not None
        self.sites.put_back(self.over)
        self.over = None

    @rule()
    def lift_all(self) -> None:
        self.sites.lift_all()
        assert self.memory.data == self.own

    @rule()
    def put_back_all(self) -> None:
        self.sites.put_back_all()

    @rule(start=st.integers(0, SIZE), length=st.integers(1, 16))
    def read_a_part(self, start: int, length: int) -> None:
        if start < SIZE:
            assert masked(self.sites, self.memory, start, length) == self.own[start : start + length]

    @rule(owner=owners)
    def a_forked_child_is_clean(self, owner: EngineId) -> None:
        memory = FakeMemory(bytes(self.memory.data))
        child = self.sites.clone(memory)
        assert masked(child, memory) == self.own
        child.release_owner(owner)
        assert masked(child, memory) == self.own
        child.remove_all()
        assert memory.data == self.own

    @invariant()
    def a_masked_read_shows_the_programs_bytes(self) -> None:
        if self.own:
            assert masked(self.sites, self.memory) == self.own

    @invariant()
    def sites_are_in_order_and_owned(self) -> None:
        every = self.sites.all()
        assert [site.address for site in every] == sorted({site.address for site in every})
        assert all(site.owners for site in every)

    def teardown(self) -> None:
        for owner in (1, 2, 3):
            self.sites.release_owner(EngineId(owner))
        assert len(self.sites) == 0
        assert self.memory.data == self.own


class MovingPagesMachine(SitesMachine):
    """The same, while the program changes its code and maps other pages."""

    @rule(byte=SitesMachine.bytes_of_the_program)
    def another_page_is_mapped(self, byte: int) -> None:
        self.own[:] = bytes([byte]) * SIZE
        self.memory.data[:] = self.own

    @rule(offset=st.integers(0, SIZE - 1), byte=SitesMachine.bytes_of_the_program)
    def the_program_writes_its_code(self, offset: int, byte: int) -> None:
        self.own[offset] = self.memory.data[offset] = byte


class WideTrapMachine(SitesMachine):
    """The same with an instruction of four bytes."""

    trap = b"\x00\x00\x20\xd4"
    stride = 4


TestSitesMachine = SitesMachine.TestCase
TestMovingPagesMachine = MovingPagesMachine.TestCase
TestWideTrapMachine = WideTrapMachine.TestCase
