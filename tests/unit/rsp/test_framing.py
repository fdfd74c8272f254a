from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp.framing import (
    BadPacket,
    Framer,
    Item,
    Signal,
    checksum,
    frame,
    frame_notification,
    run_length,
)


class Bad(NamedTuple):
    """A BadPacket that can be compared."""

    payload: bytes


Seen = bytes | Signal | Bad


def seen(items: Iterable[Item]) -> list[Seen]:
    return [Bad(item.payload) if isinstance(item, BadPacket) else item for item in items]


def fed(framer: Framer, parts: Iterable[bytes]) -> list[Seen]:
    return [each for part in parts for each in seen(framer.feed(part))]


def single(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


CASES: dict[str, tuple[bytes, list[Seen]]] = {
    "nothing": (b"", []),
    "a packet": (b"$g#67", [b"g"]),
    "an empty packet": (b"$#00", [b""]),
    "upper-case digits": (b"$qC#B4", [b"qC"]),
    "two packets": (b"$g#67$?#3f", [b"g", b"?"]),
    "a wrong checksum": (b"$g#68", [Bad(b"g")]),
    "no digits": (b"$g#zz", [Bad(b"g")]),
    "a sign for a digit": (b"$g#+7", [Bad(b"g")]),
    "a wrong one before a right one": (b"$g#00$g#67", [Bad(b"g"), b"g"]),
    "acks and a packet": (b"+-+$g#67", [Signal.ACK, Signal.NACK, Signal.ACK, b"g"]),
    "an interrupt between packets": (b"$g#67\x03$?#3f", [b"g", Signal.INTERRUPT, b"?"]),
    "an interrupt alone": (b"\x03", [Signal.INTERRUPT]),
    "two interrupts": (b"\x03\x03", [Signal.INTERRUPT, Signal.INTERRUPT]),
    "an interrupt byte inside a packet": (frame(b"X0,1:\x03"), [b"X0,1:\x03"]),
    "acks inside a packet": (frame(b"X0,2:+-"), [b"X0,2:+-"]),
    "garbage before a packet": (b"hello\r\n\x00\xff$g#67", [b"g"]),
    "garbage after a packet": (b"$g#67zzz", [b"g"]),
    "stray checksum digits": (b"#67$g#67", [b"g"]),
    "a torn packet and the next": (b"$m7ff$g#67", [b"g"]),
    "a dollar where digits belong": (b"$g#$g#67", [Bad(b"g")]),
    "escapes are left alone": (frame(b"X0,1:}\x03"), [b"X0,1:}\x03"]),
    "all bytes": (
        frame(bytes(c for c in range(256) if c not in b"#$")),
        [bytes(c for c in range(256) if c not in b"#$")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_whole(name: str) -> None:
    data, items = CASES[name]
    assert fed(Framer(), [data]) == items


@pytest.mark.parametrize("name", CASES)
def test_byte_by_byte(name: str) -> None:
    data, items = CASES[name]
    assert fed(Framer(), single(data)) == items


@pytest.mark.parametrize("name", CASES)
def test_with_trailing_data(name: str) -> None:
    data, items = CASES[name]
    framer = Framer()
    # A dollar would end a packet that the case leaves open.
    assert fed(framer, [data + b"$vMust"]) == items
    assert fed(framer, [b"Reply#"]) == []
    assert fed(framer, [b"%02x" % checksum(b"vMustReply")]) == [b"vMustReply"]


STREAM = st.lists(
    st.one_of(
        st.binary(max_size=12).map(lambda data: frame(data.replace(b"#", b"").replace(b"$", b""))),
        st.sampled_from([b"+", b"-", b"\x03", b"$", b"#", b"$g#67", b"$g#00", b"#6", b"7"]),
        st.binary(max_size=6),
    ),
    max_size=12,
).map(b"".join)


def cut(data: bytes, marks: list[int]) -> list[bytes]:
    edges = [0, *sorted(mark % (len(data) + 1) for mark in marks), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(STREAM, st.lists(st.integers(0, 1 << 16), max_size=6))
def test_any_split_gives_the_same_items(data: bytes, marks: list[int]) -> None:
    whole = fed(Framer(), [data])
    assert fed(Framer(), cut(data, marks)) == whole
    assert fed(Framer(), single(data)) == whole


@given(STREAM, st.lists(st.integers(0, 1 << 16), max_size=6))
def test_any_split_gives_the_same_items_where_packets_are_too_long(data: bytes, marks: list[int]) -> None:
    whole = fed(Framer(limit=4), [data])
    assert fed(Framer(limit=4), cut(data, marks)) == whole
    assert fed(Framer(limit=4), single(data)) == whole


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_garbage_never_raises(parts: list[bytes]) -> None:
    fed(Framer(), parts)


@given(STREAM)
def test_a_packet_is_found_after_anything(data: bytes) -> None:
    framer = Framer()
    framer.feed(data)
    # The first one may end what the garbage began.
    framer.feed(frame(b"a"))
    assert fed(framer, [frame(b"vMustReply")]) == [b"vMustReply"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_packet_past_the_limit_is_dropped_whole(whole: bool) -> None:
    data = frame(b"a" * 100) + b"$g#67"
    framer = Framer(limit=64)
    assert fed(framer, [data] if whole else single(data)) == [b"g"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_packet_of_the_limit_is_taken(whole: bool) -> None:
    data = frame(b"a" * 64)
    framer = Framer(limit=64)
    assert fed(framer, [data] if whole else single(data)) == [b"a" * 64]


def test_an_endless_packet_does_not_fill_the_memory() -> None:
    framer = Framer(limit=1000)
    framer.feed(b"$")
    for _ in range(100):
        framer.feed(b"a" * 500)
    assert len(framer._buffer) <= 2000
    assert fed(framer, [b"#00$g#67"]) == [b"g"]


@given(st.binary(max_size=64), st.integers(0, 3000))
def test_checksum_is_the_sum_modulo_256(seed: bytes, times: int) -> None:
    data = seed * times
    assert checksum(data) == sum(data) & 0xFF


@pytest.mark.parametrize(
    "size", [0, 1, 255, 256, 257, 511, 512, 513, 4095, 4096, 4097, 32767, 32768, 32769, 98304, 131072, 1 << 20]
)
@pytest.mark.parametrize("byte", [0, 1, 0x80, 0xFF])
def test_checksum_of_large_data(size: int, byte: int) -> None:
    assert checksum(bytes([byte]) * size) == (size * byte) & 0xFF


def test_checksum_of_large_mixed_data() -> None:
    data = bytes(range(256)) * 700 + bytes(range(255, -1, -3)) * 11
    for cut_off in range(300):
        assert checksum(data[cut_off:]) == sum(data[cut_off:]) & 0xFF


def test_frames() -> None:
    assert frame(b"OK") == b"$OK#9a"
    assert frame(b"") == b"$#00"
    assert frame_notification(b"Stop:T05") == b"%%Stop:T05#%02x" % (sum(b"Stop:T05") & 0xFF)


def expand(data: bytes) -> bytes:
    """Undo run-length encoding, as the manual describes it: a star and a count character repeat what was before."""
    out = bytearray()
    at = 0
    while at < len(data):
        if data[at] == ord("*"):
            out += out[-1:] * (data[at + 1] - 29)
            at += 2
        else:
            out.append(data[at])
            at += 1
    return bytes(out)


def counts(data: bytes) -> list[int]:
    return [data[at + 1] for at in range(len(data)) if data[at] == ord("*")]


HEX = st.lists(st.one_of(st.integers(0, 400).map(lambda n: b"0" * n), st.sampled_from([b"1", b"f", b"x", b"7f"])))


@given(HEX.map(b"".join))
def test_run_length_decodes_back(payload: bytes) -> None:
    assert expand(run_length(payload)) == payload


@pytest.mark.parametrize("zeros", range(1, 600))
def test_a_run_of_any_length(zeros: int) -> None:
    payload = b"f" * 64 + b"0" * zeros + b"f"
    encoded = run_length(payload)
    assert expand(encoded) == payload
    assert len(encoded) <= len(payload)
    for count in counts(encoded):
        assert 32 <= count <= 126
        assert count not in b"#$+-"


@given(st.binary(max_size=300).map(lambda data: bytes(c for c in data if c not in b"#$*")))
def test_an_encoded_payload_can_be_framed(payload: bytes) -> None:
    assert fed(Framer(), [frame(run_length(payload))]) == [run_length(payload)]


def test_short_replies_are_sent_as_they_are() -> None:
    assert run_length(b"0" * 40) == b"0" * 40


def test_long_runs_get_short() -> None:
    assert len(run_length(b"0" * 4096)) < 150
