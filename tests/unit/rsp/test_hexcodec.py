from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp.hexcodec import (
    escape,
    parse_bytes,
    parse_fields,
    parse_number,
    parse_text,
    parse_thread_id,
    unescape,
)
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import ALL, ThreadSpec


@given(st.integers(0, (1 << 64) - 1))
def test_numbers_of_64_bits(number: int) -> None:
    assert parse_number(b"%x" % number) == number
    assert parse_number(b"%X" % number) == number


@pytest.mark.parametrize(
    "text",
    [b"", b"0x1", b"0X1", b"1_0", b" 1", b"1 ", b"1\n", b"+1", b"-1", b"g", b"1.", b"\xb2", b"1" * 17, b"\xd9\xa1"],
)
def test_a_number_is_hex_digits_alone(text: bytes) -> None:
    with pytest.raises(PacketError):
        parse_number(text)


@given(st.binary(max_size=100))
def test_hex_data_round_trip(data: bytes) -> None:
    assert parse_bytes(data.hex().encode()) == data
    assert parse_bytes(data.hex().upper().encode()) == data


@pytest.mark.parametrize(
    "text",
    [
        b"1",
        b"123",
        b"0x12",
        b"zz",
        b"12 34",
        b"12\n",
        b"\t12",
        b"1\r2\r",
        b"12\x0b34",
        b"12\x0c",
        b"1_",
        b"+1",
        b"\xff",
    ],
)
def test_hex_data_is_pairs_of_digits_alone(text: bytes) -> None:
    with pytest.raises(PacketError):
        parse_bytes(text)


@given(st.binary(max_size=60))
def test_text_that_is_no_utf8_survives(data: bytes) -> None:
    assert parse_text(data.hex().encode()).encode("utf-8", "surrogateescape") == data


def test_the_last_field_keeps_separators() -> None:
    assert parse_fields(b"a,b,c,d", 3) == [b"a", b"b", b"c,d"]
    assert parse_fields(b"a:b", 2, b":") == [b"a", b"b"]
    with pytest.raises(PacketError):
        parse_fields(b"a,b", 3)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        (b"0", ThreadSpec(None, 0)),
        (b"-1", ThreadSpec(None, ALL)),
        (b"1f", ThreadSpec(None, 0x1F)),
        (b"p1f", ThreadSpec(0x1F, ALL)),
        (b"p-1", ThreadSpec(ALL, ALL)),
        (b"p0", ThreadSpec(0, ALL)),
        (b"p1f.2a", ThreadSpec(0x1F, 0x2A)),
        (b"p1f.-1", ThreadSpec(0x1F, ALL)),
        (b"p1f.0", ThreadSpec(0x1F, 0)),
        (b"p-1.-1", ThreadSpec(ALL, ALL)),
        (b"p0.0", ThreadSpec(0, 0)),
        (b"pFFFFFFFF.FFFFFFFF", ThreadSpec(0xFFFFFFFF, 0xFFFFFFFF)),
    ],
)
def test_thread_ids(text: bytes, spec: ThreadSpec) -> None:
    assert parse_thread_id(text) == spec


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"p",
        b"p.",
        b"p1.",
        b"p.1",
        b"1.1",
        b"-2",
        b"--1",
        b"p-1.5",
        b"p1.2.3",
        b"0x1",
        b" 1",
        b"1\n",
        b"1" * 9,
        b"q1",
    ],
)
def test_no_thread_id(text: bytes) -> None:
    with pytest.raises(PacketError):
        parse_thread_id(text)


@given(st.binary() | st.lists(st.sampled_from(b"#$}*]\x03\x04\x0aa")).map(bytes))
def test_unescape_undoes_escape(data: bytes) -> None:
    escaped = escape(data)
    assert unescape(escaped) == data
    assert not set(escaped) & set(b"#$*")


def plain_unescape(data: bytes) -> bytes | None:
    out = bytearray()
    letters = iter(data)
    for letter in letters:
        if letter == 0x7D:
            after = next(letters, None)
            if after is None:
                return None
            out.append(after ^ 0x20)
        else:
            out.append(letter)
    return bytes(out)


@given(st.lists(st.sampled_from(b"}}}]\x03\x5da#")).map(bytes))
def test_unescape_takes_any_escape(data: bytes) -> None:
    expected = plain_unescape(data)
    if expected is None:
        with pytest.raises(PacketError):
            unescape(data)
    else:
        assert unescape(data) == expected
