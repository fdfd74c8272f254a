"""The registers as LLDB lists them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from gdbstub.arch.catalogue import Catalogue, Entry, catalogue_xml, register_info
from gdbstub.arch.i386 import i386
from gdbstub.arch.spec import ArchSpec, Regset
from gdbstub.arch.x86_64 import x86_64
from gdbstub.arch.x86_catalogue import x86_catalogue

LEGACY, AVX, AVX512 = 0b11, 0b111, 0b1011100111
SPECS = [make(xcr0) for make in (x86_64, i386) for xcr0 in (LEGACY, AVX, AVX512)]


def catalogue() -> Catalogue:
    return x86_catalogue(x86_64(AVX512))


def entry(name: str, listed: Catalogue | None = None) -> Entry:
    return next(each for each in (listed or catalogue()).entries if each.name == name)


@pytest.mark.parametrize("spec", SPECS)
def test_numbers_and_names_are_unique(spec: ArchSpec) -> None:
    entries = x86_catalogue(spec).entries
    assert [each.number for each in entries] == list(range(len(entries)))
    assert len({each.name for each in entries}) == len(entries)


@pytest.mark.parametrize("spec", SPECS)
def test_every_register_of_the_spec_is_in_the_whole_exactly_once(spec: ArchSpec) -> None:
    covered = [piece.number for each in x86_catalogue(spec).roots for piece in each.pieces]
    assert sorted(covered) == [register.number for register in spec.registers]


@pytest.mark.parametrize("spec", SPECS)
def test_the_whole_has_no_gaps(spec: ArchSpec) -> None:
    listed = x86_catalogue(spec)
    at = 0
    for each in listed.roots:
        assert each.offset == at
        at += each.size
    assert at == listed.length


@pytest.mark.parametrize("spec", SPECS)
def test_parts_lie_in_what_they_are_part_of_and_say_so(spec: ArchSpec) -> None:
    entries = x86_catalogue(spec).entries
    for each in entries:
        for other in each.invalidates:
            assert each.number in entries[other].invalidates
        if each.container is not None:
            whole = entries[each.container]
            assert whole.offset <= each.offset
            assert each.offset + each.size <= whole.offset + whole.size
            assert whole.number in each.invalidates


def test_parts_have_the_right_bytes() -> None:
    value = bytes(range(8))
    assert catalogue().read(entry("eax"), lambda _: value) == value[:4]
    assert catalogue().read(entry("ah"), lambda _: value) == value[1:2]
    assert entry("ah").offset == entry("rax").offset + 1
    assert entry("foseg").offset == entry("fdp").offset + 4


def test_narrow_registers_are_filled_up_with_zeros() -> None:
    assert catalogue().read(entry("rflags"), lambda _: b"\x02\x02\0\0") == b"\x02\x02" + bytes(6)


def test_wide_vectors_are_put_together() -> None:
    values = {r.name: bytes([index % 256]) * (r.bits // 8) for index, r in enumerate(x86_64(AVX512).registers)}
    by_number = {r.number: values[r.name] for r in x86_64(AVX512).registers}

    def read(name: str) -> bytes:
        return catalogue().read(entry(name), by_number.__getitem__)

    assert read("ymm3") == values["xmm3"] + values["ymm3h"]
    assert read("zmm20") == values["xmm20"] + values["ymm20h"] + values["zmm20h"]
    assert entry("xmm3").offset == entry("ymm3").offset == entry("zmm3").offset


def test_a_write_changes_only_its_bytes() -> None:
    old = {0: bytes(range(8))}
    number = entry("ah").pieces[0].number
    assert list(catalogue().split(entry("ah"), b"\xff", lambda _: old[0])) == [(number, b"\0\xff\2\3\4\5\6\7")]
    wide = list(catalogue().split(entry("ymm0"), bytes(range(32)), lambda _: bytes(16)))
    assert [data for _, data in wide] == [bytes(range(16)), bytes(range(16, 32))]


def test_what_registers_are_for() -> None:
    purposes = {each.generic: each.name for each in catalogue().entries if each.generic}
    assert purposes["pc"] == "rip"
    assert purposes["sp"] == "rsp"
    assert purposes["fp"] == "rbp"
    assert purposes["flags"] == "rflags"
    assert [purposes[f"arg{n}"] for n in range(1, 7)] == ["rdi", "rsi", "rdx", "rcx", "r8", "r9"]


@pytest.mark.parametrize(
    ("name", "number"), [("rdx", 1), ("rip", 16), ("xmm15", 32), ("xmm16", 67), ("st0", 33), ("mm7", 48), ("k0", 118)]
)
def test_dwarf_numbers_of_x86_64(name: str, number: int) -> None:
    assert entry(name).dwarf == number


def test_dwarf_numbers_of_i386() -> None:
    listed = x86_catalogue(i386(AVX))
    assert [entry(name, listed).dwarf for name in ("eax", "esp", "ebp", "eip", "st0", "xmm0")] == [0, 4, 5, 8, 11, 21]


def test_sets() -> None:
    assert {each.group for each in x86_catalogue(x86_64(LEGACY)).entries} == {
        "General Purpose Registers",
        "Floating Point Registers",
    }
    assert entry("ymm0").group == "Advanced Vector Extensions"


@pytest.mark.parametrize("spec", SPECS)
def test_stop_replies_carry_the_general_registers(spec: ArchSpec) -> None:
    listed = x86_catalogue(spec)
    names = {listed.entries[each.number].name for each in listed.expedited}
    assert len(names) == sum(1 for r in spec.registers if r.regset is Regset.GENERAL)
    assert {listed.pc.generic, listed.sp.generic, listed.fp.generic} == {"pc", "sp", "fp"}


@pytest.mark.parametrize("spec", SPECS)
def test_stop_replies_carry_what_the_regset_has(spec: ArchSpec) -> None:
    listed = x86_catalogue(spec)
    regset = bytes(range(1, 217))
    kept = {register.number: register for register in spec.registers}
    written = listed.writer.write(regset).decode().removesuffix(";").split(";")
    assert [text.partition(":")[0] for text in written] == [f"{each.number:02x}" for each in listed.general]
    for entry, text in zip(listed.general, written, strict=True):
        register = kept[entry.pieces[0].number]
        value = regset[register.offset : register.offset + register.size].ljust(entry.size, b"\0")
        assert text.partition(":")[2] == value.hex()


@pytest.mark.parametrize("spec", SPECS)
def test_the_description_says_what_register_info_says(spec: ArchSpec) -> None:
    listed = x86_catalogue(spec)
    root = ElementTree.fromstring(catalogue_xml(listed).decode())
    assert root.findtext("architecture") == spec.llvm_name
    found = root.findall("feature/reg")
    assert len(found) == len(listed.entries)
    for each, reg in zip(listed.entries, found, strict=True):
        info = dict(re.findall(r"([^:;]+):([^;]*);", register_info(each).decode()))
        same = {"name": "name", "bitsize": "bitsize", "offset": "offset", "encoding": "encoding", "format": "format"}
        same |= {"set": "group", "dwarf": "dwarf_regnum", "ehframe": "ehframe_regnum", "generic": "generic"}
        for key, attribute in same.items():
            assert info.get(key) == reg.get(attribute)
        assert reg.get("regnum") == str(each.number)
        parts = [int(number, 16) for number in info.get("invalidate-regs", "").split(",") if number]
        assert parts == [int(number) for number in reg.get("invalidate_regnums", "").split(",") if number]
