"""Signal numbers: Linux's and GDB's.

Layer: vocab.  Used by: engines.gdbremote, rsp.

The remote protocol counts signals in its own way, the same on every system.
Source: include/gdb/signals.def (numbers only), asm-generic/signal.h.
"""

from __future__ import annotations

import signal as _signal

from gdbstub.vocab.ids import Signo

_BY_NAME = {
    "SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGTRAP": 5, "SIGABRT": 6, "SIGFPE": 8, "SIGKILL": 9,
    "SIGBUS": 10, "SIGSEGV": 11, "SIGSYS": 12, "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15, "SIGURG": 16,
    "SIGSTOP": 17, "SIGTSTP": 18, "SIGCONT": 19, "SIGCHLD": 20, "SIGTTIN": 21, "SIGTTOU": 22, "SIGIO": 23,
    "SIGXCPU": 24, "SIGXFSZ": 25, "SIGVTALRM": 26, "SIGPROF": 27, "SIGWINCH": 28, "SIGUSR1": 30, "SIGUSR2": 31,
    "SIGPWR": 32,
}  # fmt: skip

#: GDB numbers real-time signals 33 to 63 from 45, 32 is 77, 64 to 127 from 78.
_FIRST_REALTIME = {33: 45, 32: 77, 64: 78}

GDB_SIGNAL_0 = 0
GDB_SIGNAL_INT = 2
GDB_SIGNAL_TRAP = 5
#: What GDB calls a signal it has no number for.
GDB_SIGNAL_UNKNOWN = 143


def _tables() -> tuple[dict[int, int], dict[int, int]]:
    to_gdb = {0: 0}
    for name, number in _BY_NAME.items():
        to_gdb[int(_signal.Signals[name])] = number
    to_gdb[32] = _FIRST_REALTIME[32]
    for sig in range(33, 64):
        to_gdb[sig] = _FIRST_REALTIME[33] + sig - 33
    to_gdb[64] = _FIRST_REALTIME[64]
    return to_gdb, {number: sig for sig, number in to_gdb.items()}


_TO_GDB, _FROM_GDB = _tables()


def to_gdb(sig: Signo) -> int:
    """Return GDB's number of a Linux signal."""
    return _TO_GDB.get(sig, GDB_SIGNAL_UNKNOWN)


def from_gdb(number: int) -> Signo | None:
    """Return the Linux signal of GDB's number; None where Linux has no such signal."""
    sig = _FROM_GDB.get(number)
    return None if sig is None else Signo(sig)


def name_of(sig: Signo) -> str:
    """Return a signal's name, ``SIG34`` style for real-time signals."""
    try:
        return _signal.Signals(sig).name if sig < 32 else f"SIG{sig}"
    except ValueError:
        return f"SIG{sig}"
