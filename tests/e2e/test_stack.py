"""Two gdbs, an lldb and a log of system calls on one program of 8 threads, under load.

``GDBSTUB_HITS`` says how many hits each debugger is to meet (``scripts/stack-under-load``: 10000), ``OTHER_GDB``
which gdb the second one is.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Protocol

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import GdbSession, StartGdb
from tests.support.debuggers.lldb_session import LldbSession, StartLldb
from tests.support.stub import attach, server_command
from tests.support.syscall_logs import joined
from tests.support.tracees import Program, Tracee, TraceeBuilder, environment, running

#: Hits of each debugger, and after how many of them it leaves and comes back.
HITS = int(os.environ.get("GDBSTUB_HITS", "240"))
PER_SESSION = min(1000, HITS // 3)
#: Hits between two looks at whether somebody else is away, and seconds for so many.
CHUNK, CHUNK_SECONDS = max(1, PER_SESSION // 16), 60.0
#: Seconds for everything, with much to spare.
DEADLINE = 180 + HITS * 0.3
THREADS = 8
OTHER_GDB = os.environ.get("OTHER_GDB", "/usr/local/bin/gdb")


class Gate:
    """One of the program's functions: how often it was entered, and whether threads may call it."""

    def __init__(self, program: Program, tracee: Tracee, kind: int) -> None:
        self.name = ("alpha", "beta", "delta")[kind]
        self.counter = program.address("entered") + 8 * kind
        self._letter = "ABC"[kind]
        self._gate = program.address("gates") + 8 * kind
        self._tracee = tracee

    def open(self) -> None:
        """Let threads call it, as soon as the program runs."""
        self._tracee.tell(self._letter)

    def _number(self, address: int) -> int:
        return numbers(self._tracee.pid, address, 1)[0]

    @property
    def entered(self) -> int:
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


def numbers(pid: int, address: int, count: int) -> list[int]:
    """Return longs of a program's memory."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        data = memory.read(8 * count)
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


class Debugger(Protocol):
    """One of the debuggers: it comes, meets its breakpoint, leaves in one way or another, and comes back."""

    ways: ClassVar[Sequence[str]]

    def come(self) -> None:
        """Connect and set the breakpoint."""

    def meet(self, count: int, base: int) -> int:
        """Continue until the breakpoint was hit so often; return how often.  ``base`` calls are over before."""

    def leave(self, way: str) -> None:
        """Go, with the program standing at a hit."""

    def look_on(self) -> None:
        """Take the breakpoint out and let the program run."""

    def end(self) -> None:
        """Leave for good."""


class GdbSide:
    """A gdb."""

    ways: ClassVar[Sequence[str]] = ("crash", "detach", "disconnect")

    def __init__(self, start: StartGdb, program: Program, port: int, gate: Gate, command: str | None) -> None:
        self._start: Callable[[], GdbSession] = lambda: start(program, ["set sysroot /"], command=command)
        self._port = port
        self._gate = gate
        self._session: GdbSession
        self._number = 0

    def come(self) -> None:
        self._session = self._start()
        self._session.connect(self._port)
        self._number = self._session.break_at(f"*{self._gate.name}")

    def meet(self, count: int, base: int) -> int:
        self._session.begin_meet(self._number, count, f"*(long *) {self._gate.counter}", base)
        assert self._session.end_meet(CHUNK_SECONDS) == []
        return count

    def leave(self, way: str) -> None:
        if way != "crash":
            self._session.execute(way)
        self._session.crash()

    def look_on(self) -> None:
        self._session.execute("delete")
        self._session.begin_cont()

    def end(self) -> None:
        self._session.interrupt()
        self._session.end_cont()
        self._session.detach()


class LldbSide:
    """An lldb."""

    ways: ClassVar[Sequence[str]] = ("crash", "detach")

    def __init__(self, start: StartLldb, program: Program, port: int, gate: Gate) -> None:
        self._start: Callable[[], LldbSession] = lambda: start(program)
        self._port = port
        self._gate = gate
        self._program = program
        self._session: LldbSession
        self._number = 0

    def come(self) -> None:
        self._session = self._start()
        self._session.connect(self._port)
        self._number = self._session.break_at(f"*{self._program.address(self._gate.name)}")

    def meet(self, count: int, base: int) -> int:
        self._session.begin_meet(self._number, count, self._gate.counter, base)
        met, odd = self._session.end_meet(CHUNK_SECONDS)
        assert odd == []
        return met

    def leave(self, way: str) -> None:
        if way != "crash":
            self._session.execute(f"process {way}")
        self._session.close()

    def look_on(self) -> None:
        # Its driver, which waits for each stop, cannot be told to interrupt.
        self._session.detach()

    def end(self) -> None:
        self._session.close()


class Player:
    """A debugger that meets all its hits, in several sessions."""

    def __init__(self, debugger: Debugger, gate: Gate, away: threading.Lock, failed: threading.Event) -> None:
        self._debugger = debugger
        self._gate = gate
        #: Who has it may leave: only one is away at a time, so that each finds the others at work.
        self._away = away
        self._failed = failed
        self.met = self.sessions = 0

    def play(self) -> None:
        """Meet everything; the debugger has come before."""
        try:
            base = 0
            while True:
                self._session(base)
                if self.met >= HITS:
                    break
                self._gate.close()
                self._debugger.leave(self._debugger.ways[self.sessions % len(self._debugger.ways)])
                base = self._gate.wait_until_left()
                self._debugger.come()
                self._gate.open()
                self._away.release()
            self._debugger.look_on()
        except BaseException:
            self._failed.set()
            raise

    def _session(self, base: int) -> None:
        """Meet hits until it is time to leave and nobody else is away, or until all are met."""
        here = 0
        self.sessions += 1
        while here + self.met < HITS:
            assert not self._failed.is_set()
            here += self._debugger.meet(CHUNK, base + here)
            if here >= PER_SESSION and here + self.met < HITS and self._away.acquire(blocking=False):
                break
        self.met += here


@contextmanager
def log_of(port: int, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Log system calls beside the debuggers."""
    words = [*server_command(), "strace", "-o", str(file), f"localhost:{port}"]
    with subprocess.Popen(words, env=environment(), process_group=0) as log:
        try:
            yield log
        finally:
            log.kill()


def check_log(text: str, program: Program, pid: int) -> None:
    """Compare the calls of each thread with what the program has counted."""
    lines = joined(re.sub(" +=", " =", text))
    seeks, waits, tids = (numbers(pid, program.address(name), THREADS) for name in ("seeks", "waits", "tids"))
    for tid, sought, waited in zip(tids, seeks, waits, strict=True):
        mine = [line for line in lines[tid] if line.startswith(("lseek(", "futex("))]
        assert [line for line in mine if line.startswith("lseek(")] == [
            f"lseek(-1, {each}, SEEK_SET) = -1 EBADF (Bad file descriptor)" for each in range(sought)
        ]
        assert sum(line.startswith("futex(") for line in mine) == waited
        # Beyond that, what the C library does at a thread's end.
        rest = [line for line in lines[tid] if line not in mine]
        assert all(re.match(r"rt_sigprocmask|madvise|exit\(|\+\+\+ exited with 0", line) for line in rest), rest
    assert sum(seeks) >= 3 * HITS


def untraced(program: Program, total: int) -> str:
    """Return what the program says when nobody looks at it."""
    with running(program, total) as tracee:
        tracee.tell("ABCe")
        line = tracee.line()
        assert tracee.finish() == 0
    return line


@pytest.mark.timeout(DEADLINE + 60)
def test_debuggers_and_a_log_on_one_program(
    build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb, tmp_path: Path
) -> None:
    program = build("e2e_stack")
    # Each leave lets the calls of at most all threads pass unseen.
    total = HITS + 2 * THREADS * (HITS // PER_SESSION + 2)
    expected = untraced(program, total)
    begin = time.monotonic()
    with running(program, total) as tracee, attach(tracee.pid) as stub:
        gates = [Gate(program, tracee, kind) for kind in range(3)]
        other = OTHER_GDB if Path(OTHER_GDB).exists() else None
        debuggers: list[Debugger] = [
            GdbSide(gdb, program, stub.port, gates[0], None),
            GdbSide(gdb, program, stub.port, gates[1], other),
            LldbSide(lldb, program, stub.port, gates[2]),
        ]
        away, failed = threading.Lock(), threading.Event()
        players = [Player(each, gate, away, failed) for each, gate in zip(debuggers, gates, strict=True)]
        for each in debuggers:
            each.come()
        with ThreadPoolExecutor(len(players)) as pool:
            playing = [pool.submit(each.play) for each in players]
            # It answers, so all three have let it run.
            tracee.ping()
            file = tmp_path / "log"
            with log_of(stub.port, file) as log:
                proc.wait_until(
                    lambda: file.exists() and file.read_text().count(" futex(") >= THREADS,
                    "the log has begun: it shows what each thread waits in",
                )
                for gate in gates:
                    gate.open()
                for play in playing:
                    play.result(DEADLINE)
                tracee.tell("e")
                assert tracee.line(60) == expected
                for debugger in debuggers:
                    debugger.end()
                assert log.wait(30) == 0
        proc.wait_untraced(tracee.pid)
        proc.check_text(tracee.pid, program)
        check_log(file.read_text(), program, tracee.pid)
        tracee.ping()
        assert tracee.finish() == 0
        met = ", ".join(
            f"{gate.name} {each.met} in {each.sessions}" for gate, each in zip(gates, players, strict=True)
        )
        print(f"hits and sessions: {met}; {time.monotonic() - begin:.0f} s")
        assert min(each.met for each in players) >= HITS
