"""Observers hold nothing and change nothing; exclusive debuggers are alone."""

from __future__ import annotations

import pytest

from gdbstub.engines.gdbremote import session as _handlers  # noqa: F401  (fills the packet table)
from gdbstub.engines.gdbremote.role import OBSERVER_MAY, Role
from gdbstub.rsp import registry
from gdbstub.target.engine import Vote
from gdbstub.target.events import ProcessExited, SiteHit
from gdbstub.vocab.ids import Addr, Pid, Signo, Tid
from tests.support.playbook import ME, PID, T1, Playbook, process

NEVER = b"G M P X Z z k s C S R vRun vAttach vKill QCatchSyscalls qXfer:siginfo:write vFile:pwrite vFile:unlink"


def observer(*, stopped: bool = False) -> Playbook:
    play = Playbook(process(attached=True), supported=None, role=Role.OBSERVER)
    for thread in play.target.processes[PID].threads.values():
        thread.stopped = stopped
    play.gets(b"qSupported:multiprocess+;error-message+").forget()
    return play


def test_what_an_observer_may_is_in_the_table() -> None:
    assert {row.name for row in registry.rows()} >= OBSERVER_MAY
    assert not OBSERVER_MAY & set(NEVER.split())


@pytest.mark.parametrize("name", NEVER.split(), ids=lambda name: name.decode())
def test_e04_an_observer_is_refused_what_changes_something(name: bytes) -> None:
    play = observer()
    separator = b"" if len(name) == 1 else b":" if b":" in name or name.startswith(b"Q") else b";"
    play.gets(name + separator + b"0,0").sends_like(rb"E\.an observer changes nothing: .*").asks_nothing()


def test_an_observer_that_comes_holds_nothing_and_is_answered_at_once() -> None:
    play = observer()
    play.gets(b"?").sends_like(rb"T00thread:p64\.64;.*")
    assert play.target.vote_of(ME, T1) is Vote.CONTINUE
    assert not any(call[0] in ("hold_all", "hold", "resume") for call in play.target.take_calls())


def test_an_observer_reads_memory_and_is_told_that_registers_are_unavailable() -> None:
    play = observer()
    play.gets(b"m400000,4").sends(b"90909090")
    play.gets(b"g")
    assert set(play.sent()) == {ord("x")}
    play.gets(b"p10").sends(b"x" * 16)
    play.gets(b"pffff").sends_like(rb"E\..*")


def test_an_observer_reads_the_registers_of_a_thread_that_somebody_holds() -> None:
    observer(stopped=True).gets(b"p10").sends(b"0" * 16)


def test_an_observer_that_continues_waits_for_a_ctrl_c_or_for_the_end() -> None:
    play = observer().gets(b"?").forget()
    play.gets(b"vCont;c").sends().asks_nothing()
    play.gets(b"m400000,1").sends(b"90").forget()
    play.gets_bytes(b"\x03").sends_like(rb"T02thread:.*")
    assert not any(call[0].startswith("hold") for call in play.target.take_calls() if isinstance(call[0], str))
    play.gets(b"vCont;c").sends()
    play.event(ProcessExited(PID, Tid(PID), 3, None), Vote.CONTINUE).sends(b"W03;process:64")


def test_an_end_that_comes_while_the_observer_looks_is_told_when_it_continues() -> None:
    play = observer().gets(b"?").forget()
    play.event(ProcessExited(PID, Tid(PID), 0, Signo(9)), Vote.CONTINUE).sends()
    play.gets(b"c").sends(b"X09;process:64")


@pytest.mark.parametrize("packet", [b"vCont;s:p64.64;c", b"vCont;C05", b"vCont;t", b"c401000"])
def test_an_observer_steps_and_signals_and_moves_nothing(packet: bytes) -> None:
    observer().gets(b"?").forget().gets(packet).sends_like(rb"E\.an observer changes nothing: .*").asks_nothing()


def test_events_pass_an_observer_by() -> None:
    play = observer().gets(b"?").gets(b"vCont;c").forget()
    play.event(SiteHit(PID, T1, Addr(0x400000), hardware=False), Vote.CONTINUE).sends()
    assert play.session.passes(PID, Signo(11))
    assert not play.session.keeps_traced


def test_monitor_commands_that_change_something_are_refused_to_an_observer() -> None:
    play = observer()
    play.gets(b"qRcmd," + b"exit".hex().encode()).sends_like(rb"E\.an observer changes nothing: monitor exit.*")
    play.gets(b"qRcmd," + b"clients".hex().encode())


def test_a_file_is_opened_for_reading_only() -> None:
    play = observer()
    play.gets(b"vFile:open:2f6e6f6e65,1,1a4").sends_like(rb"F-1,d")


def test_a_client_that_is_turned_away_is_told_why_and_takes_part_in_nothing() -> None:
    play = Playbook(process(), supported=None)
    play.host.refuses = "an exclusive debugger (client 1) is connected; try again when it has left"
    play.gets(b"qSupported:multiprocess+").sends_like(rb"E\.an exclusive debugger \(client 1\) is connected; .*")
    play.gets(b"?").sends_like(rb"E\.an exclusive debugger .*").asks_nothing()
    assert not play.session.keeps_traced
    assert play.target.joined(ME) == []


def test_a_write_is_told_to_those_who_believe_what_they_read_before() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"M400000,1:cc").sends(b"OK")
    play.gets(b"P10=0000000000000000").sends(b"OK")
    assert play.host.told == [("joined", PID), ("changed", PID), ("changed", PID)]
    assert Pid(PID) == PID
