"""The registers of one stopped tracee, as the wire has them.

Layer: linux.  Used by: tracer.
Spec source: struct user_regs_struct (arch/x86/include/asm/user_64.h); Intel SDM vol. 1, chapters 8.1.7
(x87 tag word), 10.5.1 (FXSAVE) and 13 (XSAVE); arch/x86/kernel/{ptrace,signal,fpu/xstate}.c.

Each regset is read at most once for each stop, and a write goes to the kernel at once.  Whoever changes
registers by another way (an injected system call) must call ``invalidate``.
"""

from __future__ import annotations

import errno
import operator
import struct
from collections.abc import Callable, Sequence
from typing import Any

from gdbstub.arch import x86
from gdbstub.arch.i386 import i386
from gdbstub.arch.spec import ArchSpec, Register, Regset
from gdbstub.arch.x86_64 import x86_64
from gdbstub.linux import xsave
from gdbstub.linux.constants import NT_PRFPREG, NT_PRSTATUS, NT_X86_XSTATE
from gdbstub.linux.ptrace_calls import (
    USER_REGS_WORDS,
    poke_user,
    read_regset,
    read_user_regs,
    write_regset,
    write_user_regs,
)
from gdbstub.linux.xsave import XCR0_OFFSET, XSTATE_BV_OFFSET, XsaveLayout
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, Tid

_RAX = x86.USER_REGS["rax"]
_ORIG_RAX = x86.USER_REGS["orig_rax"]
_RIP = x86.USER_REGS["rip"]
_EFLAGS = x86.USER_REGS["eflags"]

#: The members whose values the kernel checks; it answers EIO to a bad one.
_CHECKED = {name: x86.USER_REGS[name] for name in ("cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base")}

#: -ERESTARTSYS, -ERESTARTNOINTR, -ERESTARTNOHAND, -ERESTART_RESTARTBLOCK (include/linux/errno.h), which the kernel
#: restarts; -EINTR, which the tracer may.
_RESTARTS = frozenset({-512, -513, -514, -516, -errno.EINTR})
_EINTR = (-errno.EINTR).to_bytes(4, "little", signed=True)
_NO_SYSCALL = (1 << 64) - 1

#: What a component holds whose XSTATE_BV bit is clear, where that is not all zeros.
_FCW_INIT = (0x37F).to_bytes(2, "little")
_MXCSR_INIT = (0x1F80).to_bytes(4, "little")

#: Size of NT_PRSTATUS for a 32-bit tracee: struct user_regs_struct32.
_PRSTATUS32_SIZE = 68

# x87 tags (Intel SDM vol. 1, 8.1.7).
_VALID, _ZERO, _SPECIAL, _EMPTY = range(4)
_ALL_EMPTY = (0xFFFF).to_bytes(4, "little")
_FSTAT, _FTW, _ST0 = 2, 4, 32


def detect(tid: Tid) -> ArchSpec:
    """Return the instruction set a stopped tracee runs, with the state components that it has."""
    try:
        area = read_regset(tid, NT_X86_XSTATE)
        xcr0 = int.from_bytes(area[XCR0_OFFSET : XCR0_OFFSET + 8], "little") & xsave.layout_of(area).xcr0
    except TraceeGone:
        raise
    except TargetError:
        xcr0 = x86.XCR0_LEGACY
    is_32bit = len(read_regset(tid, NT_PRSTATUS)) == _PRSTATUS32_SIZE
    return (i386 if is_32bit else x86_64)(xcr0 | x86.XCR0_LEGACY)


def full_tag_word(area: bytes | bytearray) -> int:
    """Expand FXSAVE's one-bit tags to the two-bit tag word of FSAVE, by looking at the values."""
    used = area[_FTW]
    if not used:
        return 0xFFFF
    top = area[_FSTAT + 1] >> 3 & 7
    word = 0
    for physical in range(8):
        tag = _EMPTY
        if used >> physical & 1:
            at = _ST0 + 16 * ((physical - top) & 7)
            exponent = int.from_bytes(area[at + 8 : at + 10], "little") & 0x7FFF
            if exponent == 0x7FFF:
                tag = _SPECIAL
            elif exponent == 0:
                tag = _SPECIAL if any(area[at : at + 8]) else _ZERO
            else:
                tag = _VALID if area[at + 7] & 0x80 else _SPECIAL
        word |= tag << 2 * physical
    return word


def _abridged_tag(word: int) -> int:
    return sum(1 << physical for physical in range(8) if word >> 2 * physical & 3 != _EMPTY)


def _picker(indices: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(indices) == 1:
        only = indices[0]
        return lambda items: (items[only],)
    return operator.itemgetter(*indices)


class _WirePlan:
    """Where each register of a spec is on the wire, and how its general registers are put in order."""

    __slots__ = (
        "by_number",
        "expedited",
        "is_32bit",
        "length",
        "pack",
        "pick",
        "runs",
        "spec",
        "unpack",
        "wire_slices",
    )

    def __init__(self, spec: ArchSpec) -> None:
        self.spec = spec
        self.is_32bit = spec.pointer_size == 4
        registers = spec.registers
        self.by_number = {register.number: register for register in registers}
        #: Each register's place in the whole of ``g``.
        self.wire_slices: list[tuple[Register, slice]] = []
        #: The alternation of general and extended registers: (is general, slice of the packed ones).
        self.runs: list[tuple[bool, slice]] = []
        at = {True: 0, False: 0}
        position = 0
        for register in registers:
            size = register.bits // 8
            self.wire_slices.append((register, slice(position, position + size)))
            position += size
            kind = register.regset is Regset.GENERAL
            if self.runs and self.runs[-1][0] is kind:
                self.runs[-1] = (kind, slice(self.runs[-1][1].start, at[kind] + size))
            else:
                self.runs.append((kind, slice(at[kind], at[kind] + size)))
            at[kind] += size
        self.length = position
        general = [register for register in registers if register.regset is Regset.GENERAL]
        narrow = {register.offset for register in general if register.size == 4}
        words = range(USER_REGS_WORDS)
        self.unpack = struct.Struct(
            "<" + "".join("I4x" if word * 8 in narrow or self.is_32bit else "Q" for word in words)
        ).unpack
        self.pick = _picker([register.offset // 8 for register in general])
        self.pack = struct.Struct("<" + "".join("I" if r.size == 4 else "Q" for r in general)).pack
        self.expedited = tuple(
            (number, slice(self.by_number[number].offset, self.by_number[number].offset + spec.pointer_size))
            for number in spec.expedited
        )


class _AreaPlan:
    """How the extended registers of a spec are cut out of one layout of the XSAVE area."""

    __slots__ = ("_init", "_mxcsr_bits", "_patches", "bits", "places", "read", "size")

    def __init__(self, spec: ArchSpec, layout: XsaveLayout) -> None:
        registers = [register for register in spec.registers if register.regset is Regset.XSTATE]
        #: Number to the slice of the area that keeps the register.
        self.places: dict[int, slice] = {}
        for register in registers:
            start = layout.offsets[register.component][0] + register.offset
            self.places[register.number] = slice(start, start + register.size)
        self.size = max(place.stop for place in self.places.values())
        self.read = self._reader(registers)
        self.bits = {register.number: xsave.COMPONENT_BITS[register.component] for register in registers}
        self._init = [
            (xsave.COMPONENT_BITS[name], slice(at, at + size), bytes(size))
            for name, (at, size) in layout.offsets.items()
            # PTRACE: the kernel fills in PKRU from the thread whether its bit is set or not.
            if name not in {"x87", "mxcsr", "pkru"}
        ]
        self._mxcsr_bits = layout.xcr0 & (x86.XCR0_SSE | x86.XCR0_AVX)
        self._patches: dict[int, tuple[tuple[slice, bytes], ...]] = {}

    def normalise(self, area: bytes, state_bv: int) -> bytes:
        """Return an area in which components in their initial state hold its values."""
        patches = self._patches.get(state_bv)
        if patches is None:
            patches = self._patches[state_bv] = tuple(self._patches_for(state_bv))
        if not patches:
            return area
        result = bytearray(area)
        for place, value in patches:
            result[place] = value
        return bytes(result)

    def _patches_for(self, state_bv: int) -> list[tuple[slice, bytes]]:
        patches = [(place, value) for bit, place, value in self._init if not state_bv & bit]
        if not state_bv & x86.XCR0_X87:
            patches += [(slice(0, 24), _FCW_INIT + bytes(22)), (slice(32, 160), bytes(128))]
        if not state_bv & self._mxcsr_bits:
            patches.append((slice(24, 28), _MXCSR_INIT))
        return patches

    def _reader(self, registers: list[Register]) -> Callable[[bytes], bytes]:
        """Make the function that gives the extended registers in wire order."""
        # Neighbours on the wire that are neighbours in the area are one field.
        fields: list[tuple[int, int]] = []
        order: list[tuple[int, int] | int] = []  # a field, or minus the padding, or 0 for the tag word
        for register in registers:
            place = self.places[register.number]
            width = register.bits // 8
            if register.name == "ftag":
                order.append(0)
                continue
            last = order[-1] if order else 0
            if isinstance(last, tuple) and last[1] == place.start:
                fields.pop()
                order[-1] = (last[0], place.stop)
            else:
                order.append((place.start, place.stop))
            item = order[-1]
            assert isinstance(item, tuple)
            fields.append(item)
            if width > register.size:
                order.append(register.size - width)
        fields.sort()
        layout = "<"
        at = 0
        for start, stop in fields:
            layout += f"{start - at}x{stop - start}s"
            at = stop
        unpack = struct.Struct(layout).unpack_from
        index = {field: position for position, field in enumerate(fields)}
        extra = len(fields)
        pads = {0: extra}
        constants: list[bytes] = []
        for item in order:
            if isinstance(item, int) and item not in pads:
                pads[item] = extra + 1 + len(constants)
                constants.append(bytes(-item))
        pick = _picker([index[item] if isinstance(item, tuple) else pads[item] for item in order])
        tail = tuple(constants)

        def read(area: bytes) -> bytes:
            tag = full_tag_word(area).to_bytes(4, "little") if area[_FTW] else _ALL_EMPTY
            return b"".join(pick((*unpack(area), tag, *tail)))

        return read


# Specs and layouts are made once and compare by identity: hashing a whole spec costs more than its use.
_wire_plans: dict[int, _WirePlan] = {}
_area_plans: dict[tuple[int, int], tuple[_AreaPlan, XsaveLayout]] = {}


def _wire_plan(spec: ArchSpec) -> _WirePlan:
    plan = _wire_plans.get(id(spec))
    if plan is None:
        plan = _wire_plans[id(spec)] = _WirePlan(spec)
    return plan


def _area_plan(spec: ArchSpec, layout: XsaveLayout) -> _AreaPlan:
    key = (id(spec), id(layout))
    found = _area_plans.get(key)
    if found is None:
        found = _area_plans[key] = (_AreaPlan(spec, layout), layout)
    return found[0]


class RegisterFile:
    """The registers of one tracee; every method needs it in a ptrace-stop."""

    __slots__ = ("_all", "_area", "_area_length", "_area_plan", "_general", "_note", "_plan", "spec", "tid")

    def __init__(self, tid: Tid, spec: ArchSpec) -> None:
        self.tid = tid
        self.spec = spec
        self._plan = _wire_plan(spec)
        self._general: bytes | None = None
        #: The XSAVE area, padded to what the plan needs, with initial states filled in.
        self._area: bytes | None = None
        #: The wire's whole, as long as the stop lasts.
        self._all: bytes | None = None
        #: As long as the kernel gave it.
        self._area_length = 0
        self._area_plan: _AreaPlan | None = None
        self._note = NT_X86_XSTATE

    def invalidate(self) -> None:
        """Forget what was read: the tracee has been resumed, or changed by another way."""
        self._general = None
        self._area = None
        self._all = None

    def general(self) -> bytes:
        """Return struct user_regs_struct as the kernel gives it."""
        raw = self._general
        if raw is None:
            raw = self._general = read_user_regs(self.tid)
        return raw

    # Single values

    @property
    def pc(self) -> Addr:
        """The program counter."""
        return Addr(int.from_bytes((self._general or self.general())[_RIP : _RIP + 8], "little"))

    @property
    def sp(self) -> Addr:
        """The stack pointer."""
        at = self._plan.by_number[self.spec.sp].offset
        return Addr(int.from_bytes(self.general()[at : at + self.spec.pointer_size], "little"))

    @property
    def thread_pointer(self) -> int:
        """What the thread finds its storage by; 0 where it has none yet."""
        at = x86.USER_REGS[self.spec.thread_pointer]
        return int.from_bytes(self.general()[at : at + self.spec.pointer_size], "little")

    @property
    def orig_syscall(self) -> int:
        """The system call the tracee is in, as the kernel will look at it; -1 for none."""
        return self._signed(self.general(), _ORIG_RAX)

    @property
    def interrupted_syscall(self) -> int | None:
        """The number of the system call that has just returned EINTR; None where none has."""
        raw = self._general or self.general()
        if raw[_RAX : _RAX + 4] != _EINTR:
            return None
        number = self._signed(raw, _ORIG_RAX)
        return number if number >= 0 and self._signed(raw, _RAX) == -errno.EINTR else None

    def repeat_syscall(self, length: int) -> None:
        """Go back by the length of an instruction, to run the system call again that has just returned."""
        raw = self.general()
        self._poke(_RAX, int.from_bytes(raw[_ORIG_RAX : _ORIG_RAX + 8], "little"))
        self._poke(_RIP, self.pc - length)

    def set_pc(self, value: int) -> None:
        """Move the program counter; a system call that waits to be restarted is given up.

        PTRACE: the kernel would put the new pc back by the length of a syscall instruction.
        """
        raw = self.general()
        if self._would_restart(raw):
            self._poke(_ORIG_RAX, _NO_SYSCALL)
        self._poke(_RIP, value)

    def set_syscall(self, number: int) -> None:
        """Replace the call that the tracee is about to enter, or what it is told that it was in; -1 skips it."""
        self._poke(_ORIG_RAX, number & _NO_SYSCALL)

    def set_result(self, value: int) -> None:
        """Replace the result of the call from which the tracee returns."""
        self._poke(_RAX, value & _NO_SYSCALL)

    def expedited(self) -> tuple[tuple[int, bytes], ...]:
        """Return the registers that every stop reply carries, by number."""
        raw = self._general or self.general()
        return tuple([(number, raw[place]) for number, place in self._plan.expedited])

    # The wire's whole and its parts

    def read_all(self) -> bytes:
        """Return all registers in the order of the description."""
        if self._all is not None:
            return self._all
        plan = self._plan
        general = plan.pack(*plan.pick(plan.unpack(self._general or self.general())))
        area = self._area
        if area is None:
            area = self._read_area()
        assert self._area_plan is not None
        extended = self._area_plan.read(area)
        self._all = b"".join([general[place] if kind else extended[place] for kind, place in plan.runs])
        return self._all

    def read(self, number: int) -> bytes:
        """Return one register, as wide as the description says.

        Raises:
            TargetError: EINVAL where there is no such register.
        """
        register = self._register(number)
        if register.regset is Regset.GENERAL:
            return self.general()[register.offset : register.offset + register.size]
        area, plan = self._extended()
        return _wire_value(register, area, plan.places[number])

    def write(self, number: int, data: bytes) -> None:
        """Replace one register.

        Raises:
            TargetError: EINVAL for a wrong width, EIO where the kernel refuses the value.
        """
        register = self._register(number)
        if len(data) != register.bits // 8:
            raise TargetError(errno.EINVAL, f"{register.name} has {register.bits // 8} bytes, not {len(data)}")
        if register.regset is Regset.XSTATE:
            refused = self._write_extended([(register, data)])
        elif number == self.spec.pc:
            self.set_pc(int.from_bytes(data, "little"))
            return
        else:
            refused = self._write_word(register.name, register.offset, self._widened(register, data))
        _complain(refused)

    def write_all(self, data: bytes) -> None:
        """Replace all registers; a shorter block leaves the rest as it is.

        A value that the kernel refuses leaves that register alone, the others are written.

        Raises:
            TargetError: EINVAL where the block is too long; EIO, with the names, where values were refused.
        """
        plan = self._plan
        if len(data) > plan.length:
            raise TargetError(errno.EINVAL, f"the registers have {plan.length} bytes, not {len(data)}")
        current = self.read_all()
        wanted = data + current[len(data) :]
        if wanted == current:
            return
        general: list[tuple[Register, bytes]] = []
        extended: list[tuple[Register, bytes]] = []
        for register, place in plan.wire_slices:
            value = wanted[place]
            if value != current[place]:
                (general if register.regset is Regset.GENERAL else extended).append((register, value))
        refused: list[str] = []
        if extended:
            refused += self._write_extended(extended)
        if general:
            refused += self._write_general(general)
        _complain(refused)

    # General registers

    def _register(self, number: int) -> Register:
        register = self._plan.by_number.get(number)
        if register is None:
            raise TargetError(errno.EINVAL, f"there is no register {number}")
        return register

    def _signed(self, raw: bytes | bytearray, at: int) -> int:
        return int.from_bytes(raw[at : at + self.spec.pointer_size], "little", signed=True)

    def _would_restart(self, raw: bytes | bytearray) -> bool:
        return self._signed(raw, _ORIG_RAX) >= 0 and self._signed(raw, _RAX) in _RESTARTS

    def _widened(self, register: Register, data: bytes) -> int:
        # PTRACE: restart codes and "no system call" are negative, and the kernel compares 64 bits of them
        # for a tracee that is not inside a 32-bit system call at the time.
        is_result = self._plan.is_32bit and register.offset in (_RAX, _ORIG_RAX)
        return int.from_bytes(data, "little", signed=is_result) & _NO_SYSCALL

    def _poke(self, at: int, value: int) -> None:
        """Write one member that the kernel takes as it is."""
        poke_user(self.tid, at, value)
        raw = self._general
        if raw is not None:
            self._general = raw[:at] + value.to_bytes(8, "little") + raw[at + 8 :]
            self._all = None

    def _write_word(self, name: str, at: int, value: int) -> list[str]:
        """Write one member; return its name if the kernel refuses it."""
        if at != _EFLAGS and name not in _CHECKED:
            self._poke(at, value)
            return []
        # The kernel keeps some flags to itself, and a selector can change a base: read again what came of it.
        self._general = None
        self._all = None
        try:
            poke_user(self.tid, at, value)
        except TargetError as failure:
            if failure.errno != errno.EIO:
                raise
            return [name]
        return []

    def _write_general(self, changes: list[tuple[Register, bytes]]) -> list[str]:
        """Write several members; return the names of those that the kernel refuses."""
        before = self.general()
        after = bytearray(before)
        for register, data in changes:
            at = register.offset
            after[at : at + 8] = self._widened(register, data).to_bytes(8, "little")
        changed = {register.offset for register, _ in changes}
        # A client that writes orig_rax knows what it does: it takes a pending restart away, or puts it back.
        if _RIP in changed and _ORIG_RAX not in changed and self._would_restart(after):
            after[_ORIG_RAX : _ORIG_RAX + 8] = _NO_SYSCALL.to_bytes(8, "little")
        self._general = None
        self._all = None
        try:
            write_user_regs(self.tid, bytes(after))
        except TargetError as failure:
            if failure.errno != errno.EIO:
                raise
        else:
            return []
        # PTRACE: the kernel stops at the first bad member, with those before it written.
        safe = bytearray(after)
        for at in _CHECKED.values():
            safe[at : at + 8] = before[at : at + 8]
        write_user_regs(self.tid, bytes(safe))
        refused: list[str] = []
        for name, at in _CHECKED.items():
            if at in changed:
                refused += self._write_word(name, at, int.from_bytes(after[at : at + 8], "little"))
        return refused

    # Extended registers

    def _read_area(self) -> bytes:
        try:
            raw = read_regset(self.tid, self._note)
        except TargetError as failure:
            if self._note == NT_PRFPREG or failure.errno not in (errno.EINVAL, errno.ENODEV):
                raise
            # No XSAVE on this processor: FXSAVE's layout is the first 512 bytes of the same thing.
            self._note = NT_PRFPREG
            raw = read_regset(self.tid, NT_PRFPREG)
        self._area_length = len(raw)
        plan = self._area_plan
        if plan is None:
            plan = self._area_plan = self._plan_for(raw)
        if len(raw) < plan.size:
            raw = raw.ljust(plan.size, b"\0")
        if self._note == NT_X86_XSTATE:
            state_bv = int.from_bytes(raw[XSTATE_BV_OFFSET : XSTATE_BV_OFFSET + 8], "little")
            raw = plan.normalise(raw, state_bv)
        self._area = raw
        return raw

    def _plan_for(self, raw: bytes) -> _AreaPlan:
        layout = xsave.layout_of(raw)
        missing = {r.component for r in self.spec.registers if r.component} - layout.offsets.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise TargetError(errno.ENODEV, f"it is not known where this processor keeps {names}")
        return _area_plan(self.spec, layout)

    def _extended(self) -> tuple[bytes, _AreaPlan]:
        area = self._area
        if area is None:
            area = self._read_area()
        assert self._area_plan is not None
        return area, self._area_plan

    def _write_extended(self, changes: list[tuple[Register, bytes]]) -> list[str]:
        """Write several registers of the area; return the names of those that the kernel refuses."""
        area, plan = self._extended()
        after = bytearray(area)
        state_bv = 0
        absent: list[str] = []
        for register, data in changes:
            place = plan.places[register.number]
            if place.stop > self._area_length:
                absent.append(register.name)
                continue
            if register.name == "ftag":
                after[_FTW] = _abridged_tag(int.from_bytes(data, "little"))
            else:
                after[place] = data[: register.size]
            state_bv |= plan.bits[register.number]
        if self._store(after, state_bv):
            return absent
        # Reserved bits of mxcsr are all that the kernel refuses; it then writes nothing.
        without = [(register, data) for register, data in changes if register.name != "mxcsr"]
        if len(without) == len(changes):
            raise TargetError(errno.EINVAL)
        return [*(self._write_extended(without) if without else ()), "mxcsr"]

    def _store(self, area: bytearray, state_bv: int) -> bool:
        """Give a whole area to the kernel; tell whether it took it."""
        if self._note == NT_X86_XSTATE:
            plan = self._area_plan
            assert plan is not None
            header = slice(XSTATE_BV_OFFSET, XSTATE_BV_OFFSET + 8)
            state_bv |= int.from_bytes(area[header], "little")
            # PTRACE: PKRU is read right whatever its bit says, and a clear bit would write it as 0.
            if x86.XCR0_PKRU in plan.bits.values():
                state_bv |= x86.XCR0_PKRU
            area[header] = state_bv.to_bytes(8, "little")
        try:
            write_regset(self.tid, self._note, bytes(area[: self._area_length]))
        except TargetError as failure:
            if failure.errno != errno.EINVAL:
                self._area = None
                self._all = None
                raise
            return False
        self._area = bytes(area)
        self._all = None
        return True


def _wire_value(register: Register, area: bytes, place: slice) -> bytes:
    if register.name == "ftag":
        return full_tag_word(area).to_bytes(4, "little")
    return area[place].ljust(register.bits // 8, b"\0")


def _complain(refused: list[str]) -> None:
    if refused:
        raise TargetError(errno.EIO, f"the kernel refuses this value of {', '.join(refused)}")
