"""Objects that are read and written in parts."""

from __future__ import annotations

import pytest

from gdbstub.arch.tdesc import target_xml
from gdbstub.rsp.hexcodec import escape, unescape
from gdbstub.vocab.ids import Pid
from tests.support.fake_target import SPEC
from tests.support.playbook import PID, T1, Playbook, packet, process


def whole(play: Playbook, name: bytes, annex: bytes = b"", size: int = 0xFFB) -> bytes:
    """Read an object as gdb does."""
    got = b""
    while True:
        reply = play.gets(b"qXfer:%b:read:%b:%x,%x" % (name, annex, len(got), size)).sent()
        assert reply[:1] in (b"m", b"l"), reply
        got += unescape(reply[1:])
        if reply[:1] == b"l":
            return got


@pytest.mark.parametrize("size", [1, 7, 64, 0xFFB, 0x20000, 0xFFFFFFFFFFFFFFFF])
def test_the_description_in_parts_of_any_size(size: int) -> None:
    play = Playbook(process())
    if size == 1:
        play.session.target.processes[PID].auxv = bytes(range(256))  # type: ignore[attr-defined]  # the fake's
        assert whole(play, b"auxv", size=1) == bytes(range(256))
        return
    assert whole(play, b"features", b"target.xml", size) == target_xml(SPEC)


def test_every_offset_of_an_object() -> None:
    play = Playbook(process())
    data = b"a#b$c}d*e" * 3
    play.target.processes[PID].auxv = data
    for offset in range(len(data) + 1):
        for length in (1, 2, 5, 100):
            reply = play.gets(b"qXfer:auxv:read::%x,%x" % (offset, length)).sent()
            assert unescape(reply[1:]) == data[offset : offset + length]
            assert (reply[:1] == b"l") == (offset + length >= len(data))
    play.gets(b"qXfer:auxv:read::%x,1" % (len(data) + 1)).sends(b"E.offset beyond the end of the object")


def test_an_object_is_the_same_from_its_first_part_to_its_last() -> None:
    play = Playbook(process())
    play.target.processes[PID].auxv = b"old old old"
    play.gets(b"qXfer:auxv:read::0,4").sends(b"mold ")
    play.target.processes[PID].auxv = b"new"
    play.gets(b"qXfer:auxv:read::4,40").sends(b"lold old")
    play.gets(b"qXfer:auxv:read::0,40").sends(b"lnew")


def test_an_object_that_is_started_over_is_made_anew() -> None:
    play = Playbook(process())
    play.gets(b"qXfer:auxv:read::0,4").forget()
    play.target.processes[PID].auxv = b"new"
    play.gets(b"qXfer:auxv:read::0,4").sends(b"lnew")


def test_parts_of_two_objects_do_not_mix() -> None:
    play = Playbook(process())
    play.target.processes[PID].auxv = b"0123456789"
    play.gets(b"qXfer:auxv:read::0,4").forget()
    play.gets(b"qXfer:features:read:target.xml:0,10").forget()
    play.gets(b"qXfer:auxv:read::4,100").sends(b"l456789")


def test_a_part_never_outgrows_the_packet() -> None:
    play = Playbook(process())
    play.session.packet_size = 64
    play.target.processes[PID].auxv = b"#" * 500
    assert whole(play, b"auxv", size=0xFFB) == b"#" * 500
    assert len(play.gets(b"qXfer:auxv:read::0,ffb").sent()) <= 64


def test_other_annexes() -> None:
    play = Playbook(process())
    play.gets(b"qXfer:features:read:other.xml:0,10").sends_like(rb"E\..*only target.xml")
    assert whole(play, b"exec-file", b"64") == b"/bin/fake"
    assert whole(play, b"exec-file") == b"/bin/fake"
    play.gets(b"qXfer:exec-file:read:999:0,10").sends_like(rb"E\..*")
    play.gets(b"qXfer:exec-file:read:zz:0,10").sends_like(rb"E\..*")
    assert whole(play, b"osdata", b"processes") == b"<osdata/>"
    play.gets(b"qXfer:osdata:read:nothing:0,10").sends(b"l")


def test_libraries_from_somewhere() -> None:
    play = Playbook(process())
    assert b"start=None prev=None lmid=None" in whole(play, b"libraries-svr4")
    assert b"start=16 prev=32 lmid=48" in whole(play, b"libraries-svr4", b"start=10;prev=20;lmid=30;")
    play.gets(b"qXfer:libraries-svr4:read:start:0,10").sends_like(rb"E\..*")
    play.gets(b"qXfer:libraries-svr4:read:start=x:0,10").sends_like(rb"E\..*")


@pytest.mark.parametrize("name", [b"auxv:read:", b"features:read:target.xml", b"exec-file:read:", b"siginfo:read:"])
def test_without_a_process(name: bytes) -> None:
    Playbook().gets(b"qXfer:%b:0,10" % name).sends(b"E.no process")


def test_threads_of_no_process() -> None:
    assert b"<thread " not in whole(Playbook(), b"threads")


def test_threads_of_two_processes() -> None:
    play = Playbook(process(threads=2), process(Pid(0x200)))
    assert whole(play, b"threads").count(b"<thread ") == 3


def test_siginfo_is_read_anew_at_every_offset() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"qXfer:siginfo:read::0,4").sends(b"m\x00\x01\x02\x03")
    play.target.thread(T1).siginfo = bytes(128)
    play.gets(b"qXfer:siginfo:read::4,2").sends(b"m\x00\x00")
    assert whole(play, b"siginfo") == bytes(128)


def test_siginfo_is_written_in_part() -> None:
    play = Playbook(process()).stopped()
    play.gets_bytes(packet(b"qXfer:siginfo:write::4:" + escape(b"#a}"))).sends(b"3")
    assert play.target.thread(T1).siginfo[:8] == b"\x00\x01\x02\x03#a}\x07"
    play.gets(b"qXfer:siginfo:write::7f:ab").sends_like(rb"E\..*")
    play.gets(b"qXfer:siginfo:write::ffffffffffffffff:a").sends_like(rb"E\..*")


def test_namespaces_of_libraries_are_told_to_gdb_alone() -> None:
    for announced, told in ((b"multiprocess+", True), (b"xmlRegisters=i386,arm;multiprocess+", False)):
        play = Playbook(process(), supported=announced).stopped()
        play.target.library_list = b'<library name="a lmid" lm="0x1" l_addr="0x2" l_ld="0x3" lmid="0x4"/>'
        reply = play.gets(b"qXfer:libraries-svr4:read::0,1000").sent()
        assert (b' lmid="0x4"' in reply) is told
        assert b'name="a lmid" lm="0x1" l_addr="0x2" l_ld="0x3"' in reply
