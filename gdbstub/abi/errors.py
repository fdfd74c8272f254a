"""Error numbers of system calls: names and texts, the kernel's private ones included.

Layer: abi.  Used by: abi.decoder, engines.syscalls (the options).
Source: include/linux/errno.h; errno(3).
"""

from __future__ import annotations

import errno
import os

#: What the kernel says to itself: the call is made again, or not, once a signal has been dealt with.
_PRIVATE = {
    512: ("ERESTARTSYS", "To be restarted if SA_RESTART is set"),
    513: ("ERESTARTNOINTR", "To be restarted"),
    514: ("ERESTARTNOHAND", "To be restarted if no handler"),
    516: ("ERESTART_RESTARTBLOCK", "Interrupted by signal"),
}

#: Where two names share a number.
_PREFERRED = {errno.EAGAIN: "EAGAIN", errno.EDEADLK: "EDEADLK", errno.EOPNOTSUPP: "EOPNOTSUPP"}

#: Newer than Python's table.
_LATER = {133: "EHWPOISON", 524: "ENOTSUPP"}


def is_private(number: int) -> bool:
    """Tell whether a program never sees this error: the call has no result yet."""
    return number in _PRIVATE


def name_of(number: int) -> str:
    """Return the name of an error number, ``ERRNO_n`` where it has none."""
    private = _PRIVATE.get(number)
    if private is not None:
        return private[0]
    return _PREFERRED.get(number) or errno.errorcode.get(number) or _LATER.get(number) or f"ERRNO_{number}"


def text_of(number: int) -> str:
    """Return what an error number means, in words."""
    private = _PRIVATE.get(number)
    return private[1] if private is not None else os.strerror(number)


def number_of(name: str) -> int | None:
    """Return the number of an error's name; None where there is no such error."""
    for number, each in errno.errorcode.items():
        if each == name:
            return number
    return next((number for number, each in _PREFERRED.items() if each == name), None)
