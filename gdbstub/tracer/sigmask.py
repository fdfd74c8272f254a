"""The signal mask across a trap: SIGTRAP stays blocked where the program blocked it.

Layer: tracer.  Used by: tracer.

A step or a trap instruction makes the kernel force SIGTRAP on the thread: it is
taken out of the blocked signals and its disposition is reset (kernel/signal.c,
``force_sig_info_to_task``).  For a step the mask before is known and put back.
For a trap instruction nobody could look before; there the one telling case is
put back: a mask that blocks every other signal comes from ``sigfillset``.  The
disposition SIG_IGN cannot be restored from outside.
"""

from __future__ import annotations

import signal

from gdbstub.linux import ptrace_calls
from gdbstub.linux.regsets import RegisterFile
from gdbstub.tracer.sites import RawMemory
from gdbstub.tracer.traps import SI_KERNEL, TRAP_BRKPT
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import Addr, Tid

_SIGTRAP = 1 << (signal.SIGTRAP - 1)
_UNBLOCKABLE = 1 << (signal.SIGKILL - 1) | 1 << (signal.SIGSTOP - 1)
#: glibc keeps two real-time signals for itself and never blocks them.
_OF_LIBC = 0b11 << 31
_EVERYTHING = (1 << 64) - 1

_SYS_RT_SIGPROCMASK = 14


def _full_but_trap(mask: int) -> bool:
    return (mask | _SIGTRAP | _UNBLOCKABLE | _OF_LIBC) == _EVERYTHING


def restore(tid: Tid, before: int | None, code: int, registers: RegisterFile, memory: RawMemory) -> int | None:
    """Put SIGTRAP back among the blocked signals after a forced SIGTRAP.

    Args:
        tid: A thread in a signal-delivery-stop for SIGTRAP that will not be delivered.
        before: Its mask before the step; None where it ran freely.
        code: The ``si_code``.
        registers: Its registers.
        memory: Its memory.

    Returns:
        The mask to compare with after the next step; None where it is not known.
    """
    if before is None:
        if code != SI_KERNEL:
            return None
        mask = ptrace_calls.read_signal_mask(tid)
        if not mask & _SIGTRAP and _full_but_trap(mask):
            mask |= _SIGTRAP
            ptrace_calls.write_signal_mask(tid, mask)
        return mask
    wanted = before & _SIGTRAP
    if code == TRAP_BRKPT:
        wanted = _after_syscall(tid, wanted, registers, memory)
    elif not wanted:
        return before
    mask = ptrace_calls.read_signal_mask(tid)
    if wanted and not mask & _SIGTRAP:
        mask |= _SIGTRAP
        ptrace_calls.write_signal_mask(tid, mask)
    return mask


def _after_syscall(tid: Tid, wanted: int, registers: RegisterFile, memory: RawMemory) -> int:
    """Work out whether a stepped syscall has just blocked or unblocked SIGTRAP."""
    regs = registers.general()
    number = int.from_bytes(regs[120:128], "little")
    if number != _SYS_RT_SIGPROCMASK:
        return wanted
    how, pointer = (int.from_bytes(regs[at : at + 8], "little") for at in (112, 104))
    try:
        argument = int.from_bytes(memory.read(Addr(pointer), 8), "little")
    except StubError:
        return wanted
    bit = argument & _SIGTRAP
    if how == signal.SIG_BLOCK:
        return wanted | bit
    if how == signal.SIG_UNBLOCK:
        return wanted & ~bit
    return bit if how == signal.SIG_SETMASK else wanted
