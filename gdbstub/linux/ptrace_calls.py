"""The ptrace system call, typed.

Layer: linux.  The only file that imports python-ptrace.  Used by: tracer, linux.

ptrace answers ESRCH to every thread but the one that seized the tracee, and
ESRCH is also what a dead tracee gives.  So that a mistake of ours does not look
like a death, each call asserts that it runs on the tracer's own OS thread.

Cold calls go through python-ptrace, which is loaded when the first of them is made.  The calls
that are made for every thread, stop and resume use a ctypes function of their own with preallocated
buffers: the difference is about one microsecond a call.

Source: ptrace(2), kernel/ptrace.c.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import threading
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from gdbstub.linux.constants import (
    PTRACE_CONT,
    PTRACE_DETACH,
    PTRACE_GET_RSEQ_CONFIGURATION,
    PTRACE_GET_SYSCALL_INFO,
    PTRACE_GETEVENTMSG,
    PTRACE_GETREGS,
    PTRACE_GETREGSET,
    PTRACE_GETSIGINFO,
    PTRACE_GETSIGMASK,
    PTRACE_INTERRUPT,
    PTRACE_LISTEN,
    PTRACE_PEEKDATA,
    PTRACE_PEEKSIGINFO,
    PTRACE_PEEKUSER,
    PTRACE_POKEDATA,
    PTRACE_POKEUSER,
    PTRACE_SEIZE,
    PTRACE_SETOPTIONS,
    PTRACE_SETREGS,
    PTRACE_SETREGSET,
    PTRACE_SETSIGINFO,
    PTRACE_SETSIGMASK,
    PTRACE_SINGLESTEP,
    PTRACE_SYSCALL,
    PTRACE_SYSCALL_INFO_ENTRY,
    PTRACE_SYSCALL_INFO_EXIT,
    PTRACE_SYSCALL_INFO_SECCOMP,
    SIGINFO_SIZE,
)
from gdbstub.target.calls import SyscallInfo
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Signo, Tid

_libc = ctypes.PyDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_ptrace.restype = ctypes.c_long
#: The same for numbers of 32 bits and buffers: without types to convert to, a call takes half the time.
_request = _libc["ptrace"]

#: Number of 8-byte words in struct user_regs_struct on x86-64.
USER_REGS_WORDS = 27

_word = ctypes.c_ulong()
_word_place = ctypes.byref(_word)
_regs = ctypes.create_string_buffer(USER_REGS_WORDS * 8)
_siginfo = ctypes.create_string_buffer(SIGINFO_SIZE)
#: sizeof(struct ptrace_rseq_configuration).
_RSEQ_CONFIGURATION_SIZE = 24
#: AMX grows XSTATE to 11 KiB; twice that leaves room for what comes.
_REGSET_MAX = 1 << 15
_regset = ctypes.create_string_buffer(_REGSET_MAX)
_regset_at = ctypes.addressof(_regset)
_iovec = ctypes.create_string_buffer(16)
_pack_iovec = struct.Struct("=QQ").pack_into
_unpack_iovec = struct.Struct("=QQ").unpack_from
_unpack_siginfo_head = struct.Struct("=iiixxxxi").unpack_from
_unpack_siginfo_code = struct.Struct("=8xi").unpack_from

_owner: int | None = None


def claim_thread() -> None:
    """Make the calling OS thread the tracer; every later call must come from it."""
    global _owner
    _owner = threading.get_ident()


def _check_owner() -> None:
    assert _owner is None or _owner == threading.get_ident(), "ptrace called outside the tracer thread"


def _fail(tid: int) -> None:
    code = ctypes.get_errno()
    if code == errno.ESRCH:
        raise TraceeGone(tid)
    raise TargetError(code)


def _hot(request: int, tid: int, addr: object, data: object) -> int:
    """Make a request whose numbers fit into 32 bits; ``addr`` and ``data`` may be buffers."""
    assert _owner is None or _owner == threading.get_ident(), "ptrace called outside the tracer thread"
    result: int = _request(request, tid, addr, data)
    if result == -1:
        _fail(tid)
    return result


def _wide(request: int, tid: int, addr: int, data: int) -> None:
    """Make a request with numbers of 64 bits."""
    _check_owner()
    if _ptrace(request, tid, addr, data) == -1:
        _fail(tid)


@cache
def _load_cold() -> Callable[[int, int, int, int], int]:
    """Load python-ptrace; return its call, with errors as ours."""
    from gdbstub.linux.loading import lightly

    with lightly():
        from ptrace.binding.func import ptrace
        from ptrace.error import PtraceError

    def call(request: int, tid: int, addr: int, data: int) -> int:
        try:
            result: int = ptrace(request, tid, addr, data)
        except PtraceError as failure:
            if failure.errno == errno.ESRCH:
                raise TraceeGone(tid) from None
            raise TargetError(failure.errno) from None
        return result

    return call


def _cold(request: int, tid: int, addr: int = 0, data: int = 0) -> int:
    _check_owner()
    return _load_cold()(request, tid, addr, data)


# Taking, letting go


def seize(tid: Tid, options: int) -> None:
    """Become the tracer of a running thread without stopping it.

    Raises:
        TargetError: EPERM where the kernel refuses (``linux.diagnose`` says why).
        TraceeGone: There is no such thread.
    """
    _hot(PTRACE_SEIZE, tid, 0, options)


def set_options(tid: Tid, options: int) -> None:
    """Replace the PTRACE_O_* options.  PTRACE: needs a ptrace-stop."""
    _cold(PTRACE_SETOPTIONS, tid, 0, options)


def detach(tid: Tid, sig: Signo = NO_SIGNAL) -> None:
    """Let a thread go.  PTRACE: needs a ptrace-stop; ``sig`` counts only in a signal-delivery-stop."""
    _hot(PTRACE_DETACH, tid, 0, sig)


# Resuming, stopping


def interrupt(tid: Tid) -> None:
    """Ask a seized thread to stop.  PTRACE: legal in any state; any other stop may come first."""
    _hot(PTRACE_INTERRUPT, tid, 0, 0)


def cont(tid: Tid, sig: Signo = NO_SIGNAL) -> None:
    """Resume.  PTRACE: needs a ptrace-stop; ``sig`` counts only in a signal-delivery-stop."""
    _hot(PTRACE_CONT, tid, 0, sig)


def step(tid: Tid, sig: Signo = NO_SIGNAL) -> None:
    """Run one instruction.  PTRACE: as for ``cont``; with a signal it stops at the handler's first instruction."""
    _hot(PTRACE_SINGLESTEP, tid, 0, sig)


def cont_to_syscall(tid: Tid, sig: Signo = NO_SIGNAL) -> None:
    """Resume to the next syscall-stop.  PTRACE: as for ``cont``."""
    assert _owner is None or _owner == threading.get_ident(), "ptrace called outside the tracer thread"
    if _request(PTRACE_SYSCALL, tid, 0, sig) == -1:
        _fail(tid)


def listen(tid: Tid) -> None:
    """Leave a group-stop to job control.  PTRACE: needs a group-stop of a seized thread."""
    _hot(PTRACE_LISTEN, tid, 0, 0)


# What happened


def event_message(tid: Tid) -> int:
    """Return the message of the last PTRACE_EVENT: a new tid, an exit status."""
    _hot(PTRACE_GETEVENTMSG, tid, 0, _word_place)
    return _word.value


class SigInfo(NamedTuple):
    """The head of a siginfo_t."""

    signo: int
    errno: int
    code: int
    #: The sender, where ``code`` says that a process sent it.
    pid: int


def siginfo(tid: Tid) -> SigInfo:
    """Return the head of the siginfo of the current stop."""
    _hot(PTRACE_GETSIGINFO, tid, 0, _siginfo)
    return SigInfo._make(_unpack_siginfo_head(_siginfo))


def siginfo_code(tid: Tid) -> int:
    """Return ``si_code`` of the current stop: why there was a signal."""
    _hot(PTRACE_GETSIGINFO, tid, 0, _siginfo)
    code: int = _unpack_siginfo_code(_siginfo)[0]
    return code


def read_siginfo(tid: Tid) -> bytes:
    """Return the whole siginfo_t of the current stop, 128 bytes.

    Raises:
        TargetError: EINVAL in a group-stop, which has none.
    """
    _hot(PTRACE_GETSIGINFO, tid, 0, _siginfo)
    return _siginfo.raw


def write_siginfo(tid: Tid, data: bytes) -> None:
    """Replace the siginfo_t (128 bytes) that a signal-delivery-stop will deliver."""
    ctypes.memmove(_siginfo, data, SIGINFO_SIZE)
    _hot(PTRACE_SETSIGINFO, tid, 0, _siginfo)


_PEEK_COUNT = 32


def queued_signals(tid: Tid) -> list[tuple[int, int]]:
    """Return (signal, ``si_code``) of what is queued to one thread, the first 32.

    Source: PTRACE_PEEKSIGINFO in ptrace(2); PTRACE: needs a ptrace-stop.
    """
    struct.pack_into("=QIi", _iovec, 0, 0, 0, _PEEK_COUNT)
    count = _hot(PTRACE_PEEKSIGINFO, tid, _iovec, _regset)
    heads = (struct.unpack_from("=i4xi", _regset, index * SIGINFO_SIZE) for index in range(count))
    return [(signo, code) for signo, code in heads]


#: struct ptrace_syscall_info.
_CALL_INFO_SIZE = 88
_call_info = ctypes.create_string_buffer(_CALL_INFO_SIZE)
#: Of an entry: op, arch, stack pointer, number and arguments; of a return the last ones are result and is_error.
_unpack_entry = struct.Struct("=B3xI8xQq6Q").unpack_from
_unpack_exit = struct.Struct("=B3xI8xQq?").unpack_from
_new_call_info = tuple.__new__
_NO_ARGUMENTS = (0, 0, 0, 0, 0, 0)


def syscall_info(tid: Tid, entered: SyscallInfo | None = None) -> SyscallInfo | None:
    """Tell what a syscall-stop is; None where the kernel calls it neither an entry nor a return.

    A stop for a seccomp filter is an entry as well.
    Source: PTRACE_GET_SYSCALL_INFO in ptrace(2), Linux 5.3.

    Args:
        tid: Whose.
        entered: Its entry, by which a return is completed; None: it was not seen.
    """
    if _request(PTRACE_GET_SYSCALL_INFO, tid, _CALL_INFO_SIZE, _call_info) == -1:
        _fail(tid)
    op, arch, stack, number, *args = _unpack_entry(_call_info)
    # Made for every call of a program that is followed, so without the constructor's help.
    if op == PTRACE_SYSCALL_INFO_EXIT:
        _, _, _, result, is_error = _unpack_exit(_call_info)
        if entered is None:
            return SyscallInfo(False, arch, -1, _NO_ARGUMENTS, stack, result, is_error)
        return _new_call_info(SyscallInfo, (False, arch, entered.number, entered.args, stack, result, is_error))
    if op in (PTRACE_SYSCALL_INFO_ENTRY, PTRACE_SYSCALL_INFO_SECCOMP):
        return _new_call_info(SyscallInfo, (True, arch, number, tuple(args), stack, 0, False))
    return None


def restartable_sequence(tid: Tid) -> Addr:
    """Return where a thread has its struct rseq; 0 where it has none or the kernel does not say.

    Source: PTRACE_GET_RSEQ_CONFIGURATION in include/uapi/linux/ptrace.h, Linux 5.13.
    """
    try:
        _hot(PTRACE_GET_RSEQ_CONFIGURATION, tid, _RSEQ_CONFIGURATION_SIZE, _regset)
    except TraceeGone:
        raise
    except TargetError:
        return Addr(0)
    address, _size = struct.unpack_from("=QI", _regset)
    return Addr(address)


# Registers


def read_user_regs(tid: Tid) -> bytes:
    """Return struct user_regs_struct (216 bytes on x86-64).  PTRACE: needs a ptrace-stop."""
    _hot(PTRACE_GETREGS, tid, 0, _regs)
    return _regs.raw


def write_user_regs(tid: Tid, data: bytes) -> None:
    """Replace struct user_regs_struct.

    Raises:
        TargetError: EIO where a segment register is not acceptable.
    """
    ctypes.memmove(_regs, data, len(data))
    _hot(PTRACE_SETREGS, tid, 0, _regs)


def read_regset(tid: Tid, note: int) -> bytes:
    """Return one regset, as long as the kernel says it is.

    Args:
        tid: A thread in a ptrace-stop.
        note: The ELF note type, ``NT_*``.
    """
    _pack_iovec(_iovec, 0, _regset_at, _REGSET_MAX)
    _hot(PTRACE_GETREGSET, tid, note, _iovec)
    length = _unpack_iovec(_iovec)[1]
    return ctypes.string_at(_regset_at, length)


def write_regset(tid: Tid, note: int, data: bytes) -> None:
    """Replace one regset; ``data`` is as long as ``read_regset`` gave it."""
    ctypes.memmove(_regset_at, data, len(data))
    _pack_iovec(_iovec, 0, _regset_at, len(data))
    _hot(PTRACE_SETREGSET, tid, note, _iovec)


def peek_user(tid: Tid, offset: int) -> int:
    """Read one 8-byte word of struct user at ``offset`` bytes."""
    _check_owner()
    ctypes.set_errno(0)
    # The system call stores through its fourth argument, the library function returns the word.
    value: int = _ptrace(PTRACE_PEEKUSER, tid, offset, 0)
    if value == -1 and ctypes.get_errno():
        _fail(tid)
    return value & 0xFFFFFFFFFFFFFFFF


def poke_user(tid: Tid, offset: int, value: int) -> None:
    """Write one 8-byte word of struct user at ``offset`` bytes."""
    _wide(PTRACE_POKEUSER, tid, offset, value)


def peek_data(tid: Tid, address: Addr) -> int:
    """Read one 8-byte word of memory; the slow way, for kernels that restrict /proc/PID/mem."""
    _check_owner()
    ctypes.set_errno(0)
    value: int = _ptrace(PTRACE_PEEKDATA, tid, address, 0)
    if value == -1 and ctypes.get_errno():
        _fail(tid)
    return value & 0xFFFFFFFFFFFFFFFF


def poke_data(tid: Tid, address: Addr, value: int) -> None:
    """Write one 8-byte word of memory; the slow way, for kernels that restrict /proc/PID/mem."""
    _wide(PTRACE_POKEDATA, tid, address, value)


# The signal mask


def read_signal_mask(tid: Tid) -> int:
    """Return the blocked signals of a stopped thread as a kernel sigset (bit 0 is signal 1)."""
    _hot(PTRACE_GETSIGMASK, tid, 8, _word_place)
    return _word.value


def write_signal_mask(tid: Tid, mask: int) -> None:
    """Replace the blocked signals of a stopped thread."""
    _word.value = mask
    _hot(PTRACE_SETSIGMASK, tid, 8, _word_place)


# Signals and sigset syscalls that Python does not wrap


def tgkill(pid: int, tid: int, sig: int) -> None:
    """Send a signal to one thread.

    Raises:
        TraceeGone: There is no such thread.
    """
    # x86-64 and aarch64 disagree on the number; the library call (glibc 2.30, musl 1.2) does not.
    if _libc.tgkill(pid, tid, sig) == -1:
        _fail(tid)


_SYS_KCMP = 312
_KCMP_VM = 1


def shares_memory(one: Tid, other: Tid) -> bool:
    """Tell whether two threads have one address space; False where the kernel does not say.

    Source: kcmp(2), x86-64's number.
    """
    return bool(_libc.syscall(_SYS_KCMP, one, other, _KCMP_VM, 0, 0) == 0)


def personality(persona: int) -> int:
    """Set the calling process's execution domain (personality(2)); for use between fork and exec."""
    result: int = _libc.personality(ctypes.c_ulong(persona))
    return result
