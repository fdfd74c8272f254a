"""rsp.commands.logs and rsp.incoming: the packet for logs, and a server's bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp import registry
from gdbstub.rsp.commands.logs import EVENTS, STRACE, LogSyscalls, TellEvents, is_opening
from gdbstub.rsp.framing import frame, frame_notification
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.incoming import Incoming, ServerStream
from gdbstub.vocab.errors import PacketError


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)))
def test_the_words_arrive_as_they_were(words: list[str]) -> None:
    found = registry.find(STRACE.start(tuple(words)))
    assert found is not None
    row, args = found
    assert row.parse(args) == LogSyscalls(tuple(words))


def test_the_end_of_a_log() -> None:
    found = registry.find(STRACE.stop())
    assert found is not None and found[0].parse(found[1]) == LogSyscalls(None)


@pytest.mark.parametrize("args", [b"", b"begin", b"start;xx", b"stop;00"])
def test_what_is_no_request_for_a_log(args: bytes) -> None:
    for packet in (LogSyscalls, TellEvents):
        with pytest.raises(PacketError):
            packet.parse(args)


def test_an_opening() -> None:
    assert is_opening(b"+" + frame(STRACE.start(("-f",))))
    assert is_opening(frame(EVENTS.start(())))
    assert not is_opening(frame(b"qSupported"))


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=50))), st.integers(1, 20))
def test_what_a_server_sends(items: list[tuple[bool, bytes]], part: int) -> None:
    data = b"+".join(frame_notification(escape(each)) if note else frame(escape(each)) for note, each in items)
    stream = ServerStream()
    found = [item for at in range(0, len(data), part) for item in stream.feed(data[at : at + part])]
    assert found == [Incoming(*item) for item in items]


def test_what_is_damaged_is_passed_over() -> None:
    assert ServerStream().feed(b"$OK#00" + frame(b"OK")) == [Incoming(False, b"OK")]
