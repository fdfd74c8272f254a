"""The debug registers of one thread.

Layer: linux.  Used by: tracer.
Spec source: arch/x86/kernel/ptrace.c; struct user (sys/user.h); Intel SDM vol. 3, 18.2.
"""

from __future__ import annotations

from gdbstub.linux.ptrace_calls import peek_user, poke_user
from gdbstub.vocab.ids import Tid

#: offsetof(struct user, u_debugreg).
_DEBUGREG = 848
_DR6 = _DEBUGREG + 6 * 8
_DR7 = _DEBUGREG + 7 * 8


def write(tid: Tid, registers: tuple[int, int, int, int, int]) -> None:
    """Arm a thread with DR0 to DR3 and DR7 (as ``DebugSlots.registers`` gives them).

    PTRACE: what a new thread reads back is its parent's and not in force, so nothing is compared.  The
    kernel checks an address against DR7 as it is then: everything is switched off first, and addresses
    that are not enabled are not written at all.

    Raises:
        TargetError: EINVAL for an address that may not be watched; the thread is left with none armed.
    """
    control = registers[4]
    poke_user(tid, _DR7, 0)
    if not control:
        return
    for slot in range(4):
        if control >> 2 * slot & 0b11:
            poke_user(tid, _DEBUGREG + 8 * slot, registers[slot])
    poke_user(tid, _DR7, control)


def read_status(tid: Tid) -> int:
    """Return DR6: which registers triggered, since it was last cleared."""
    return peek_user(tid, _DR6)


def clear_status(tid: Tid) -> None:
    """Clear DR6.  PTRACE: neither the processor nor the kernel does so between two traps."""
    poke_user(tid, _DR6, 0)
