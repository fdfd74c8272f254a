"""The trace for viewers: what of it is a slice, and when slices end."""

from __future__ import annotations

import json

from gdbstub.engines.events.perfetto import Perfetto
from gdbstub.engines.syscalls.causes import holder, reason
from gdbstub.engines.syscalls.log import SyscallLog
from gdbstub.engines.syscalls.options import LogOptions
from gdbstub.target.engine import Vote
from gdbstub.target.events import Held, Joined, LetGo, ProcessExited, SignalStop, SiteHit, StepDone, TraceEvent
from gdbstub.vocab.ids import Addr, EngineId, Signo
from tests.support.fake_target import FakeTarget
from tests.support.playbook import PID, T1, process

LOG = EngineId(7)


def slices(*events: TraceEvent) -> list[dict[str, object]]:
    """Let these events happen to a process; return its slices of stops."""
    texts: list[str] = []
    target = FakeTarget(process())
    view = Perfetto(texts.append, lambda _: "name")
    log = SyscallLog(LOG, target, LogOptions(), texts.append, lambda *_: None, lambda: None, view)
    log.on_event(Joined(PID, T1))
    for event in events:
        assert log.on_event(event) is Vote.CONTINUE
    log.finish()
    return [each for each in json.loads("".join(texts)) if each["ph"] == "X"]


def test_a_stop_by_debuggers_is_a_slice_with_who_and_why() -> None:
    hit = SiteHit(PID, T1, Addr(0x1234), hardware=False)
    (found,) = slices(Held(PID, T1, (EngineId(1), EngineId(2)), hit), LetGo(PID, T1))
    assert found["name"] == "held by client 1, client 2: breakpoint at 0x1234"
    assert found["cat"] == "debugger" and found["tid"] == T1
    assert found["args"] == {"held_by": ["client 1", "client 2"], "why": "breakpoint at 0x1234"}


def test_a_change_of_holders_is_another_slice() -> None:
    step = StepDone(PID, T1)
    found = slices(
        Held(PID, T1, (EngineId(1),), None), LetGo(PID, T1), Held(PID, T1, (EngineId(1), EngineId(2)), step)
    )
    assert [each["name"] for each in found] == ["held by client 1: interrupt", "held by client 1, client 2: step"]


def test_the_end_of_the_thread_ends_its_stop() -> None:
    signal = SignalStop(PID, T1, Signo(11))
    (found,) = slices(Held(PID, T1, (EngineId(1),), signal), ProcessExited(PID, T1, 0, Signo(9)))
    assert found["name"] == "held by client 1: SIGSEGV"


def test_a_stop_for_the_log_itself_is_none() -> None:
    assert not slices(Held(PID, T1, (LOG,), None), LetGo(PID, T1))


def test_who_and_why_in_words() -> None:
    assert [holder(EngineId(number)) for number in (3, 0, -1000)] == ["client 3", "the server", "an engine"]
    assert reason(Joined(PID, T1)) == reason(None) == "interrupt"
