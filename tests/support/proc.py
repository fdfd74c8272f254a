"""Facts about processes from /proc, and the one place in the tests that polls.

Used by: the integration and end-to-end tests.  Source: proc(5).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: Every process that a test starts inherits this, so that one left behind is found whoever adopted it.
TOKEN_NAME = "GDBSTUB_TEST_TOKEN"
TOKEN = f"{os.getpid()}-{time.monotonic_ns()}"


#: waitpid(2): clone children too.
_WALL = 0x40000000


def wait_until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """Return the first true value of ``condition``; fail the test at the deadline.

    The kernel offers no event for a change of ``State`` or ``TracerPid`` of another's process:
    this loop is the exception to the rule that tests never poll.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        select.select([], [], [], 0.003)


def state(pid: int, tid: int | None = None) -> str | None:
    """Return the state letter of a thread (the leader by default); None once it is gone."""
    try:
        text = Path(f"/proc/{pid}/task/{tid or pid}/stat").read_text()
    except OSError:
        return None
    return text.rsplit(")", 1)[1].split()[0]


def user_ticks(pid: int) -> int:
    """Return for how many clock ticks a process has run its own code."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11])


def bytes_read(pid: int) -> int:
    """Return how much a process has read so far, from files, pipes and sockets."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def status_field(pid: int, name: str, tid: int | None = None) -> str | None:
    """Return one field of a thread's /proc status; None once the thread is gone."""
    try:
        text = Path(f"/proc/{pid}/task/{tid or pid}/status").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return None


def tracer_pid(pid: int, tid: int | None = None) -> int | None:
    """Return who traces a thread, 0 for nobody; None once the thread is gone."""
    value = status_field(pid, "TracerPid", tid)
    return None if value is None else int(value)


def tids(pid: int) -> list[int]:
    """Return the threads of a process; empty once it is gone."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return []


def check_text(pid: int, program: os.PathLike[str]) -> None:
    """Check that the program's code in memory is what its file says."""
    file = Path(program).read_bytes()
    checked = 0
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split()
        if fields[-1] != os.fspath(program) or "x" not in fields[1]:
            continue
        start, end = (int(each, 16) for each in fields[0].split("-"))
        offset = int(fields[2], 16)
        expected = file[offset : offset + end - start]
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(start)
            assert memory.read(len(expected)) == expected
        checked += len(expected)
    assert checked


def wait_untraced(pid: int) -> None:
    """Wait until no thread of a process is traced or in a ptrace-stop."""

    def free() -> bool:
        return all(tracer_pid(pid, tid) in (0, None) and state(pid, tid) != "t" for tid in tids(pid))

    wait_until(free, f"process {pid} is free of its tracer")


def wait_gone(pid: int) -> None:
    """Wait until a process, which is no child of ours, has ended; whoever adopts it reaps it in its own time."""
    wait_until(lambda: state(pid) in (None, "Z", "X"), f"process {pid} is gone")


def wait_reaped(pid: int) -> None:
    """Wait until nothing is left of a process."""
    wait_until(lambda: state(pid) is None, f"process {pid} is reaped")


def _environment_has_token(pid: int) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{TOKEN_NAME}={TOKEN}".encode() in environment.split(b"\0")


def leftovers() -> list[int]:
    """Return our children, zombies too, and every process that a test started and that still exists."""
    mine = os.getpid()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == mine:
            continue
        pid = int(name)
        if status_field(pid, "PPid") == str(mine) or _environment_has_token(pid):
            found.append(pid)
    return found


def describe(pid: int) -> str:
    """Return one line about a process for a failure message."""
    return (
        f"{pid} ({status_field(pid, 'Name')}) state {state(pid)}"
        f" parent {status_field(pid, 'PPid')} tracer {tracer_pid(pid)}"
    )


def kill_leftovers() -> None:
    """Kill and reap whatever a failed test left behind, so that the next one starts clean."""
    for pid in leftovers():
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(AssertionError):
        wait_until(_all_reaped, "what a test left behind is reaped")


def _all_reaped() -> bool:
    """Reap every child there is: a traced leader's status waits for that of each of its threads."""
    try:
        while os.waitpid(-1, os.WNOHANG | _WALL)[0]:
            pass
    except ChildProcessError:
        return True
    return False
