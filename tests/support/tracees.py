"""The C programs that the tests trace: built on first use, started, spoken to over pipes.

Used by: the integration and end-to-end tests.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import symbols
from tests.support.proc import TOKEN, TOKEN_NAME

SOURCES = Path(__file__).parent.parent / "tracees"
FLAGS = ["-g", "-O1", "-std=gnu11", "-Wall", "-Werror", "-pthread", "-fno-pie", "-no-pie"]
DEADLINE = 10.0


def environment() -> dict[str, str]:
    """Return the environment of every process that a test starts."""
    return {**os.environ, TOKEN_NAME: TOKEN, "LC_ALL": "C", "DEBUGINFOD_URLS": ""}


class Program:
    """One built tracee."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def address(self, symbol: str) -> int:
        """Return where a symbol of the program is."""
        return symbols.addresses(self.path)[symbol]

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)


class TraceeBuilder:
    """Builds each tracee once in a session, when a test first asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[str, Program] = {}

    def __call__(self, name: str, *options: str) -> Program:
        """Build a tracee.

        Args:
            name: Of its source.
            options: More words for the compiler; the last ones win.
        """
        key = "".join((name, *options))
        if key not in self._built:
            source = next(path for suffix in (".c", ".S") if (path := SOURCES / (name + suffix)).exists())
            target = self._folder / key
            subprocess.run(["gcc", *FLAGS, *options, "-o", target, source], check=True)
            self._built[key] = Program(target)
        return self._built[key]


class LineReader:
    """Reads lines of a pipe with a deadline."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pending = b""

    def line(self, seconds: float = DEADLINE) -> str:
        """Return the next line without its end; fail the test at the deadline or at the end of the pipe."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise AssertionError(f"no line within {seconds} s; got {self._pending!r}")
            chunk = os.read(self._fd, 65536)
            if not chunk:
                raise AssertionError(f"the pipe ended; got {self._pending!r}")
            self._pending += chunk
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode()

    def has_more(self, seconds: float) -> bool:
        """Tell whether anything arrives within a time; for tests that something does not happen."""
        return bool(self._pending) or bool(select.select([self._fd], [], [], seconds)[0])


class Conversation:
    """The two pipes of a process that obeys letters and answers with lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process = process
        self._stdin = process.stdin
        self._reader = LineReader(process.stdout.fileno())

    def tell(self, letters: str) -> None:
        """Send letters to the program."""
        self._stdin.write(letters.encode())
        self._stdin.flush()

    def line(self, seconds: float = DEADLINE) -> str:
        """Return the program's next line."""
        return self._reader.line(seconds)

    def says_nothing(self, seconds: float = 0.1) -> bool:
        """Tell whether the program keeps quiet for a time."""
        return not self._reader.has_more(seconds)

    def ping(self) -> None:
        """Make sure that the program runs and answers."""
        self.tell("p")
        assert self.line() == "pong"


class Tracee(Conversation):
    """A program that a test started itself, for the server to attach to."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def finish(self) -> int:
        """Tell the program to end and return how it did, as ``Popen.returncode``."""
        self.tell("q")
        return self.process.wait(DEADLINE)


@contextmanager
def running(program: Program, *arguments: object, wait_for_ready: bool = True) -> Iterator[Tracee]:
    """Start a program, wait for its ``ready`` line, and kill it at the end if it still runs."""
    with subprocess.Popen(
        [str(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        # A group of its own: what a test does to a job must not reach the test runner.
        process_group=0,
    ) as process:
        try:
            tracee = Tracee(process)
            if wait_for_ready:
                assert tracee.line().startswith("ready")
            yield tracee
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
