"""Reports about threads: ``QThreadEvents`` and ``QThreadOptions``."""

from __future__ import annotations

import pytest

from gdbstub.rsp.commands.threadevents import ThreadOptions
from gdbstub.target.engine import Vote
from gdbstub.target.events import Cloned, Execed, ThreadExited, ThreadStarted
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import ALL, ThreadSpec
from tests.support.playbook import PID, T1, T2, T3, Playbook, process

EVENTS = b"multiprocess+;QThreadEvents+;QThreadOptions+;error-message+"


def play_of(threads: int = 2) -> Playbook:
    return Playbook(process(threads=threads), supported=EVENTS)


def test_they_are_offered_to_a_client_that_knows_them() -> None:
    assert b"QThreadEvents" not in Playbook(process(), supported=None).gets(b"qSupported:multiprocess+").sent()
    answer = Playbook(process(), supported=None).gets(b"qSupported:" + EVENTS).sent()
    assert b"QThreadEvents+" in answer and b"QThreadOptions=3" in answer


def test_every_beginning_and_end_is_reported_while_events_are_on() -> None:
    play = play_of()
    play.gets(b"QThreadEvents:1").sends(b"OK").running()
    play.event(ThreadStarted(PID, T2), Vote.STOP).asks(("hold_all",))
    play.stands().sends_like(rb"T05create:;.*thread:p64.65;.*")
    play.running().event(ThreadExited(PID, T2, 7)).asks(("hold_all",))
    play.stands().sends(b"w07;p64.65")
    play.gets(b"QThreadEvents:0").sends(b"OK").running()
    play.event(ThreadStarted(PID, T1), Vote.CONTINUE).sends()


def test_the_end_of_a_thread_is_told_later_where_something_else_was_told_first() -> None:
    play = play_of(4)
    play.gets(b"QThreadEvents:1").sends(b"OK").running()
    play.event(ThreadStarted(PID, T3), Vote.STOP)
    play.event(ThreadExited(PID, T2, 7)).stands().sends_like(rb"T05create:;.*thread:p64.66;.*")
    # One that comes while it stands is told too, in order.
    play.event(ThreadExited(PID, T3, 0)).sends().forget()
    play.gets(b"vCont;c").asks(("hold_all",)).stands().sends(b"w07;p64.65")
    play.forget().gets(b"vCont;c").stands().sends(b"w00;p64.66")
    play.forget().gets(b"vCont;c").asks_for("resume")


def test_a_ctrl_c_is_told_before_the_end_of_a_thread_that_it_met() -> None:
    play = play_of(3)
    play.gets(b"QThreadEvents:1").sends(b"OK").running()
    play.event(ThreadExited(PID, T2, 7)).gets_bytes(b"\x03").stands().sends_like(rb"T02.*")
    play.forget().gets(b"vCont;c").stands().sends(b"w07;p64.65")


def test_a_cloning_thread_with_the_option_stops_and_its_child_is_not_listed_before() -> None:
    play = play_of(3)
    play.gets(b"QThreadOptions;0;1:p64.64").sends(b"OK").asks(("clone_events", frozenset({T1})))
    play.running().event(Cloned(PID, T1, T3), Vote.STOP)
    play.stands().sends_like(rb"T05clone:p64.66;.*thread:p64.64;.*")
    play.gets(b"qfThreadInfo").sends(b"mp64.64,p64.65,p64.66")
    # Another thread's event comes first: the clone is told at the next resume.
    play.running().event(ThreadStarted(PID, T2), Vote.CONTINUE)


def test_a_clone_by_another_thread_is_not_reported() -> None:
    play = play_of(3)
    play.gets(b"QThreadOptions;1:p64.64").sends(b"OK").running()
    play.event(Cloned(PID, T2, T3), Vote.CONTINUE).sends()


def test_the_end_of_a_thread_with_the_option_is_reported_once() -> None:
    play = play_of(3)
    play.gets(b"QThreadOptions;2:p64.65").sends(b"OK").running()
    play.event(ThreadExited(PID, T2, 0))
    play.stands().sends(b"w00;p64.65")
    assert play.session.thread_options == {}
    play.running().event(ThreadExited(PID, T3, 0)).sends()


def test_the_last_of_several_options_counts_and_others_keep_theirs() -> None:
    play = play_of(3)
    play.gets(b"QThreadOptions;3").sends(b"OK")
    assert play.session.thread_options == {T1: 3, T2: 3, T3: 3}
    play.gets(b"QThreadOptions;1:p64.65;0:p64.65").sends(b"OK")
    assert play.session.thread_options == {T1: 3, T3: 3}
    play.gets(b"QThreadOptions;0:p64.-1;2:p64.64").sends(b"OK")
    assert play.session.thread_options == {T1: 2}


def test_an_exec_keeps_the_options_of_the_thread_that_called_it() -> None:
    play = play_of()
    play.gets(b"QThreadOptions;1:p64.64;2:p64.65").sends(b"OK").running()
    play.target.processes[PID].threads.pop(T2)
    play.event(Execed(PID, T1, b"/bin/a", T2))
    assert play.session.thread_options == {T1: 2}


@pytest.mark.parametrize("text", [b"", b"4", b"1:", b"1;", b":p1.1", b"1:x", b"-1"])
def test_bad_options(text: bytes) -> None:
    with pytest.raises(PacketError):
        ThreadOptions.parse(text)


def test_options_without_a_thread_are_for_all() -> None:
    assert ThreadOptions.parse(b"3;0:p64.65").choices == ((3, ThreadSpec(None, ALL)), (0, ThreadSpec(0x64, 0x65)))
