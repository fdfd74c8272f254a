"""Signals of our own as a descriptor that can be waited for.

Layer: linux.  Used by: tracer.driver, server.logrun.
Source: signalfd(2), struct signalfd_siginfo.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Iterable
from typing import NamedTuple

from gdbstub.vocab.ids import Signo

_libc = ctypes.CDLL(None, use_errno=True)

#: struct signalfd_siginfo: ``ssi_signo``, ``ssi_errno``, ``ssi_code``, and what is not read here.
_RECORD = struct.Struct("=Iii116x")
#: ``SFD_NONBLOCK | SFD_CLOEXEC``.
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
#: A signal set as glibc has it, bytes.
_SET_SIZE = 128


class Arrival(NamedTuple):
    """One signal that has come."""

    signal: Signo
    #: ``si_code``: where it comes from.
    code: int


def open_signalfd(signals: Iterable[int]) -> int:
    """Block signals and return a non-blocking, close-on-exec descriptor that reports them."""
    blocked = set(signals)
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    mask = ctypes.create_string_buffer(_SET_SIZE)
    struct.pack_into("=Q", mask, 0, sum(1 << (number - 1) for number in blocked))
    fd: int = _libc.signalfd(-1, mask, _FLAGS)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "signalfd")
    return fd


def read_arrivals(fd: int) -> list[Arrival]:
    """Return what has come and was not read yet."""
    try:
        data = os.read(fd, 32 * _RECORD.size)
    except BlockingIOError:
        return []
    return [Arrival(Signo(number), code) for number, _, code in _RECORD.iter_unpack(data)]
