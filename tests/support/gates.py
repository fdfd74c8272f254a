"""The program e2e_stack from outside: its gates, what it has counted, and the log of its calls.

Used by: the end-to-end tests.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import proc
from tests.support.stub import server_command
from tests.support.syscall_logs import joined
from tests.support.tracees import Program, Tracee, environment, running

THREADS = 8
#: The functions that its threads call.
NAMES = ("alpha", "beta", "delta")
#: Letters that open every gate.
OPEN = "ABC"


def numbers(pid: int, address: int, count: int) -> list[int]:
    """Return longs of a program's memory."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        data = memory.read(8 * count)
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


class Gate:
    """One of the program's functions: how often it was entered, and whether threads may call it."""

    def __init__(self, program: Program, tracee: Tracee, kind: int) -> None:
        self.name = NAMES[kind]
        self.place = program.address(self.name)
        self.counter = program.address("entered") + 8 * kind
        self._letter = OPEN[kind]
        self._gate = program.address("gates") + 8 * kind
        self._tracee = tracee

    def open(self) -> None:
        """Let threads call it, as soon as the program runs."""
        self._tracee.tell(self._letter)

    def _number(self, address: int) -> int:
        return numbers(self._tracee.pid, address, 1)[0]

    @property
    def entered(self) -> int:
        """How many calls went past the first instruction."""
        return self._number(self.counter)

    def close(self) -> None:
        """Let no thread call it that has not begun to.  The program stands."""
        with Path(f"/proc/{self._tracee.pid}/mem").open("r+b", buffering=0) as memory:
            memory.seek(self._gate)
            memory.write((self._number(self._gate) & ~1).to_bytes(8, "little"))

    def wait_until_left(self) -> int:
        """Wait until the threads that had begun to call it have done so; return how often it was entered."""
        proc.wait_until(lambda: self.entered == self._number(self._gate) >> 1, f"{self.name} was left", 60)
        return self.entered

    def wait_for_more(self, count: int) -> None:
        """Wait until it was entered so many times more."""
        enough = self.entered + count
        proc.wait_until(lambda: self.entered >= enough, f"{self.name} was entered {count} times more", 60)


def untraced(program: Program, total: int) -> str:
    """Return what the program says when nobody looks at it."""
    with running(program, total) as tracee:
        tracee.tell(OPEN + "e")
        line = tracee.line()
        assert tracee.finish() == 0
    return line


class Log:
    """A log of system calls beside the debuggers, in a file."""

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self.process = process
        self._file = file

    def wait_until_begun(self) -> None:
        """Wait until it shows what each thread waits in: the gates are closed, and the program runs."""

        def waits() -> bool:
            return self._file.read_text().count(" futex(") >= THREADS

        proc.wait_until(waits, "the log shows each thread", 30)

    def wait_for(self, text: str) -> None:
        """Wait until it has said something."""
        proc.wait_until(lambda: text in self._file.read_text(), f"{text!r} in the log", 30)

    def check(self, program: Program, pid: int) -> int:
        """Compare the calls of each thread with what the program has counted; return how many there were."""
        lines = joined(re.sub(" +=", " =", self._file.read_text()))
        seeks, waits, tids = (numbers(pid, program.address(name), THREADS) for name in ("seeks", "waits", "tids"))
        for tid, sought, waited in zip(tids, seeks, waits, strict=True):
            mine = [line for line in lines[tid] if line.startswith(("lseek(", "futex("))]
            assert _seeks(mine) == [_SEEK.format(each) for each in range(sought)]
            assert len(mine) - sought == waited
            # Beyond that, what the C library does at a thread's end.
            rest = [line for line in lines[tid] if line not in mine]
            assert all(re.match(r"rt_sigprocmask|madvise|exit\(|\+\+\+ exited with 0", line) for line in rest), rest
        return sum(seeks)

    def check_beginning(self, program: Program, pid: int) -> None:
        """Check that it has no gap, wherever it was cut off."""
        lines = joined(re.sub(" +=", " =", self._file.read_text().rpartition("\n")[0]))
        for tid in numbers(pid, program.address("tids"), THREADS):
            ended = [line for line in _seeks(lines[tid]) if " = " in line]
            assert ended == [_SEEK.format(each) for each in range(len(ended))]


_SEEK = "lseek(-1, {}, SEEK_SET) = -1 EBADF (Bad file descriptor)"


def _seeks(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("lseek(")]


@contextmanager
def log_beside(port: int, file: Path, *, remarks: bool = False) -> Iterator[Log]:
    """Log system calls of what a server traces.

    Args:
        port: Where it listens.
        file: Takes the log.
        remarks: With what is said about the log itself, and no name of a thread that is alone.
    """
    words = [*server_command(), "strace", *(() if remarks else ("-o", str(file))), f"localhost:{port}"]
    with file.open("wb") as end, subprocess.Popen(words, stderr=end, env=environment(), process_group=0) as process:
        try:
            yield Log(process, file)
        finally:
            process.kill()
