"""arch: the register tables and the XML made of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from gdbstub.arch import x86
from gdbstub.arch.i386 import i386
from gdbstub.arch.spec import ArchSpec, Regset
from gdbstub.arch.tdesc import target_xml
from gdbstub.arch.x86_64 import x86_64

SSE, AVX = x86.XCR0_LEGACY, x86.XCR0_LEGACY | x86.XCR0_AVX
AVX512 = AVX | x86.XCR0_AVX512
EVERYTHING = AVX512 | x86.XCR0_PKRU
LEVELS = [SSE, AVX, AVX | x86.XCR0_PKRU, AVX512, EVERYTHING]
SPECS = [make(xcr0) for make in (x86_64, i386) for xcr0 in LEVELS]

# As gdbserver numbers them, and gdb expects of a stub that sends no description.
# fmt: off
X86_64_NUMBERS = {
    "rax": 0, "rbx": 1, "rcx": 2, "rdx": 3, "rsi": 4, "rdi": 5, "rbp": 6,
    "rsp": 7, "r15": 15, "rip": 16, "eflags": 17, "cs": 18, "gs": 23, "st0": 24,
    "fctrl": 32, "fop": 39, "xmm0": 40, "mxcsr": 56, "orig_rax": 57, "fs_base": 58, "gs_base": 59,
    "ymm0h": 60, "xmm16": 76, "ymm16h": 92, "k0": 108, "zmm0h": 116, "zmm16h": 132, "zmm31h": 147,
    "pkru": 148,
}
I386_NUMBERS = {
    "eax": 0, "ecx": 1, "edx": 2, "ebx": 3, "esp": 4, "ebp": 5, "esi": 6,
    "edi": 7, "eip": 8, "eflags": 9, "cs": 10, "gs": 15, "st0": 16, "fctrl": 24,
    "xmm0": 32, "mxcsr": 40, "orig_eax": 41, "ymm0h": 42, "k0": 50, "zmm0h": 58, "zmm7h": 65,
    "pkru": 66,
}
# fmt: on


def number(spec: ArchSpec, name: str) -> int:
    return next(register.number for register in spec.registers if register.name == name)


@pytest.mark.parametrize("spec", SPECS)
def test_numbers_are_consecutive_and_names_unique(spec: ArchSpec) -> None:
    registers = spec.registers
    assert [register.number for register in registers] == list(range(len(registers)))
    assert len({register.name for register in registers}) == len(registers)


@pytest.mark.parametrize("spec", SPECS)
def test_places_in_a_regset_do_not_overlap(spec: ArchSpec) -> None:
    taken: set[tuple[Regset, str, int]] = set()
    for register in spec.registers:
        assert register.size <= register.bits // 8
        places = {
            (register.regset, register.component, byte)
            for byte in range(register.offset, register.offset + register.size)
        }
        assert not places & taken
        taken |= places
        assert bool(register.component) is (register.regset is Regset.XSTATE)


@pytest.mark.parametrize(("name", "expected"), X86_64_NUMBERS.items())
def test_x86_64_numbers(name: str, expected: int) -> None:
    assert number(x86_64(EVERYTHING), name) == expected


@pytest.mark.parametrize(("name", "expected"), I386_NUMBERS.items())
def test_i386_numbers(name: str, expected: int) -> None:
    assert number(i386(EVERYTHING), name) == expected


def test_missing_components_are_left_out_and_close_the_gap() -> None:
    assert number(x86_64(AVX | x86.XCR0_PKRU), "pkru") == 76
    assert [feature.name.rsplit(".", 1)[1] for feature in x86_64(SSE).features] == [
        "core",
        "sse",
        "linux",
        "segments",
    ]
    incomplete = AVX512 & ~x86.XCR0_HI16_ZMM
    assert x86_64(incomplete).features == x86_64(AVX).features


def test_components_without_registers_make_no_new_spec() -> None:
    amx = 0b11 << 17
    assert x86_64(AVX512 | amx) is x86_64(AVX512)
    assert i386(AVX512 | amx) is i386(AVX512)


def test_expedited_registers_are_frame_stack_and_pc() -> None:
    for spec, names in ((x86_64(SSE), ["rbp", "rsp", "rip"]), (i386(SSE), ["ebp", "esp", "eip"])):
        assert [number(spec, name) for name in names] == list(spec.expedited)
        assert spec.expedited[1:] == (spec.sp, spec.pc)


@pytest.mark.parametrize("spec", SPECS)
def test_xml_says_what_the_table_says(spec: ArchSpec) -> None:
    document = target_xml(spec)
    assert b"xi:include" not in document
    root = ET.fromstring(document)
    assert root.findtext("architecture") == spec.gdb_name
    assert root.findtext("osabi") == "GNU/Linux"
    found = []
    counted = 0
    for feature in root.iter("feature"):
        # gdb looks a type up in the feature that uses it.
        known = {element.get("id") for element in feature if element.get("id")}
        known |= {"int", "int32", "int64", "uint32", "uint64", "uint128", "data_ptr", "code_ptr", "i387_ext"}
        for register in feature.iter("reg"):
            counted = int(register.get("regnum", counted))
            assert register.get("type") in known
            found.append((counted, register.get("name"), register.get("bitsize"), register.get("group", "")))
            counted += 1
    assert found == [(r.number, r.name, str(r.bits), r.group) for r in spec.registers]


def test_first_register_of_each_feature_states_its_number() -> None:
    root = ET.fromstring(target_xml(x86_64(EVERYTHING)))
    for feature in root.iter("feature"):
        first = feature.find("reg")
        assert first is not None and first.get("regnum") is not None


def test_bit_1_of_eflags_has_a_field() -> None:
    root = ET.fromstring(target_xml(x86_64(SSE)))
    starts = [field.get("start") for field in root.iter("field") if field.get("name") == ""]
    assert starts == ["1"]
