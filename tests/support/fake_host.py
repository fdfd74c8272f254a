"""The server around a session, as a list of what it was told.

Used by: the unit tests of the engines.  Implements: engines.gdbremote.host.Host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.engines.follower import MakeLog
from gdbstub.engines.tracing.tracing import Tracing
from gdbstub.target.events import TraceEvent
from gdbstub.vocab.ids import EngineId, Pid


class FakeTerminals:
    """Remembers what was asked of terminals, in the host's list."""

    def __init__(self, told: list[tuple[object, ...]]) -> None:
        self._told = told

    def open(self) -> str:
        self._told.append(("open_terminal",))
        return "/dev/pts/77"

    def give(self, engine_id: EngineId, pid: Pid, path: str) -> None:
        self._told.append(("give_terminal", pid, path))

    def drop(self, path: str) -> None:
        self._told.append(("drop_terminal", path))

    def drain(self, pid: Pid) -> None:
        self._told.append(("drain_terminal", pid))

    def type(self, pid: Pid, data: bytes) -> None:
        self._told.append(("type", pid, data))


class FakeAppearances:
    """Remembers who waits for what, in the host's list."""

    def __init__(self, told: list[tuple[object, ...]]) -> None:
        self._told = told
        self.pids: dict[str, list[Pid]] = {}

    def named(self, name: str) -> Sequence[Pid]:
        return self.pids.get(name, [])

    def wait(self, engine_id: EngineId, name: str, *, existing: bool) -> None:
        self._told.append(("await_process", name, existing))

    def cancel(self, engine_id: EngineId) -> None:
        self._told.append(("await_no_process",))


class FakeHost:
    """Remembers what was said and done."""

    keeper_id = EngineId(0)

    def __init__(self) -> None:
        self.traces: Tracing | None = None
        self.said: list[str] = []
        self.printed: list[bytes] = []
        self.told: list[tuple[object, ...]] = []
        self.last_stops: dict[Pid, TraceEvent] = {}
        self.terminals = FakeTerminals(self.told)
        self.appearances = FakeAppearances(self.told)
        self.debug: dict[str, bool] = {}
        #: Takes the log of system calls that was started last.
        self.log: Callable[[bytes], None] = lambda data: None
        #: Whether ``k`` ends the server, as the command line has it.
        self.k_ends = False
        #: Whether a process stands still when a client comes to it.
        self.stands = True
        #: Why clients are turned away.
        self.refuses: str | None = None

    def tracing(self) -> Tracing:
        assert self.traces is not None
        return self.traces

    def say(self, text: str) -> None:
        self.said.append(text)

    def print(self, text: bytes) -> None:
        self.printed.append(text)

    def refusal(self, engine_id: EngineId) -> str | None:
        return self.refuses

    def changed(self, engine_id: EngineId, pid: Pid) -> None:
        self.told.append(("changed", pid))

    def joined(self, engine_id: EngineId, pid: Pid) -> bool:
        self.told.append(("joined", pid))
        return self.stands

    def note_stop(self, pid: Pid, event: TraceEvent | None) -> None:
        if event is None:
            self.last_stops.pop(pid, None)
        else:
            self.last_stops[pid] = event

    def last_stop(self, pid: Pid) -> TraceEvent | None:
        return self.last_stops.get(pid)

    def created(self, pid: Pid, program: str) -> None:
        self.told.append(("created", pid, program))

    def not_created(self, program: str, reason: str) -> None:
        self.told.append(("not created", program, reason))

    def attached(self, pid: Pid) -> None:
        self.told.append(("attached", pid))

    def detached(self, pid: Pid, *, launched: bool, extended: bool) -> None:
        self.told.append(("detached", pid, launched, extended))

    def clients(self) -> Sequence[str]:
        return ["1  somebody"]

    def set_debug(self, kind: str, on: bool) -> bool:
        self.debug[kind] = on
        return True

    def start_log(
        self, engine_id: EngineId, what: str, make: MakeLog, put: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        self.told.append(("start_log", what))
        self.log = put

    def stop_log(self, engine_id: EngineId, what: str) -> None:
        self.told.append(("stop_log", what))

    def log_to_file(self, words: str | None) -> str:
        self.told.append(("log_to_file", words))
        return "logged"

    def ends_with_k(self) -> bool:
        return self.k_ends

    def end(self, reason: str) -> None:
        self.told.append(("end", reason))
