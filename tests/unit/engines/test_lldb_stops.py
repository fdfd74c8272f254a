"""What lldb is told of a stop: of the thread that made it, and of all the others."""

from __future__ import annotations

import json
import re
import signal
import struct

import pytest

from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    Execed,
    Forked,
    ForkKind,
    Interrupted,
    Launched,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    TraceEvent,
    VforkDone,
    WatchHit,
    WatchKind,
)
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Pid, Signo, Tid
from tests.support.fake_target import BASE
from tests.support.playbook import PID, T1, T2, T3, Playbook, process, unescaped

LLDB = b"xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+"
X = Addr(0x401000)
RBP, RSP, RIP = 6, 7, 16


def lldb(threads: int = 1, *, attached: bool = False) -> Playbook:
    play = Playbook(process(threads=threads, attached=attached), supported=LLDB)
    for packet in (b"QThreadSuffixSupported", b"QListThreadsInStopReply", b"QEnableErrorStrings"):
        play.gets(packet).sends(b"OK")
    return play


def hit(tid: Tid = T1, address: Addr = X) -> SiteHit:
    return SiteHit(PID, tid, address, hardware=False)


def stand_on_site(play: Playbook, tid: Tid, address: Addr = X) -> None:
    """Let a thread stand where the session has a breakpoint."""
    play.target.claims.add((play.session.engine_id, PID, address))
    play.target.set_pc(tid, address)


def fields(reply: bytes) -> dict[str, str]:
    """Return the fields of a stop reply; ``T`` is the signal."""
    assert reply[:1] == b"T"
    pairs = dict(re.findall(r"([^:;]+):([^;]*);", reply[3:].decode()))
    return {"T": reply[1:3].decode(), **pairs}


def text(digits: str) -> str:
    return bytes.fromhex(digits).decode()


def siginfo(number: int, code: int, address: int) -> bytes:
    return struct.pack("<iii4xQ", number, 0, code, address).ljust(128, b"\0")


@pytest.mark.parametrize(
    ("event", "sig", "reason"),
    [
        (hit(), "05", "breakpoint"),
        (SiteHit(PID, T1, X, hardware=True), "05", "breakpoint"),
        (StepDone(PID, T1), "05", "trace"),
        (WatchHit(PID, T1, Addr(0x7FF0), WatchKind.WRITE), "05", "watchpoint"),
        (SignalStop(PID, T1, Signo(signal.SIGUSR1)), "0a", "signal"),
        (SignalStop(PID, T1, Signo(34)), "22", "signal"),
        (Launched(PID, T1), "13", "signal"),
        (Execed(PID, T1, b"/bin/a", T1), "05", "exec"),
        (Forked(PID, T1, Pid(0x99), ForkKind.FORK), "05", "fork"),
        (Forked(PID, T1, Pid(0x99), ForkKind.VFORK), "05", "vfork"),
        (VforkDone(PID, T1), "05", "vforkdone"),
    ],
)
def test_each_event_has_a_reason_and_linuxs_signal_number(event: TraceEvent, sig: str, reason: str) -> None:
    reply = fields(lldb().running().event(event, Vote.STOP).sent())
    assert (reply["T"], reply["reason"], reply["thread"]) == (sig, reason, "p64.64")


def test_all_general_registers_go_along_and_each_once() -> None:
    reply = lldb().running().event(hit()).sent().decode()
    numbers = re.findall(r"(?<=;)([0-9a-f]{2}):", reply)
    assert len(numbers) == len(set(numbers)) == 27
    for number in (RBP, RSP, RIP):
        assert f"{number:02x}" in numbers


def test_the_thread_is_named() -> None:
    play = lldb().running()
    assert b";name:fake;" in play.event(hit()).sent()
    play.gets(b"vCont;c").forget()
    play.target.thread(T1).name = "wrk-0;$"
    reply = fields(play.event(hit()).sent())
    assert text(reply["hexname"]) == "wrk-0;$"
    assert "name" not in reply


def test_a_fork_names_the_child_in_both_ways() -> None:
    reply = fields(lldb().running().event(Forked(PID, T1, Pid(0x99), ForkKind.FORK)).sent())
    assert reply["fork"] == "p99.99"
    assert text(reply["description"]) == "153 153"


def test_a_watchpoint_names_its_address_in_decimal() -> None:
    reply = fields(lldb().running().event(WatchHit(PID, T1, Addr(0x7FF0), WatchKind.WRITE)).sent())
    assert text(reply["description"]) == "32752 0 32752"


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGSEGV, 1, "signal SIGSEGV: address not mapped to object (fault address: 0x10)"),
        (signal.SIGSEGV, 2, "signal SIGSEGV: address access protected (fault address: 0x10)"),
        (signal.SIGFPE, 1, "signal SIGFPE: integer divide by zero (fault address: 0x10)"),
        (signal.SIGSEGV, 0x80, "signal SIGSEGV: general protection fault"),
    ],
)
def test_a_fault_says_what_was_wrong(number: int, code: int, words: str) -> None:
    play = lldb().running()
    play.target.thread(T1).siginfo = siginfo(number, code, 0x10)
    reply = fields(play.event(SignalStop(PID, T1, Signo(number))).sent())
    assert text(reply["description"]) == words


def test_a_signal_that_somebody_sent_says_nothing() -> None:
    play = lldb().running()
    play.target.thread(T1).siginfo = siginfo(signal.SIGSEGV, 0, 0)
    assert b"description" not in play.event(SignalStop(PID, T1, Signo(signal.SIGSEGV))).sent()


def test_ends_have_linuxs_signal_numbers() -> None:
    play = lldb().running()
    play.event(ProcessExited(PID, T1, 0, Signo(signal.SIGUSR1))).sends(b"X0a;process:64")


class TestAllThreads:
    def test_are_listed_with_where_they_stand(self) -> None:
        play = lldb(threads=3).running()
        for tid, pc in ((T1, 0x10), (T2, 0x20), (T3, 0x30)):
            play.target.set_pc(tid, Addr(pc))
        reply = fields(play.event(StepDone(PID, T2)).stands().sent())
        assert reply["threads"] == "64,65,66"
        assert reply["thread-pcs"] == "0000000000000010,0000000000000020,0000000000000030"

    def test_are_listed_only_for_those_who_wish_it(self) -> None:
        play = Playbook(process(threads=2), supported=LLDB).running()
        reply = play.event(hit()).stands().sent()
        assert b"threads:" not in reply
        assert b"thread-pcs:" not in reply

    def test_have_reasons_in_the_reply_where_they_have_any(self) -> None:
        play = lldb(threads=3).running()
        stand_on_site(play, T1)
        play.event(StepDone(PID, T2)).event(hit(T1)).stands()
        reply = fields(play.sent())
        assert reply["thread"] == "p64.65"
        assert json.loads(text(reply["jstopinfo"])) == [
            {"tid": T1, "signal": 5, "name": "fake", "reason": "breakpoint"},
            {"tid": T2, "signal": 5, "name": "fake", "reason": "trace"},
        ]

    def test_a_single_one_needs_no_list_of_reasons(self) -> None:
        assert b"jstopinfo" not in lldb().running().event(hit()).sent()

    def test_what_was_told_of_others_is_not_told_again(self) -> None:
        play = lldb(threads=2).running()
        stand_on_site(play, T1)
        play.event(StepDone(PID, T2)).event(hit(T1)).stands().forget()
        play.gets(b"vCont;c").sends()
        assert "resume" in [call[0] for call in play.target.take_calls()]

    def test_a_hit_that_is_no_longer_true_is_not_told(self) -> None:
        play = lldb(threads=2).running()
        play.event(StepDone(PID, T2)).event(hit(T1)).stands()
        assert "breakpoint" not in text(fields(play.sent())["jstopinfo"])

    def test_a_signal_told_of_another_thread_is_the_clients_to_decide(self) -> None:
        play = lldb(threads=2).running()
        play.event(StepDone(PID, T2)).event(SignalStop(PID, T1, Signo(signal.SIGUSR1))).stands().forget()
        play.gets(b"vCont;c")
        assert ("decide_signal", T1, NO_SIGNAL) in play.target.take_calls()

    def test_are_described_as_json(self) -> None:
        play = lldb(threads=2).running()
        play.target.set_pc(T2, Addr(0x1234))
        play.event(hit(T1)).stands().forget()
        first, second = json.loads(unescaped(play.gets(b"jThreadsInfo").sent()))
        assert (first["tid"], first["signal"], first["reason"]) == (T1, 5, "breakpoint")
        assert "reason" not in second
        assert "signal" not in second
        assert second["registers"] == {"6": "00" * 8, "7": "00" * 8, str(RIP): "3412" + "00" * 6}

    def test_each_can_be_asked_why_it_stands(self) -> None:
        play = lldb(threads=2).running()
        play.event(hit(T1)).stands().forget()
        assert fields(play.gets(b"qThreadStopInfo64").sent())["reason"] == "breakpoint"
        reply = fields(play.gets(b"qThreadStopInfo65").sent())
        assert reply["T"] == "00"
        assert "reason" not in reply

    def test_a_resumed_one_has_no_reason_any_more(self) -> None:
        play = lldb(threads=2).running()
        play.event(hit(T1)).stands().gets(b"vCont;c").event(StepDone(PID, T2)).stands().forget()
        assert fields(play.gets(b"qThreadStopInfo64").sent())["T"] == "00"


def test_frames_go_along_as_far_as_the_chain_rises() -> None:
    play = lldb().running()
    memory = play.target.processes[PID].memory
    inner, outer = BASE + 0x40, BASE + 0x80
    memory[0x40:0x50] = struct.pack("<QQ", outer, 0x1111)
    memory[0x80:0x90] = struct.pack("<QQ", inner, 0x2222)
    play.target.thread(T1).registers[play.target._place(RBP)] = struct.pack("<Q", inner)
    play.target.thread(T1).registers[play.target._place(RSP)] = struct.pack("<Q", BASE + 0x10)
    reply = play.event(StepDone(PID, T1)).sent().decode()
    found = re.findall(r"memory:(0x[0-9a-f]+)=([0-9a-f]+);", reply)
    assert [(int(at, 16), bytes.fromhex(data)) for at, data in found] == [
        (inner, struct.pack("<QQ", outer, 0x1111)),
        (outer, struct.pack("<QQ", inner, 0x2222)),
    ]


def test_a_frame_pointer_that_is_none_is_not_followed() -> None:
    play = lldb().running()
    play.target.thread(T1).registers[play.target._place(RBP)] = struct.pack("<Q", 7)
    assert b"memory:" not in play.event(StepDone(PID, T1)).sent()


class TestStandingStill:
    def test_a_started_program(self) -> None:
        play = lldb().gets(b"?")
        assert fields(play.sent()) | {"T": "13", "reason": "signal"} == fields(play.gets(b"?").sent())

    def test_an_attached_process(self) -> None:
        reply = fields(lldb(attached=True).gets(b"?").sent())
        assert (reply["T"], reply["reason"]) == ("13", "signal")

    def test_an_interrupted_one(self) -> None:
        play = lldb(threads=2).running().gets_bytes(b"\x03").stands()
        reply = fields(play.sent())
        assert (reply["T"], reply["reason"]) == ("13", "signal")

    def test_any_stop_answers_an_interrupt(self) -> None:
        play = lldb(threads=2).running()
        stand_on_site(play, T2)
        play.gets_bytes(b"\x03").event(hit(T2)).stands()
        reply = fields(play.sent())
        assert (reply["thread"], reply["reason"]) == ("p64.65", "breakpoint")
        play.gets(b"vCont;c").sends()

    def test_an_interrupt_that_crosses_a_stop_asks_for_nothing(self) -> None:
        play = lldb().running().event(hit()).forget()
        play.gets_bytes(b"\x03").sends().gets(b"vCont;c").sends()
        assert "resume" in [call[0] for call in play.target.take_calls()]


def test_exec_is_told_without_having_been_asked_for() -> None:
    assert lldb().running().event(Execed(PID, T1, b"/bin/a", T1)).sent().find(b"reason:exec;") > 0


def test_gdb_is_told_nothing_of_all_this() -> None:
    play = Playbook(process(threads=2)).running().event(hit()).stands()
    reply = play.sent()
    for word in (b"reason", b"name", b"threads", b"memory"):
        assert word not in reply


def test_interrupted_threads_have_no_reason() -> None:
    play = lldb(threads=2).running()
    play.event(StepDone(PID, T2)).event(Interrupted(PID, T1)).stands()
    assert "jstopinfo" in fields(play.sent())
    assert fields(play.gets(b"qThreadStopInfo64").sent())["T"] == "00"
