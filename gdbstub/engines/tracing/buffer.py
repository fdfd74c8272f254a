"""Trace frames, and the buffer that holds as many as fit.

Layer: engines.  Used by: tracing, collector.
Spec: GDB manual, "Trace File Format".

A frame is kept as it stands in a trace file: a head, and blocks of registers, memory and variables one after the
other.  It is taken apart only when a client looks at it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from struct import Struct
from typing import NamedTuple

from gdbstub.engines.tracing.definitions import Tracepoint
from gdbstub.vocab.ids import Addr

#: What a buffer holds unless told otherwise, bytes.
DEFAULT_SIZE = 5 << 20

#: The tracepoint's number and how many bytes follow.
HEAD = Struct("<HI")
#: ``M``, the address, and how many bytes follow.
MEMORY = Struct("<cQH")
#: ``V``, the number, the value.
VARIABLE = Struct("<cIQ")
#: The largest frame, bytes: while it is collected everybody waits.
FRAME_LIMIT = 16 << 20
#: The longest block of memory, bytes.
BLOCK_LIMIT = 0xFFFF


class BufferFull(Exception):
    """What is being collected is larger than all that a buffer may hold."""


class Contents(NamedTuple):
    """A frame, taken apart."""

    #: All registers in the order of the target description, or None.
    registers: bytes | None
    #: The pieces of memory, with their addresses.
    memory: list[tuple[int, bytes]]
    #: The trace state variables.
    variables: dict[int, int]


class Frame:
    """What was collected at one hit or step.

    Args:
        tracepoint: Whose.
        pc: Where the thread was.
        data: The blocks.
    """

    __slots__ = ("_contents", "data", "pc", "serial", "start", "tracepoint")

    def __init__(self, tracepoint: Tracepoint, pc: Addr, data: bytes) -> None:
        self.tracepoint = tracepoint
        self.pc = pc
        self.data = data
        #: How many frames were made before it in this run, and how many bytes they took.
        self.serial = self.start = 0
        self._contents: Contents | None = None

    @property
    def size(self) -> int:
        """What it takes in the buffer, bytes."""
        return HEAD.size + len(self.data)

    def encoded(self) -> bytes:
        """Return it as it stands in a trace file."""
        return HEAD.pack(self.tracepoint.number & 0xFFFF, len(self.data)) + self.data

    @property
    def contents(self) -> Contents:
        """What is in it."""
        if self._contents is None:
            self._contents = self._take_apart()
        return self._contents

    def _take_apart(self) -> Contents:
        data = self.data
        registers: bytes | None = None
        memory: list[tuple[int, bytes]] = []
        variables: dict[int, int] = {}
        width = sum(each.bits // 8 for each in self.tracepoint.arch.registers)
        at = 0
        while at < len(data):
            kind = data[at : at + 1]
            if kind == b"R":
                registers = data[at + 1 : at + 1 + width]
                at += 1 + width
            elif kind == b"M":
                _, address, length = MEMORY.unpack_from(data, at)
                at += MEMORY.size
                memory.append((address, data[at : at + length]))
                at += length
            else:
                _, number, value = VARIABLE.unpack_from(data, at)
                # The last one counts: an expression may have changed it meanwhile.
                variables[number] = value
                at += VARIABLE.size
        return Contents(registers, memory, variables)

    def read_memory(self, address: int, length: int) -> bytes:
        """Read up to ``length`` bytes; what follows the last byte was not collected."""
        out = bytearray()
        while len(out) < length:
            at = address + len(out)
            for start, data in self.contents.memory:
                if start <= at < start + len(data):
                    out += data[at - start : at - start + length - len(out)]
                    break
            else:
                break
        return bytes(out)


class TraceBuffer:
    """Frames, the oldest first.

    Args:
        size: How much it may hold, bytes.
    """

    def __init__(self, size: int = DEFAULT_SIZE) -> None:
        self.size = size
        self.circular = False
        #: Frames made in this run, those included that were pushed out.
        self.created = 0
        self._frames: list[Frame] = []
        #: How many frames at the start of the list were pushed out, and are to be removed some day.
        self._out = 0
        #: How many bytes all frames of this run have taken.
        self._end = 0

    def __len__(self) -> int:
        return len(self._frames) - self._out

    def clear(self) -> None:
        """Forget every frame, for a new run."""
        self._frames.clear()
        self.created = self._out = self._end = 0

    @property
    def used(self) -> int:
        """How much it holds, bytes."""
        return self._end - self._frames[self._out].start if len(self) else 0

    @property
    def free(self) -> int:
        """How much more it may hold, bytes; nothing where it was made smaller than what it holds."""
        return max(0, self.size - self.used)

    def add(self, frame: Frame) -> None:
        """Take a frame; a circular buffer makes room for it.

        Raises:
            BufferFull: It does not fit.
        """
        size = frame.size
        if size > self.size or (not self.circular and self.used + size > self.size):
            raise BufferFull
        while self.used + size > self.size:
            self._out += 1
        if self._out > 256 and self._out * 2 > len(self._frames):
            del self._frames[: self._out]
            self._out = 0
        frame.serial = self.created
        frame.start = self._end
        self.created += 1
        self._end += size
        self._frames.append(frame)

    def frame(self, number: int) -> Frame | None:
        """Return a frame by its number: the oldest that is left is 0."""
        return self._frames[self._out + number] if 0 <= number < len(self) else None

    def number_of(self, frame: Frame) -> int:
        """Return a frame's number; -1 where it is no longer there."""
        if not len(self):
            return -1
        number = frame.serial - self._frames[self._out].serial
        return number if self.frame(number) is frame else -1

    def after(self, frame: Frame | None) -> Iterator[tuple[int, Frame]]:
        """Give the frames after one, with their numbers; after None, all."""
        start = 0 if frame is None else self.number_of(frame) + 1
        return enumerate(islice(self._frames, self._out + start, None), start)

    def read(self, offset: int, length: int) -> bytes:
        """Read a part of all frames as they stand in a trace file; nothing at the end."""
        if not len(self):
            return b""
        offset += self._frames[self._out].start
        first = bisect_right(self._frames, offset, self._out, key=attrgetter("start")) - 1
        out = bytearray()
        skip = offset - self._frames[first].start
        for frame in islice(self._frames, first, None):
            out += frame.encoded()[skip : skip + length - len(out)]
            skip = 0
            if len(out) >= length:
                break
        return bytes(out)
