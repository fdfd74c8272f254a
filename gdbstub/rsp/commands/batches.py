"""Packets that do at once what others do one by one: ``MultiMemRead jMultiBreakpoint``.

Layer: rsp.  Spec: LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gdbstub.rsp.commands.breakpoints import InsertPoint, RemovePoint
from gdbstub.rsp.hexcodec import parse_number, unescape
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError, StubError
from gdbstub.vocab.ids import Addr


@command(b"MultiMemRead", clients="lldb 22+", without="reads one range after the other")
class ReadRanges(NamedTuple):
    """Read several ranges of memory, answered in binary."""

    ranges: tuple[tuple[Addr, int], ...]

    @classmethod
    def parse(cls, args: bytes) -> ReadRanges:
        """Parse ``ranges:ADDRESS,LENGTH,...;[options:WORDS;]``; there is no option yet."""
        head, end, _options = args.partition(b";")
        name, _, text = head.partition(b":")
        if name != b"ranges" or not end:
            raise PacketError(f"ranges:ADDRESS,LENGTH,...; expected: {args[:60]!r}")
        numbers = [parse_number(each) for each in text.split(b",")] if text else []
        if len(numbers) % 2:
            raise PacketError(f"an address without a length: {text[-60:]!r}")
        return cls(tuple((Addr(at), length) for at, length in zip(numbers[::2], numbers[1::2], strict=True)))


_PARSERS: dict[bytes, Callable[[bytes], InsertPoint | RemovePoint]] = {
    b"Z": InsertPoint.parse,
    b"z": RemovePoint.parse,
}


@command(b"jMultiBreakpoint", clients="lldb 23+", without="sends one Z or z after the other")
class ChangePoints(NamedTuple):
    """Set and remove several breakpoints or watchpoints, each with a result of its own."""

    #: What cannot be parsed is here as the error.
    requests: tuple[InsertPoint | RemovePoint | StubError, ...]

    @classmethod
    def parse(cls, args: bytes) -> ChangePoints:
        """Parse ``{"breakpoint_requests":["Z0,ADDRESS,KIND",...]}``, escaped as binary data is."""
        # Imported on first use: a session without batches does without.
        import json

        try:
            requests = json.loads(unescape(args))["breakpoint_requests"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise PacketError(f'{{"breakpoint_requests":[...]}} expected: {args[:60]!r}') from None
        if not isinstance(requests, list):
            raise PacketError("breakpoint_requests is no list")
        return cls(tuple(_request(each) for each in requests))


def _request(text: object) -> InsertPoint | RemovePoint | StubError:
    if not isinstance(text, str) or not text.isascii():
        return PacketError(f"a Z or z packet expected: {text!r:.60}")
    packet = text.encode()
    parse = _PARSERS.get(packet[:1])
    try:
        if parse is None:
            raise PacketError(f"a Z or z packet expected: {packet[:60]!r}")
        return parse(packet[1:])
    except StubError as failure:
        return failure
