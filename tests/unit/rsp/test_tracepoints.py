"""The packets of tracepoints, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp import registry
from gdbstub.rsp.commands.tracepoints import (
    CollectMemory,
    CollectRegisters,
    DefineTracepoint,
    DefineVariable,
    Evaluate,
    ReadOnlyRanges,
    TraceAction,
    TracepointActions,
    TracepointHead,
    TracepointSource,
)
from gdbstub.rsp.commands.tracing import BufferSize, SaveTrace, Search, SelectFrame, TraceNotes
from gdbstub.vocab.errors import PacketError, StubError, Unsupported
from gdbstub.vocab.ids import Addr

_addresses = st.integers(0, 2**64 - 1)
_counts = st.integers(0, 2**32 - 1)


def found(payload: bytes) -> object:
    """Parse a packet as a session does."""
    row = registry.find(payload)
    assert row is not None
    return row[0].parse(row[1])


@given(
    _counts, _addresses, st.booleans(), _counts, _counts, st.none() | st.binary(min_size=1, max_size=9), st.booleans()
)
def test_the_head_of_a_definition(
    number: int, address: int, enabled: bool, steps: int, passes: int, condition: bytes | None, more: bool
) -> None:
    text = f"QTDP:{number:x}:{address:x}:{'E' if enabled else 'D'}:{steps:x}:{passes:x}"
    if condition is not None:
        text += f":X{len(condition):x},{condition.hex()}"
    cmd = found((text + "-" * more).encode())
    head = TracepointHead(enabled, steps, passes, condition, fast=False, static=False)
    assert cmd == DefineTracepoint(number, Addr(address), head, more)


def test_fast_and_static_markers() -> None:
    cmd = DefineTracepoint.parse(b"1:10:E:0:0:F5:X1,27-")
    assert cmd.content == TracepointHead(True, 0, 0, b"'", fast=True, static=False)
    cmd = DefineTracepoint.parse(b"1:10:E:0:0:S")
    assert cmd.content == TracepointHead(True, 0, 0, None, fast=False, static=True)


_actions = st.lists(
    st.one_of(
        st.integers(0, 2**64).map(lambda mask: (f"R{mask:x}", CollectRegisters(f"R{mask:x}"))),
        st.tuples(st.none() | st.integers(0, 200), _addresses, _counts).map(
            lambda each: (
                text := f"M{'-1' if each[0] is None else format(each[0], 'x')},{each[1]:x},{each[2]:x}",
                CollectMemory(text, *each),
            )
        ),
        st.binary(min_size=1, max_size=20).map(
            lambda code: (text := f"X{len(code):X},{code.hex()}", Evaluate(text, code))
        ),
    ),
    max_size=5,
)


@given(_actions, st.booleans(), st.booleans())
def test_actions_follow_each_other_without_a_separator(
    actions: list[tuple[str, TraceAction]], stepping: bool, more: bool
) -> None:
    # The digits of a mask would run on into nothing: every action begins with a letter that is no digit.
    text = "QTDP:-a:40:" + "S" * stepping + "".join(each for each, _ in actions) + "-" * more
    cmd = found(text.encode())
    content = TracepointActions(tuple(value for _, value in actions), stepping)
    assert cmd == DefineTracepoint(10, Addr(0x40), content, more)


@pytest.mark.parametrize(
    "args",
    [
        b"",
        b":",
        b"1",
        b"1:2",
        b"1:2:E",
        b"1:2:X:0:0",
        b"1:2:E:0:0:",
        b"1:2:E:0:0:X2,27",
        b"1:2:E:0:0:X1,2",
        b"1:2:E:0:0X1,27",
        b"-1:2:Q",
        b"-1:2:M1,2",
        b"-1:2:X3,27",
        b"-1:2",
        b"-:2:R",
    ],
)
def test_what_is_no_definition(args: bytes) -> None:
    with pytest.raises(PacketError):
        DefineTracepoint.parse(args)


def test_static_trace_data_is_declined() -> None:
    with pytest.raises(Unsupported):
        DefineTracepoint.parse(b"-1:2:L")


@given(
    st.sampled_from(
        [
            b"QTDP:",
            b"QTDPsrc:",
            b"QTDV:",
            b"QTro:",
            b"QTFrame:",
            b"QTBuffer:size:",
            b"QTNotes:",
            b"qTBuffer:",
            b"QTSave:",
        ]
    ),
    st.binary(max_size=60) | st.text("0123456789abcdefEDRMXSF:,;-", max_size=60).map(str.encode),
)
def test_any_bytes_are_parsed_or_refused(name: bytes, args: bytes) -> None:
    row = registry.find(name + args)
    if row is not None:
        try:
            row[0].parse(row[1])
        except StubError:
            return


def test_the_others() -> None:
    assert found(b"QTDPsrc:1:40:cmd:2:5:616263") == TracepointSource(1, Addr(0x40), "cmd", 2, 5, b"abc")
    assert found(b"QTDV:2:fffffffffffffffe:0:7476") == DefineVariable(2, 2**64 - 2, False, "tv")
    assert found(b"QTro:10,20:30,40") == ReadOnlyRanges(((Addr(0x10), Addr(0x20)), (Addr(0x30), Addr(0x40))))
    assert found(b"QTBuffer:size:-1") == BufferSize(None)
    assert found(b"QTBuffer:size:1f") == BufferSize(0x1F)
    assert found(b"QTNotes:user:6d65;tstop:;") == TraceNotes((("user", b"me"), ("tstop", b"")))
    assert found(b"QTSave:2f61;") == SaveTrace("/a")
    assert found(b"QTFrame:ffffffff") == SelectFrame(Search.NUMBER, ())
    assert found(b"QTFrame:a") == SelectFrame(Search.NUMBER, (10,))
    assert found(b"QTFrame:outside:1:2") == SelectFrame(Search.OUTSIDE, (1, 2))
    for bad in (b"QTFrame:pc:", b"QTFrame:range:1", b"QTFrame:-1", b"QTDPsrc:1:2:where:0:1:00", b"QTDisconnected:2"):
        with pytest.raises(PacketError):
            found(bad)
