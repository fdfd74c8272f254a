from __future__ import annotations

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.linux import constants, wait
from gdbstub.linux.wait import StatusKind, WaitStatus, decode, is_stop
from gdbstub.vocab.ids import Tid

TRAP = signal.SIGTRAP


def stop(sig: int, event: int = 0) -> int:
    return event << 16 | sig << 8 | 0x7F


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (0, WaitStatus(StatusKind.EXITED, 0)),
        (7 << 8, WaitStatus(StatusKind.EXITED, 7)),
        (255 << 8, WaitStatus(StatusKind.EXITED, 255)),
        (9, WaitStatus(StatusKind.KILLED, 9)),
        # With a core dump.
        (0x80 | 11, WaitStatus(StatusKind.KILLED, 11, True)),
        (64, WaitStatus(StatusKind.KILLED, 64)),
        (stop(signal.SIGUSR1), WaitStatus(StatusKind.SIGNAL_STOP, signal.SIGUSR1)),
        (stop(TRAP), WaitStatus(StatusKind.SIGNAL_STOP, TRAP)),
        (stop(signal.SIGSTOP), WaitStatus(StatusKind.SIGNAL_STOP, signal.SIGSTOP)),
        (stop(64), WaitStatus(StatusKind.SIGNAL_STOP, 64)),
        (stop(TRAP | 0x80), WaitStatus(StatusKind.SYSCALL_STOP, TRAP | 0x80)),
        (stop(TRAP, constants.PTRACE_EVENT_STOP), WaitStatus(StatusKind.INTERRUPT_STOP, TRAP)),
        (stop(signal.SIGSTOP, constants.PTRACE_EVENT_STOP), WaitStatus(StatusKind.GROUP_STOP, signal.SIGSTOP)),
        (stop(signal.SIGTTIN, constants.PTRACE_EVENT_STOP), WaitStatus(StatusKind.GROUP_STOP, signal.SIGTTIN)),
        (stop(TRAP, constants.PTRACE_EVENT_CLONE), WaitStatus(StatusKind.EVENT_STOP, constants.PTRACE_EVENT_CLONE)),
        (stop(TRAP, constants.PTRACE_EVENT_FORK), WaitStatus(StatusKind.EVENT_STOP, constants.PTRACE_EVENT_FORK)),
        (stop(TRAP, constants.PTRACE_EVENT_VFORK), WaitStatus(StatusKind.EVENT_STOP, constants.PTRACE_EVENT_VFORK)),
        (stop(TRAP, constants.PTRACE_EVENT_EXEC), WaitStatus(StatusKind.EVENT_STOP, constants.PTRACE_EVENT_EXEC)),
    ],
)
def test_each_kind_of_status(raw: int, status: WaitStatus) -> None:
    assert decode(raw) == status
    assert is_stop(raw) is (status.kind not in (StatusKind.EXITED, StatusKind.KILLED))


@given(st.integers(0, 255))
def test_an_exit_is_what_python_takes_it_for(code: int) -> None:
    assert decode(code << 8).detail == os.waitstatus_to_exitcode(code << 8)


@given(st.integers(1, 64))
def test_a_death_is_what_python_takes_it_for(sig: int) -> None:
    assert decode(sig).detail == -os.waitstatus_to_exitcode(sig)


@given(st.integers(0, (1 << 24) - 1))
def test_any_status_is_of_some_kind(raw: int) -> None:
    ended = decode(raw).kind in (StatusKind.EXITED, StatusKind.KILLED)
    assert ended is not is_stop(raw)


def test_any_child_is_asked_for_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def waitpid(pid: int, flags: int) -> tuple[int, int]:
        asked.append((pid, flags))
        return 42, 9

    monkeypatch.setattr(wait, "_waitpid", waitpid)
    assert wait.reap() == (Tid(42), 9)
    assert asked == [(-1, os.WNOHANG | constants.WALL)]


def test_no_status_and_no_child_are_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def childless(pid: int, flags: int) -> tuple[int, int]:
        raise ChildProcessError

    monkeypatch.setattr(wait, "_waitpid", lambda pid, flags: (0, 0))
    assert wait.reap() is None
    monkeypatch.setattr(wait, "_waitpid", childless)
    assert wait.reap() is None


def test_one_status_is_waited_for() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(5)
    os.close(reading)
    os.close(writing)
    assert wait.wait_one() == (Tid(child), 5 << 8)
    assert wait.wait_one() is None


def test_a_signal_ends_the_wait() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    ticks: list[int] = []
    former = signal.signal(signal.SIGALRM, lambda number, _: ticks.append(number))
    # Again and again: one that came before the wait would not end it.
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        assert wait.wait_one() is None
        assert ticks
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        os.close(writing)
        os.waitpid(child, 0)
