"""The trace buffer against a list of frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.engines.tracing.buffer import MEMORY, VARIABLE, BufferFull, Frame, TraceBuffer
from gdbstub.engines.tracing.definitions import Tracepoint
from gdbstub.rsp.commands.tracepoints import TracepointHead
from gdbstub.vocab.ids import Addr, Pid
from tests.support.fake_target import SPEC

WIDTH = sum(each.bits // 8 for each in SPEC.registers)
POINT = Tracepoint(7, Addr(0x400000), Pid(1), SPEC, TracepointHead(True, 0, 0, None, fast=False, static=False))


def frame(*blocks: bytes) -> Frame:
    return Frame(POINT, Addr(0x400000), b"".join(blocks))


def memory(address: int, data: bytes) -> bytes:
    return MEMORY.pack(b"M", address, len(data)) + data


@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(0, 300), st.booleans())
def test_it_holds_the_newest_or_the_oldest_that_fit(pieces: list[bytes], size: int, circular: bool) -> None:
    buffer = TraceBuffer(size)
    buffer.circular = circular
    model: list[Frame] = []
    for data in pieces:
        new = frame(memory(0, data))
        if new.size > size or (not circular and sum(each.size for each in model) + new.size > size):
            with pytest.raises(BufferFull):
                buffer.add(new)
            continue
        buffer.add(new)
        model.append(new)
        while sum(each.size for each in model) > size:
            model.pop(0)
        assert (len(buffer), buffer.used) == (len(model), sum(each.size for each in model))
        assert buffer.used + buffer.free == size
    assert [buffer.frame(number) for number in range(len(model))] == model
    assert buffer.frame(len(model)) is None and buffer.frame(-1) is None
    assert [buffer.number_of(each) for each in model] == list(range(len(model)))
    for each in [None, *model]:
        start = 0 if each is None else model.index(each) + 1
        assert list(buffer.after(each)) == list(enumerate(model))[start:]


@given(st.lists(st.binary(max_size=20), max_size=30), st.integers(1, 50), st.booleans())
def test_it_is_read_in_parts(pieces: list[bytes], length: int, circular: bool) -> None:
    buffer = TraceBuffer(200 if circular else 10_000)
    buffer.circular = circular
    model = []
    for data in pieces:
        buffer.add(new := frame(memory(1, data)))
        model.append(new)
    whole = b"".join(each.encoded() for each in model[-len(buffer) :] if len(buffer))
    read = b""
    while part := buffer.read(len(read), length):
        assert len(part) <= length
        read += part
    assert read == whole
    assert buffer.read(len(whole) + 5, length) == b""


def test_many_frames_that_were_pushed_out_take_no_memory() -> None:
    buffer = TraceBuffer(1000)
    buffer.circular = True
    for number in range(10_000):
        buffer.add(frame(memory(number, b"8 bytes!")))
    assert buffer.created == 10_000
    assert len(buffer._frames) < 1000
    first = buffer.frame(0)
    assert first is not None and first.serial == 10_000 - len(buffer)
    assert buffer.number_of(frame()) == -1


def test_a_smaller_size_leaves_what_is_there() -> None:
    buffer = TraceBuffer(100)
    buffer.add(frame(memory(0, b"x" * 50)))
    buffer.size = 10
    assert (len(buffer), buffer.free) == (1, 0)
    buffer.clear()
    assert (len(buffer), buffer.created, buffer.free) == (0, 0, 10)


def test_a_frame_is_taken_apart() -> None:
    it = frame(
        b"R" + bytes(range(256)) * (WIDTH // 256) + bytes(WIDTH % 256),
        memory(0x10, b"abcd"),
        VARIABLE.pack(b"V", 2, 5),
        memory(0x14, b"ef"),
        VARIABLE.pack(b"V", 2, 6),
    )
    assert it.contents.registers is not None and len(it.contents.registers) == WIDTH
    assert it.contents.memory == [(0x10, b"abcd"), (0x14, b"ef")]
    assert it.contents.variables == {2: 6}
    assert it.read_memory(0x12, 10) == b"cdef"
    assert it.read_memory(0x12, 1) == b"c"
    assert it.read_memory(0x16, 1) == b""
