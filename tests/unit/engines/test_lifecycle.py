"""Starting, attaching, leaving, killing, ending."""

from __future__ import annotations

import signal

import pytest

from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    Forked,
    ForkKind,
    Interrupted,
    Launched,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SiteHit,
)
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Pid, Signo, Tid
from tests.support.playbook import ME, OTHER, PID, T1, T2, Playbook, process

NEW = Pid(500)
NEW_LEADER = Tid(500)
USR1 = Signo(signal.SIGUSR1)


# ?


def test_a_launched_process_stands_with_sigtrap() -> None:
    Playbook(process()).gets(b"?").sends_like(rb"T05.*thread:p64.64;.*")


def test_an_attached_process_stands_without_a_signal() -> None:
    Playbook(process(attached=True)).gets(b"?").sends_like(rb"T00.*thread:p64.64;.*")


def test_a_question_stops_what_runs() -> None:
    play = Playbook(process(threads=2, attached=True))
    play.target.thread(T2).stopped = False
    play.gets(b"?").sends().asks(("hold_all",))
    play.stands().sends_like(rb"T00.*")


def test_a_question_is_answered_by_the_last_stop() -> None:
    play = Playbook(process(threads=2))
    play.host.note_stop(PID, SiteHit(PID, T2, Addr(0x401000), hardware=False))
    play.gets(b"?").sends_like(rb"T05swbreak:;.*thread:p64.65;.*")
    # And so again: nothing has run.
    play.gets(b"?").sends_like(rb"T05swbreak:;.*thread:p64.65;.*")


def test_the_last_stop_of_a_thread_that_is_gone_is_forgotten() -> None:
    play = Playbook(process())
    play.host.note_stop(PID, SiteHit(PID, Tid(999), Addr(0x401000), hardware=False))
    play.gets(b"?").sends_like(rb"T05.*thread:p64.64;.*")


def test_a_question_that_meets_an_event_is_answered_by_it() -> None:
    play = Playbook(process(threads=2, attached=True))
    play.target.thread(T2).stopped = False
    play.gets(b"?")
    play.event(SignalStop(PID, T2, USR1), Vote.STOP).sends_like(rb"T1e.*thread:p64.65;.*")


def test_a_question_that_meets_the_end() -> None:
    play = Playbook(process(threads=2, attached=True))
    play.target.thread(T2).stopped = False
    play.gets(b"?")
    play.event(ProcessExited(PID, T1, 4, None)).sends(b"W04;process:64")


def test_without_a_process_it_has_exited() -> None:
    Playbook().gets(b"?").sends(b"W00")
    play = Playbook(supported=b"xmlRegisters=i386,arm")
    play.gets(b"?").sends(b"OK")
    play.gets(b"qfThreadInfo").sends(b"OK")
    play.gets(b"qC").sends(b"E44")


def test_an_end_while_everything_is_being_stopped_for_a_hit() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(SiteHit(PID, T2, Addr(0x401000), hardware=False)).sends()
    play.event(ProcessExited(PID, T1, 0, Signo(9))).sends(b"X09;process:64")


def test_an_end_that_was_not_told_yet_is_the_answer() -> None:
    play = Playbook(process()).running()
    play.event(SiteHit(PID, T1, Addr(0x401000), hardware=False)).forget()
    play.event(ProcessExited(PID, T1, 0, Signo(9)))
    play.gets(b"?").sends(b"X09;process:64")
    play.gets(b"?").sends(b"W00")


# qAttached


@pytest.mark.parametrize("attached", [False, True])
def test_whether_it_was_there_before(attached: bool) -> None:
    play = Playbook(process(attached=attached))
    play.gets(b"qAttached").sends(b"1" if attached else b"0")
    play.gets(b"qAttached:64").sends(b"1" if attached else b"0")


def test_a_process_that_others_work_on_must_not_be_killed_by_quitting() -> None:
    shared = process()
    play = Playbook(shared)
    shared.engines.append(OTHER)
    play.gets(b"qAttached:64").sends(b"1")


def test_an_unknown_process_is_an_error() -> None:
    Playbook(process()).gets(b"qAttached:999").sends_like(rb"E\..*")


# D


def test_the_only_client_ends_tracing() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"D;64").sends(b"OK").asks(("detach", PID))
    assert play.host.said == ["Detaching from process 100"]
    assert ("detached", PID, True, False) in play.host.told
    play.gets(b"?").sends(b"W00")


def test_d_without_a_pid_leaves_every_process() -> None:
    play = Playbook(process(), process(Pid(0x200), attached=True)).stopped()
    play.gets(b"!").forget()
    play.gets(b"D").sends(b"OK").asks(("detach", PID), ("detach", Pid(0x200)))
    assert ("detached", Pid(0x200), False, True) in play.host.told


SECOND = Pid(0x200)
HIT = SiteHit(PID, T1, Addr(0x401000), hardware=False)


def two_running() -> Playbook:
    play = Playbook(process(), process(SECOND)).stopped()
    play.gets(b"vCont;c").forget()
    for tid in (T1, Tid(SECOND)):
        play.target.thread(tid).stopped = False
    return play


def test_the_others_run_on_when_the_one_with_the_hit_is_left_before_it_is_told() -> None:
    play = two_running()
    play.event(HIT, Vote.STOP).sends()
    play.gets(b"D;64").sends(b"OK").asks_for("resume")
    assert play.target.votes.get((ME, Tid(SECOND))) is not Vote.STOP
    assert not play.target.thread(Tid(SECOND)).stopped
    play.event(SignalStop(SECOND, Tid(SECOND), USR1), Vote.STOP).sends_like(rb"T1e.*thread:p200.200;.*")


def test_another_hit_is_told_when_the_one_with_the_first_is_left() -> None:
    play = two_running()
    play.event(HIT, Vote.STOP).sends()
    play.target.thread(T1).stopped = False
    play.event(SignalStop(SECOND, Tid(SECOND), USR1), Vote.STOP).sends()
    play.gets(b"D;64").stands()
    assert [each[:3] for each in play.take()] == [b"OK", b"T1e"]


def test_an_interrupt_is_told_though_the_one_with_the_hit_is_left() -> None:
    play = two_running()
    play.event(HIT, Vote.STOP).sends()
    play.gets_bytes(b"\x03").gets(b"D;64").stands()
    assert [each[:3] for each in play.take()] == [b"OK", b"T02"]


def test_one_of_several_clients_only_leaves() -> None:
    shared = process()
    play = Playbook(shared).stopped()
    shared.engines.append(OTHER)
    play.gets(b"D;64").sends(b"OK").asks(("detach", PID))
    assert play.host.said == []
    assert not [told for told in play.host.told if told[0] == "detached"]
    assert play.target.pids() == [PID]
    assert play.session.pids() == []


@pytest.mark.parametrize("payload", [b"D;999", b"vKill;999"])
def test_what_is_not_ours_is_not_touched(payload: bytes) -> None:
    Playbook(process()).gets(payload).sends(b"E.process 2457 is not yours").asks_nothing()


def test_without_a_process_there_is_nothing_to_leave() -> None:
    Playbook().gets(b"D").sends(b"E.no process")


def test_a_detach_delivers_the_reported_signal() -> None:
    play = Playbook(process()).running()
    play.event(SignalStop(PID, T1, USR1)).forget()
    play.gets(b"D;64").sends(b"OK").asks(("detach", PID))


def test_a_detach_drops_a_signal_that_the_program_must_not_see() -> None:
    play = Playbook(process()).running()
    play.gets(b"QProgramSignals:1f").forget()
    play.target.thread(T1).siginfo = int(USR1).to_bytes(4, "little") + bytes(124)
    play.event(SignalStop(PID, T1, USR1)).forget()
    play.gets(b"D;64").asks(("decide_signal", T1, NO_SIGNAL), ("detach", PID))
    play = Playbook(process()).running()
    play.gets(b"QProgramSignals:1e").forget()
    play.target.thread(T1).siginfo = int(USR1).to_bytes(4, "little") + bytes(124)
    play.event(SignalStop(PID, T1, USR1)).forget()
    play.gets(b"D;64").asks(("detach", PID))


def test_a_detach_from_a_running_process() -> None:
    play = Playbook(process()).running()
    play.gets(b"D;64").sends(b"OK").asks(("detach", PID))
    # Nothing is waited for any more.
    play.gets(b"?").sends(b"W00")


def test_a_child_that_the_client_was_not_told_of_goes_with_its_parent() -> None:
    play = Playbook(process(threads=2), process(NEW)).running()
    play.event(SiteHit(PID, T1, Addr(0x401000), hardware=False)).forget()
    play.event(Forked(PID, T2, NEW, ForkKind.FORK)).stands().forget()
    assert play.session.pids() == [PID]
    play.gets(b"D;64").sends(b"OK").asks(("detach", NEW), ("detach", PID))
    assert play.session.pids() == []


@pytest.mark.parametrize("payload", [b"D;64", b"D", b"vKill;64"])
def test_a_process_that_died_while_it_was_believed_to_stand_can_be_left(payload: bytes) -> None:
    play = Playbook(process()).stopped()
    play.event(ProcessExited(PID, T1, 0, Signo(9))).sends()
    play.gets(payload).sends(b"OK").asks_nothing()
    play.gets(b"?").sends(b"W00")


# vKill, k


def test_a_kill_is_answered_when_it_is_dead() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"vKill;64").sends().asks(("kill", PID))
    play.event(ProcessExited(PID, T1, 0, Signo(9))).sends(b"OK")
    play.gets(b"?").sends(b"W00")


def test_a_kill_while_running() -> None:
    play = Playbook(process()).running()
    play.gets(b"vKill;64").sends().asks(("kill", PID))
    play.event(ProcessExited(PID, T1, 0, Signo(9))).sends(b"OK")


def test_k_kills_and_says_nothing() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"k").sends().asks(("kill", PID))
    assert play.host.said == ["Killing all inferiors"]
    assert ("end", "k") in play.host.told
    play.event(ProcessExited(PID, T1, 0, Signo(9))).sends()


def test_k_in_extended_mode_keeps_the_server() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"!").forget()
    play.gets(b"k").sends()
    assert ("end", "k") not in play.host.told
    play.host.k_ends = True
    play.gets(b"k")
    assert ("end", "k") in play.host.told


# vRun


def test_a_run_is_answered_by_its_first_stop() -> None:
    play = Playbook()
    play.gets(b"vRun;2f62696e2f66616b65;61;6220").sends().asks(("launch", ("/bin/fake", "a", "b ")))
    play.event(Launched(NEW, NEW_LEADER), Vote.STOP).sends_like(rb"T05.*thread:p1f4.1f4;.*")
    assert ("created", NEW, "/bin/fake") in play.host.told
    play.gets(b"qC").sends(b"QCp1f4.1f4")


def test_a_run_without_a_name_runs_the_last_program() -> None:
    play = Playbook(program=["/bin/first", "x"])
    play.gets(b"vRun;").asks(("launch", ("/bin/first", "x")))
    play = Playbook(program=["/bin/first", "x"])
    play.gets(b"vRun;;79").asks(("launch", ("/bin/first", "y")))


def test_a_run_of_nothing_is_refused() -> None:
    Playbook().gets(b"vRun;").sends_like(rb"E\.no program given.*").asks_nothing()


def test_a_run_that_cannot_be_started_is_refused() -> None:
    play = Playbook()
    play.target.failures["launch"] = TargetError(2, "there is no such program")
    play.gets(b"vRun;61").sends(b"E.there is no such program")
    play.gets(b"?").sends(b"W00")


def test_a_run_that_fails_later_says_why() -> None:
    play = Playbook()
    play.gets(b"vRun;61").sends()
    play.event(LaunchFailed(NEW, NEW_LEADER, "Cannot exec a: No such file or directory."))
    play.sends(b"E.Cannot exec a: No such file or directory.")
    # gdb before 15 shows no text of ours: whoever sees the server's stderr reads it there.
    assert play.host.told == [("not created", "a", "Cannot exec a: No such file or directory.")]


def test_a_failure_is_told_to_lldb_by_the_call_that_failed() -> None:
    play = Playbook(supported=b"xmlRegisters=i386,arm").gets(b"QEnableErrorStrings").forget()
    play.gets(b"vRun;61")
    play.event(LaunchFailed(NEW, NEW_LEADER, "Cannot exec a: No such file.", "execve failed: No such file"))
    play.sends(b"E01;" + b"execve failed: No such file".hex().encode())


def test_a_run_uses_what_the_client_chose() -> None:
    play = Playbook()
    play.gets(b"QEnvironmentHexEncoded:5041544841533d31").gets(b"QSetWorkingDir:2f").forget()
    play.gets(b"vRun;61")
    environment = play.session.launch_spec.environment
    assert environment is not None
    assert environment["PATHAS"] == "1"
    assert play.session.launch_spec.working_directory == "/"


def test_an_interrupt_during_a_run_is_reported_when_it_stands() -> None:
    play = Playbook()
    play.gets(b"vRun;61").gets_bytes(b"\x03")
    play.event(Launched(NEW, NEW_LEADER))
    play.sends_like(rb"T0[25].*thread:p1f4.1f4;.*").forget()
    # The start itself is not one more stop.
    play.gets(b"vCont;c").sends().asks_for("resume")


# A


def test_a_launch_is_answered_ok_when_it_stands_and_told_by_a_question() -> None:
    play = Playbook()
    play.gets(b"A4,0,2f61,4,1,6220").sends().asks(("launch", ("/a", "b ")))
    play.event(Launched(NEW, NEW_LEADER), Vote.STOP).sends(b"OK")
    assert ("created", NEW, "/a") in play.host.told
    play.gets(b"qLaunchSuccess").sends(b"OK")
    play.gets(b"qC").sends(b"QCp1f4.1f4")
    play.gets(b"?").sends_like(rb"T05.*thread:p1f4.1f4;.*")


def test_a_launch_in_non_stop_is_answered_ok() -> None:
    play = Playbook().gets(b"QNonStop:1").forget()
    play.gets(b"A2,0,61").event(Launched(NEW, NEW_LEADER), Vote.STOP).sends(b"OK")


@pytest.mark.parametrize("at_once", [True, False])
def test_a_launch_that_fails_is_explained_by_the_next_question(at_once: bool) -> None:
    play = Playbook()
    if at_once:
        play.target.failures["launch"] = TargetError(2, "no such $program")
    play.gets(b"A2,0,61")
    if not at_once:
        play.event(LaunchFailed(NEW, NEW_LEADER, "no such $program"))
    play.sends(b"E.no such ?program")
    play.gets(b"qLaunchSuccess").sends(b"Eno such ?program")
    play.target.failures.clear()
    play.gets(b"A2,0,61").gets(b"qLaunchSuccess").sends(b"OK")


def test_a_launched_program_that_dies_at_once_was_launched() -> None:
    play = Playbook()
    play.gets(b"A2,0,61").event(ProcessExited(NEW, NEW_LEADER, 0, Signo(9))).sends(b"OK")
    play.gets(b"?").sends(b"X09;process:1f4")


def test_r_restarts_in_extended_mode_only() -> None:
    Playbook(process(), program=["/bin/a"]).gets(b"R00").sends(b"").asks_nothing()
    Playbook().gets(b"!").forget().gets(b"R00").sends(b"")


def test_r_kills_and_starts_anew_and_what_follows_is_about_the_new_program() -> None:
    play = Playbook(process(), program=["/bin/a", "b"]).stopped()
    play.gets(b"!").forget()
    play.gets(b"R00").sends().asks(("kill", PID), ("launch", ("/bin/a", "b")))
    play.gets(b"qC").sends()
    play.event(ProcessExited(PID, T1, 0, Signo(9))).sends()
    play.event(Launched(NEW, NEW_LEADER), Vote.STOP).sends(b"QCp1f4.1f4")
    play.gets(b"?").sends_like(rb"T05.*thread:p1f4.1f4;.*")


def test_what_follows_a_restart_that_failed_is_answered() -> None:
    play = Playbook(process(), program=["/bin/a"]).stopped()
    play.gets(b"!").forget()
    play.gets(b"R00").gets(b"qAttached:1f4").sends()
    play.event(ProcessExited(PID, T1, 0, Signo(9)))
    play.target.processes.pop(NEW)
    play.session.on_event(LaunchFailed(NEW, NEW_LEADER, "no"))
    play._collect()
    play.sends_like(rb"E\..*")


# vAttach


def test_an_attach_is_answered_when_everything_stands() -> None:
    play = Playbook()
    play.gets(b"vAttach;1f4").sends().asks(("seize", NEW), ("hold_all",))
    play.stands().sends_like(rb"T00.*thread:p1f4.1f4;.*")
    assert ("attached", NEW) in play.host.told


def test_a_process_that_is_traced_already_is_shared() -> None:
    play = Playbook(process(), supported=None)
    # Another client's, which this one did not get at its first packet.
    play.session.spoken = True
    play.gets(b"vAttach;64").sends_like(rb"T00.*")
    assert ("join", PID) in play.target.calls
    assert not [call for call in play.target.calls if call[0] == "seize"]


def test_to_attach_twice_is_refused() -> None:
    Playbook(process()).gets(b"vAttach;64").sends(b"E.process 100 is attached already").asks_nothing()


def test_a_refused_attach_says_why() -> None:
    play = Playbook()
    play.target.failures["seize"] = TargetError(1, "process 500 is traced by 7 (gdb)")
    play.gets(b"vAttach;1f4").sends(b"E.process 500 is traced by 7 (gdb)")
    play.gets(b"?").sends(b"W00")


def test_a_process_that_dies_during_the_attach() -> None:
    play = Playbook()
    play.gets(b"vAttach;1f4").sends()
    play.event(ProcessExited(NEW, NEW_LEADER, 0, Signo(9))).sends(b"X09;process:1f4")


def test_a_signal_that_arrives_during_the_attach_is_reported() -> None:
    play = Playbook()
    play.gets(b"vAttach;1f4")
    play.event(SignalStop(NEW, NEW_LEADER, USR1), Vote.STOP).stands()
    play.sends_like(rb"T1e.*thread:p1f4.1f4;.*")


def test_nonstop_an_attach_is_answered_at_once_and_the_stops_follow() -> None:
    play = Playbook()
    play.gets(b"QNonStop:1").forget()
    play.gets(b"vAttach;1f4").sends(b"OK")
    play.event(Interrupted(NEW, NEW_LEADER), Vote.STOP).sends_like(rb"%Stop:T00.*thread:p1f4.1f4;.*")
    play.event(Interrupted(NEW, Tid(NEW + 1)), Vote.STOP).sends()
    play.gets(b"vStopped").sends_like(rb"T00.*thread:p1f4.1f5;.*")
    play.gets(b"vStopped").sends(b"OK")


def test_nonstop_a_run_is_answered_by_its_first_stop() -> None:
    play = Playbook()
    play.gets(b"QNonStop:1").forget()
    play.gets(b"vRun;61").sends()
    play.event(Launched(NEW, NEW_LEADER), Vote.STOP).sends_like(rb"T05.*thread:p1f4.1f4;.*")


def test_a_client_that_comes_to_a_running_process() -> None:
    play = Playbook(process(attached=True), supported=None)
    play.host.stands = False
    play.target.thread(T1).stopped = False
    play.gets(b"qSupported:multiprocess+").forget()
    assert play.target.vote_of(ME, T1) is Vote.CONTINUE
    play.gets(b"m400000,1").sends(b"90")
    play.gets(b"?").stands().sends_like(rb"T00.*")


def test_engines_are_told_apart_from_the_server() -> None:
    shared = process()
    play = Playbook(shared)
    assert not play.session.others_on(PID)
    shared.engines.append(EngineId(7))
    assert play.session.others_on(PID)
