"""The facts about x86-64, by the state components that are switched on.

Layer: arch.  Used by: linux.regsets, tracer, engines.
Spec source: GDB manual, "i386 Features"; struct user_regs_struct in arch/x86/include/asm/user_64.h.

The numbers are those gdbserver gives: consecutive over the features that are there.
"""

from __future__ import annotations

import functools

from gdbstub.arch import x86
from gdbstub.arch.spec import ArchSpec, TdescFeature, TimeoutForm, WaitingCall

_INTEGER = (
    "rax",
    "rbx",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "rbp",
    "rsp",
    "r8",
    "r9",
    "r10",
    "r11",
    "r12",
    "r13",
    "r14",
    "r15",
)
_SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
_POINTERS = {"rbp", "rsp"}

_RBP, _RSP, _RIP, _EFLAGS, _CS, _ST0, _XMM0 = 6, 7, 16, 17, 18, 24, 40
_ORIG_RAX, _FS_BASE, _GS_BASE, _FIRST_EXTENSION = 57, 58, 59, 60

#: Source: signal(7), "Interruption of system calls", what no SA_RESTART restarts; numbers of syscall_64.tbl.
_WAITING_CALLS = {
    65: WaitingCall(TimeoutForm.NONE),  # semop
    128: WaitingCall(TimeoutForm.TIMESPEC, "rdx"),  # rt_sigtimedwait
    208: WaitingCall(TimeoutForm.TIMESPEC, "r8"),  # io_getevents
    220: WaitingCall(TimeoutForm.TIMESPEC, "r10"),  # semtimedop
    232: WaitingCall(TimeoutForm.MILLISECONDS, "r10"),  # epoll_wait
    281: WaitingCall(TimeoutForm.MILLISECONDS, "r10"),  # epoll_pwait
    333: WaitingCall(TimeoutForm.TIMESPEC, "r8"),  # io_pgetevents
    441: WaitingCall(TimeoutForm.TIMESPEC, "r10"),  # epoll_pwait2
}


@functools.cache
def x86_64(xcr0: int) -> ArchSpec:
    """Return x86-64 with the state components of ``xcr0``; those without registers change nothing."""
    if xcr0 & ~x86.XCR0_DESCRIBED:
        return x86_64(xcr0 & x86.XCR0_DESCRIBED)
    core = TdescFeature(
        "org.gnu.gdb.i386.core",
        (
            *(
                x86.general(number, name, name, 64, "data_ptr" if name in _POINTERS else "int64")
                for number, name in enumerate(_INTEGER)
            ),
            x86.general(_RIP, "rip", "rip", 64, "code_ptr"),
            x86.general(_EFLAGS, "eflags", "eflags", 32, "i386_eflags"),
            *(x86.general(number, name, name, 32, "int32") for number, name in enumerate(_SEGMENTS, _CS)),
            *x86.x87_registers(_ST0),
        ),
        x86.EFLAGS_TYPE,
    )
    linux = TdescFeature("org.gnu.gdb.i386.linux", (x86.general(_ORIG_RAX, "orig_rax", "orig_rax", 64, "int"),))
    segments = TdescFeature(
        "org.gnu.gdb.i386.segments",
        (
            x86.general(_FS_BASE, "fs_base", "fs_base", 64, "int"),
            x86.general(_GS_BASE, "gs_base", "gs_base", 64, "int"),
        ),
    )
    return ArchSpec(
        gdb_name="i386:x86-64",
        llvm_name="x86_64",
        osabi="GNU/Linux",
        features=(core, x86.sse(_XMM0, 16), linux, segments, *x86.extensions(xcr0, _FIRST_EXTENSION, 16)),
        granted=_FIRST_EXTENSION,
        pointer_size=8,
        trap=b"\xcc",
        pc_correction=1,
        expedited=(_RBP, _RSP, _RIP),
        pc=_RIP,
        sp=_RSP,
        syscall_instructions=x86.SYSCALL_INSTRUCTIONS,
        first_argument="rdi",
        thread_pointer="fs_base",
        waiting_calls=_WAITING_CALLS,
    )
