"""Threads: selecting, listing, naming."""

from __future__ import annotations

import pytest

from gdbstub.target.events import SiteHit, ThreadExited
from gdbstub.vocab.ids import Addr, Pid, Tid
from tests.support.playbook import PID, T1, T2, T3, Playbook, process

OTHER_PID = Pid(0x200)


def two() -> Playbook:
    return Playbook(process(threads=3), process(OTHER_PID, 2)).stopped()


@pytest.mark.parametrize(
    ("thread", "selected"),
    [
        (b"p64.65", b"QCp64.65"),
        (b"65", b"QCp64.65"),
        (b"p200.-1", b"QCp200.200"),
        (b"p200.0", b"QCp200.200"),
        (b"p200.201", b"QCp200.201"),
        (b"0", b"QCp64.64"),
        (b"-1", b"QCp64.64"),
        (b"p0.0", b"QCp64.64"),
        (b"p-1.-1", b"QCp64.64"),
    ],
)
def test_selecting(thread: bytes, selected: bytes) -> None:
    play = two()
    play.gets(b"Hg" + thread).sends(b"OK")
    play.gets(b"qC").sends(selected)


@pytest.mark.parametrize("thread", [b"999", b"p64.999", b"p999.64", b"p200.65", b"p999.-1"])
def test_what_is_not_there_cannot_be_selected(thread: bytes) -> None:
    play = two()
    play.gets(b"Hgp64.66").sends(b"OK")
    play.gets(b"Hg" + thread).sends(b"E.no such thread")
    play.gets(b"T" + thread).sends(b"E.no such thread")
    play.gets(b"qC").sends(b"QCp64.66")


def test_selecting_without_a_process() -> None:
    play = Playbook()
    play.gets(b"Hg0").sends(b"OK")
    play.gets(b"Hgp1.1").sends(b"E.no such thread")
    play.gets(b"qC").sends(b"E.no process")


def test_a_selected_thread_that_dies_is_forgotten() -> None:
    play = two()
    play.gets(b"Hgp64.66").forget()
    play.gets(b"vCont;c").forget()
    play.event(ThreadExited(PID, T3, 0))
    play.gets(b"qC").sends(b"QCp64.64")


def test_the_selected_thread_is_what_registers_mean() -> None:
    play = two()
    play.gets(b"Hgp64.65").gets(b"P0=0102030405060708").forget()
    play.gets(b"p0").sends(b"0102030405060708")
    play.gets(b"Hgp64.64").forget()
    play.gets(b"p0").sends(b"0000000000000000")


def test_a_stop_selects_its_thread() -> None:
    play = Playbook(process(threads=2)).running()
    play.event(SiteHit(PID, T2, Addr(0x401000), hardware=False)).stands().forget()
    play.gets(b"qC").sends(b"QCp64.65")


def test_alive() -> None:
    two().gets(b"Tp64.65").sends(b"OK")


def test_the_list() -> None:
    play = two()
    play.gets(b"qfThreadInfo").sends(b"mp64.64,p64.65,p64.66,p200.200,p200.201")
    play.gets(b"qsThreadInfo").sends(b"l")
    play.gets(b"qsThreadInfo").sends(b"l")


def test_the_list_without_multiprocess() -> None:
    play = Playbook(process(threads=2), supported=b"")
    play.gets(b"qfThreadInfo").sends(b"m64,65")
    play.gets(b"qC").sends(b"QC64")


def test_an_empty_list() -> None:
    play = Playbook()
    play.gets(b"qfThreadInfo").sends(b"l")
    play.gets(b"qsThreadInfo").sends(b"l")


def test_a_long_list_comes_in_parts() -> None:
    play = Playbook(process(threads=100))
    play.session.packet_size = 200
    got = [play.gets(b"qfThreadInfo").sent()]
    while got[-1] != b"l":
        assert len(got[-1]) <= 200
        got.append(play.gets(b"qsThreadInfo").sent())
    names = b",".join(part[1:] for part in got[:-1]).split(b",")
    assert names == [b"p64.%x" % tid for tid in range(0x64, 0x64 + 100)]


def test_a_process_that_this_client_has_left_is_not_listed() -> None:
    play = two()
    play.target.processes[OTHER_PID].engines.append(Tid(9))  # type: ignore[arg-type]  # some other engine
    play.gets(b"D;200").forget()
    play.gets(b"qfThreadInfo").sends(b"mp64.64,p64.65,p64.66")
    assert b'"p200' not in play.gets(b"qXfer:threads:read::0,1000").sent()


def test_packets_that_the_command_line_switched_off() -> None:
    play = Playbook(process(), disabled=frozenset({"qC", "qfThreadInfo"}))
    for payload in (b"qC", b"qfThreadInfo", b"qsThreadInfo"):
        play.gets(payload).sends(b"")


def test_names() -> None:
    play = two()
    play.target.thread(T2).name = "wörker\udcff"
    play.gets(b"qThreadExtraInfo,p64.65").sends(b"77c3b6726b6572ff")
    play.gets(b"qThreadExtraInfo,p64.999").sends(b"E.no such thread")


def test_the_xml_list() -> None:
    play = Playbook(process(threads=2))
    play.target.thread(T1).name = 'a<&>"b\x01'
    play.target.thread(T2).name = ""
    play.target.thread(T2).core = None
    play.target.thread(T2).handle = bytes.fromhex("40772bf7ff7f0000")
    reply = play.gets(b"qXfer:threads:read::0,1000").sent()
    assert reply[:1] == b"l"
    assert b'<thread id="p64.64" core="1" name="a&lt;&amp;&gt;&quot;b"/>' in reply
    assert b'<thread id="p64.65" handle="40772bf7ff7f0000"/>' in reply


def test_where_a_thread_has_a_variable() -> None:
    play = two()
    play.gets(b"qGetTLSAddr:p64.65,10,0").sends(b"7f000010")
    play.gets(b"qGetTLSAddr:p64.65,10,5").sends_like(rb"E\..*")
    play.gets(b"qGetTLSAddr:p64.999,10,0").sends(b"E.no such thread")
