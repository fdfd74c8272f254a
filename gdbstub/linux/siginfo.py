"""siginfo_t as a 32-bit program has it, from and to the 64-bit form that ptrace uses.

Layer: linux.  Used by: tracer.
Source: Linux include/uapi/asm-generic/siginfo.h, include/linux/compat.h and the rule in kernel/signal.c
which says what fields a signal number and a code go with.

PTRACE_GETSIGINFO gives the tracer's own form, and a client that was told a
32-bit target description reads the other one.
"""

from __future__ import annotations

import signal
import struct
from typing import NamedTuple

#: Both forms have this size.
SIZE = 128
#: Where the fields that depend on the kind of signal begin.
_UNION_64, _UNION_32 = 16, 12

SI_USER = 0
SI_KERNEL = 128
SI_TIMER = -2
SI_SIGIO = -5
SEGV_BNDERR = 3
SEGV_PKUERR = 4
TRAP_PERF = 6
#: The highest ``si_code`` of SIGIO; other signals may carry its fields (fcntl's F_SETSIG).
NSIGPOLL = 6

_head = struct.Struct("=iii")


class _Field(NamedTuple):
    """One field: place and size in both forms, from the beginning of the union."""

    at_64: int
    size_64: int
    at_32: int
    size_32: int
    signed: bool = False


_PID, _UID = _Field(0, 4, 0, 4), _Field(4, 4, 4, 4)
_VALUE = _Field(8, 8, 8, 4)
_ADDRESS = _Field(0, 8, 0, 4)

_KILL = (_PID, _UID)
#: Two integers in place of process and user: the timer's id and its overruns.
_TIMER = (_PID, _UID, _VALUE, _Field(16, 4, 12, 4))
_QUEUED = (_PID, _UID, _VALUE)
_CHILD = (_PID, _UID, _Field(8, 4, 8, 4), _Field(16, 8, 12, 4, True), _Field(24, 8, 16, 4, True))
_FAULT = (_ADDRESS, _Field(8, 4, 4, 4))
_BOUNDS = (_ADDRESS, _Field(16, 8, 8, 4), _Field(24, 8, 12, 4))
_PROTECTION_KEY = (_ADDRESS, _Field(16, 4, 8, 4))
_PERF = (_ADDRESS, _Field(8, 8, 4, 4), _Field(16, 4, 8, 4), _Field(20, 4, 12, 4))
_POLL = (_Field(0, 8, 0, 4, True), _Field(8, 4, 4, 4))
_SYSCALL = (_ADDRESS, _Field(8, 4, 4, 4), _Field(12, 4, 8, 4))

_BY_SIGNAL: dict[int, tuple[_Field, ...]] = {
    signal.SIGILL: _FAULT,
    signal.SIGFPE: _FAULT,
    signal.SIGSEGV: _FAULT,
    signal.SIGBUS: _FAULT,
    signal.SIGTRAP: _FAULT,
    signal.SIGCHLD: _CHILD,
    signal.SIGIO: _POLL,
    signal.SIGSYS: _SYSCALL,
}
_BY_CODE: dict[tuple[int, int], tuple[_Field, ...]] = {
    (signal.SIGSEGV, SEGV_BNDERR): _BOUNDS,
    (signal.SIGSEGV, SEGV_PKUERR): _PROTECTION_KEY,
    (signal.SIGTRAP, TRAP_PERF): _PERF,
}


def _fields(signo: int, code: int) -> tuple[_Field, ...]:
    if SI_USER < code < SI_KERNEL:
        known = _BY_CODE.get((signo, code)) or _BY_SIGNAL.get(signo)
        if known is not None:
            return known
        return _POLL if code <= NSIGPOLL else _KILL
    if code == SI_TIMER:
        return _TIMER
    if code == SI_SIGIO:
        return _POLL
    return _QUEUED if code < SI_USER else _KILL


def to_32(data: bytes) -> bytes:
    """Return a 64-bit siginfo_t in the 32-bit form; addresses and times lose their upper halves."""
    signo, error, code = _head.unpack_from(data)
    out = bytearray(SIZE)
    _head.pack_into(out, 0, signo, error, code)
    for field in _fields(signo, code):
        start = _UNION_64 + field.at_64
        end = _UNION_32 + field.at_32 + field.size_32
        out[end - field.size_32 : end] = data[start : start + field.size_32]
    return bytes(out)


def from_32(data: bytes) -> bytes:
    """Return a 32-bit siginfo_t in the 64-bit form."""
    signo, error, code = _head.unpack_from(data)
    out = bytearray(SIZE)
    _head.pack_into(out, 0, signo, error, code)
    for field in _fields(signo, code):
        start = _UNION_32 + field.at_32
        value = int.from_bytes(data[start : start + field.size_32], "little", signed=field.signed)
        end = _UNION_64 + field.at_64 + field.size_64
        out[end - field.size_64 : end] = value.to_bytes(field.size_64, "little", signed=field.signed)
    return bytes(out)
