"""Packets of the negotiation: ``qSupported QStartNoAckMode QNonStop ! qRcmd``.

Layer: rsp.  Spec: GDB manual, "General Query Packets".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_text
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError


@command(b"qSupported", clients="gdb, lldb", without="uses nothing that is younger than 2006")
class Supported(NamedTuple):
    """Tell each other what is understood."""

    features: tuple[bytes, ...]

    @classmethod
    def parse(cls, args: bytes) -> Supported:
        """Parse ``FEATURE;...``."""
        return cls(tuple(each for each in args.split(b";") if each))


@command(b"QStartNoAckMode", clients="gdb, lldb", without="acknowledges every packet")
class StartNoAckMode(NamedTuple):
    """Stop acknowledging packets."""

    @classmethod
    def parse(cls, args: bytes) -> StartNoAckMode:
        """Parse nothing."""
        return cls()


@command(b"QNonStop", clients="gdb", without="refuses set non-stop on")
class NonStop(NamedTuple):
    """Choose between all-stop and non-stop."""

    on: bool

    @classmethod
    def parse(cls, args: bytes) -> NonStop:
        """Parse ``0`` or ``1``."""
        if args not in (b"0", b"1"):
            raise PacketError(f"QNonStop:0 or QNonStop:1 expected, not {args[:20]!r}")
        return cls(args == b"1")


@command(b"!", clients="gdb extended-remote", without="cannot run a second program")
class ExtendedMode(NamedTuple):
    """Keep serving after the program has ended."""

    @classmethod
    def parse(cls, args: bytes) -> ExtendedMode:
        """Parse nothing."""
        return cls()


@command(b"qRcmd", clients="gdb, lldb", without="refuses monitor commands")
class MonitorCommand(NamedTuple):
    """Run a monitor command."""

    line: str

    @classmethod
    def parse(cls, args: bytes) -> MonitorCommand:
        """Parse hex text."""
        return cls(parse_text(args))
