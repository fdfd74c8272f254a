"""Sums, searches, permissions and the program's arguments."""

from __future__ import annotations

import pytest

from gdbstub.target.engine import Vote
from gdbstub.target.events import WatchHit, WatchKind
from gdbstub.vocab.ids import Addr
from tests.support.playbook import PID, T1, Playbook, process


def play_with(data: bytes) -> Playbook:
    play = Playbook(process())
    play.target.processes[PID].memory[:] = data
    return play


def test_a_checksum() -> None:
    play = play_with(b"123456789")
    play.gets(b"qCRC:400000,9").sends(b"C376e6e7")
    play.gets(b"qCRC:400000,a").sends_like(rb"E\..*")
    play.gets(b"qCRC:400000").sends_like(rb"E\..*")


def test_a_search() -> None:
    play = play_with(b"..a;}b..")
    play.gets(b"qSearch:memory:400000;8;a;}]b").sends(b"1,400002")
    play.gets(b"qSearch:memory:400000;8;c").sends(b"0")
    play.gets(b"qSearch:memory:500000;8;c").sends_like(rb"E\..*")
    play.gets(b"qSearch:memory:400000;8").sends_like(rb"E\..*")


def test_packets_wait_while_a_reply_is_worked_on() -> None:
    play = play_with(b"haystack")
    play.target.search_parts = 1_000_000
    play.gets(b"qSearch:memory:400000;8;s").gets(b"qC").sends()
    assert play.session.at_work
    play.target.search_parts = 0
    while play.session.at_work:
        play.session.work_on()
    play.gets(b"vCont?").sends(b"1,400003", b"QCp64.64", b"vCont;c;C;s;S;t;r")


def test_what_fails_late_is_an_error_too() -> None:
    play = play_with(bytes(1 << 19))
    play.gets(b"qCRC:400000,80001")
    while play.session.at_work:
        play.session.work_on()
    play.gets(b"vCont?").sends(b"E.cannot read memory at 0x480000", b"vCont;c;C;s;S;t;r")


def test_the_program_and_its_arguments() -> None:
    play = Playbook(program=["/bin/a", "b c", ""])
    play.gets(b"qExecAndArgs").sends(b"S;%s;%s;" % (b"/bin/a".hex().encode(), rb"b\ c ''".hex().encode()))
    Playbook().gets(b"qExecAndArgs").sends(b"U")


def test_where_the_program_is_is_told_by_its_auxiliary_vector_alone() -> None:
    # QUIRK(gdb, all): told by qOffsets, it looks at its breakpoints again before it knows the registers.
    # Test: e2e/test_processes.py, breakpoint at an expression.
    # QUIRK(lldb, all): told so, it looks for no modules when it attaches without a program.
    # Test: e2e/test_lldb_launch.py, an attach over a connection.
    play_with(bytes(8)).gets(b"qOffsets").sends(b"")
    Playbook(process(), supported=b"xmlRegisters=i386,arm,mips,arc").gets(b"qOffsets").sends(b"")


def test_symbols_are_declined_for_good() -> None:
    play_with(bytes(8)).gets(b"qSymbol::").sends(b"").gets(b"qSymbol:10:6d61696e").sends(b"")


def test_an_agent_is_used_or_not() -> None:
    play = play_with(bytes(8)).gets(b"QAgent:1").sends(b"OK").gets(b"QAgent:0").sends(b"OK")
    play.gets(b"QAgent:2").sends_like(rb"E\..*")


@pytest.mark.parametrize("payload", [b"Qbtrace:bts", b"Qbtrace:off", b"Qbtrace-conf:bts:size=100"])
def test_branches_are_declined_with_a_reason(payload: bytes) -> None:
    play_with(bytes(8)).gets(payload).sends_like(rb"E\..*does not record branches.*")


def test_there_are_no_recorded_branches() -> None:
    play = play_with(bytes(8)).gets(b"qXfer:btrace:read:all:0,100").sends(b"E.no branches have been recorded")
    play.gets(b"qXfer:btrace-conf:read::0,100").sends(b"E.no branches have been recorded")


def test_permissions() -> None:
    play = play_with(bytes(8))
    play.gets(b"QAllow:WriteMem:0;InsertBreak:0;Unheard:0").sends(b"OK")
    play.gets(b"M400000,1:ff").sends(b"E.QAllow forbids M to this connection")
    play.gets(b"Z0,400000,1").sends(b"E.QAllow forbids Z to this connection")
    play.gets(b"z0,400000,1").sends(b"OK")
    play.gets(b"QAllow:WriteMem:1").sends(b"OK")
    play.gets(b"M400000,1:ff").sends(b"OK")
    play.gets(b"QAllow:WriteMem").sends_like(rb"E\..*")
    play.gets(b"QAllow:Stop:0").sends(b"OK")
    play.gets(b"vCtrlC").sends(b"E.QAllow forbids vCtrlC to this connection")
    play.running().gets_bytes(b"\x03").sends().asks()


def test_several_addresses_go_to_a_client_that_takes_them() -> None:
    event = WatchHit(PID, T1, Addr(0x10), WatchKind.WRITE, ((WatchKind.ACCESS, Addr(0x20)),))
    for supported, head in ((b"multi-wp-addr+", rb"T05watch:10;awatch:20;"), (b"", rb"T05watch:10;0")):
        play = Playbook(process(), supported=supported).running()
        play.event(event, Vote.STOP).sends_like(head + rb".*")
