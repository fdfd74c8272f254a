"""Which replies are compressed, and how they come back."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp.compression import MIN_SIZE, Compression
from gdbstub.rsp.hexcodec import unescape
from tests.support.playbook import Playbook, process

FAST, SLOW = 50_000, 20_000_000
LLDB = b"xmlRegisters=i386,arm,mips,arc;multiprocess+"


def over(*delays: int) -> Compression:
    found = Compression()
    for each in delays:
        found.note_delay(each)
    return found


def unwrap(body: bytes) -> bytes:
    """Undo ``Compression.wrap``, as a client does."""
    if body[:1] == b"N":
        return body[1:]
    assert body[:1] == b"C"
    length, _, packed = body[1:].partition(b":")
    payload = zlib.decompress(unescape(packed), -15)
    assert len(payload) == int(length)
    return payload


def test_a_link_is_slow_only_if_every_packet_takes_long() -> None:
    assert over(*[SLOW] * 8).pays
    assert not over(*[SLOW] * 7).pays
    assert not over(*[SLOW] * 7, FAST).pays
    # What is long ago does not count.
    assert over(FAST, *[SLOW] * 8).pays


def test_what_is_short_or_near_goes_as_it_is() -> None:
    zeros = b"0" * MIN_SIZE
    assert over().wrap(zeros) == b"N" + zeros
    slow = over(*[SLOW] * 8)
    assert slow.wrap(zeros[1:]) == b"N" + zeros[1:]
    assert slow.wrap(b"") == b"N"
    packed = slow.wrap(zeros)
    assert len(packed) < 40
    assert unwrap(packed) == zeros


@given(st.binary(max_size=4 * MIN_SIZE), st.booleans())
def test_every_reply_comes_back(payload: bytes, slow: bool) -> None:
    wrapped = over(*[SLOW if slow else FAST] * 8).wrap(payload)
    assert unwrap(wrapped) == payload
    assert len(wrapped) <= len(payload) + 1


def test_compression_begins_after_its_own_reply() -> None:
    play = Playbook(process(), supported=None)
    assert b"SupportedCompressions=zlib-deflate" in play.gets(b"qSupported:" + LLDB).sent().split(b";")
    play.gets(b"QEnableCompression:type:lz4;").sends_like(rb"E.*")
    play.gets(b"QEnableCompression:type").sends_like(rb"E.*")
    play.gets(b"QEnableCompression:type:zlib-deflate;").sends(b"OK")
    play.gets(b"vMustReplyEmpty").sends(b"N")
    play.gets(b"x400000,2").sends(b"N\x90\x90")
    play.target.processes[next(iter(play.target.processes))].memory[:] = bytes(4096)
    assert play.session.compression is not None
    for _ in range(8):
        play.session.compression.note_delay(SLOW)
    reply = play.gets(b"x400000,1000").sent()
    assert reply[:6] == b"C4096:"
    assert unwrap(reply) == bytes(4096)


def test_gdb_is_not_offered_compression() -> None:
    play = Playbook(process(), supported=None)
    assert b"SupportedCompressions" not in play.gets(b"qSupported:vContSupported+").sent()
