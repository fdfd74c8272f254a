"""Packets about tracepoints, as a session answers them."""

from __future__ import annotations

import pytest

from gdbstub.engines.gdbremote.role import Role
from gdbstub.engines.tracing.tracing import Tracing
from gdbstub.target.events import ProcessExited, SiteHit
from gdbstub.vocab.ids import Addr, Tid
from tests.support.fake_target import BASE
from tests.support.playbook import PID, T1, Playbook, process


def playing(role: Role = Role.DEBUGGER, supported: bytes = b"multiprocess+;vContSupported+") -> Playbook:
    play = Playbook(process(), role=role, supported=supported)
    play.host.traces = Tracing(play.target, lambda: 5, play.host.print)
    return play


def collected(play: Playbook) -> None:
    """Collect one frame: 4 bytes, and the variable 2."""
    for packet in (
        b"QTDV:2:9:0:7476",
        b"QTDP:1:400000:E:0:0-",
        b"QTDP:-1:400000:M-1,400010,4X4,2e000227",
        b"QTro:400020,400028",
        b"QTStart",
    ):
        play.gets(packet).sends(b"OK")
    play.target.processes[PID].memory[0x10:0x14] = b"then"
    play.target.set_pc(T1, BASE)
    play.host.tracing().on_event(SiteHit(PID, T1, BASE, hardware=False))
    play.target.processes[PID].memory[0x10:0x14] = b"now!"


def test_frames_stand_in_for_the_present() -> None:
    play = playing()
    collected(play)
    play.gets(b"QTFrame:0").sends(b"F0T1")
    play.gets(b"m400010,4").sends(b"then".hex().encode())
    play.gets(b"x400010,4").sends(b"bthen")
    play.gets(b"m400012,4").sends(b"en".hex().encode())
    play.gets(b"m400014,1").sends(b"E05")
    play.gets(b"m400020,10").sends(b"90" * 8)
    play.gets(b"qTV:2").sends(b"V9")
    play.gets(b"qXfer:traceframe-info:read::0,fff").sends(
        b'l<traceframe-info>\n<memory start="0x400010" length="0x4"/>\n<tvar id="0x2"/>\n</traceframe-info>\n'
    )
    play.gets(b"p10").sends(b"0000400000000000")
    play.gets(b"p0").sends(b"x" * 16)
    play.gets(b"pfff").sends(b"E16")
    play.gets(b"M400010,1:00").sends(b"E01")
    play.gets(b"QTFrame:ffffffff").sends(b"OK")
    play.gets(b"m400010,4").sends(b"now!".hex().encode())
    play.gets(b"qXfer:traceframe-info:read::0,fff").sends(b"E16")


def test_frames_stay_when_the_process_is_gone() -> None:
    play = playing()
    collected(play)
    event = ProcessExited(PID, Tid(PID), 0, None)
    play.host.tracing().on_event(event)
    play.event(event)
    play.forget()
    play.gets(b"QTFrame:0").sends(b"F0T1")
    play.gets(b"m400010,4").sends(b"then".hex().encode())
    play.gets(b"m400020,8").sends(b"E05")
    play.gets(b"p10").sends(b"0000400000000000")
    play.gets(b"qTP:1:400000").sends_like(rb"V1:.*")
    play.gets(b"QTDP:2:400000:E:0:0").sends(b"E.no process")


def test_errors_are_words_also_for_a_client_that_did_not_ask() -> None:
    play = playing()
    play.gets(b"QTDP:1:400000:E:0:0:F5").sends(b"E.fast tracepoints are not supported; use trace")
    play.gets(b"QTEnable:1:400000").sends(b"E.tracepoint 1 at 0x400000 is not defined")
    play.gets(b"qTP:1:400000").sends(b"V0:0")


def test_queries_before_anything_is_defined() -> None:
    play = playing()
    play.gets(b"qTStatus").sends_like(rb"T0;tnotrun:0;tframes:0;tcreated:0;tfree:500000;tsize:500000;.*")
    play.gets(b"qTfP").sends(b"l")
    play.gets(b"qTsP").sends(b"l")
    play.gets(b"qTfV").sends(b"1:0:1:74726163655f74696d657374616d70")
    play.gets(b"qTsV").sends(b"l")
    play.gets(b"qTV:5").sends(b"U")
    play.gets(b"QTFrame:0").sends(b"F-1")
    play.gets(b"qTBuffer:0,100").sends(b"l")
    play.gets(b"qTMinFTPILen").sends(b"1")
    play.gets(b"QTSave:2f6e6f6e652f78").sends(b"E.No such file or directory")


@pytest.mark.parametrize("packet", [b"QTinit", b"QTDP:1:400000:E:0:0", b"QTStart", b"QTStop", b"QTBuffer:size:9"])
def test_an_observer_looks_and_changes_nothing(packet: bytes) -> None:
    play = playing(Role.OBSERVER, b"multiprocess+;vContSupported+;error-message+")
    play.gets(packet).sends_like(rb"E\.an observer changes nothing.*")
    play.gets(b"qTStatus").sends_like(rb"T0;.*")
    play.gets(b"QTFrame:ffffffff").sends(b"OK")


def test_an_address_is_masked_to_the_width_of_the_program() -> None:
    play = playing()
    play.target.thread(T1).registers[:8] = Addr(BASE + 0x20).to_bytes(8, "little")
    for packet in (b"QTDP:1:400000:E:0:0-", b"QTDP:-1:400000:M0,fffffffffffffff0,4", b"QTStart"):
        play.gets(packet).sends(b"OK")
    play.host.tracing().on_event(SiteHit(PID, T1, BASE, hardware=False))
    play.gets(b"QTFrame:0").sends(b"F0T1")
    play.gets(b"m400010,4").sends(b"90" * 4)
