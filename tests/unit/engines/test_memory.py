"""Memory and registers over the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp.hexcodec import escape, unescape
from tests.support.fake_target import BASE, SPEC
from tests.support.playbook import PID, T1, Playbook, packet, process

SIZE = sum(register.bits // 8 for register in SPEC.registers)


def play_with(data: bytes) -> Playbook:
    play = Playbook(process())
    play.target.processes[PID].memory[:] = data
    return play


def test_reading_in_hex() -> None:
    play = play_with(bytes(range(16)))
    play.gets(b"m400000,10").sends(b"000102030405060708090a0b0c0d0e0f")
    play.gets(b"m400001,1").sends(b"01")
    # Shorter where the mapping ends.
    play.gets(b"m40000e,10").sends(b"0e0f")
    play.gets(b"m400010,1").sends(b"E.cannot read memory at 0x400010")


def test_reading_in_binary() -> None:
    play = play_with(b"a#$}*\x00b")
    play.gets(b"x400000,7").sends(b"ba}\x03}\x04}]}\x0a\x00b")
    play.gets(b"x400006,10").sends(b"bb")
    play.gets(b"x400010,1").sends_like(rb"E\..*")


@given(st.binary(min_size=1, max_size=300) | st.lists(st.sampled_from(b"#$}*"), min_size=1).map(bytes))
def test_a_binary_reply_holds_a_prefix_and_fits(data: bytes) -> None:
    play = play_with(data)
    play.session.packet_size = 100
    reply = play.gets(b"x400000,%x" % len(data)).sent()
    assert len(reply) <= 100
    assert reply[:1] == b"b"
    got = unescape(reply[1:])
    assert got
    assert data.startswith(got)


def test_a_long_read_is_cut_to_the_packet_size() -> None:
    play = play_with(bytes(256))
    play.session.packet_size = 100
    reply = play.gets(b"m400000,ffffffffffffffff").sent()
    assert 0 < len(reply) <= 100


def test_writing_in_hex() -> None:
    play = play_with(bytes(8))
    play.gets(b"M400002,2:ABcd").sends(b"OK")
    assert play.target.processes[PID].memory == b"\0\0\xab\xcd\0\0\0\0"
    play.gets(b"M400007,2:0102").sends(b"E.cannot write memory at 0x400007")
    assert play.target.processes[PID].memory == b"\0\0\xab\xcd\0\0\0\0"


@given(st.binary(max_size=64))
def test_writing_in_binary(data: bytes) -> None:
    play = play_with(bytes(64))
    play.gets_bytes(packet(b"X400000,%x:" % len(data) + escape(data))).sends(b"OK")
    assert play.target.processes[PID].memory == data.ljust(64, b"\0")


def test_the_probe_for_binary_writes() -> None:
    play_with(bytes(8)).gets(b"X0,0:").sends(b"OK")


@pytest.mark.parametrize(
    "payload", [b"M400000,2:01", b"M400000,1:0", b"X400000,1:ab", b"X400000,2:}", b"m400000", b"x1,", b"M400000,1:0x"]
)
def test_what_is_malformed_writes_nothing(payload: bytes) -> None:
    play = play_with(bytes(8))
    play.gets(payload).sends_like(rb"E\..*")
    assert play.target.processes[PID].memory == bytes(8)


@pytest.mark.parametrize("payload", [b"m400000,1", b"x400000,1", b"M400000,1:00", b"X400000,1:a", b"g", b"p0"])
def test_without_a_process(payload: bytes) -> None:
    Playbook().gets(payload).sends(b"E.no process")


def test_all_registers() -> None:
    play = Playbook(process()).stopped().gets(b"qSupported:xmlRegisters=i386").forget()
    data = bytes(number % 251 for number in range(SIZE))
    play.gets(b"G" + data.hex().encode()).sends(b"OK")
    play.gets(b"g").sends(data.hex().encode())
    play.gets(b"G0000").sends(b"OK")
    play.gets(b"g").sends(b"0000" + data[2:].hex().encode())


def test_one_register() -> None:
    play = Playbook(process()).stopped()
    play.gets(b"P10=1122334455667788").sends(b"OK")
    play.gets(b"p10").sends(b"1122334455667788")
    assert play.target.pc(T1) == 0x8877665544332211
    play.gets(b"pffff").sends(b"E.no register 65535")


def test_the_base_of_the_fake_is_what_these_tests_write() -> None:
    assert BASE == 0x400000
