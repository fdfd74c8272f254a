"""Packets about the program's terminal: ``I vStdio``.

Layer: rsp.  Spec: LLDB's lldbgdbremote, "I", and its non-stop extension "vStdio".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes
from gdbstub.rsp.registry import command


@command(b"I", clients="lldb", without="the program reads nothing")
class Input(NamedTuple):
    """Give the program something to read."""

    data: bytes

    @classmethod
    def parse(cls, args: bytes) -> Input:
        """Parse hex data."""
        return cls(parse_bytes(args))


@command(b"vStdio", clients="lldb non-stop", without="cannot use non-stop")
class NextOutput(NamedTuple):
    """Acknowledge a notification of output and ask for the next."""

    @classmethod
    def parse(cls, args: bytes) -> NextOutput:
        """Parse nothing."""
        return cls()
