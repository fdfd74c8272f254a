"""The facts about i386, as a 64-bit tracer sees a 32-bit tracee.

Layer: arch.  Used by: linux.regsets, tracer, engines.
Spec source: GDB manual, "i386 Features"; struct user_regs_struct in arch/x86/include/asm/user_64.h.

PTRACE: a 64-bit tracer gets the 64-bit layout from PTRACE_GETREGS whatever the tracee is, so
the registers are the low halves of the 64-bit ones.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from gdbstub.arch import x86
from gdbstub.arch.spec import ArchSpec, CallFamily, TdescFeature, TimeoutForm, WaitingCall

_INTEGER = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
_SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
_POINTERS = {"sp", "bp"}

_ESP, _EBP, _EIP, _EFLAGS, _CS, _ST0, _XMM0, _ORIG_EAX, _FIRST_EXTENSION = 4, 5, 8, 9, 10, 16, 32, 41, 42

#: Source: signal(7), "Interruption of system calls"; numbers of syscall_32.tbl and <linux/ipc.h>.
_WAITING_CALLS: Mapping[int, WaitingCall | CallFamily] = {
    117: CallFamily(  # ipc
        {
            1: WaitingCall(TimeoutForm.NONE),  # SEMOP
            4: WaitingCall(TimeoutForm.TIMESPEC_32, "rbp"),  # SEMTIMEDOP
        }
    ),
    177: WaitingCall(TimeoutForm.TIMESPEC_32, "rdx"),  # rt_sigtimedwait
    256: WaitingCall(TimeoutForm.MILLISECONDS, "rsi"),  # epoll_wait
    319: WaitingCall(TimeoutForm.MILLISECONDS, "rsi"),  # epoll_pwait
    420: WaitingCall(TimeoutForm.TIMESPEC, "rsi"),  # semtimedop_time64
    421: WaitingCall(TimeoutForm.TIMESPEC, "rdx"),  # rt_sigtimedwait_time64
    441: WaitingCall(TimeoutForm.TIMESPEC, "rsi"),  # epoll_pwait2
}


@functools.cache
def i386(xcr0: int) -> ArchSpec:
    """Return i386 with the state components of ``xcr0``; those without registers change nothing."""
    if xcr0 & ~x86.XCR0_DESCRIBED:
        return i386(xcr0 & x86.XCR0_DESCRIBED)
    core = TdescFeature(
        "org.gnu.gdb.i386.core",
        (
            *(
                x86.general(number, f"e{name}", f"r{name}", 32, "data_ptr" if name in _POINTERS else "int32")
                for number, name in enumerate(_INTEGER)
            ),
            x86.general(_EIP, "eip", "rip", 32, "code_ptr"),
            x86.general(_EFLAGS, "eflags", "eflags", 32, "i386_eflags"),
            *(x86.general(number, name, name, 32, "int32") for number, name in enumerate(_SEGMENTS, _CS)),
            *x86.x87_registers(_ST0),
        ),
        x86.EFLAGS_TYPE,
    )
    linux = TdescFeature("org.gnu.gdb.i386.linux", (x86.general(_ORIG_EAX, "orig_eax", "orig_rax", 32, "int"),))
    return ArchSpec(
        gdb_name="i386",
        llvm_name="i386",
        osabi="GNU/Linux",
        features=(core, x86.sse(_XMM0, 8), linux, *x86.extensions(xcr0, _FIRST_EXTENSION, 8)),
        granted=_FIRST_EXTENSION,
        pointer_size=4,
        trap=b"\xcc",
        pc_correction=1,
        expedited=(_EBP, _ESP, _EIP),
        pc=_EIP,
        sp=_ESP,
        syscall_instructions=x86.SYSCALL_INSTRUCTIONS,
        first_argument="rbx",
        thread_pointer="gs_base",
        waiting_calls=_WAITING_CALLS,
    )
