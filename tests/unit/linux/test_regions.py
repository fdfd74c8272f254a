"""The regions of an address space, as clients ask for them."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

from gdbstub.linux import regions
from gdbstub.linux.regions import RegionMap, read_regions
from gdbstub.target.regions import MemoryRegion
from gdbstub.vocab.ids import Addr, Tid

MAPS = b"""\
555555554000-555555555000 r--p 00000000 fe:00 1234                       /tmp/a program
555555555000-555555556000 r-xp 00001000 fe:00 1234                       /tmp/a program
7ffff7d00000-7ffff7d01000 ---p 00000000 00:00 0
7ffff7d01000-7ffff7d02000 rw-s 00000000 00:01 77                         /dev/zero\\012 (deleted)
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""

SMAPS = b"""\
555555554000-555555555000 r--p 00000000 fe:00 1234                       /tmp/a program
Size:                  4 kB
ProtectionKey:         0
VmFlags: rd mr mw me sd
7ffff7d00000-7ffff7d01000 rw-p 00000000 00:00 0
Rss:                   0 kB
ProtectionKey:         3
VmFlags: rd wr mr mw me ac ss sd
"""


def test_a_mapping_is_found_from_any_address_in_it() -> None:
    known = RegionMap(MAPS)
    text = MemoryRegion(Addr(0x555555555000), 0x1000, True, "rx", b"/tmp/a program")
    assert known.at(Addr(0x555555555000)) == known.at(Addr(0x555555555FFF)) == text
    assert known.at(Addr(0x7FFFF7D00010)) == MemoryRegion(Addr(0x7FFFF7D00000), 0x1000, True)
    assert known.at(Addr(0x7FFFF7D01000)).name == b"/dev/zero\n (deleted)"
    assert known.at(Addr(0xFFFFFFFFFF600000)).permissions == "x"


def test_a_gap_goes_from_the_address_to_the_next_mapping() -> None:
    known = RegionMap(MAPS)
    assert known.at(Addr(0)) == MemoryRegion(Addr(0), 0x555555554000, False)
    assert known.at(Addr(0x555555556123)) == MemoryRegion(
        Addr(0x555555556123), 0x7FFFF7D00000 - 0x555555556123, False
    )


def test_the_last_gap_ends_at_what_is_no_address() -> None:
    end = (1 << 64) - 1
    assert RegionMap(MAPS).at(Addr(0xFFFFFFFFFF601000)) == MemoryRegion(Addr(0xFFFFFFFFFF601000), 0x9FEFFF, False)
    assert RegionMap(MAPS).at(Addr(end)) == MemoryRegion(Addr(end), 0, False)
    assert RegionMap(b"").at(Addr(16)) == MemoryRegion(Addr(16), end - 16, False)


def test_flags_and_protection_keys_come_from_smaps() -> None:
    known = RegionMap(SMAPS)
    assert known.at(Addr(0x555555554000)).protection_key == 0
    region = known.at(Addr(0x7FFFF7D00FFF))
    assert (region.flags, region.protection_key, region.permissions) == (("ss",), 3, "rw")


def test_files_by_path_and_by_name() -> None:
    known = RegionMap(MAPS)
    assert known.base_of(b"/tmp/a program") == 0x555555554000
    assert known.base_of(b"/tmp/a") is None
    assert known.path_named(b"a program") == b"/tmp/a program"
    assert known.path_named(b"[stack]") is None


def test_smaps_is_read_where_it_says_more(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "maps").write_bytes(MAPS)
    (tmp_path / "7" / "smaps").write_bytes(SMAPS)
    for more, key in ((False, None), (True, 0)):
        with patch.object(regions, "_has_more", return_value=more):
            assert read_regions(Tid(7), root=str(tmp_path)).at(Addr(0x555555554000)).protection_key == key


def test_our_own_memory() -> None:
    region = read_regions(Tid(os.getpid())).at(Addr(id(MAPS)))
    assert region.mapped
    assert "rw" in region.permissions
