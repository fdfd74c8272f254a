"""Stop replies, and what becomes of events while the client is being told of another."""

from __future__ import annotations

import signal

import pytest

from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    Execed,
    Forked,
    ForkKind,
    Interrupted,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    VforkDone,
    WatchHit,
    WatchKind,
)
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Pid, Signo, Tid
from tests.support.playbook import ME, PID, T1, T2, T3, Playbook, process

X = Addr(0x401000)
EVERYTHING = b"multiprocess+;swbreak+;hwbreak+;fork-events+;vfork-events+;exec-events+;error-message+"
#: rbp, rsp and rip of a fake thread, before and after its thread-id.
REGISTERS = b"06:0000000000000000;07:0000000000000000;10:0000000000000000;"


def hit(tid: Tid = T1, address: Addr = X) -> SiteHit:
    return SiteHit(PID, tid, address, hardware=False)


def usr1(tid: Tid = T1) -> SignalStop:
    return SignalStop(PID, tid, Signo(signal.SIGUSR1))


@pytest.mark.parametrize(
    ("event", "head"),
    [
        (hit(), b"T05swbreak:;"),
        (SiteHit(PID, T1, X, hardware=True), b"T05hwbreak:;"),
        (WatchHit(PID, T1, Addr(0x7FF0), WatchKind.WRITE), b"T05watch:7ff0;"),
        (WatchHit(PID, T1, Addr(0x7FF0), WatchKind.READ), b"T05rwatch:7ff0;"),
        (WatchHit(PID, T1, Addr(0x7FF0), WatchKind.ACCESS), b"T05awatch:7ff0;"),
        (StepDone(PID, T1), b"T05"),
        (usr1(), b"T1e"),
        (SignalStop(PID, T1, Signo(signal.SIGSEGV)), b"T0b"),
        (SignalStop(PID, T1, Signo(34)), b"T2e"),
        (SignalStop(PID, T1, Signo(16)), b"T8f"),
        (SyscallStop(PID, T1, 59, entry=True), b"T05syscall_entry:3b;"),
        (SyscallStop(PID, T1, 1, entry=False), b"T05syscall_return:1;"),
        (Execed(PID, T1, b"/bin/a;b", T2), b"T05exec:2f62696e2f613b62;"),
        (Forked(PID, T1, Pid(0x99), ForkKind.FORK), b"T05fork:p99.99;"),
        (Forked(PID, T1, Pid(0x99), ForkKind.VFORK), b"T05vfork:p99.99;"),
        (VforkDone(PID, T1), b"T05vforkdone:;"),
    ],
)
def test_each_event(event: TraceEvent, head: bytes) -> None:
    play = Playbook(process(), supported=EVERYTHING).running()
    play.event(event, Vote.STOP).sends(head + REGISTERS + b"thread:p64.64;core:1;")
    assert play.host.last_stops[PID] == event


@pytest.mark.parametrize(
    ("event", "reply"),
    [
        (ProcessExited(PID, T1, 0, None), b"W00;process:64"),
        (ProcessExited(PID, T1, 255, None), b"Wff;process:64"),
        (ProcessExited(PID, T1, 0, Signo(signal.SIGKILL)), b"X09;process:64"),
        (ProcessExited(PID, T1, 0, Signo(signal.SIGUSR1)), b"X1e;process:64"),
    ],
)
def test_each_end(event: ProcessExited, reply: bytes) -> None:
    play = Playbook(process()).running()
    play.event(event).sends(reply)
    assert PID not in play.host.last_stops


def test_without_extensions_a_stop_says_less() -> None:
    play = Playbook(process(), supported=b"").running()
    play.event(hit()).sends(b"T05" + REGISTERS + b"thread:64;core:1;")
    play = Playbook(process(), supported=b"").running()
    play.event(ProcessExited(PID, T1, 3, None)).sends(b"W03")


def test_disabled_parts_of_a_stop() -> None:
    play = Playbook(process(), disabled=frozenset({"Tthread"})).running()
    play.event(hit()).sends(b"T05swbreak:;" + REGISTERS + b"core:1;")
    play = Playbook(process(), disabled=frozenset({"T"})).running()
    play.event(hit()).sends(b"S05")


def test_an_unknown_processor_is_left_out() -> None:
    play = Playbook(process()).running()
    play.target.thread(T1).core = None
    play.event(hit()).sends(b"T05swbreak:;" + REGISTERS + b"thread:p64.64;")


def test_a_thread_that_dies_before_the_report_is_reported_without_registers() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(hit(T2))
    play.target.processes[PID].threads.pop(T2)
    play.stands().sends(b"T05swbreak:;thread:p64.65;")


def test_a_stop_is_reported_when_everything_stands() -> None:
    play = Playbook(process(threads=3)).running()
    play.event(hit(T2), Vote.STOP).sends().asks(("hold_all",))
    play.stands().sends(b"T05swbreak:;" + REGISTERS + b"thread:p64.65;core:1;")
    play.gets(b"qC").sends(b"QCp64.65")


def test_events_that_concern_nobody_let_threads_run() -> None:
    play = Playbook(process(threads=2), supported=b"").running()
    play.event(ThreadStarted(PID, T1), Vote.CONTINUE)
    play.event(ThreadExited(PID, T2, 0), Vote.CONTINUE)
    play.event(Execed(PID, T1, b"/bin/a", T1), Vote.CONTINUE)
    play.sends()


# Events that come while the client is being told of another


def test_a_second_hit_is_reported_at_the_next_resume() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"Z0,401000,1").gets(b"vCont;c").forget()
    play.event(hit(T1)).event(hit(T2), Vote.STOP)
    play.sends_like(rb"T05swbreak:;.*thread:p64.64;.*").forget()
    play.target.set_pc(T2, X)
    play.gets(b"vCont;c").sends_like(rb"T05swbreak:;.*thread:p64.65;.*").asks(("hold_all",))
    # And then there is nothing left to be told.
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_a_pending_hit_of_a_thread_that_stays_is_kept() -> None:
    play = Playbook(process(threads=3)).stopped()
    play.gets(b"Z0,401000,1").gets(b"vCont;c").forget()
    play.event(hit(T1)).event(hit(T2)).stands().forget()
    play.target.set_pc(T2, X)
    play.gets(b"vCont;s:p64.64").sends().asks_for("resume")
    play.event(StepDone(PID, T1)).stands().sends_like(rb"T05.*thread:p64.64;.*")
    play.gets(b"vCont;c").sends_like(rb"T05swbreak:;.*thread:p64.65;.*")


def test_a_pending_hit_of_a_removed_breakpoint_is_dropped() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"Z0,401000,1").gets(b"vCont;c").forget()
    play.event(hit(T1)).event(hit(T2)).forget()
    play.target.set_pc(T2, X)
    play.gets(b"z0,401000,1").forget()
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_a_pending_hit_of_a_moved_thread_is_dropped() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"Z0,401000,1").gets(b"vCont;c").forget()
    play.event(hit(T1)).event(hit(T2)).forget()
    play.target.set_pc(T2, Addr(0x402000))
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_a_pending_hit_of_a_debug_register_must_be_where_the_thread_is() -> None:
    for address, still in ((X, True), (Addr(0x402000), False)):
        play = Playbook(process(threads=2)).stopped()
        play.gets(b"Z1,401000,1").gets(b"vCont;c").forget()
        play.event(hit(T1)).event(SiteHit(PID, T2, X, hardware=True)).forget()
        play.target.set_pc(T2, address)
        play.gets(b"vCont;c")
        assert bool(play.session.has_output or play._items) is still


def test_a_pending_step_is_stale_unless_the_thread_steps_again() -> None:
    for action, still in ((b"vCont;c", False), (b"vCont;s:p64.65", True)):
        play = Playbook(process(threads=2)).running()
        play.event(hit(T1)).event(StepDone(PID, T2)).forget()
        play.gets(action)
        assert bool(play._items) is still


@pytest.mark.parametrize(
    ("asked", "event"),
    [
        (b"QPassSignals:", usr1(T2)),
        (b"Z2,7ff0,8", WatchHit(PID, T2, Addr(0x7FF0), WatchKind.WRITE)),
        (b"QCatchSyscalls:1;1", SyscallStop(PID, T2, 1, entry=True)),
        (b"QPassSignals:", Forked(PID, T2, Pid(0x99), ForkKind.FORK)),
    ],
)
def test_what_cannot_become_stale_is_reported_at_the_next_resume(asked: bytes, event: TraceEvent) -> None:
    play = Playbook(process(threads=2), supported=EVERYTHING).stopped()
    play.gets(asked).gets(b"vCont;c").forget()
    play.event(hit(T1)).event(event, Vote.STOP).forget()
    play.gets(b"vCont;c").sends_like(rb"T.*thread:p64.65;.*")
    # Nothing ran meanwhile.
    assert "resume" not in [call[0] for call in play.target.take_calls()]


@pytest.mark.parametrize(
    ("asked", "event", "unasked"),
    [
        (b"QPassSignals:", usr1(T2), b"QPassSignals:1e"),
        (b"Z1,401000,1", SiteHit(PID, T2, X, hardware=True), b"z1,401000,1"),
        (b"Z2,7ff0,8", WatchHit(PID, T2, Addr(0x7FF0), WatchKind.WRITE), b"z2,7ff0,8"),
        (b"QCatchSyscalls:1;1;2", SyscallStop(PID, T2, 1, entry=True), b"QCatchSyscalls:1;2"),
        (b"QCatchSyscalls:1", SyscallStop(PID, T2, 1, entry=True), b"QCatchSyscalls:0"),
    ],
)
def test_e09_what_is_not_asked_for_any_more_is_not_reported(asked: bytes, event: TraceEvent, unasked: bytes) -> None:
    play = Playbook(process(threads=2), supported=EVERYTHING).stopped()
    play.target.set_pc(T2, X)
    play.gets(asked).gets(b"vCont;c").forget()
    play.event(hit(T1)).event(event, Vote.STOP).forget()
    play.gets(unasked).forget()
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_a_pending_event_of_a_thread_that_died_is_dropped() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(hit(T1)).event(usr1(T2)).forget()
    play.event(ThreadExited(PID, T2, 0))
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_pending_events_are_reported_one_at_a_time() -> None:
    play = Playbook(process(threads=3)).running()
    play.event(hit(T1)).event(usr1(T2)).event(usr1(T3)).forget()
    play.gets(b"vCont;c").sends_like(rb"T1e.*thread:p64.65;.*")
    play.gets(b"vCont;c").sends_like(rb"T1e.*thread:p64.66;.*")
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_a_pending_signal_is_not_decided_before_it_was_reported() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(hit(T1)).event(usr1(T2)).forget()
    play.gets(b"vCont;c").sends_like(rb"T1e.*").asks(("hold_all",))
    play.gets(b"vCont;C1e:p64.65;c")
    assert ("decide_signal", T2, Signo(signal.SIGUSR1)) in play.target.take_calls()


def test_a_process_that_died_while_the_client_believed_it_stopped() -> None:
    play = Playbook(process()).running()
    play.event(hit()).forget()
    play.event(ProcessExited(PID, T1, 0, Signo(9))).sends()
    play.gets(b"vCont;c").sends(b"X09;process:64")
    play.gets(b"vCont;c").sends(b"E.no process")


def test_an_exec_forgets_what_was_pending() -> None:
    play = Playbook(process(threads=2), supported=EVERYTHING).running()
    play.event(hit(T1)).event(usr1(T2)).forget()
    play.event(Execed(PID, T1, b"/bin/a", T2)).forget()
    assert list(play.session.reports.pending) == [T1]


# The interrupt byte


def test_an_interrupt_stops_a_running_target_with_sigint() -> None:
    play = Playbook(process(threads=2)).running()
    play.gets_bytes(b"\x03").sends().asks(("hold_all",))
    play.stands().sends_like(rb"T02.*thread:p64.64;.*")


def test_an_interrupt_wins_over_a_hit_and_the_hit_is_told_next() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"Z0,401000,1").gets(b"vCont;c").forget()
    play.gets_bytes(b"\x03")
    play.event(hit(T2)).sends()
    play.stands().sends_like(rb"T02.*")
    play.target.set_pc(T2, X)
    play.gets(b"vCont;c").sends_like(rb"T05swbreak:;.*thread:p64.65;.*")


def test_an_interrupt_after_a_hit_and_before_its_report_wins() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(hit(T2)).sends()
    play.gets_bytes(b"\x03").sends()
    play.stands().sends_like(rb"T02.*")


def test_an_interrupt_that_crosses_a_stop_answers_the_next_resume() -> None:
    play = Playbook(process()).running()
    play.event(hit()).forget()
    play.gets_bytes(b"\x03").sends().asks_nothing()
    play.gets(b"vCont;c").sends_like(rb"T02.*").asks(("hold_all",))
    # Once.
    play.gets(b"vCont;c").sends().asks_for("resume")
    play.event(usr1()).sends_like(rb"T1e.*")


def test_a_question_answers_an_interrupt_too() -> None:
    play = Playbook(process()).gets_bytes(b"\x03\x03").sends().asks_nothing()
    play.gets(b"?").sends_like(rb"T05.*")
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_an_end_wins_over_an_interrupt() -> None:
    play = Playbook(process(threads=2)).running()
    play.gets_bytes(b"\x03")
    play.event(ProcessExited(PID, T1, 0, None)).sends(b"W00;process:64")


def test_an_interrupt_of_several_processes_is_told_of_the_newest() -> None:
    play = Playbook(process(), process(Pid(0x200), attached=True)).stopped()
    play.session.reports.newest = Pid(0x200)
    play.gets(b"Hgp64.64").gets(b"vCont;c").forget()
    play.gets_bytes(b"\x03").stands().sends_like(rb"T02.*thread:p200.200;.*")


def test_an_interrupt_is_told_of_a_process_that_ran() -> None:
    play = Playbook(process(), process(Pid(0x200), attached=True)).stopped()
    play.session.reports.newest = Pid(0x200)
    play.gets(b"Hgp200.200").gets(b"vCont;c:p64.-1").forget()
    play.gets_bytes(b"\x03").stands().sends_like(rb"T02.*thread:p64.64;.*")


def test_two_interrupts_give_one_stop() -> None:
    play = Playbook(process(threads=2)).running()
    play.gets_bytes(b"\x03\x03").stands().sends_like(rb"T02.*")
    play.gets(b"vCont;c").sends()


def test_an_interrupt_between_the_last_threads_end_and_the_processs() -> None:
    # A leader that ended first is no thread any more, and its status comes after all the others.
    play = Playbook(process()).running()
    play.target.processes[PID].threads.clear()
    play.gets_bytes(b"\x03").sends()
    play.event(ProcessExited(PID, T1, 5, None)).sends(b"W05;process:64")


# The last resumed thread goes


def test_when_no_resumed_thread_is_left_the_client_is_told() -> None:
    play = Playbook(process(threads=2), supported=EVERYTHING + b";no-resumed+").stopped()
    play.gets(b"vCont;c:p64.65").forget()
    play.event(ThreadExited(PID, T2, 0)).sends(b"N")
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_a_client_that_does_not_know_n_gets_a_stop() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"vCont;c:p64.65").forget()
    play.event(ThreadExited(PID, T2, 0)).sends_like(rb"T00.*thread:p64.64;.*")


def test_while_others_run_on_a_threads_end_is_not_told() -> None:
    play = Playbook(process(threads=3), supported=EVERYTHING + b";no-resumed+").running()
    play.event(ThreadExited(PID, T2, 0)).sends()


def test_an_interrupt_under_way_answers_for_a_thread_that_goes() -> None:
    play = Playbook(process(threads=2), supported=EVERYTHING + b";no-resumed+").stopped()
    play.gets(b"vCont;c:p64.65").forget()
    play.gets_bytes(b"\x03")
    play.event(ThreadExited(PID, T2, 0)).sends_like(rb"T02.*")


# Processes that others let go


def test_a_process_that_another_client_lets_go_is_gone() -> None:
    play = Playbook(process()).running()
    play.target.processes.clear()
    play.session.on_lost(PID)
    play.gets(b"qfThreadInfo")
    play.sends(b"W00;process:64", b"l")


def test_an_event_while_the_client_was_told_of_a_stop_is_held() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(hit(T1)).stands().forget()
    assert play.target.vote_of(ME, T2) is Vote.STOP
    play.event(Interrupted(PID, T2), Vote.STOP).sends()
    # The client never asked for it: it is not told.
    play.gets(b"vCont;c").sends().asks_for("resume")


def test_a_stops_signal_is_dropped_unless_the_client_passes_it_on() -> None:
    play = Playbook(process()).running()
    play.event(usr1()).forget()
    play.gets(b"vCont;c")
    assert ("decide_signal", T1, NO_SIGNAL) in play.target.take_calls()


def test_passed_signals_need_no_report() -> None:
    play = Playbook(process())
    assert not play.session.passes(PID, Signo(10))
    play.gets(b"QPassSignals:1e")
    assert play.session.passes(PID, Signo(10))
    assert not play.session.passes(PID, Signo(12))


def test_an_error_in_the_middle_of_a_report_is_no_end() -> None:
    play = Playbook(process()).running()

    def refuse(tid: Tid) -> int | None:
        raise TargetError(3)

    play.target.thread_core = refuse  # type: ignore[method-assign]  # one thread's file is gone
    play.event(hit()).sends(b"T05swbreak:;" + REGISTERS + b"thread:p64.64;")
