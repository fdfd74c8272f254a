"""Processes as LLDB resumes and stops them: whole ones, one at a time; and what it is refused."""

from __future__ import annotations

import re
import signal

import pytest

from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    Forked,
    ForkKind,
    Interrupted,
    ProcessExited,
    SignalStop,
    StepDone,
    ThreadExited,
    ThreadStarted,
)
from gdbstub.vocab.errors import TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Pid, Signo, Tid
from tests.support.playbook import PID, T1, T2, T3, Playbook, process

LLDB = b"xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+"
OTHER = Pid(0x200)
USR1 = Signo(signal.SIGUSR1)


def lldb(threads: int = 1, *, two: bool = False) -> Playbook:
    processes = [process(threads=threads), *([process(pid=OTHER)] if two else [])]
    return Playbook(*processes, supported=LLDB).stopped()


def nonstop(threads: int = 1, *, two: bool = False) -> Playbook:
    return lldb(threads, two=two).gets(b"QNonStop:1").forget()


def threads_of(play: Playbook) -> list[str]:
    """Collect what follows a notification: the signal and the thread of each stop."""
    found = []
    while (reply := play.gets(b"vStopped").sent()) != b"OK":
        head = re.match(rb"(T\w\w)thread:(p\w+\.\w+);", reply)
        assert head, reply
        found.append(f"{head[1].decode()} {head[2].decode()}")
    return found


class TestRefusals:
    @pytest.mark.parametrize("letter", [b"g", b"c"])
    def test_a_thread_id_must_be_right(self, letter: bytes) -> None:
        play = lldb()
        play.gets(b"H%sp64.64" % letter).sends(b"OK")
        play.gets(b"H%sp64.99" % letter).sends(b"E15")
        for wrong in (b"p99.64", b"p0.64", b"p-1.64"):
            play.gets(b"H%s%s" % (letter, wrong)).sends(b"Eff")

    def test_whether_a_thread_lives(self) -> None:
        lldb().gets(b"Tp64.64").sends(b"OK").gets(b"Tp64.99").sends(b"E02").gets(b"Tp99.64").sends(b"E01")

    def test_what_needs_a_process(self) -> None:
        play = Playbook(supported=LLDB)
        play.gets(b"qC").sends(b"E44").gets(b"qProcessInfo").sends(b"E44")

    def test_texts_come_behind_the_number(self) -> None:
        play = lldb().gets(b"QEnableErrorStrings").sends(b"OK")
        play.gets(b"Hgp99.64").sends(b"Eff;" + b"no such process".hex().encode())

    def test_an_acknowledgement_of_nothing(self) -> None:
        lldb().gets(b"vStopped").sends(b"Eff")
        Playbook(process()).stopped().gets(b"vStopped").sends(b"OK")

    def test_gdb_is_told_errors_of_the_kernel(self) -> None:
        Playbook(process(), supported=b"multiprocess+").stopped().gets(b"Tp99.64").sends(b"E03")


class TestOneProcessAtATime:
    @pytest.mark.parametrize("packet", [b"vCont;c", b"vCont;c:p-1.-1", b"vCont;c:p64.64;c:p200.200"])
    def test_two_are_refused(self, packet: bytes) -> None:
        lldb(two=True).gets(packet).sends(b"E03")

    def test_the_others_stand(self) -> None:
        play = lldb(two=True).gets(b"vCont;c:p64.-1")
        assert play.target.take_calls()[-1] == (
            "resume",
            {PID: (), OTHER: ()},
            {PID: Vote.CONTINUE, OTHER: Vote.STOP},
        )

    def test_c_resumes_the_selected_one(self) -> None:
        play = lldb(two=True).gets(b"Hcp200.200").sends(b"OK").forget()
        play.gets(b"c")
        _, _, others = play.target.take_calls()[-1]
        assert others == {PID: Vote.STOP, OTHER: Vote.CONTINUE}

    def test_gdb_resumes_all(self) -> None:
        play = Playbook(process(), process(pid=OTHER)).stopped().gets(b"vCont;c").sends()
        _, _, others = play.target.take_calls()[-1]
        assert others == {PID: Vote.CONTINUE, OTHER: Vote.CONTINUE}


class TestSignals:
    def test_a_signal_for_all_goes_to_each(self) -> None:
        play = lldb(threads=2).gets(b"vCont;Ca")
        calls = play.target.take_calls()
        assert ("decide_signal", T1, USR1) in calls
        assert ("decide_signal", T2, USR1) in calls

    def test_gdb_sends_it_to_the_current_thread(self) -> None:
        play = Playbook(process(threads=2)).stopped().gets(b"vCont;C1e")
        calls = play.target.take_calls()
        assert ("decide_signal", T1, USR1) in calls
        assert ("decide_signal", T2, USR1) not in calls

    def test_lists_have_linuxs_numbers(self) -> None:
        play = lldb().gets(b"QPassSignals:e;a;40").sends(b"OK")
        assert play.session.pass_signals == {14, 10, 64}

    def test_a_number_that_linux_has_not(self) -> None:
        lldb().gets(b"vCont;C41").sends(b"E03")


class TestNonStop:
    def test_one_stop_stops_the_process_and_the_others_follow_without_a_reason(self) -> None:
        play = nonstop(threads=3).gets(b"vCont;c").sends(b"OK")
        play.event(SignalStop(PID, T2, USR1), Vote.STOP).sends()
        play.event(Interrupted(PID, T1), Vote.STOP).event(Interrupted(PID, T3), Vote.STOP)
        assert play.sent().startswith(b"%Stop:T0athread:p64.65;")
        assert threads_of(play) == ["T00 p64.64", "T00 p64.66"]

    def test_two_hits_in_one_stop_are_both_told(self) -> None:
        play = nonstop(threads=2).gets(b"vCont;c").forget()
        play.event(SignalStop(PID, T2, USR1)).event(StepDone(PID, T1))
        assert play.sent().startswith(b"%Stop:T0athread:p64.65;")
        assert threads_of(play) == ["T05 p64.64"]

    def test_the_question_repeats_the_sequence(self) -> None:
        play = nonstop(threads=2).gets(b"vCont;c").forget()
        play.event(SignalStop(PID, T2, USR1)).event(Interrupted(PID, T1)).forget()
        threads_of(play)
        assert play.gets(b"?").sent().startswith(b"T0athread:p64.65;")
        assert threads_of(play) == ["T00 p64.64"]

    def test_what_runs_is_not_asked_about(self) -> None:
        nonstop().gets(b"vCont;c").sends(b"OK").gets(b"?").sends(b"OK")

    @pytest.mark.parametrize("packet", [b"c", b"s", b"C05", b"vCont;c", b"vCont;c:p64.65"])
    def test_what_runs_is_not_resumed(self, packet: bytes) -> None:
        nonstop(threads=2).gets(b"vCont;c:p64.64").sends(b"OK").gets(packet).sends(b"E37")

    def test_a_thread_is_not_stopped_without_its_process(self) -> None:
        nonstop(threads=2).gets(b"vCont;c").sends(b"OK").gets(b"vCont;t:p64.65").sends(b"E03")

    @pytest.mark.parametrize("packet", [b"vCont;t", b"vCont;t:p64.-1", b"vCtrlC"])
    def test_a_process_is_stopped(self, packet: bytes) -> None:
        play = nonstop(threads=2).gets(b"vCont;c").forget()
        play.gets(packet).sends(b"OK").event(Interrupted(PID, T1)).event(Interrupted(PID, T2))
        assert play.sent().startswith(b"%Stop:T13thread:p64.64;")
        assert threads_of(play) == ["T00 p64.65"]

    def test_processes_are_apart(self) -> None:
        play = nonstop(two=True).gets(b"vCont;c").sends(b"OK")
        play.event(SignalStop(OTHER, Tid(OTHER), USR1))
        assert play.sent().startswith(b"%Stop:T0athread:p200.200;")
        assert threads_of(play) == []
        play.gets(b"vCont;c:p64.-1").sends(b"E37").gets(b"vCont;c:p200.-1").sends(b"OK")

    def test_a_thread_born_while_the_process_stops_stands_too(self) -> None:
        play = nonstop(threads=2).gets(b"vCont;c").forget()
        play.event(ThreadStarted(PID, T2), Vote.CONTINUE)
        play.event(SignalStop(PID, T1, USR1)).sends()
        # It was the last one that was waited for.
        play.event(ThreadStarted(PID, T2), Vote.STOP)
        assert play.sent().startswith(b"%Stop:T0athread:p64.64;")
        assert threads_of(play) == ["T00 p64.65"]

    def test_a_thread_that_ends_meanwhile_is_not_waited_for(self) -> None:
        play = nonstop(threads=2).gets(b"vCont;c").forget()
        play.event(SignalStop(PID, T1, USR1)).sends().event(ThreadExited(PID, T2, 0))
        assert play.sent().startswith(b"%Stop:T0athread:p64.64;")

    def test_a_child_is_told_by_its_parents_stop(self) -> None:
        play = nonstop().gets(b"vCont;c").forget()
        play.event(Forked(PID, T1, Pid(0x99), ForkKind.FORK))
        assert b"fork:p99.99;" in play.sent()

    def test_an_attached_process_is_told_of_once_it_stands(self) -> None:
        play = Playbook(supported=LLDB).gets(b"QNonStop:1").forget()
        play.gets(b"vAttach;300").sends(b"OK")
        play.event(Interrupted(Pid(0x300), Tid(0x300))).sends().event(Interrupted(Pid(0x300), Tid(0x301)))
        assert play.sent().startswith(b"%Stop:T13thread:p300.300;")
        assert threads_of(play) == ["T00 p300.301"]

    def test_an_end_is_repeated_until_it_is_acknowledged(self) -> None:
        play = nonstop().gets(b"vCont;c").forget()
        play.event(ProcessExited(PID, T1, 0, None)).sends(b"%Stop:W00;process:64")
        play.gets(b"?").sends(b"W00;process:64").gets(b"vStopped").sends(b"OK").gets(b"?").sends(b"OK")

    def test_leaving_it_stops_everything_and_forgets_what_was_to_be_told(self) -> None:
        play = nonstop(threads=2).gets(b"vCont;c").forget()
        play.gets(b"QNonStop:0").sends(b"OK").asks_for("hold_all")
        play.gets(b"vStopped").sends(b"Eff")
        assert play.gets(b"?").stands().sent().startswith(b"T")

    def test_a_signal_is_dropped_unless_it_is_named(self) -> None:
        play = nonstop().gets(b"vCont;c").forget()
        play.event(SignalStop(PID, T1, USR1)).forget()
        threads_of(play)
        play.gets(b"vCont;c").sends(b"OK")
        assert ("decide_signal", T1, NO_SIGNAL) in play.target.take_calls()


class TestEnds:
    def test_k_tells_each_end_and_ends_the_server_then(self) -> None:
        play = lldb(two=True).gets(b"k").sends()
        play.event(ProcessExited(PID, T1, 0, Signo(9))).sends(b"X09;process:64")
        assert ("end", "k") not in play.host.told
        play.event(ProcessExited(OTHER, Tid(OTHER), 0, Signo(9))).sends(b"X09;process:200")
        assert ("end", "k") in play.host.told

    def test_k_tells_of_one_that_has_just_died_too(self) -> None:
        play = lldb()
        play.target.failures["kill"] = TraceeGone(T1)
        play.gets(b"k").sends().event(ProcessExited(PID, T1, 3, None)).sends(b"W03;process:64")
        assert ("end", "k") in play.host.told

    def test_k_without_a_process_ends_the_server(self) -> None:
        play = Playbook(supported=LLDB).gets(b"k").sends()
        assert ("end", "k") in play.host.told

    def test_k_in_non_stop_is_answered_and_the_ends_are_notifications(self) -> None:
        play = nonstop().gets(b"k").sends(b"OK")
        play.event(ProcessExited(PID, T1, 0, Signo(9))).sends(b"%Stop:X09;process:64")

    def test_a_process_is_left_standing(self) -> None:
        play = lldb().gets(b"qSupportsDetachAndStayStopped").sends(b"OK")
        play.gets(b"D1;64").sends(b"OK")
        assert ("detach", PID, "stopped") in play.target.take_calls()

    def test_or_running(self) -> None:
        play = lldb().gets(b"D;64").sends(b"OK")
        assert ("detach", PID) in play.target.take_calls()


def test_forks_are_told_only_to_those_who_name_processes() -> None:
    play = Playbook(process(), supported=b"xmlRegisters=arm;fork-events+")
    assert not play.session.features.fork_events
