"""What each form of resume asks of the target, in all-stop and in non-stop."""

from __future__ import annotations

import signal

import pytest

from gdbstub.target.engine import Vote
from gdbstub.target.events import Interrupted, ProcessExited, SignalStop, SiteHit, StepDone
from gdbstub.target.ops import ThreadAction
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Pid, Signo, Tid
from tests.support.fake_target import SPEC
from tests.support.playbook import ME, PID, T1, T2, T3, Playbook, process

STOP, STEP, CONTINUE = Vote.STOP, Vote.STEP, Vote.CONTINUE
OTHER_PID = Pid(0x200)
U1 = Tid(0x200)
X = Addr(0x401000)
USR1, SEGV = Signo(signal.SIGUSR1), Signo(signal.SIGSEGV)

Asked = tuple[tuple[ThreadAction, ...], Vote]


def asked(play: Playbook, pid: Pid = PID) -> Asked:
    """Return what the one resume asked for in a process."""
    resumes = [call for call in play.target.take_calls() if call[0] == "resume"]
    assert len(resumes) == 1
    _, named, others = resumes[0]
    assert isinstance(named, dict)
    assert isinstance(others, dict)
    return named[pid], others[pid]


def action(tid: Tid, vote: Vote, sig: Signo = NO_SIGNAL, span: tuple[Addr, Addr] | None = None) -> ThreadAction:
    return ThreadAction(tid, vote, sig, span)


@pytest.mark.parametrize(
    ("payload", "named", "others"),
    [
        (b"vCont;c", (), CONTINUE),
        (b"vCont;c:p-1.-1", (), CONTINUE),
        (b"vCont;c:p64.-1", (), CONTINUE),
        (b"vCont;c:-1", (), CONTINUE),
        (b"vCont;c:p64.65", (action(T2, CONTINUE),), STOP),
        (b"vCont;c:65", (action(T2, CONTINUE),), STOP),
        (b"vCont;s:p64.65", (action(T2, STEP),), STOP),
        (b"vCont;s:p64.65;c", (action(T2, STEP),), CONTINUE),
        (b"vCont;s:p64.65;c:p64.-1", (action(T2, STEP),), CONTINUE),
        (b"vCont;s:p64.64;s:p64.65;c", (action(T1, STEP), action(T2, STEP)), CONTINUE),
        # The first action that fits a thread is its action.
        (b"vCont;s:p64.65;c:p64.65", (action(T2, STEP),), STOP),
        (b"vCont;c;s:p64.65", (), CONTINUE),
        (b"vCont;r401000,401010:p64.65", (action(T2, STEP, NO_SIGNAL, (X, Addr(0x401010))),), STOP),
        (b"vCont;s", (action(T1, STEP), action(T2, STEP), action(T3, STEP)), CONTINUE),
        (b"vCont;c:p64.64;s", (action(T1, CONTINUE), action(T2, STEP), action(T3, STEP)), CONTINUE),
    ],
)
def test_votes(payload: bytes, named: tuple[ThreadAction, ...], others: Vote) -> None:
    play = Playbook(process(threads=3)).stopped()
    assert asked(play.gets(payload).sends()) == (named, others)


def test_c_lets_every_thread_run() -> None:
    play = Playbook(process(threads=2)).stopped()
    named, others = asked(play.gets(b"c"))
    assert others is CONTINUE
    assert all(each.vote is CONTINUE for each in named)


def test_s_steps_the_current_thread_and_lets_the_others_run() -> None:
    play = Playbook(process(threads=2)).stopped()
    assert asked(play.gets(b"s")) == ((action(T1, STEP),), CONTINUE)


def test_hc_names_the_thread_that_s_steps() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"Hcp64.65").sends(b"OK")
    assert asked(play.gets(b"s")) == ((action(T2, STEP),), CONTINUE)


def test_hc_of_a_thread_that_is_gone_means_the_current_one() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"Hc999").forget()
    assert asked(play.gets(b"s")) == ((action(T1, STEP),), CONTINUE)


def test_a_step_after_a_stop_steps_the_thread_that_stopped() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(SiteHit(PID, T2, X, hardware=False)).stands().forget()
    assert asked(play.gets(b"s")) == ((action(T2, STEP),), CONTINUE)


@pytest.mark.parametrize("payload", [b"c402000", b"s402000"])
def test_an_address_is_written_first(payload: bytes) -> None:
    play = Playbook(process()).stopped()
    play.gets(payload)
    assert play.target.calls[0] == ("write_register", T1, SPEC.pc, (0x402000).to_bytes(8, "little"))
    assert play.target.calls[-1][0] == "resume"


def test_a_signal_and_an_address() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"C1e;402000")
    names = [call[0] for call in play.target.calls]
    assert names == ["write_register", "decide_signal", "resume"]


# Signals


def test_a_signal_for_one_thread() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"vCont;C1e:p64.65;c")
    assert play.target.calls[0] == ("decide_signal", T2, USR1)
    assert asked(play) == ((action(T2, CONTINUE, USR1),), CONTINUE)


def test_a_signal_for_everybody_goes_to_the_current_thread() -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"Hgp64.65").gets(b"vCont;C1e").forget()
    play = Playbook(process(threads=2)).stopped()
    play.gets(b"C0b")
    assert ("decide_signal", T1, SEGV) in play.target.calls
    assert not [call for call in play.target.calls if call[0] == "decide_signal" and call[1] != T1]


def test_another_signal_takes_the_place_of_the_reported_one() -> None:
    play = Playbook(process()).running()
    play.event(SignalStop(PID, T1, USR1)).sends_like(rb"T1e.*").forget()
    play.gets(b"vCont;C0b:p64.64")
    assert play.target.calls[0] == ("decide_signal", T1, SEGV)


def test_the_reported_signal_is_passed_on_by_its_number() -> None:
    play = Playbook(process()).running()
    play.event(SignalStop(PID, T1, USR1)).forget()
    play.gets(b"vCont;C1e")
    assert play.target.calls[0] == ("decide_signal", T1, USR1)


def test_a_reported_signal_waits_while_its_thread_stays() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(SignalStop(PID, T2, USR1)).stands().forget()
    play.gets(b"vCont;s:p64.64")
    assert [call[0] for call in play.target.take_calls()] == ["resume"]
    play.event(StepDone(PID, T1)).forget()
    play.gets(b"vCont;c")
    assert ("decide_signal", T2, NO_SIGNAL) in play.target.calls


def test_a_signal_that_linux_lacks_is_refused() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"C07").sends_like(rb"E\..*signal.*").asks_nothing()
    play.gets(b"vCont;C7:p64.64").sends_like(rb"E\..*").asks_nothing()
    play.gets(b"vCont;c").sends()


# Refusals


@pytest.mark.parametrize("payload", [b"vCont;t", b"vCont;t:p64.64", b"vCont;c:p64.65;t:p64.64"])
def test_a_stop_action_needs_non_stop(payload: bytes) -> None:
    play = Playbook(process(threads=2)).stopped()
    play.gets(payload).sends_like(rb"E\..+").asks_nothing()
    play.gets(b"vCont;c").sends()


@pytest.mark.parametrize("payload", [b"vCont;c:p64.999", b"vCont;s:p999.-1", b"vCont;c:p999.1"])
def test_a_resume_of_nothing_is_refused(payload: bytes) -> None:
    # Nobody would ever send a stop reply.
    play = Playbook(process()).stopped()
    play.gets(payload).sends_like(rb"E\..+").asks_nothing()
    play.gets(b"vCont;c").sends()


@pytest.mark.parametrize("payload", [b"vCont;c", b"c", b"s", b"C05"])
def test_without_a_process_nothing_is_resumed(payload: bytes) -> None:
    Playbook().gets(payload).sends(b"E.no process").asks_nothing()


def test_vcont_can_be_switched_off() -> None:
    play = Playbook(process(), disabled=frozenset({"vCont"}))
    play.gets(b"vCont?").sends(b"")
    play.gets(b"vCont;c").sends(b"").forget()
    play.gets(b"c").sends().asks_for("resume")


def test_vcont_actions() -> None:
    Playbook(process()).gets(b"vCont?").sends(b"vCont;c;C;s;S;t;r")
    Playbook(process(), disabled=frozenset({"vConts"})).gets(b"vCont?").sends(b"vCont;c;C;s;S;t")


# Two processes


def test_one_process_of_two_runs() -> None:
    play = Playbook(process(), process(OTHER_PID)).stopped()
    play.gets(b"vCont;c:p200.-1")
    _, named, others = play.target.calls[-1]
    assert others == {PID: STOP, OTHER_PID: CONTINUE}
    assert named == {PID: (), OTHER_PID: ()}


def test_a_step_in_one_process_and_the_rest_runs() -> None:
    play = Playbook(process(), process(OTHER_PID)).stopped()
    play.gets(b"vCont;s:p200.200;c:p64.-1")
    _, named, others = play.target.calls[-1]
    assert others == {PID: CONTINUE, OTHER_PID: STOP}
    assert named == {PID: (), OTHER_PID: (action(U1, STEP),)}


# Non-stop


def nonstop(threads: int = 2) -> Playbook:
    play = Playbook(process(threads=threads))
    play.gets(b"QNonStop:1").sends(b"OK")
    for number in range(threads):
        play.target.votes[ME, Tid(PID + number)] = STOP
    return play.forget()


def test_nonstop_a_resume_is_answered_at_once() -> None:
    play = nonstop()
    play.gets(b"vCont;c:p64.65").sends(b"OK").asks(("amend", action(T2, CONTINUE)))
    play.gets(b"vCont;c").sends(b"OK").asks(("amend", action(T1, CONTINUE)))


def test_nonstop_a_stop_is_a_notification_and_the_others_run_on() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.event(SiteHit(PID, T2, X, hardware=False), STOP).asks_nothing()
    play.sends_like(rb"%Stop:T05swbreak:;.*thread:p64.65;.*")
    assert not play.target.thread(T1).stopped
    play.gets(b"vStopped").sends(b"OK")


def test_nonstop_notifications_wait_for_the_acknowledgement() -> None:
    play = nonstop(3)
    play.gets(b"vCont;c").forget()
    for tid in (T1, T2, T3):
        play.event(SiteHit(PID, tid, X, hardware=False))
    play.sends_like(rb"%Stop:.*thread:p64.64;.*")
    play.gets(b"vStopped").sends_like(rb"T05.*thread:p64.65;.*")
    play.gets(b"vStopped").sends_like(rb"T05.*thread:p64.66;.*")
    play.gets(b"vStopped").sends(b"OK")
    # The next stop is a notification again.
    play.gets(b"vCont;c").forget()
    play.event(SiteHit(PID, T1, X, hardware=False)).sends_like(rb"%Stop:.*")


def test_nonstop_an_acknowledgement_of_nothing_is_ok() -> None:
    nonstop().gets(b"vStopped").sends(b"OK")


def test_nonstop_a_thread_can_be_stopped() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.gets(b"vCont;t:p64.65").sends(b"OK")
    assert ("hold", T2) in play.target.take_calls()
    play.event(Interrupted(PID, T2), STOP).sends_like(rb"%Stop:T00.*thread:p64.65;.*")


def test_nonstop_all_threads_can_be_stopped() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.gets(b"vCont;t").sends(b"OK")
    assert ("hold", T1, T2) in play.target.take_calls()


def test_nonstop_a_stopped_thread_is_not_stopped_again() -> None:
    play = nonstop()
    play.gets(b"vCont;t:p64.65").sends(b"OK").asks_nothing()


def test_nonstop_a_thread_that_another_engine_holds_is_reported_at_once() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.target.thread(T2).stopped = True
    play.gets(b"vCont;t:p64.65")
    assert [item[:9] for item in play._items] == [b"%Stop:T00", b"OK"]


def test_nonstop_a_reported_signal_is_decided_by_its_threads_resume() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.event(SignalStop(PID, T2, USR1)).sends_like(rb"%Stop:T1e.*").forget()
    play.gets(b"vCont;c:p64.64")
    assert "decide_signal" not in [call[0] for call in play.target.take_calls()]
    play.gets(b"vCont;C0b:p64.65")
    assert ("decide_signal", T2, SEGV) in play.target.take_calls()


def test_nonstop_an_end_is_a_notification() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.event(ProcessExited(PID, T1, 7, None)).sends(b"%Stop:W07;process:64")


@pytest.mark.parametrize("interrupt", [b"$vCtrlC#4e", b"\x03"])
def test_nonstop_an_interrupt_stops_one_running_thread(interrupt: bytes) -> None:
    play = nonstop()
    play.gets(b"vCont;c:p64.65").forget()
    play.gets_bytes(interrupt)
    assert ("hold", T2) in play.target.take_calls()
    play._items.clear()
    play.event(Interrupted(PID, T2), STOP).sends_like(rb"%Stop:T02.*thread:p64.65;.*")


def test_nonstop_an_interrupt_of_nothing_that_runs() -> None:
    nonstop().gets(b"vCtrlC").sends(b"OK").asks_nothing()


#: That the third thread stands.
STANDS = b"%Stop:T0506:0000000000000000;07:0000000000000000;10:0000000000000000;thread:p64.66;core:1;"


def test_nonstop_a_question_gets_every_stop() -> None:
    play = nonstop(3)
    play.target.votes[ME, T2] = CONTINUE
    play.target.thread(T2).stopped = False
    play.gets(b"?").sends_like(rb"T05.*thread:p64.64;.*")
    play.gets(b"vStopped").sends(b"OK")
    # gdb takes only one before it has asked for something else; the others are notifications.
    play.gets(b"QPassSignals:").sends(b"OK")
    play.gets(b"qC").sends(b"QCp64.64", STANDS)
    play.gets(b"vStopped").sends(b"OK").gets(b"qC").sends(b"QCp64.64")


def test_nonstop_what_runs_by_then_is_not_told_as_standing() -> None:
    play = nonstop(3)
    play.gets(b"?").sends_like(rb"T05.*thread:p64.64;.*").gets(b"vStopped").sends(b"OK")
    play.gets(b"vCont;c:p64.65").sends(b"OK", STANDS)
    play.gets(b"vStopped").sends(b"OK")


def test_nonstop_a_question_while_all_run_is_ok() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.gets(b"?").sends(b"OK")


def test_nonstop_a_question_starts_over_what_was_not_acknowledged() -> None:
    play = nonstop()
    play.gets(b"vCont;c").forget()
    play.event(SiteHit(PID, T1, X, hardware=False)).forget()
    play.gets(b"?").sends_like(rb"T05swbreak:;.*thread:p64.64;.*")
    play.gets(b"vStopped").sends(b"OK")
