"""The programs that the tests trace: built on first use, started, spoken to over pipes.

Used by: the integration and end-to-end tests.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import symbols
from tests.support.proc import TOKEN, TOKEN_NAME

SOURCES = Path(__file__).parent.parent / "tracees"
FLAGS = ["-g", "-O1", "-Wall", "-Werror", "-pthread"]
DEADLINE = 30.0

#: Ways to link a C program; the first is meant where none is named, because its symbols have fixed addresses.
VARIANTS: Mapping[str, Sequence[str]] = {
    "no-pie": ("gcc", "-fno-pie", "-no-pie"),
    "pie": ("gcc", "-fPIE", "-pie"),
    "static": ("gcc", "-fno-pie", "-no-pie", "-static"),
    "static-pie": ("gcc", "-fPIE", "-static-pie"),
    "musl": ("musl-gcc", "-fPIE", "-pie"),
    "musl-static": ("musl-gcc", "-fno-pie", "-no-pie", "-static"),
    "m32": ("gcc", "-m32", "-fno-pie", "-no-pie"),
}


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

    def __call__(self, name: str, *options: str, variant: str = "no-pie") -> Program:
        """Build a tracee.

        Args:
            name: Of its source.
            options: More words for the compiler; the last ones win.
            variant: How a C program is linked, a key of VARIANTS.
        """
        key = "".join((name if variant == "no-pie" else f"{name}-{variant}", *options))
        if key not in self._built:
            source = next(path for path in sorted(SOURCES.glob(name + ".*")) if path.suffix in _COMPILERS)
            target = self._folder / key
            words = [*_COMPILERS[source.suffix](variant), *options]
            if shutil.which(words[0]) is None:
                pytest.skip(f"[missing-tool] {words[0]} is not installed")
            settings = {**os.environ, "GOCACHE": str(self._folder / "go-cache"), "GO111MODULE": "off"}
            subprocess.run([*words, "-o", target, source], check=True, env=settings)
            self._built[key] = Program(target)
        return self._built[key]


#: The words of a compiler by the suffix of what it compiles.
_COMPILERS: Mapping[str, Callable[[str], Sequence[str]]] = {
    ".c": lambda variant: (*VARIANTS[variant], "-std=gnu11", *FLAGS),
    ".S": lambda variant: (*VARIANTS[variant], *FLAGS),
    ".cpp": lambda _: ("g++", "-fno-pie", "-no-pie", *FLAGS),
    # As debuggers want it: nothing inlined, nothing in registers.
    ".go": lambda _: ("go", "build", "-gcflags=-N -l"),
    ".rs": lambda _: ("rustc", "-g"),
}


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

    def until(self, text: str, seconds: float = DEADLINE) -> None:
        """Wait for a text, which need not end a line; what was read stays for ``line``."""
        deadline = time.monotonic() + seconds
        while text.encode() not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise AssertionError(f"no {text!r} within {seconds} s; got {self._pending!r}")
            chunk = os.read(self._fd, 65536)
            if not chunk:
                raise AssertionError(f"the pipe ended; got {self._pending!r}")
            self._pending += chunk

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
