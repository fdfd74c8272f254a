"""Refusals that have numbers of their own in each dialect.

Layer: engines.  Used by: handlers, conversation.

GDB reads no meaning into the number of an error.  LLDB's own tests of servers do: these are the numbers they
want, and what lldb-server answers.
"""

from __future__ import annotations

import errno

from gdbstub.vocab.errors import TargetError

_NO_PROCESS = 0xFF


class Fault(TargetError):
    """A refusal.

    Args:
        errno: The kernel's number for it, which every other client is told.
        code: Its number in LLDB's counting.
        text: One short sentence.
    """

    def __init__(self, errno: int, code: int, text: str) -> None:
        super().__init__(errno, text)
        self.code = code


def no_such_process(text: str = "no such process") -> Fault:
    """Refuse a thread-id whose process is not debugged here."""
    return Fault(errno.ESRCH, _NO_PROCESS, text)


def no_such_thread(text: str = "no such thread") -> Fault:
    """Refuse a thread-id that names no live thread."""
    return Fault(errno.ESRCH, 0x15, text)


def not_alive(failure: Fault) -> Fault:
    """Say that a thread is gone, with or without its process."""
    return Fault(failure.errno, 0x01 if failure.code == _NO_PROCESS else 0x02, failure.text)


def no_process() -> Fault:
    """Refuse what is about a process where there is none."""
    return Fault(errno.ESRCH, 0x44, "no process")


def running() -> Fault:
    """Refuse to resume what runs."""
    return Fault(errno.EPERM, 0x37, "the target is running")


def not_together(text: str) -> Fault:
    """Refuse to let threads run or stand that cannot do so apart."""
    return Fault(errno.EINVAL, 0x03, text)


def no_such_register(number: int) -> Fault:
    """Refuse a register number beyond the last one."""
    return Fault(errno.EINVAL, 0x45, f"there is no register {number:#x}")


def nothing_to_acknowledge() -> Fault:
    """Refuse an acknowledgement of a notification that was not sent."""
    return Fault(errno.EINVAL, 0xFF, "there is no notification")
