"""System calls of a stopped thread: what is about to be entered, and what was changed about it.

Layer: tracer.  Used by: settler, statuses, tracer.

What is warped for one engine is warped only while the thread runs: a call that is
to be skipped keeps its number until the thread goes on, and gets it back before
anybody looks at its return.
"""

from __future__ import annotations

import errno

from gdbstub.abi.names import AUDIT_ARCH_I386
from gdbstub.linux import procfs, ptrace_calls
from gdbstub.target.calls import SyscallInfo
from gdbstub.tracer.tracee import Tracee
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Signo

#: -ERESTARTSYS, -ERESTARTNOINTR, -ERESTARTNOHAND, -ERESTART_RESTARTBLOCK: the program never sees these.
_RESTARTS = frozenset({-512, -513, -514, -516})

_RESTART_SYSCALL = {AUDIT_ARCH_I386: 0}
_RESTART_SYSCALL_64 = 219

#: execve, execveat of x86-64: what a child of ours does last before it is the program.
EXECS = frozenset({59, 322})


def comes_next(tracee: Tracee, sig: Signo) -> bool:
    """Tell whether a thread enters the kernel by its next instruction, or is in it.

    A signal that has a handler comes first: the step ends at the handler.
    """
    if tracee.entered_syscall is not None:
        return True
    try:
        instruction = tracee.inferior.memory.read(Addr(tracee.registers.pc), 2)
    except TargetError:
        return False
    if instruction not in tracee.inferior.spec.syscall_instructions:
        return False
    return not sig or not procfs.handles_signal(tracee.tid, sig)


def prepare(tracee: Tracee) -> Signo:
    """Make changes to a call take effect, now that its thread goes on; return the signal to be sent along."""
    if tracee.entered_syscall is not None:
        if tracee.call_changed:
            tracee.call_changed = False
            info = ptrace_calls.syscall_info(tracee.tid)
            if info is not None and info.entry and info.number >= 0:
                tracee.call = info
                tracee.entered_syscall = info.number
        if tracee.skipped is not None:
            tracee.registers.set_syscall(-1)
    return tracee.sent


def returned(tracee: Tracee, info: SyscallInfo) -> SyscallInfo:
    """Complete what is known of a return, and end what was changed about the call.

    Args:
        tracee: Whose.
        info: The return, with the number and the arguments of the entry where that was seen.
    """
    entered, tracee.entered_syscall = tracee.entered_syscall, None
    if tracee.skipped is not None:
        result, tracee.skipped = tracee.skipped, None
        if entered is not None:
            tracee.registers.set_syscall(entered)
            tracee.registers.set_result(result)
            info = info._replace(result=result, is_error=-4095 <= result < 0)
    if entered is None or tracee.call is None:
        return info._replace(number=tracee.registers.orig_syscall)
    return info


def is_cut_short(tracee: Tracee, info: SyscallInfo) -> bool:
    """Tell whether a call has returned only to be made again, by the kernel or by us (``repeats``)."""
    if info.result in _RESTARTS:
        return True
    spec = tracee.inferior.spec
    return info.result == -errno.EINTR and spec.waiting_call(info.number, info.args[0]) is not None


def goes_on(suspended: SyscallInfo, info: SyscallInfo) -> bool:
    """Tell whether an entry is that of a call which was cut short."""
    if info.number == _RESTART_SYSCALL.get(info.arch, _RESTART_SYSCALL_64):
        return True
    return info.number == suspended.number and info.args == suspended.args
