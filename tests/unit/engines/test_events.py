"""The engine that tells what happens, on a target without processes."""

from __future__ import annotations

import json

import pytest

from gdbstub.engines.events import options
from gdbstub.engines.events.eventlog import EventLog, effect
from gdbstub.engines.events.happening import Happening
from gdbstub.engines.events.options import EventOptions
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    ChildBorn,
    Execed,
    Forked,
    ForkKind,
    JobContinued,
    JobStopped,
    Joined,
    Launched,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
)
from gdbstub.vocab.errors import StartupError
from gdbstub.vocab.ids import EngineId, Pid, Signo, Tid
from tests.support.fake_target import FakeTarget
from tests.support.playbook import PID, T1, process

EVENTS: list[tuple[TraceEvent, str, dict[str, object]]] = [
    (Joined(PID, T1), "join", {"program": "/bin/fake", "threads": 1}),
    (Execed(PID, T1, b"/bin/new", T1), "exec", {"program": "/bin/new"}),
    (ThreadStarted(PID, Tid(101)), "thread-start", {}),
    (ThreadExited(PID, Tid(101), 0), "thread-exit", {"status": 0}),
    (ChildBorn(PID, T1, Pid(200), ForkKind.VFORK, False), "fork", {"child": 200, "call": "vfork", "traced": False}),
    (SignalStop(PID, T1, Signo(11)), "signal", {"signal": "SIGSEGV", "does": "ends the process"}),
    (JobStopped(PID, T1, Signo(19)), "job-stop", {"signal": "SIGSTOP"}),
    (JobContinued(PID, T1), "job-continue", {}),
    (ProcessExited(PID, T1, 3, None), "exit", {"status": 3}),
    (ProcessExited(PID, T1, 0, Signo(9)), "exit", {"signal": "SIGKILL"}),
]


@pytest.mark.parametrize(("event", "kind", "details"), EVENTS, ids=lambda value: str(value)[:16])
def test_each_event_is_told_and_nothing_is_held(event: TraceEvent, kind: str, details: dict[str, object]) -> None:
    told: list[Happening] = []
    log = EventLog(EngineId(-5), FakeTarget(process()), EventOptions(), told.append, lambda: None)
    assert type(event) in log.wants
    assert log.on_event(event) is Vote.CONTINUE
    (found,) = told
    assert (found.kind, found.pid) == (kind, PID)
    assert found.details == details


def test_what_nobody_wants_is_not_asked_for() -> None:
    told: list[Happening] = []
    log = EventLog(EngineId(-5), FakeTarget(process()), options.parse(["--only=exit"]), told.append, lambda: None)
    assert log.wants == {Joined, Launched, LaunchFailed, Forked, Execed, ProcessExited}
    log.on_event(Joined(PID, T1))
    assert not told
    assert log.passes(PID, Signo(11))


def test_no_system_call_is_ever_asked_for() -> None:
    log = EventLog(EngineId(-5), FakeTarget(), EventOptions(), lambda _: None, lambda: None)
    assert SyscallStop not in log.wants
    assert not log.catches(PID, -1)
    assert not log.keeps_traced


@pytest.mark.parametrize(
    ("sig", "ignored", "caught", "text"),
    [
        (10, 0, 1 << 9, "handler"),
        (10, 1 << 9, 0, "ignored"),
        (10, 0, 0, "ends the process"),
        (17, 0, 0, "nothing"),
        (20, 0, 0, "stops"),
        (18, 0, 0, "continues"),
        (34, 0, 0, "ends the process"),
    ],
)
def test_what_a_signal_does(sig: int, ignored: int, caught: int, text: str) -> None:
    assert effect(Signo(sig), ignored, caught) == text


def test_a_happening_is_a_line_for_people_and_one_for_programs() -> None:
    happening = Happening(86400.25, "fork", Pid(7), Tid(8), {"child": 9})
    assert happening.as_text() == "00:00:00.250000 7.8 fork child=9\n"
    assert json.loads(happening.as_json()) == {"time": 86400.25, "event": "fork", "pid": 7, "tid": 8, "child": 9}
    assert (
        Happening(0.0, "client-attach", Pid(0), Tid(0), {"client": 1}).as_text()
        == "00:00:00.000000 client-attach client=1\n"
    )


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(StartupError, match="there is no event 'forks'; choose from join, exec"):
        options.parse(["--only=exit,forks"])
    with pytest.raises(StartupError, match="unknown option '--jsno'"):
        options.parse(["--jsno"])
