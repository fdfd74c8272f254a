"""Two gdbs, an lldb and a log of system calls on one program of 8 threads, under load.

``GDBSTUB_HITS`` says how many hits each debugger is to meet (``scripts/stack-under-load``: 10000), ``OTHER_GDB``
which gdb the second one is.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Protocol

import pytest

from tests.support import proc
from tests.support.debuggers.gdb_session import OTHER_GDB, GdbSession, StartGdb
from tests.support.debuggers.lldb_session import LldbSession, StartLldb
from tests.support.gates import NAMES, OPEN, THREADS, Gate, log_beside, untraced
from tests.support.rsp_client import RspClient
from tests.support.stub import attach
from tests.support.tracees import Program, Tracee, TraceeBuilder, running

#: Hits of each debugger, and after how many of them it leaves and comes back.
HITS = int(os.environ.get("GDBSTUB_HITS", "240"))
PER_SESSION = min(1000, HITS // 3)
#: Hits between two looks at whether somebody else is away, and seconds for so many.
CHUNK, CHUNK_SECONDS = max(1, PER_SESSION // 16), 60.0
#: Seconds for everything, with much to spare.
DEADLINE = 180 + HITS * 0.3


class Debugger(Protocol):
    """One of the debuggers: it comes, meets its breakpoint, leaves in one way or another, and comes back."""

    ways: ClassVar[Sequence[str]]

    def come(self) -> None:
        """Connect and set the breakpoint."""

    def begin(self, count: int, base: int) -> None:
        """Continue until the breakpoint was hit so often.  ``base`` calls are over before."""

    def end_meet(self) -> int:
        """Check that it was, and nothing else; return how often."""

    def has_answered(self) -> bool:
        """Tell whether there is an answer to what was begun."""

    def signal(self, number: int) -> None:
        """Send the debugger a signal."""

    def leave(self, way: str) -> None:
        """Go, with the program standing at a hit."""

    def look_on(self) -> None:
        """Take the breakpoint out and let the program run."""

    def end(self) -> None:
        """Leave for good: the process goes free with the last of them."""


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

    def begin(self, count: int, base: int) -> None:
        self._session.begin_meet(self._number, count, f"*(long *) {self._gate.counter}", base)

    def end_meet(self) -> int:
        met, odd = self._session.end_meet(CHUNK_SECONDS)
        assert odd == []
        return met

    def look(self) -> int:
        """Press Ctrl-C, read what its function has counted, and let the program run on; return the number."""
        self._session.interrupt()
        assert self._session.end_cont().signal == "SIGINT"
        counted = self._session.number(f"*(long *) {self._gate.counter}")
        self._session.begin_cont()
        return counted

    def has_answered(self) -> bool:
        return self._session.has_answered()

    def signal(self, number: int) -> None:
        self._session.send_signal(number)

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
        self._session: LldbSession
        self._number = 0

    def come(self) -> None:
        self._session = self._start()
        self._session.connect(self._port)
        self._number = self._session.break_at(f"*{self._gate.place}")

    def begin(self, count: int, base: int) -> None:
        self._session.begin_meet(self._number, count, self._gate.counter, base)

    def has_answered(self) -> bool:
        return self._session.has_answered()

    def signal(self, number: int) -> None:
        self._session.send_signal(number)

    def end_meet(self) -> int:
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
    """A debugger that meets all its hits, in two sessions or more."""

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
                if self._is_done(self.met):
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

    def _is_done(self, met: int) -> bool:
        return met >= HITS and self.sessions > 1

    def _session(self, base: int) -> None:
        """Meet hits until it is time to leave and nobody else is away, or until all are met."""
        here = 0
        self.sessions += 1
        while not self._is_done(self.met + here):
            assert not self._failed.is_set()
            self._debugger.begin(CHUNK, base + here)
            here += self._debugger.end_meet()
            if here >= PER_SESSION and not self._is_done(self.met + here) and self._away.acquire(blocking=False):
                break
        self.met += here


class Stage:
    """The program, its server, and three debuggers with a breakpoint each, none of which has come yet."""

    def __init__(self, program: Program, tracee: Tracee, port: int, gdb: StartGdb, lldb: StartLldb) -> None:
        self.program = program
        self.tracee = tracee
        self.port = port
        self.gates = gates = [Gate(program, tracee, kind) for kind in range(len(NAMES))]
        self.debuggers: list[Debugger] = [
            GdbSide(gdb, program, port, gates[0], None),
            GdbSide(gdb, program, port, gates[1], OTHER_GDB),
            LldbSide(lldb, program, port, gates[2]),
        ]

    def check_free(self) -> None:
        """Check that nothing of the debuggers is left in the program, and end it."""
        proc.wait_untraced(self.tracee.pid)
        proc.check_text(self.tracee.pid, self.program)
        self.tracee.ping()
        assert self.tracee.finish() == 0


@pytest.fixture
def stage(build: TraceeBuilder, gdb: StartGdb, lldb: StartLldb) -> Iterator[Callable[[int], Stage]]:
    """Set a stage whose functions are called so many times each."""
    program = build("e2e_stack")
    with ExitStack() as stack:

        def set_up(total: int) -> Stage:
            tracee = stack.enter_context(running(program, total))
            stub = stack.enter_context(attach(tracee.pid))
            return Stage(program, tracee, stub.port, gdb, lldb)

        yield set_up


@pytest.mark.timeout(DEADLINE + 60)
def test_debuggers_and_a_log_on_one_program_meet_every_hit_and_every_call(
    stage: Callable[[int], Stage], tmp_path: Path
) -> None:
    # Each leave lets the calls of at most all threads pass unseen; who cannot leave yet goes on.
    total = HITS + 2 * THREADS * (HITS // PER_SESSION) + 4000
    here = stage(total)
    tracee, gates, debuggers = here.tracee, here.gates, here.debuggers
    begin = time.monotonic()
    away, failed = threading.Lock(), threading.Event()
    players = [Player(each, gate, away, failed) for each, gate in zip(debuggers, gates, strict=True)]
    for each in debuggers:
        each.come()
    with ThreadPoolExecutor(len(players)) as pool:
        playing = [pool.submit(each.play) for each in players]
        # It answers, so all three have let it run.
        tracee.ping()
        with log_beside(here.port, tmp_path / "log") as log:
            log.wait_until_begun()
            tracee.tell(OPEN)
            for play in playing:
                play.result(DEADLINE)
            tracee.tell("e")
            assert tracee.line(60) == untraced(here.program, total)
            for debugger in debuggers:
                debugger.end()
            assert log.process.wait(30) == 0
            assert log.check(here.program, tracee.pid) == 3 * total
    here.check_free()
    met = ", ".join(f"{each.met} in {each.sessions} sessions" for each in players)
    print(f"hits: {met}; {time.monotonic() - begin:.0f} s")
    assert min(each.met for each in players) >= HITS


def test_each_client_is_killed_in_turn_and_the_others_go_on(
    stage: Callable[[int], Stage], gdb: StartGdb, tmp_path: Path
) -> None:
    total = 3000
    here = stage(total)
    first, second, third = here.debuggers
    for each in here.debuggers:
        each.come()
        each.begin(total, 0)
    here.tracee.ping()
    with log_beside(here.port, tmp_path / "log") as log:
        log.wait_until_begun()
        here.tracee.tell(OPEN)
        left = dict(zip(here.debuggers, here.gates, strict=True))
        for victim in (first, None, third, second):
            for gate in left.values():
                gate.wait_for_more(20)
            # None of them has met anything odd: it would have answered.
            assert not any(each.has_answered() for each in left)
            if victim is None:
                log.process.kill()
                log.process.wait()
            else:
                victim.leave("crash")
                del left[victim]
    log.check_beginning(here.program, here.tracee.pid)
    # The process is as the last one left it, and the next client's.
    last = gdb(here.program, ["set sysroot /"])
    last.connect(here.port)
    last.detach()
    here.tracee.tell("e")
    assert here.tracee.line(60) == untraced(here.program, total)
    here.check_free()


@pytest.mark.parametrize("which", ["gdb", "lldb"])
def test_a_debugger_that_is_stopped_delays_the_others_by_what_it_holds_only(
    stage: Callable[[int], Stage], which: str
) -> None:
    total = 1000
    here = stage(total)
    one, other, lldb = here.debuggers
    stopped, gate = (one, here.gates[0]) if which == "gdb" else (lldb, here.gates[2])
    assert isinstance(other, GdbSide)
    stopped.come()
    other.come()
    stopped.begin(1, 0)
    other.begin(1, 0)
    here.tracee.ping()
    stopped.signal(signal.SIGSTOP)
    # It holds nothing: the other one meets its hits as ever.
    here.gates[1].open()
    other.end_meet()
    other.begin(50, 1)
    other.end_meet()
    other.look_on()
    # Once its own breakpoint is met it holds everything, and the other one can look all the same.
    gate.open()
    with RspClient(here.port) as watcher:
        watcher.handshake()

        def held() -> bool:
            threads = watcher.monitor("threads").splitlines()
            return all("held by client 1" in line for line in threads)

        proc.wait_until(held, "everything is held for the debugger that is stopped", 20)
    assert other.look() == here.gates[1].entered
    assert gate.entered == 0
    stopped.signal(signal.SIGCONT)
    stopped.end_meet()
    stopped.leave("detach")
    here.tracee.tell(OPEN + "e")
    assert here.tracee.line(60) == untraced(here.program, total)
    other.end()
    here.check_free()
