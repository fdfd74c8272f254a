"""One running lldb that a test drives through lldb_driver.py.

Used by: the end-to-end tests.

``LLDB`` in the environment names another lldb than lldb-19 or the one in the path.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pytest

from tests.support import proc
from tests.support.tracees import Program, environment

DRIVER = Path(__file__).with_name("lldb_driver.py")
#: Seconds for one verb.  lldb reads the symbols of every library at its first stop.
DEADLINE = 60.0


class LldbError(Exception):
    """lldb refused what it was told; the text is lldb's."""


@dataclass(frozen=True)
class LldbStop:
    """How a process is, and why its selected thread stands."""

    kind: str
    reason: str = ""
    text: str = ""
    numbers: Sequence[int] = ()
    signal: int = 0
    code: int | None = None
    pid: int = 0
    tid: int = 0
    pc: int = 0
    function: str = ""
    line: int = 0

    def is_exit(self, code: int) -> bool:
        """Tell whether the program ended with a status."""
        return self.kind == "exited" and self.code == code


class StartLldb(Protocol):
    """The ``lldb`` fixture."""

    def __call__(self, program: Program | None = None, settings: Sequence[str] = ()) -> LldbSession:
        """Start an lldb that ends with the test."""


def find_lldb() -> str:
    """Return the lldb to be tested with, or skip the test."""
    names = (os.environ.get("LLDB", "lldb-19"), "lldb")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("[missing-tool] lldb is not installed")
    return found


class LldbSession:
    """One lldb.

    Args:
        folder: An empty folder for this lldb.
        program: What to open before connecting.
        settings: Commands of lldb's to run first.
    """

    def __init__(self, folder: Path, program: Program | None = None, settings: Sequence[str] = ()) -> None:
        path = folder / "driver"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(DEADLINE)
            self.log = folder / "lldb.log"
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [find_lldb(), "--no-lldbinit", "--no-use-colors", "-o", f"command script import {DRIVER}"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**environment(), "LLDB_DRIVER_SOCKET": str(path), "HOME": str(folder)},
                    start_new_session=True,
                )
            try:
                self._sock, _ = listener.accept()
            except TimeoutError:
                self.close()
                raise AssertionError(f"lldb does not come up: {self.log.read_text()}") from None
        self._sock.settimeout(DEADLINE)
        self._stream = self._sock.makefile("rw", encoding="utf-8")
        for line in ("settings set symbols.enable-external-lookup false", *settings):
            self.execute(line)
        if program is not None:
            self._do("open", str(program))

    # ------------------------------------------------------------ the driver

    def _ask(self, verb: str, *arguments: object) -> None:
        self._stream.write(json.dumps([verb, arguments]) + "\n")
        self._stream.flush()

    def _answer(self) -> Any:
        line = self._stream.readline()
        if not line:
            raise AssertionError(f"lldb has gone: {self.log.read_text()}")
        answer = json.loads(line)
        if "error" in answer:
            raise LldbError(answer["error"])
        return answer["result"]

    def _do(self, verb: str, *arguments: object) -> Any:
        self._ask(verb, *arguments)
        return self._answer()

    def has_answered(self) -> bool:
        """Tell whether there is an answer to what was begun."""
        return bool(select.select([self._sock], [], [], 0)[0])

    def send_signal(self, number: int) -> None:
        """Send lldb a signal; return once it has stopped, if that is what stops it."""
        os.killpg(self._process.pid, number)
        if number == signal.SIGSTOP:
            proc.wait_until(lambda: proc.state(self._process.pid) == "T", "lldb is stopped")

    # ------------------------------------------------------------ verbs

    def execute(self, command: str) -> str:
        """Run a command line of lldb's; return what it says."""
        text: str = self._do("execute", command)
        return text

    def connect(self, port: int) -> LldbStop:
        """Connect to a server."""
        return LldbStop(**self._do("connect", port))

    def break_at(self, place: str) -> int:
        """Set a breakpoint at a function or ``*ADDRESS``; ``-H NAME``: by hardware."""
        number: int = self._do("break_at", place)
        return number

    def hits(self, number: int) -> int:
        """Return how often a breakpoint was hit."""
        count: int = self._do("hits", number)
        return count

    def state(self) -> LldbStop:
        """Say how the process is."""
        return LldbStop(**self._do("state"))

    def cont(self) -> LldbStop:
        """Continue to the next stop."""
        return LldbStop(**self._do("cont"))

    def begin_cont(self) -> None:
        """Continue; ``end_cont`` waits for the stop."""
        self._ask("cont")

    def end_cont(self) -> LldbStop:
        """Wait for the stop that ``begin_cont`` leads to."""
        return LldbStop(**self._answer())

    def begin_meet(self, number: int, count: int, counter: int, base: int) -> None:
        """Continue until threads have met a breakpoint so many times; ``end_meet`` says how that went."""
        self._ask("meet", number, count, counter, base)

    def end_meet(self, seconds: float = DEADLINE) -> tuple[int, list[object]]:
        """Return how often they have met it, and each stop that was another, or at which a number in memory was not
        ``base`` and one for each hit that was over."""
        self._sock.settimeout(seconds)
        met, odd = self._answer()
        self._sock.settimeout(DEADLINE)
        return met, odd

    def step_instruction(self) -> LldbStop:
        """Step one instruction."""
        return LldbStop(**self._do("step_instruction"))

    def step_over(self) -> LldbStop:
        """Step over a line."""
        return LldbStop(**self._do("step_over"))

    def finish(self) -> LldbStop:
        """Run until the function returns."""
        return LldbStop(**self._do("finish"))

    def backtrace(self) -> list[str]:
        """Return the functions of the selected thread's frames, innermost first."""
        return list(self._do("backtrace"))

    def threads(self) -> list[tuple[int, str, str]]:
        """Return each thread's id, name and reason."""
        return [(tid, name, reason) for tid, name, reason in self._do("threads")]

    def select(self, tid: int) -> None:
        """Select a thread."""
        self._do("select", tid)

    def register(self, name: str) -> int:
        """Return a register as a number."""
        number: int = self._do("register", name)
        return number

    def register_bytes(self, name: str) -> bytes:
        """Return the bytes of a register."""
        return bytes.fromhex(self._do("register_bytes", name))

    def write_register(self, name: str, number: int) -> None:
        """Write a register."""
        self._do("write_register", name, number)

    def evaluate(self, expression: str) -> str:
        """Evaluate an expression in the innermost frame."""
        text: str = self._do("evaluate", expression)
        return text

    def read(self, address: int, length: int) -> bytes:
        """Read memory."""
        return bytes.fromhex(self._do("read", address, length))

    def detach(self, *, stays_stopped: bool = False) -> None:
        """Let the process go."""
        self._do("detach", stays_stopped)

    def kill(self) -> LldbStop:
        """Kill the process."""
        return LldbStop(**self._do("kill"))

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """End this lldb and everything it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE)
        if hasattr(self, "_stream"):
            self._stream.close()
            self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
