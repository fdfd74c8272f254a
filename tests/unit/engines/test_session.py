"""Bytes in, bytes out: acknowledgements, errors, and what a running target refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.engines.gdbremote.reports import Awaiting
from gdbstub.target.events import SiteHit
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr
from tests.support.playbook import PID, T1, Playbook, packet, process


def test_a_packet_is_acknowledged_before_its_reply() -> None:
    play = Playbook(process(), acks=True, supported=None)
    play.gets(b"qC").sends(b"+", b"QC64")


def test_a_bad_checksum_is_nacked_and_nothing_happens() -> None:
    play = Playbook(process(), acks=True, supported=None)
    play.gets_bytes(b"$vCont;c#00").sends(b"-").asks_nothing()


def test_a_nack_has_the_last_reply_sent_again() -> None:
    play = Playbook(process(), acks=True, supported=None)
    play.gets(b"qC").sends(b"+", b"QC64")
    play.gets_bytes(b"-").sends(b"QC64")
    play.gets_bytes(b"-").sends(b"QC64")
    play.gets_bytes(b"+").sends()


def test_a_nack_before_any_reply_is_ignored() -> None:
    Playbook(process(), acks=True, supported=None).gets_bytes(b"-+").sends()


def test_a_nacked_stop_reply_is_sent_again_without_asking_the_target() -> None:
    play = Playbook(process(), acks=True, supported=None).running()
    play.event(SiteHit(PID, T1, Addr(0x401000), hardware=False))
    first = play.sent()
    play.forget().gets_bytes(b"-")
    assert play.sent() == first
    play.asks_nothing()


def test_acks_end_after_the_reply_to_the_packet_that_ends_them() -> None:
    play = Playbook(process(), acks=True, supported=None)
    play.gets(b"QStartNoAckMode").sends(b"+", b"OK")
    play.gets(b"qC").sends(b"QC64")
    # A nack no longer means anything, a bad checksum is dropped.
    play.gets_bytes(b"-$qC#00").sends()


def test_a_packet_that_came_along_with_the_end_of_acks() -> None:
    play = Playbook(process(), acks=True, supported=None)
    play.gets_bytes(packet(b"QStartNoAckMode") + b"+" + packet(b"qC")).sends(b"+", b"OK", b"QC64")


@pytest.mark.parametrize(
    "payload",
    [b"vMustReplyEmpty", b"_nothing", b"\xff", b"QNothing:1", b"jNothing", b"e1,2", b"", b"y", b"qL00"],
)
def test_what_is_unknown_gets_an_empty_reply(payload: bytes) -> None:
    Playbook(process()).gets(payload).sends(b"")


def test_errors_are_numbers_unless_texts_were_asked_for() -> None:
    play = Playbook(process(), supported=b"multiprocess+")
    play.gets(b"m0,4").sends(b"E05")
    play.gets(b"mxx").sends(b"E01")
    play.gets(b"Hgp64.999").sends(b"E03")
    play.gets(b"vAttach;64").sends(b"E10")


def test_errors_are_texts_where_they_were_asked_for() -> None:
    play = Playbook(process(), supported=b"error-message+")
    play.gets(b"m0,4").sends(b"E.cannot read memory at 0x0")
    play.gets(b"mxx").sends_like(rb"E\.ADDRESS,LENGTH expected: .*")
    play.gets(b"Hgp64.999").sends(b"E.no such thread")


def test_texts_end_where_a_new_client_does_not_ask() -> None:
    play = Playbook(process(), supported=b"swbreak+")
    play.gets(b"m0,4").sends(b"E05")


def test_any_error_of_the_target_is_a_reply() -> None:
    play = Playbook(process()).stopped()
    play.target.failures["insert_breakpoint"] = TargetError(28, "no room")
    play.gets(b"Z0,401000,1").sends(b"E.no room")


RUNNING_REFUSES = [b"vCont;c", b"vCont;s:p64.64", b"c", b"s", b"C05", b"S05", b"?"]


@pytest.mark.parametrize("payload", RUNNING_REFUSES)
def test_a_resume_while_running_is_refused_without_harm(payload: bytes) -> None:
    play = Playbook(process()).running()
    play.gets(payload).sends(b"E.the target is running").asks_nothing()
    play.event(SiteHit(PID, T1, Addr(0x401000), hardware=False))
    play.sends_like(rb"T05.*")


@pytest.mark.parametrize("payload", [b"g", b"G00", b"p0", b"P0=0000000000000000", b"qXfer:siginfo:read::0,80"])
def test_registers_of_a_running_thread_are_refused_without_harm(payload: bytes) -> None:
    play = Playbook(process()).running()
    play.gets(payload).sends_like(rb"E.*")
    play.event(SiteHit(PID, T1, Addr(0x401000), hardware=False))
    play.sends_like(rb"T05.*")


@pytest.mark.parametrize("payload", [b"P10=0000000000000000", b"G00000000"])
def test_e21_a_client_writes_no_registers_of_a_thread_that_only_another_one_holds(payload: bytes) -> None:
    play = Playbook(process()).running()
    play.target.thread(T1).stopped = True
    before = bytes(play.target.thread(T1).registers)
    play.gets(payload).sends_like(rb"E(10|\.thread 100 is running)")
    assert bytes(play.target.thread(T1).registers) == before


def test_memory_and_facts_work_while_running() -> None:
    play = Playbook(process()).running()
    play.gets(b"m400000,4").sends(b"90909090")
    play.gets(b"qAttached:64").sends(b"0")
    play.gets(b"qfThreadInfo").sends(b"mp64.64")


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_garbage_does_no_harm(parts: list[bytes]) -> None:
    play = Playbook(process(), acks=True)
    for part in parts:
        play.session.receive(part)
    play.session.take_output()
    play.session.receive(packet(b""))
    assert play.session.take_output()


KINDS = [b"m", b"M", b"X", b"x", b"Z0", b"z2", b"P", b"p", b"G", b"H", b"T", b"vCont;", b"qXfer:", b"QPassSignals:"]


@given(st.sampled_from(KINDS), st.binary(max_size=20), st.booleans())
def test_any_arguments_get_one_reply(name: bytes, args: bytes, texts: bool) -> None:
    play = Playbook(process(), supported=b"error-message+" if texts else b"").stopped()
    payload = (name + args).replace(b"#", b"").replace(b"$", b"")
    play.gets(payload)
    if play.session.reports.awaiting is Awaiting.NOTHING:
        play.sent()


def test_the_first_packet_makes_it_a_client() -> None:
    play = Playbook(process(), supported=None)
    assert not play.session.spoken
    play.asks_nothing()
    play.gets_bytes(b"\x03+").asks_nothing()
    assert not play.session.spoken
    play.gets(b"qSupported:").asks_for("join")
    assert play.session.spoken
    assert play.session.pids() == [PID]


def test_the_recorder_sees_both_sides() -> None:
    seen: list[tuple[str, bytes]] = []
    play = Playbook(process())
    play.session.watch = lambda side, payload: seen.append((side, payload))
    play.gets(b"qC")
    assert seen == [("<", b"qC"), (">", b"QCp64.64")]


def test_the_same_large_reply_twice_is_the_same_bytes() -> None:
    play = Playbook(process()).stopped()
    first = play.gets(b"g").sent()
    assert play.gets(b"g").sent() == first
    play.session.target.write_registers(T1, b"\x01" * 8)
    assert play.gets(b"g").sent() != first


def test_a_packet_that_was_served_before_is_refused_once_it_is_forbidden() -> None:
    play = Playbook(process())
    for _ in range(3):
        play.gets(b"Z0,401000,1").sends(b"OK")
    play.gets(b"QAllow:InsertBreak:0").sends(b"OK")
    play.gets(b"Z0,401000,1").sends(b"E.QAllow forbids Z to this connection")
    play.gets(b"QAllow:InsertBreak:1").sends(b"OK")


@pytest.mark.parametrize(
    "pieces", [(b"$qC", b"#b4"), (b"$", b"qC#b4"), (b"$qC#b", b"4"), (b"+$qC#b4",), (b"$qC#b4+",)]
)
def test_a_packet_that_came_before_is_known_only_where_a_new_one_begins(pieces: tuple[bytes, ...]) -> None:
    play = Playbook(process(), acks=True, supported=None)
    for _ in range(3):
        play.gets(b"qC").sends(b"+", b"QC64")
    for each in pieces:
        play.gets_bytes(each)
    play.sends(b"+", b"QC64")
    play.gets_bytes(b"$mzz").sends()
    # What looks like a packet that came before is the tail of another one that was torn off.
    play.gets_bytes(b"$qC#b4").sends(b"+", b"QC64")
    play.gets_bytes(b"$qC#b5").sends(b"-")


def test_a_packet_with_bad_arguments_is_refused_each_time() -> None:
    play = Playbook(process())
    first = play.gets(b"mxyz,4").sent()
    assert first.startswith(b"E")
    assert play.forget().gets(b"mxyz,4").sent() == first


def test_packets_are_answered_the_same_however_many_others_came_between() -> None:
    play = Playbook(process())
    for _ in range(2):
        play.gets(b"qC").sends(b"QCp64.64")
        for address in range(0x1000, 0x1200):
            play.gets(b"T%x" % address)
        play.forget()


def test_what_a_connection_holds_is_given_back() -> None:
    play = Playbook(process())
    play.session.close()
    assert not play.session.has_output
