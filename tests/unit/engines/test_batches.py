"""Several reads, several breakpoints, in one packet each."""

from __future__ import annotations

import json

import pytest

from gdbstub.rsp.hexcodec import escape, unescape
from tests.support.fake_target import BASE
from tests.support.playbook import PID, Playbook, process

LLDB = b"qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+;swbreak+;hwbreak+"


def play_with(data: bytes) -> Playbook:
    play = Playbook(process())
    play.target.processes[PID].memory[:] = data
    return play


def test_ranges_are_read_in_their_order() -> None:
    play = play_with(b"abc#defgh")
    play.gets(b"MultiMemRead:ranges:400004,2,400000,4;").sends(b"2,4;deabc}\x03")


def test_what_is_not_readable_has_no_bytes_and_what_ends_early_fewer() -> None:
    play = play_with(b"abcd")
    play.gets(b"MultiMemRead:ranges:500000,2,400002,10,400000,0;options:;").sends(b"0,2,0;cd")


def test_no_ranges_at_all() -> None:
    play_with(b"abcd").gets(b"MultiMemRead:ranges:;").sends(b";")


@pytest.mark.parametrize(
    "wrong",
    [
        b"MultiMemRead",
        b"MultiMemRead:",
        b"MultiMemRead:ranges",
        b"MultiMemRead:ranges:400000,1",
        b"MultiMemRead:ranges:400000;",
        b"MultiMemRead:400000,1;",
        b"MultiMemRead:ranges:40x000,1;",
    ],
)
def test_ranges_that_are_none(wrong: bytes) -> None:
    play_with(b"abcd").gets(wrong).sends_like(rb"E\..*")


def test_a_write_to_memory_is_still_one() -> None:
    play = play_with(b"abcd")
    play.gets(b"M400000,2:4142").sends(b"OK")
    assert play.target.processes[PID].memory[:4] == b"ABcd"


def batch(*requests: object) -> bytes:
    return b"jMultiBreakpoint:" + escape(json.dumps({"breakpoint_requests": requests}).encode())


def results(play: Playbook) -> list[str]:
    reply = json.loads(unescape(play.sent()))
    assert list(reply) == ["results"]
    found: list[str] = reply["results"]
    return found


def test_breakpoints_set_and_removed_in_order() -> None:
    play = play_with(b"abcd")
    play.gets(batch("Z0,400000,1", "Z1,400001,1", "Z2,400002,2", "z0,400000,1"))
    assert results(play) == ["OK"] * 4
    asked = [call for call in play.target.calls if str(call[0]).endswith("point")]
    assert asked == [
        ("insert_breakpoint", PID, BASE, 1, False),
        ("insert_breakpoint", PID, BASE + 1, 1, True),
        ("insert_watchpoint", PID, BASE + 2, 2, asked[2][-1]),
        ("remove_breakpoint", PID, BASE, 1, False),
    ]


def test_one_that_fails_stops_none_of_the_others() -> None:
    play = play_with(b"abcd")
    play.gets(batch("Z9,400000,1", "Zx", "m400000,1", 7, "Z2,400000,0", "Z0,400000,1", "Zé"))
    found = results(play)
    assert [each for each in found if each == "OK"] == ["OK"]
    assert found[5] == "OK"
    assert all(len(each) == 3 and each.startswith("E") for each in found if each != "OK")


def test_a_client_that_may_not_insert_may_not_insert_several() -> None:
    play = play_with(b"abcd")
    play.gets(b"QAllow:InsertBreak:0").sends(b"OK")
    play.gets(batch("Z0,400000,1", "z0,400000,1"))
    assert results(play) == ["E01", "OK"]


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b"[]", b'"x"', b'{"breakpoint_requests":1}', b"[" * 5000])
def test_batches_that_are_none(text: bytes) -> None:
    play_with(b"abcd").gets(b"jMultiBreakpoint:" + escape(text)).sends_like(rb"E\..*")


def test_binary_reads_in_lldbs_form() -> None:
    play = play_with(b"ab#d")
    play.gets(LLDB)
    play.sent()
    play.gets(b"x0,0").sends(b"OK").gets(b"x400000,4").sends(b"ab}\x03d")
    play.gets(b"x500000,4").sends_like(rb"E.*")
