"""The packet that asks for compressed replies: ``QEnableCompression``.

Layer: rsp.  Spec: LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError

_request = re.compile(rb"type:([a-z0-9-]{1,40});(?:minsize:\d+;)?").fullmatch


@command(b"QEnableCompression", clients="lldb", without="takes replies as they are")
class EnableCompression(NamedTuple):
    """Compress long replies from now on."""

    type: str

    @classmethod
    def parse(cls, args: bytes) -> EnableCompression:
        """Parse ``type:NAME;``; from how many bytes on is ours to say."""
        match = _request(args)
        if match is None:
            raise PacketError(f"type:NAME; expected: {args[:60]!r}")
        return cls(match[1].decode("ascii"))
