"""linux.regsets, on a kernel that is a dictionary."""

from __future__ import annotations

import errno

import pytest

from gdbstub.arch import x86
from gdbstub.arch.i386 import i386
from gdbstub.arch.spec import ArchSpec
from gdbstub.arch.x86_64 import x86_64
from gdbstub.linux import regsets, xsave
from gdbstub.linux.constants import NT_PRFPREG, NT_PRSTATUS, NT_X86_XSTATE
from gdbstub.linux.regsets import RegisterFile
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Tid

TID = Tid(77)
EVERYTHING = x86.XCR0_DESCRIBED
INTEL_SIZE, AMD_SIZE = 2696, 2440
STATE_BV = slice(xsave.XSTATE_BV_OFFSET, xsave.XSTATE_BV_OFFSET + 8)


class Kernel:
    """One tracee's registers, and a count of the calls."""

    def __init__(self) -> None:
        self.general = bytearray(216)
        self.regsets: dict[int, bytearray] = {}
        self.reads = 0

    def use_xsave(self, xcr0: int, size: int, state_bv: int = 0) -> None:
        area = bytearray(b"\xee" * size)
        area[: xsave.HEADER_END] = bytes(xsave.HEADER_END)
        area[xsave.XCR0_OFFSET : xsave.XCR0_OFFSET + 8] = xcr0.to_bytes(8, "little")
        area[STATE_BV] = state_bv.to_bytes(8, "little")
        self.regsets[NT_X86_XSTATE] = area

    @property
    def state_bv(self) -> int:
        return int.from_bytes(self.regsets[NT_X86_XSTATE][STATE_BV], "little")

    def word(self, member: str) -> int:
        at = x86.USER_REGS[member]
        return int.from_bytes(self.general[at : at + 8], "little")

    def set_word(self, member: str, value: int) -> None:
        self.poke_user(TID, x86.USER_REGS[member], value)

    # In place of ptrace_calls

    def read_user_regs(self, tid: Tid) -> bytes:
        self.reads += 1
        return bytes(self.general)

    def write_user_regs(self, tid: Tid, data: bytes) -> None:
        self.general[:] = data

    def poke_user(self, tid: Tid, offset: int, value: int) -> None:
        self.general[offset : offset + 8] = (value % (1 << 64)).to_bytes(8, "little")

    def read_regset(self, tid: Tid, note: int) -> bytes:
        self.reads += 1
        if note not in self.regsets:
            raise TargetError(errno.ENODEV)
        return bytes(self.regsets[note])

    def write_regset(self, tid: Tid, note: int, data: bytes) -> None:
        assert len(data) == len(self.regsets[note])
        self.regsets[note][:] = data


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    for name in ("read_user_regs", "write_user_regs", "poke_user", "read_regset", "write_regset"):
        monkeypatch.setattr(regsets, name, getattr(kernel, name))
    monkeypatch.setattr(xsave, "measured", lambda: None)
    return kernel


def numbers(spec: ArchSpec) -> dict[str, int]:
    return {register.name: register.number for register in spec.registers}


def test_each_regset_is_read_once_for_each_stop(kernel: Kernel) -> None:
    kernel.use_xsave(EVERYTHING, INTEL_SIZE)
    registers = RegisterFile(TID, x86_64(EVERYTHING))
    for _ in range(3):
        assert registers.pc == registers.sp == 0
        registers.expedited()
        registers.general()
    assert kernel.reads == 1
    for _ in range(3):
        registers.read_all()
    assert kernel.reads == 2
    registers.set_pc(0x1000)
    registers.write(numbers(registers.spec)["xmm1"], b"1" * 16)
    assert registers.pc == 0x1000
    registers.read_all()
    assert kernel.reads == 2
    registers.invalidate()
    registers.read_all()
    assert kernel.reads == 4


def test_writing_back_what_was_read_writes_nothing(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel.use_xsave(EVERYTHING, INTEL_SIZE)
    registers = RegisterFile(TID, x86_64(EVERYTHING))
    monkeypatch.delattr(regsets, "write_user_regs")
    monkeypatch.delattr(regsets, "write_regset")
    registers.write_all(registers.read_all())


@pytest.mark.parametrize("size", [INTEL_SIZE, AMD_SIZE], ids=["intel", "amd"])
@pytest.mark.parametrize("make", [x86_64, i386])
def test_g67_whole_and_single_reads_agree(kernel: Kernel, size: int, make: type) -> None:
    kernel.use_xsave(EVERYTHING, size, EVERYTHING)
    area = kernel.regsets[NT_X86_XSTATE]
    area[xsave.HEADER_END :] = bytes(index * 13 % 251 for index in range(size - xsave.HEADER_END))
    area[:416] = bytes(index * 7 % 251 for index in range(416))
    kernel.general[:] = bytes(index * 11 % 251 if index % 8 < 4 else 0 for index in range(216))
    spec: ArchSpec = make(EVERYTHING)
    registers = RegisterFile(TID, spec)
    whole = registers.read_all()
    assert b"".join(registers.read(register.number) for register in spec.registers) == whole
    assert len(whole) == sum(register.bits for register in spec.registers) // 8


def test_g68_initial_state_is_not_what_lies_in_the_area(kernel: Kernel) -> None:
    kernel.use_xsave(EVERYTHING, INTEL_SIZE, state_bv=0)
    kernel.regsets[NT_X86_XSTATE][:416] = b"\xdd" * 416
    registers = RegisterFile(TID, x86_64(EVERYTHING))
    at = numbers(registers.spec)
    assert registers.read(at["fctrl"]) == b"\x7f\x03\0\0"
    assert registers.read(at["ftag"]) == b"\xff\xff\0\0"
    assert registers.read(at["mxcsr"]) == b"\x80\x1f\0\0"
    for name in ("st3", "xmm0", "ymm1h", "k2", "zmm3h", "zmm31h"):
        assert not any(registers.read(at[name]))


def test_g68_only_what_is_written_leaves_the_initial_state(kernel: Kernel) -> None:
    kernel.use_xsave(AVX512 := EVERYTHING & ~x86.XCR0_PKRU, INTEL_SIZE - 8, state_bv=0)
    registers = RegisterFile(TID, x86_64(AVX512))
    at = numbers(registers.spec)
    registers.write(at["k1"], b"K" * 8)
    assert kernel.state_bv == x86.XCR0_OPMASK
    area = kernel.regsets[NT_X86_XSTATE]
    assert area[1088:1104] == bytes(8) + b"K" * 8
    registers.write(at["mxcsr"], b"\xc0\x9f\0\0")
    assert kernel.state_bv == x86.XCR0_OPMASK | x86.XCR0_SSE


def test_g68_mxcsr_is_live_where_only_avx_is(kernel: Kernel) -> None:
    kernel.use_xsave(EVERYTHING, INTEL_SIZE, state_bv=x86.XCR0_AVX)
    kernel.regsets[NT_X86_XSTATE][24:28] = b"\xa0\x1f\0\0"
    registers = RegisterFile(TID, x86_64(EVERYTHING))
    assert registers.read(numbers(registers.spec)["mxcsr"]) == b"\xa0\x1f\0\0"


def test_g68_pkru_survives_a_write_of_something_else(kernel: Kernel) -> None:
    kernel.use_xsave(EVERYTHING, INTEL_SIZE, state_bv=0)
    kernel.regsets[NT_X86_XSTATE][2688:2696] = b"\x54\x55\x55\x55\0\0\0\0"
    registers = RegisterFile(TID, x86_64(EVERYTHING))
    at = numbers(registers.spec)
    assert registers.read(at["pkru"]) == b"\x54\x55\x55\x55"
    registers.write(at["xmm0"], b"X" * 16)
    assert kernel.state_bv == x86.XCR0_SSE | x86.XCR0_PKRU
    assert kernel.regsets[NT_X86_XSTATE][2688:2692] == b"\x54\x55\x55\x55"


@pytest.mark.parametrize("result", [-512, -513, -514, -516])
@pytest.mark.parametrize("make", [x86_64, i386])
def test_g18_restart_codes(kernel: Kernel, make: type, result: int) -> None:
    kernel.set_word("orig_rax", 35)
    kernel.set_word("rax", result)
    registers = RegisterFile(TID, make(x86.XCR0_LEGACY))
    assert registers.orig_syscall == 35
    registers.set_pc(0x1234)
    assert registers.orig_syscall == -1
    assert kernel.word("orig_rax") == (1 << 64) - 1


def test_g18_other_results_keep_orig_rax(kernel: Kernel) -> None:
    kernel.set_word("orig_rax", 35)
    kernel.set_word("rax", -515)
    registers = RegisterFile(TID, x86_64(x86.XCR0_LEGACY))
    registers.set_pc(0x1234)
    assert kernel.word("orig_rax") == 35


def test_g18_a_block_that_sets_orig_rax_is_obeyed(kernel: Kernel) -> None:
    kernel.regsets[NT_PRFPREG] = bytearray(512)
    kernel.set_word("orig_rax", 35)
    kernel.set_word("rax", -516)
    registers = RegisterFile(TID, x86_64(x86.XCR0_LEGACY))
    saved = registers.read_all()
    kernel.set_word("orig_rax", -1)
    kernel.set_word("rax", 5)
    kernel.set_word("rip", 0x5000)
    registers.invalidate()
    registers.write_all(saved)
    assert kernel.word("orig_rax") == 35


def test_g70_negative_results_of_a_32bit_tracee_are_sign_extended(kernel: Kernel) -> None:
    registers = RegisterFile(TID, i386(x86.XCR0_LEGACY))
    at = numbers(registers.spec)
    for name, member in (("eax", "rax"), ("orig_eax", "orig_rax")):
        registers.write(at[name], b"\xff" * 4)
        assert kernel.word(member) == (1 << 64) - 1
        assert registers.read(at[name]) == b"\xff" * 4
    registers.write(at["esp"], b"\xf0\xff\xff\xff")
    assert kernel.word("rsp") == 0xFFFFFFF0


def test_without_xsave_the_legacy_regset_serves(kernel: Kernel) -> None:
    kernel.regsets[NT_PRFPREG] = bytearray(index * 3 % 251 for index in range(512))
    registers = RegisterFile(TID, x86_64(x86.XCR0_LEGACY))
    at = numbers(registers.spec)
    assert registers.read(at["xmm1"]) == bytes(index * 3 % 251 for index in range(176, 192))
    registers.write(at["xmm1"], b"1" * 16)
    registers.invalidate()
    assert registers.read(at["xmm1"]) == b"1" * 16
    assert len(registers.read_all()) == 560


def test_components_of_unknown_place_are_refused(kernel: Kernel) -> None:
    kernel.use_xsave(EVERYTHING, 4000)
    registers = RegisterFile(TID, x86_64(EVERYTHING))
    with pytest.raises(TargetError, match="avx") as caught:
        registers.read_all()
    assert caught.value.errno == errno.ENODEV
    assert registers.pc == 0


@pytest.mark.parametrize(
    ("size", "xcr0", "expected"),
    [(216, EVERYTHING, x86_64(EVERYTHING)), (68, EVERYTHING, i386(EVERYTHING)), (216, None, x86_64(3))],
)
def test_g50_detect(kernel: Kernel, size: int, xcr0: int | None, expected: ArchSpec) -> None:
    kernel.regsets[NT_PRSTATUS] = bytearray(size)
    if xcr0 is not None:
        kernel.use_xsave(xcr0, INTEL_SIZE)
    assert regsets.detect(TID) is expected


def tagged(used: int, top: int, **numbers: bytes) -> bytes:
    """Return a legacy area with the given values in st registers."""
    area = bytearray(160)
    area[2:4] = (top << 11).to_bytes(2, "little")
    area[4] = used
    for name, value in numbers.items():
        at = 32 + 16 * int(name[2:])
        area[at : at + 10] = value
    return bytes(area)


ONE = bytes.fromhex("0000000000000080ff3f")
INFINITY = bytes.fromhex("0000000000000080ff7f")
DENORMAL = bytes.fromhex("01000000000000000000")
UNNORMAL = bytes.fromhex("0000000000000000ff3f")


@pytest.mark.parametrize(
    ("area", "word"),
    [
        (tagged(0, 0), 0xFFFF),
        (tagged(0x80, 7, st0=ONE), 0x3FFF),
        (tagged(0x80, 7), 0x7FFF),
        (tagged(0x80, 7, st0=INFINITY), 0xBFFF),
        (tagged(0x80, 7, st0=DENORMAL), 0xBFFF),
        (tagged(0x80, 7, st0=UNNORMAL), 0xBFFF),
        (tagged(0x01, 5, st3=ONE), 0xFFFC),
        (tagged(0xFF, 0), 0x5555),
    ],
)
def test_tag_word(area: bytes, word: int) -> None:
    assert regsets.full_tag_word(area) == word
