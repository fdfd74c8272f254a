"""The flags that a stepped ``pushf`` puts on the stack, without the trap flag of the step.

Layer: tracer.  Used by: settler, statuses.
Source: Intel SDM vol. 2, PUSHF; the comment at the head of arch/x86/kernel/step.c leaves this to the debugger.

A step is made by the processor's trap flag, and ``pushf`` copies it.  A program
that puts its flags back with ``popf`` later would trap then, for no reason it knows.
"""

from __future__ import annotations

from gdbstub.arch.x86 import USER_REGS
from gdbstub.tracer.tracee import Tracee
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import Addr

_SP = slice(USER_REGS["rsp"], USER_REGS["rsp"] + 8)
_PC = slice(USER_REGS["rip"], USER_REGS["rip"] + 8)
#: The byte of the flags that holds the trap flag, and the flag in it; the same in the word on the stack.
_FLAGS_BYTE = USER_REGS["eflags"] + 1
_TRAP_FLAG = 1

_PUSHF = 0x9C
#: Operand size, repeats, segments, and the sixteen of 64-bit mode.
_PREFIXES = frozenset({0x66, 0x67, 0xF2, 0xF3, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, *range(0x40, 0x50)})
_LONGEST = 15


def mend(tracee: Tracee) -> None:
    """Clear the trap flag that the step just made has pushed, unless it was the program's own.

    PTRACE: in a stop, the kernel shows the program's own trap flag only.
    """
    before, tracee.stepped_from = tracee.stepped_from, b""
    after = tracee.registers.general()
    if not before or before[_SP] == after[_SP] or before[_FLAGS_BYTE] & _TRAP_FLAG:
        return
    start, end = (int.from_bytes(raw[_PC], "little") for raw in (before, after))
    if not 0 < end - start <= _LONGEST:
        return
    inferior = tracee.inferior
    try:
        at = Addr(start)
        *prefixes, opcode = inferior.sites.mask(at, inferior.memory.read(at, end - start))
        if opcode != _PUSHF or not _PREFIXES.issuperset(prefixes):
            return
        at = Addr(int.from_bytes(after[_SP], "little") + 1)
        (pushed,) = inferior.memory.read(at, 1)
        if pushed & _TRAP_FLAG:
            inferior.memory.write(at, bytes((pushed & ~_TRAP_FLAG,)))
    except StubError:
        # The stack or the process is gone; what follows will tell.
        return
