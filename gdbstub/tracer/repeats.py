"""System calls that a stop of ours cuts short, and that must not show it.

Layer: tracer.  Used by: settler, leaving.
Source: signal(7), "Interruption of system calls and library functions by stop signals"; measured on Linux 6.18.

A thread that is stopped leaves its system call.  Most calls then go on by
themselves when it is resumed; some, ``epoll_wait`` above all, return EINTR, and
no program expects that which handles no signal.  Where no handler is about to
run, such a call is made once more, as if the thread had not been stopped.

The kernel keeps no record of how long a call has waited, so one with a timeout
waits for the whole of it again; when it has been repeated for as long as its
timeout, EINTR is let through, lest it never end while stops keep coming.
"""

from __future__ import annotations

import signal
import time

from gdbstub.arch.spec import TimeoutForm, WaitingCall
from gdbstub.arch.x86 import USER_REGS
from gdbstub.linux import procfs
from gdbstub.tracer.tracee import Repeated, Tracee
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import Addr, Signo

#: What these signals do to a program that says nothing about them.
_IGNORED_BY_DEFAULT = frozenset(map(Signo, (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH)))


def before_resume(tracee: Tracee, sig: Signo) -> None:
    """Make a system call that our stop has cut short run again.

    Args:
        tracee: A thread in a ptrace-stop, about to be resumed.
        sig: What will be delivered to it.
    """
    number = tracee.registers.interrupted_syscall
    if number is None:
        return
    call = tracee.inferior.spec.waiting_call(number, _word(tracee, tracee.inferior.spec.first_argument))
    if call is None or _is_handled(tracee, sig):
        return
    registers = tracee.registers
    pc, sp = registers.pc, Addr(registers.sp)
    inferior = tracee.inferior
    length = len(inferior.spec.syscall_instructions[0])
    at = Addr(pc - length)
    try:
        instruction = inferior.sites.mask(at, inferior.memory.read(at, length))
        seconds = _timeout(tracee, call)
    except StubError:
        return
    if instruction not in inferior.spec.syscall_instructions:
        # A client has moved the thread.
        return
    if seconds is not None:
        now = time.monotonic()
        former = tracee.repeated
        if former is None or (former.pc, former.sp) != (pc, sp):
            tracee.repeated = Repeated(pc, sp, now + seconds)
        elif now >= former.deadline:
            tracee.repeated = None
            return
    registers.repeat_syscall(length)


def _is_handled(tracee: Tracee, sig: Signo) -> bool:
    """Tell whether a signal interrupts the call rightly: the one to deliver, or one that comes before it goes on."""
    fields = procfs.status_fields(tracee.tid)

    def signals(name: str) -> int:
        return int(fields.get(name, "0"), 16)

    if not sig:
        # A pending signal stops the thread once more, before it runs: that will be the time to decide.
        return bool((signals("SigPnd") | signals("ShdPnd")) & ~signals("SigBlk"))
    bit = 1 << (sig - 1)
    if signals("SigCgt") & bit:
        return True
    return not signals("SigIgn") & bit and sig not in _IGNORED_BY_DEFAULT


def _word(tracee: Tracee, register: str) -> int:
    at = USER_REGS[register]
    return int.from_bytes(tracee.registers.general()[at : at + 8], "little")


def _timeout(tracee: Tracee, call: WaitingCall) -> float | None:
    """Return for how long a call waits at most, seconds; None: for ever."""
    if call.form is TimeoutForm.NONE:
        return None
    value = _word(tracee, call.timeout)
    if call.form is TimeoutForm.MILLISECONDS:
        milliseconds = value & 0xFFFFFFFF
        return None if milliseconds >> 31 else milliseconds / 1000
    pointer = Addr(value & (1 << 8 * tracee.inferior.spec.pointer_size) - 1)
    if not pointer:
        return None
    size = 4 if call.form is TimeoutForm.TIMESPEC_32 else 8
    data = tracee.inferior.memory.read(pointer, 2 * size)
    return int.from_bytes(data[:size], "little") + int.from_bytes(data[size:], "little") / 1e9
