"""The signal mask across forced SIGTRAPs, with a kernel that is one number."""

from __future__ import annotations

import signal
import struct
from collections.abc import Iterator
from typing import cast

import pytest

from gdbstub.linux import ptrace_calls
from gdbstub.linux.regsets import RegisterFile
from gdbstub.tracer import sigmask
from gdbstub.tracer.traps import HANDLER_ENTERED, SI_KERNEL, TRAP_BRKPT, TRAP_TRACE
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Tid

TRAP = 1 << (signal.SIGTRAP - 1)
USR1 = 1 << (signal.SIGUSR1 - 1)
EVERYTHING = (1 << 64) - 1
UNBLOCKABLE = 1 << (signal.SIGKILL - 1) | 1 << (signal.SIGSTOP - 1)
OF_LIBC = 0b11 << 31
SYS_RT_SIGPROCMASK, SYS_WRITE = 14, 1
POINTER = Addr(0x7000)


class Kernel:
    """One thread's mask."""

    def __init__(self) -> None:
        self.mask = 0
        self.writes = 0

    def read(self, tid: Tid) -> int:
        return self.mask

    def write(self, tid: Tid, mask: int) -> None:
        self.mask = mask
        self.writes += 1


class Registers:
    """A thread after a system call."""

    def __init__(self, number: int = SYS_WRITE, how: int = 0, pointer: int = POINTER) -> None:
        words = [0] * 27
        words[15], words[14], words[13] = number, how, pointer
        self._words = struct.pack("=27Q", *words)

    def general(self) -> bytes:
        return self._words


class Memory:
    """Holds one sigset."""

    def __init__(self, value: int = 0) -> None:
        self._value = value

    def read(self, address: Addr, length: int) -> bytes:
        if address != POINTER:
            raise TargetError(5)
        return self._value.to_bytes(8, "little")[:length]

    def write(self, address: Addr, data: bytes) -> None:
        raise AssertionError("nothing is written here")


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    kernel = Kernel()
    monkeypatch.setattr(ptrace_calls, "read_signal_mask", kernel.read)
    monkeypatch.setattr(ptrace_calls, "write_signal_mask", kernel.write)
    yield kernel


def restore(
    before: int | None, code: int, registers: Registers | None = None, memory: Memory | None = None
) -> int | None:
    return sigmask.restore(Tid(1), before, code, cast("RegisterFile", registers or Registers()), memory or Memory())


def test_a_step_puts_a_blocked_sigtrap_back(kernel: Kernel) -> None:
    kernel.mask = USR1
    assert restore(TRAP | USR1, TRAP_TRACE) == TRAP | USR1
    assert kernel.mask == TRAP | USR1


def test_a_step_without_it_costs_no_call(kernel: Kernel) -> None:
    kernel.mask = EVERYTHING
    assert restore(USR1, TRAP_TRACE) == USR1
    assert kernel.writes == 0


def test_a_step_into_a_handler_keeps_the_handlers_mask(kernel: Kernel) -> None:
    kernel.mask = USR1
    assert restore(TRAP, HANDLER_ENTERED) == USR1 | TRAP


def test_nothing_is_written_where_it_is_blocked_still(kernel: Kernel) -> None:
    kernel.mask = TRAP
    assert restore(TRAP, TRAP_TRACE) == TRAP
    assert kernel.writes == 0


@pytest.mark.parametrize(
    ("before", "how", "argument", "blocked"),
    [
        (0, signal.SIG_BLOCK, TRAP, True),
        (0, signal.SIG_BLOCK, USR1, False),
        (TRAP, signal.SIG_BLOCK, USR1, True),
        (TRAP, signal.SIG_UNBLOCK, TRAP, False),
        (TRAP, signal.SIG_UNBLOCK, USR1, True),
        (TRAP, signal.SIG_SETMASK, USR1, False),
        (0, signal.SIG_SETMASK, TRAP, True),
        (TRAP, 77, 0, True),
    ],
)
def test_a_stepped_sigprocmask_counts(kernel: Kernel, before: int, how: int, argument: int, blocked: bool) -> None:
    # The kernel has taken SIGTRAP out after the call had its way.
    kernel.mask = 0
    after = restore(before, TRAP_BRKPT, Registers(SYS_RT_SIGPROCMASK, how), Memory(argument))
    assert bool(kernel.mask & TRAP) is blocked
    assert after == kernel.mask


def test_a_stepped_other_call_changes_nothing(kernel: Kernel) -> None:
    assert restore(TRAP, TRAP_BRKPT) == TRAP
    assert kernel.mask == TRAP


def test_a_sigset_that_cannot_be_read_changes_nothing(kernel: Kernel) -> None:
    registers = Registers(SYS_RT_SIGPROCMASK, signal.SIG_SETMASK, 0)
    assert restore(TRAP, TRAP_BRKPT, registers) == TRAP


def test_a_site_in_a_program_that_blocks_everything(kernel: Kernel) -> None:
    kernel.mask = EVERYTHING & ~(TRAP | UNBLOCKABLE | OF_LIBC)
    assert restore(None, SI_KERNEL) == kernel.mask
    assert kernel.mask & TRAP


@pytest.mark.parametrize("mask", [0, USR1, EVERYTHING & ~(TRAP | USR1)])
def test_a_site_in_a_program_that_blocks_some(kernel: Kernel, mask: int) -> None:
    kernel.mask = mask
    assert restore(None, SI_KERNEL) == mask
    assert kernel.writes == 0


def test_a_debug_register_in_a_thread_that_ran_freely(kernel: Kernel) -> None:
    assert restore(None, 4) is None
    assert kernel.writes == 0
