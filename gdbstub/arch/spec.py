"""The shape of an instruction set's facts.

Layer: arch.  Used by: linux (regsets), tracer, engines.  One value for each ISA,
in a file of its own; everything else is parametrised over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Regset(Enum):
    """Where the kernel keeps a register."""

    #: struct user_regs_struct (NT_PRSTATUS).
    GENERAL = "general"
    #: The XSAVE area (NT_X86_XSTATE) or its legacy part.
    XSTATE = "xstate"


@dataclass(frozen=True, slots=True)
class Register:
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


@dataclass(frozen=True, slots=True)
class TdescFeature:
    """A named register group of the target description."""

    name: str
    registers: tuple[Register, ...]
    #: Type definitions (XML elements) that the registers refer to.
    types: str = ""


@dataclass(frozen=True, slots=True)
class ArchSpec:
    """All that the rest of the program knows about one instruction set with one set of features."""

    #: GDB's architecture name, ``i386:x86-64``.
    gdb_name: str
    #: LLVM's, the first part of a triple.
    llvm_name: str
    #: GDB's osabi name.
    osabi: str
    features: tuple[TdescFeature, ...]
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

    @property
    def registers(self) -> tuple[Register, ...]:
        """All registers, by number."""
        return tuple(r for f in self.features for r in f.registers)
