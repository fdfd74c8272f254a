"""The layout of memory, and memory mapped on demand, over the wire."""

from __future__ import annotations

from gdbstub.target.regions import MemoryRegion
from gdbstub.vocab.ids import Addr
from tests.support.playbook import PID, Playbook, process


def play_with(*regions: MemoryRegion) -> Playbook:
    play = Playbook(process())
    play.target.regions = list(regions)
    return play


def test_a_probe_without_an_address() -> None:
    play_with().gets(b"qMemoryRegionInfo").sends(b"OK").gets(b"qMemoryRegionInfo:zz").sends_like(rb"E\..*")


def test_a_mapping_and_the_gap_before_it() -> None:
    play = play_with(MemoryRegion(Addr(0x1000), 0x2000, True, "rx", b"/bin/x"))
    play.gets(b"qMemoryRegionInfo:1234").sends(b"start:1000;size:2000;permissions:rx;flags:;name:2f62696e2f78;")
    play.gets(b"qMemoryRegionInfo:10").sends(b"start:10;size:ff0;")


def test_a_mapping_that_may_not_be_touched_has_no_permissions() -> None:
    play = play_with(MemoryRegion(Addr(0x1000), 0x1000, True))
    play.gets(b"qMemoryRegionInfo:1000").sends(b"start:1000;size:1000;flags:;")


def test_what_kind_of_memory_it_is() -> None:
    play = play_with(
        MemoryRegion(Addr(0x1000), 0x1000, True, "rw", b"[heap]"),
        MemoryRegion(Addr(0x2000), 0x1000, True, "rw", b"[stack]", ("mt", "ss"), 5),
    )
    play.gets(b"qMemoryRegionInfo:1000").sends(
        b"start:1000;size:1000;permissions:rw;flags:;name:5b686561705d;type:heap;"
    )
    play.gets(b"qMemoryRegionInfo:2000").sends(
        b"start:2000;size:1000;permissions:rw;flags:mt ss;name:5b737461636b5d;type:stack;protection-key:5;"
    )


def test_memory_on_demand() -> None:
    play = play_with()
    play.gets(b"_M1000,rwx").sends(b"00007f0000000000")
    assert ("allocate_memory", PID, 0x1000, "rwx") in play.target.calls
    play.gets(b"_m00007f0000000000").sends(b"OK")
    assert ("free_memory", PID, 0x7F00_0000_0000) in play.target.calls


def test_requests_for_memory_that_make_no_sense() -> None:
    for wrong in (b"_M", b"_M0,rw", b"_M1000", b"_M1000,wr", b"_m", b"_mzz"):
        play_with().gets(wrong).sends_like(rb"E\..*")


def test_no_memory_while_the_target_runs() -> None:
    play_with().gets(b"vCont;c").gets(b"_M1000,rw").sends_like(rb"E\..*")
