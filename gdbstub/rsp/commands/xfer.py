"""The ``qXfer`` family: objects read and written in parts.

Layer: rsp.  Spec: GDB manual, "General Query Packets", "qXfer".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_fields, parse_number, unescape
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError


class _Part(NamedTuple):
    annex: str
    offset: int
    length: int


def _parse_part(args: bytes) -> _Part:
    annex, colon, span = args.rpartition(b":")
    if not colon:
        raise PacketError(f"ANNEX:OFFSET,LENGTH expected: {args[:60]!r}")
    offset, length = (parse_number(each) for each in parse_fields(span, 2))
    return _Part(annex.decode("utf-8", "replace"), offset, length)


class XferRead(NamedTuple):
    """A part of an object."""

    annex: str
    offset: int
    length: int

    @classmethod
    def parse(cls, args: bytes) -> XferRead:
        """Parse ``ANNEX:OFFSET,LENGTH``.

        QUIRK(lldb's tests of servers): a colon may follow.  Test: unit/rsp/test_commands.py.
        """
        return cls(*_parse_part(args.removesuffix(b":")))


@command(b"qXfer:features:read", clients="gdb, lldb", without="guesses the registers")
class ReadFeatures(XferRead):
    """Read the target description."""


@command(b"qXfer:threads:read", clients="gdb", without="uses qfThreadInfo, without names")
class ReadThreads(XferRead):
    """Read the list of threads with names and processors."""


@command(b"qXfer:auxv:read", clients="gdb, lldb", without="cannot relocate a PIE")
class ReadAuxv(XferRead):
    """Read the auxiliary vector."""


@command(b"qXfer:exec-file:read", clients="gdb", without="needs to be told the program")
class ReadExecFile(XferRead):
    """Read the path of the running program."""


@command(b"qXfer:libraries-svr4:read", clients="gdb, lldb", without="walks the link map in memory")
class ReadLibraries(XferRead):
    """Read the list of shared libraries."""


@command(b"qXfer:siginfo:read", clients="gdb, lldb", without="$_siginfo is empty")
class ReadSiginfo(XferRead):
    """Read the siginfo of the selected thread."""


@command(b"qXfer:osdata:read", clients="gdb", without="info os is empty")
class ReadOsdata(XferRead):
    """Read a table about the operating system."""


@command(b"qXfer:siginfo:write", clients="gdb", without="an inferior call loses a siginfo")
class WriteSiginfo(NamedTuple):
    """Write a part of the siginfo of the selected thread."""

    offset: int
    data: bytes

    @classmethod
    def parse(cls, args: bytes) -> WriteSiginfo:
        """Parse ``ANNEX:OFFSET:ESCAPED``."""
        _annex, offset, data = parse_fields(args, 3, b":")
        return cls(parse_number(offset), unescape(data))
