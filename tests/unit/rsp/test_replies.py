from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp.framing import Framer, frame
from gdbstub.rsp.hexcodec import unescape
from gdbstub.rsp.replies import chunk, error_reply
from gdbstub.vocab.errors import Disconnected, PacketError, StubError, TargetError, TraceeGone, Unsupported


@pytest.mark.parametrize(
    ("failure", "plain", "texts"),
    [
        (Unsupported(), b"", b""),
        (PacketError("bad"), b"E01", b"E.bad"),
        (TargetError(errno.EPERM, "no"), b"E01", b"E.no"),
        (TargetError(errno.EIO), b"E05", b"E.Input/output error"),
        (TraceeGone(9), b"E03", b"E.thread 9 is gone or not stopped"),
        (TargetError(errno.ENODATA, "none"), b"E3d", b"E.none"),
        (TargetError(0, "odd"), b"E01", b"E.odd"),
        (TargetError(256, "odd"), b"E01", b"E.odd"),
        (Disconnected("away"), b"E16", b"E.away"),
    ],
)
def test_each_class(failure: StubError, plain: bytes, texts: bytes) -> None:
    assert error_reply(failure, texts=False) == plain
    assert error_reply(failure, texts=True) == texts


@given(st.text(max_size=80))
def test_an_error_text_can_be_framed(text: str) -> None:
    reply = error_reply(PacketError(text), texts=True)
    assert Framer().feed(frame(reply)) == [reply]
    # A star would be taken for a repeat count, everywhere in a reply.
    assert not set(reply) & set(b"#$*")


@given(
    st.binary(max_size=200) | st.lists(st.sampled_from(b"#$}*a"), max_size=200).map(bytes),
    st.integers(1, 300),
    st.integers(8, 120),
)
def test_an_object_read_in_parts_is_whole(data: bytes, length: int, limit: int) -> None:
    got = b""
    for _ in range(len(data) + 2):
        reply = chunk(data, len(got), length, limit=limit)
        assert len(reply) <= limit + 1
        got += unescape(reply[1:])
        if reply[:1] == b"l":
            break
        assert reply[:1] == b"m"
        # An empty part that is not the last would be asked for again for ever.
        assert len(reply) > 1
    assert got == data


@given(st.binary(max_size=60), st.integers(0, 80), st.integers(1, 80))
def test_a_part_from_any_offset(data: bytes, offset: int, length: int) -> None:
    reply = chunk(data, offset, length, limit=1000)
    assert unescape(reply[1:]) == data[offset : offset + length]
    assert (reply[:1] == b"l") == (offset + length >= len(data))
