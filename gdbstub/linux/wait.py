"""Wait statuses: the one door to ``waitpid``, and what a raw status says.

Layer: linux.  Used by: tracer, server.

Waits go through ``reap``, or through ``wait_one`` where nothing else can happen: both ask
for any child, never for one, so that no status is missed and none is starved, and
never for continued children, which would steal the real parent's notification.
Source: waitpid(2), ptrace(2) "Stopped states", include/linux/wait.h.
"""

from __future__ import annotations

import ctypes
import os
import signal
from enum import Enum
from functools import cache
from typing import NamedTuple

from gdbstub.linux.constants import PTRACE_EVENT_STOP, SYSGOOD, WALL
from gdbstub.vocab.ids import Pid, Tid

_FLAGS = os.WNOHANG | WALL
_waitpid = os.waitpid


class StatusKind(Enum):
    """The kinds of wait status a seized thread can have."""

    EXITED = "exited"
    KILLED = "killed by a signal"
    SIGNAL_STOP = "signal-delivery-stop"
    SYSCALL_STOP = "syscall-stop"
    EVENT_STOP = "PTRACE_EVENT stop"
    GROUP_STOP = "group-stop"
    INTERRUPT_STOP = "interrupt-stop"


class WaitStatus(NamedTuple):
    """One wait status, typed.

    ``detail`` is the exit code, the signal, or the PTRACE_EVENT number.
    """

    kind: StatusKind
    detail: int
    dumped_core: bool = False


@cache
def decode(raw: int) -> WaitStatus:
    """Type a raw status of a thread under PTRACE_SEIZE with PTRACE_O_TRACESYSGOOD."""
    low = raw & 0xFF
    if low == 0x7F:
        sig = (raw >> 8) & 0xFF
        event = raw >> 16
        if event == 0:
            if sig == signal.SIGTRAP | SYSGOOD:
                return WaitStatus(StatusKind.SYSCALL_STOP, sig)
            return WaitStatus(StatusKind.SIGNAL_STOP, sig)
        if event == PTRACE_EVENT_STOP:
            if sig == signal.SIGTRAP:
                return WaitStatus(StatusKind.INTERRUPT_STOP, sig)
            return WaitStatus(StatusKind.GROUP_STOP, sig)
        return WaitStatus(StatusKind.EVENT_STOP, event)
    if low & 0x7F:
        return WaitStatus(StatusKind.KILLED, low & 0x7F, bool(low & 0x80))
    return WaitStatus(StatusKind.EXITED, (raw >> 8) & 0xFF)


def is_stop(raw: int) -> bool:
    """Tell a stop from an end."""
    return raw & 0xFF == 0x7F


def reap_one(tid: Tid) -> int | None:
    """Take the status of one thread if it has one.

    Looking for any child costs the kernel a walk over all of them; where very many are about to stop, that
    adds up.  ``reap`` stays what finds the others.
    """
    try:
        found, raw = _waitpid(tid, _FLAGS)
    except ChildProcessError:
        return None
    return raw if found else None


def reap() -> tuple[Tid, int] | None:
    """Take one wait status if there is one; None where there is none or no child at all."""
    try:
        tid, raw = _waitpid(-1, _FLAGS)
    except ChildProcessError:
        return None
    return (Tid(tid), raw) if tid else None


_wait = ctypes.PyDLL(None).waitpid
_raw = ctypes.c_int()
_raw_place = ctypes.byref(_raw)


def wait_one() -> tuple[Tid, int] | None:
    """Wait until there is a wait status and take it; None where a signal came first, or there is no child.

    ``os.waitpid`` would go on waiting after a signal.
    """
    tid = _wait(-1, _raw_place, WALL)
    return (Tid(tid), _raw.value) if tid > 0 else None


def is_child(pid: Pid) -> bool:
    """Tell whether a process is our own child, whose end we shall be told of; nothing is taken."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
