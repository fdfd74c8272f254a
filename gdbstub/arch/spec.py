"""The shape of an instruction set's facts.

Layer: arch.  Used by: linux (regsets), tracer, engines.  One value for each ISA,
in a file of its own; everything else is parametrised over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Regset(Enum):
    """Where the kernel keeps a register."""

    #: struct user_regs_struct (NT_PRSTATUS).
    GENERAL = "general"
    #: The XSAVE area (NT_X86_XSTATE) or its legacy part.
    XSTATE = "xstate"


class Register(NamedTuple):
    """One register of the target description."""

    name: str
    #: Width on the wire, bits.
    bits: int
    #: GDB's type name in the description ("int", "code_ptr", "vec128"...).
    type: str
    #: The register's number on the wire and in the description.
    number: int
    regset: Regset
    #: Name of the state component within XSTATE ("x87", "sse", "avx"...); empty for GENERAL.
    component: str
    #: Byte offset within the regset (GENERAL) or within the component (XSTATE).
    offset: int
    #: Bytes the kernel keeps; less than ``bits // 8`` means zero-extension on the wire.
    size: int
    #: GDB's register group, or empty.
    group: str = ""


class TdescFeature(NamedTuple):
    """A named register group of the target description."""

    name: str
    registers: tuple[Register, ...]
    #: Type definitions (XML elements) that the registers refer to.
    types: str = ""


class TimeoutForm(Enum):
    """How a system call is told for how long to wait."""

    #: It waits for ever.
    NONE = "none"
    #: A number of milliseconds; a negative one is for ever.
    MILLISECONDS = "milliseconds"
    #: A pointer to seconds and nanoseconds of 8 bytes each; NULL is for ever.
    TIMESPEC = "timespec"
    #: The same of 4 bytes each.
    TIMESPEC_32 = "timespec32"


class WaitingCall(NamedTuple):
    """A system call that ends with EINTR when its thread is stopped, though no handler has run."""

    form: TimeoutForm
    #: The member of struct user_regs_struct that holds the timeout; empty for NONE.
    timeout: str = ""


class CallFamily(NamedTuple):
    """Many system calls with one number: the low 16 bits of the first argument say which."""

    waiting: Mapping[int, WaitingCall]


@dataclass(frozen=True, slots=True, eq=False)
class ArchSpec:
    """All that the rest of the program knows about one instruction set with one set of features."""

    #: GDB's architecture name, ``i386:x86-64``.
    gdb_name: str
    #: LLVM's, the first part of a triple.
    llvm_name: str
    #: GDB's osabi name.
    osabi: str
    features: tuple[TdescFeature, ...]
    #: How many registers, from number 0 on, a client takes for granted that reads no description.
    granted: int
    #: Pointer size, bytes.
    pointer_size: int
    #: What a site writes.
    trap: bytes
    #: How far pc is beyond the trap instruction when it has trapped, bytes.
    pc_correction: int
    #: Register numbers sent inside every stop reply: frame pointer, stack pointer, pc.
    expedited: tuple[int, ...]
    pc: int
    sp: int
    #: The instructions that enter the kernel, all of one length.
    syscall_instructions: tuple[bytes, ...]
    #: The member of struct user_regs_struct that holds a system call's first argument.
    first_argument: str
    #: The one that a thread finds its own storage by.
    thread_pointer: str
    #: By number: the calls that do not restart by themselves after a stop.
    waiting_calls: Mapping[int, WaitingCall | CallFamily]

    def waiting_call(self, number: int, argument: int) -> WaitingCall | None:
        """Return what is known of a call that does not restart by itself; None: it does.

        Args:
            number: The call's.
            argument: Its first.
        """
        call = self.waiting_calls.get(number)
        return call.waiting.get(argument & 0xFFFF) if isinstance(call, CallFamily) else call

    @property
    def triple(self) -> str:
        """LLVM's words for a program of this kind on Linux."""
        return f"{self.llvm_name}-pc-linux-gnu"

    @property
    def registers(self) -> tuple[Register, ...]:
        """All registers, by number."""
        return tuple(r for f in self.features for r in f.registers)
