"""Registers and debug registers of real tracees, through linux.regsets and linux.debugregs."""

from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gdbstub.arch import x86
from gdbstub.arch.spec import ArchSpec, Register
from gdbstub.linux import debugregs, ptrace_calls, xsave
from gdbstub.linux.constants import NT_X86_XSTATE, PTRACE_EVENT_STOP, WALL
from gdbstub.linux.regsets import RegisterFile, detect
from gdbstub.tracer.debugslots import DebugSlots, SlotKind
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, EngineId, Tid
from tests.support import proc, symbols
from tests.support.tracees import SOURCES, environment

ME = EngineId(1)
PATTERNS = bytes((i * 7 + i // 64 + 1) & 0xFF for i in range(2048))
GENERAL = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16))]
GENERAL32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"]

Building = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Building:
    """Assemble a program of tests/tracees once, for what this processor has."""
    folder = tmp_path_factory.mktemp("registers")
    xcr0 = xsave.layout().xcr0
    flags = ["-DAVX"] * bool(xcr0 & x86.XCR0_AVX) + ["-DPKU"] * bool(xcr0 & x86.XCR0_PKRU)
    flags += ["-DAVX512"] * (xcr0 & x86.XCR0_AVX512 == x86.XCR0_AVX512)

    def build(name: str) -> Path:
        target = folder / name
        if not target.exists():
            bits = ["-m32"] if name.endswith("32") else flags
            fixed = ["-nostdlib", "-static", "-no-pie"]
            subprocess.run(["gcc", *bits, *fixed, "-o", target, SOURCES / f"{name}.S"], check=True)
        return target

    return build


class Stopped:
    """A traced program, stopped, and its registers."""

    def __init__(self, program: Path, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.tid = Tid(process.pid)
        self._symbols = symbols.addresses(program)
        ptrace_calls.seize(self.tid, 0)
        ptrace_calls.interrupt(self.tid)
        assert self._wait() >> 16 == PTRACE_EVENT_STOP
        self.spec = detect(self.tid)
        self.registers = RegisterFile(self.tid, self.spec)

    def _wait(self) -> int:
        return os.waitpid(self.tid, WALL)[1]

    def address(self, symbol: str) -> int:
        return self._symbols[symbol]

    def feed(self) -> None:
        """Give the program the byte it waits for."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"x")
        self.process.stdin.flush()

    def run(self) -> None:
        """Let it run to its next trap."""
        self.registers.invalidate()
        ptrace_calls.cont(self.tid)
        status = self._wait()
        while os.WIFSTOPPED(status) and status >> 16 == PTRACE_EVENT_STOP:
            ptrace_calls.cont(self.tid)
            status = self._wait()
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTRAP, hex(status)

    def run_out(self) -> int:
        """Let it run to its end; return its exit code."""
        self.registers.invalidate()
        ptrace_calls.cont(self.tid)
        self.process.returncode = os.waitstatus_to_exitcode(self._wait())
        return self.process.returncode

    def memory(self, symbol: str, size: int) -> bytes:
        with Path(f"/proc/{self.tid}/mem").open("rb", buffering=0) as file:
            file.seek(self.address(symbol))
            return file.read(size)

    # By name

    def register(self, name: str) -> Register:
        return next(r for r in self.spec.registers if r.name == name)

    def value(self, name: str) -> bytes:
        return self.registers.read(self.register(name).number)

    def put(self, name: str, data: bytes) -> None:
        self.registers.write(self.register(name).number, data)

    def put_int(self, name: str, value: int) -> None:
        size = self.register(name).bits // 8
        self.put(name, (value % (1 << 8 * size)).to_bytes(size, "little"))


@contextmanager
def traced(program: Path) -> Iterator[Stopped]:
    with subprocess.Popen([program], stdin=subprocess.PIPE, env=environment(), process_group=0) as process:
        try:
            # Traced only once it is in its read: before, it may still be in exec.
            wait_for_read(process.pid)
            yield Stopped(program, process)
        finally:
            if process.returncode is None:
                process.kill()
                status = os.waitpid(process.pid, WALL)[1]
                while os.WIFSTOPPED(status):
                    status = os.waitpid(process.pid, WALL)[1]
                process.returncode = os.waitstatus_to_exitcode(status)


@contextmanager
def filled(program: Path) -> Iterator[Stopped]:
    """Run a program up to its first trap, where it has filled its registers."""
    with traced(program) as tracee:
        tracee.feed()
        tracee.run()
        yield tracee


def wait_for_read(pid: int) -> None:
    def reads() -> bool:
        return Path(f"/proc/{pid}/syscall").read_text().split()[0] in {"0", "3"}

    proc.wait_until(reads, "the program reads its standard input", 10.0)


def slots(spec: ArchSpec) -> dict[str, slice]:
    """Return where each register is in ``g``."""
    places = {}
    at = 0
    for register in spec.registers:
        places[register.name] = slice(at, at + register.bits // 8)
        at += register.bits // 8
    return places


def vector(spec: ArchSpec, read: Callable[[str], bytes], index: int) -> bytes:
    """Put one vector register together from its parts."""
    names = {register.name for register in spec.registers}
    parts = [f"xmm{index}", f"ymm{index}h", f"zmm{index}h"]
    return b"".join(read(name) for name in parts if name in names)


def vectors(spec: ArchSpec) -> range:
    return range(sum(1 for r in spec.registers if r.name.startswith("xmm")))


# Reading


def test_g67_registers_read_as_the_program_filled_them(built: Building) -> None:
    with filled(built("regs_fill")) as tracee:
        spec = tracee.spec
        everything = tracee.registers.read_all()
        places = slots(spec)
        assert len(everything) == places[spec.registers[-1].name].stop
        for register in spec.registers:
            assert everything[places[register.name]] == tracee.value(register.name), register.name
        for n, name in enumerate((name for name in GENERAL if name != "rsp"), 1):
            assert int.from_bytes(tracee.value(name), "little") == n << 56 | n, name
        for index in vectors(spec):
            found = vector(spec, tracee.value, index)
            assert found == PATTERNS[64 * index :][: len(found)], index
        if "k0" in places:
            for index in range(8):
                assert tracee.value(f"k{index}") == PATTERNS[8 * index : 8 * index + 8]
        if "pkru" in places:
            assert tracee.value("pkru") == struct.pack("<I", 0x55555550)
        assert tracee.value("mxcsr") == struct.pack("<I", 0x9FC0)
        assert tracee.value("fctrl") == struct.pack("<I", 0x27F)
        # fldz last: st0 is 0, and lies in physical register 5.
        assert tracee.value("st0") == bytes(10)
        assert tracee.value("st2") == bytes.fromhex("0000000000000080ff3f")
        assert tracee.value("ftag") == struct.pack("<I", 0b00_00_01_11_11_11_11_11)
        assert tracee.registers.pc == tracee.address("filled")
        assert dict(tracee.registers.expedited()) == {
            6: tracee.value("rbp"),
            7: tracee.value("rsp"),
            16: tracee.value("rip"),
        }
        assert tracee.registers.sp == int.from_bytes(tracee.value("rsp"), "little")
        assert tracee.registers.orig_syscall == -1


def test_g67_layout_agrees_with_the_regset(built: Building) -> None:
    with traced(built("regs_fill")) as tracee:
        area = ptrace_calls.read_regset(tracee.tid, NT_X86_XSTATE)
        xcr0 = int.from_bytes(area[xsave.XCR0_OFFSET : xsave.XCR0_OFFSET + 8], "little")
        layout = xsave.layout()
        assert layout.xcr0 == xcr0 & x86.XCR0_DESCRIBED
        assert layout.size <= len(area)
        guessed = xsave.guess(xcr0, len(area))
        assert guessed.offsets in (layout.offsets, xsave.LEGACY_LAYOUT.offsets)


def test_g68_components_in_their_initial_state(built: Building) -> None:
    with traced(built("regs_fill")) as tracee:
        assert tracee.value("fctrl") == struct.pack("<I", 0x37F)
        assert tracee.value("ftag") == struct.pack("<I", 0xFFFF)
        assert tracee.value("mxcsr") == struct.pack("<I", 0x1F80)
        for index in vectors(tracee.spec):
            assert not any(vector(tracee.spec, tracee.value, index))


# Writing


def changed(register: Register, value: bytes) -> bytes:
    """Return another legal value of a register."""
    fixed = {"rip", "rsp", "eflags", "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base"}
    if register.name in fixed | {"orig_rax", "fstat", "fiseg", "foseg", "fioff", "fooff", "fop"}:
        return value
    if register.name == "ftag":
        # The tags of the numbers that are there follow from the numbers, which will all be valid.
        word = int.from_bytes(value, "little")
        return sum(word & 3 << at for at in range(0, 16, 2) if word >> at & 3 == 3).to_bytes(4, "little")
    special = {"mxcsr": 0x1FA0, "fctrl": 0x37F, "pkru": 0x55555554}
    if register.name in special:
        return special[register.name].to_bytes(4, "little")
    if register.name.startswith("st"):
        # A number that is valid whatever the tag says.
        return bytes([register.number]) * 7 + bytes.fromhex("80ff3f")
    return bytes(byte ^ 0xA5 for byte in value)


def check_stored(tracee: Stopped, wanted: dict[str, bytes]) -> None:
    """Let the program store its registers, and compare."""
    tracee.run()
    stored = tracee.memory("saved_general", 128)
    for n, name in enumerate(GENERAL):
        assert stored[8 * n : 8 * n + 8] == wanted[name], name
    fx = tracee.memory("saved_fx", 512)
    assert fx[0:2] == wanted["fctrl"][:2]
    assert fx[24:28] == wanted["mxcsr"]
    for n in range(8):
        assert fx[32 + 16 * n :][:10] == wanted[f"st{n}"], n
    stored = tracee.memory("saved_vectors", 2048)
    for index in vectors(tracee.spec):
        value = vector(tracee.spec, wanted.__getitem__, index)
        assert stored[64 * index :][: len(value)] == value, index
    if "k0" in wanted:
        assert tracee.memory("saved_masks", 64) == b"".join(wanted[f"k{n}"] for n in range(8))
    if "pkru" in wanted:
        assert tracee.memory("saved_pkru", 4) == wanted["pkru"]


@pytest.mark.parametrize("whole", [True, False], ids=["G", "P"])
@pytest.mark.parametrize("start", ["initial", "filled"])
def test_g67_g68_what_is_written_is_what_the_program_has(built: Building, whole: bool, start: str) -> None:
    with filled(built("regs_fill")) if start == "filled" else traced(built("regs_fill")) as tracee:
        if start == "initial":
            tracee.registers.set_pc(tracee.address("store"))
        wanted = {r.name: changed(r, tracee.value(r.name)) for r in tracee.spec.registers}
        if whole:
            tracee.registers.write_all(b"".join(wanted.values()))
        else:
            for name, value in wanted.items():
                tracee.put(name, value)
        for fresh in (False, True):
            if fresh:
                tracee.registers.invalidate()
            assert tracee.registers.read_all() == b"".join(wanted.values())
        check_stored(tracee, wanted)
        assert tracee.run_out() == 0


def test_write_all_shorter_leaves_the_rest_and_longer_is_refused(built: Building) -> None:
    with filled(built("regs_fill")) as tracee:
        before = tracee.registers.read_all()
        tracee.registers.write_all(bytes(8))
        tracee.registers.invalidate()
        assert tracee.registers.read_all() == bytes(8) + before[8:]
        with pytest.raises(TargetError) as caught:
            tracee.registers.write_all(before + b"\0")
        assert caught.value.errno == errno.EINVAL


def test_wrong_numbers_and_widths_are_refused(built: Building) -> None:
    with filled(built("regs_fill")) as tracee:
        for call in (
            lambda: tracee.registers.read(5000),
            lambda: tracee.registers.write(5000, b""),
            lambda: tracee.put("rax", bytes(4)),
            lambda: tracee.put("xmm0", bytes(17)),
        ):
            with pytest.raises(TargetError) as caught:
                call()
            assert caught.value.errno == errno.EINVAL


def test_g70_one_bad_register_does_not_spoil_the_rest(built: Building) -> None:
    with filled(built("regs_fill")) as tracee:
        places = slots(tracee.spec)
        block = bytearray(tracee.registers.read_all())
        block[places["rbx"]] = b"B" * 8
        block[places["cs"]] = bytes(4)
        block[places["ds"]] = struct.pack("<I", 0x2B)
        block[places["gs_base"]] = b"\xff" * 8
        block[places["xmm3"]] = b"X" * 16
        block[places["mxcsr"]] = b"\xff" * 4
        with pytest.raises(TargetError, match="mxcsr, cs, gs_base") as caught:
            tracee.registers.write_all(bytes(block))
        assert caught.value.errno == errno.EIO
        for _ in range(2):
            assert tracee.value("rbx") == b"B" * 8
            assert tracee.value("xmm3") == b"X" * 16
            assert tracee.value("ds") == struct.pack("<I", 0x2B)
            assert tracee.value("cs") == struct.pack("<I", 0x33)
            assert tracee.value("mxcsr") == struct.pack("<I", 0x9FC0)
            tracee.registers.invalidate()


def test_g70_a_bad_segment_is_named(built: Building) -> None:
    with filled(built("regs_fill")) as tracee:
        with pytest.raises(TargetError, match="ss"):
            tracee.put_int("ss", 0)
        assert tracee.value("ss") == struct.pack("<I", 0x2B)


# System calls that wait to be restarted


def test_g18_moving_pc_gives_up_the_pending_restart(built: Building) -> None:
    for how in ("set_pc", "P", "G"):
        for name, pc in (("regs_fill", "rip"), ("regs_fill32", "eip")):
            with traced(built(name)) as tracee:
                assert tracee.registers.orig_syscall == (0 if pc == "rip" else 3)
                target = tracee.address("jumped")
                if how == "set_pc":
                    tracee.registers.set_pc(target)
                elif how == "P":
                    tracee.put_int(pc, target)
                else:
                    block = bytearray(tracee.registers.read_all())
                    place = slots(tracee.spec)[pc]
                    block[place] = target.to_bytes(place.stop - place.start, "little")
                    tracee.registers.write_all(bytes(block))
                assert tracee.registers.orig_syscall == -1
                assert tracee.registers.pc == target
                assert tracee.run_out() == 42


@pytest.mark.parametrize("name", ["regs_fill", "regs_fill32"])
@pytest.mark.parametrize("how", ["G", "P"])
def test_g18_restored_registers_restart_the_system_call(built: Building, name: str, how: str) -> None:
    with traced(built(name)) as tracee:
        saved = tracee.registers.read_all()
        tracee.registers.set_pc(tracee.address("dummy"))
        tracee.run()
        if how == "G":
            tracee.registers.write_all(saved)
        else:
            places = slots(tracee.spec)
            for register in tracee.spec.registers:
                if register.name not in {"cs", "ss"}:
                    tracee.put(register.name, saved[places[register.name]])
        tracee.feed()
        tracee.run()
        assert tracee.registers.pc == tracee.address("filled")


# 32-bit


def test_g50_a_32bit_tracee_is_told_and_read_and_written(built: Building) -> None:
    with filled(built("regs_fill32")) as tracee:
        assert tracee.spec.gdb_name == "i386"
        for n, name in enumerate(GENERAL32):
            if name != "esp":
                assert int.from_bytes(tracee.value(name), "little") == 0x81000001 + n * 0x1000001, name
        for n in range(8):
            assert tracee.value(f"xmm{n}") == bytes((i * 7 + 1) & 0xFF for i in range(16 * n, 16 * n + 16))
        assert tracee.registers.pc == tracee.address("filled")
        assert [number for number, _ in tracee.registers.expedited()] == [5, 4, 8]
        assert all(len(value) == 4 for _, value in tracee.registers.expedited())
        wanted = {
            r.name: (
                bytes(byte ^ 0xA5 for byte in tracee.value(r.name))
                if r.name in set(GENERAL32) - {"esp"} or r.name.startswith("xmm")
                else tracee.value(r.name)
            )
            for r in tracee.spec.registers
        }
        tracee.registers.write_all(b"".join(wanted.values()))
        assert tracee.registers.read_all() == b"".join(wanted.values())
        tracee.run()
        stored = tracee.memory("saved_general", 32)
        assert stored == b"".join(wanted[name] for name in GENERAL32)
        assert tracee.memory("saved_vectors", 128) == b"".join(wanted[f"xmm{n}"] for n in range(8))
        assert tracee.run_out() == 0


# Debug registers


def test_g46_g47_two_data_stops_take_turns(built: Building) -> None:
    with filled(built("regs_fill")) as tracee:
        tracee.run()
        slots_of = DebugSlots()
        first, second = Addr(tracee.address("watched_a")), Addr(tracee.address("watched_b"))
        slots_of.claim(ME, first, 4, SlotKind.WRITE)
        slots_of.claim(ME, second, 8, SlotKind.ACCESS)
        debugregs.write(tracee.tid, slots_of.registers())
        seen = []
        for _ in range(4):
            tracee.run()
            seen += slots_of.hits(debugregs.read_status(tracee.tid))
            debugregs.clear_status(tracee.tid)
            assert debugregs.read_status(tracee.tid) & 0xF == 0
        a, b = (ME, SlotKind.WRITE, first), (ME, SlotKind.ACCESS, second)
        assert seen == [a, b, b, a]
        assert tracee.run_out() == 0


def test_g47_an_execute_stop_comes_before_its_instruction(built: Building) -> None:
    with traced(built("regs_fill")) as tracee:
        slots_of = DebugSlots()
        target = Addr(tracee.address("touch"))
        slots_of.claim(ME, target, 1, SlotKind.EXECUTE)
        debugregs.write(tracee.tid, slots_of.registers())
        tracee.registers.set_pc(tracee.address("touch") - 1)
        tracee.run()
        tracee.run()
        assert tracee.registers.pc == target
        assert slots_of.hits(debugregs.read_status(tracee.tid)) == [(ME, SlotKind.EXECUTE, target)]
        slots_of.release(ME, target, 1, SlotKind.EXECUTE)
        debugregs.write(tracee.tid, slots_of.registers())
        assert tracee.run_out() == 0


def test_g47_an_address_of_the_kernel_is_refused_and_disarms(built: Building) -> None:
    with traced(built("regs_fill")) as tracee:
        slots_of = DebugSlots()
        slots_of.claim(ME, Addr(0xFFFFFFFF81000000), 8, SlotKind.WRITE)
        with pytest.raises(TargetError) as caught:
            debugregs.write(tracee.tid, slots_of.registers())
        assert caught.value.errno == errno.EINVAL
