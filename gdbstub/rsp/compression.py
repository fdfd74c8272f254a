"""Replies made smaller for a slow link.

Layer: rsp.  Used by: engines.gdbremote.conversation.
Spec: LLDB's "GDB Remote Protocol Extensions", ``QEnableCompression``; RFC 1951.

A client that is offered compression asks for it at once, also beside the server, where it would only cost time.  So
each reply is looked at: it is compressed if it is long and if the client has been slow to answer lately, which
tells a link's delay whatever tunnels it goes through.
"""

from __future__ import annotations

import zlib
from collections import deque

from gdbstub.rsp.hexcodec import escape

#: The one way that we have: raw DEFLATE.
TYPE = "zlib-deflate"
#: Shorter replies are never compressed, bytes; they fit into one segment.
MIN_SIZE = 1024
#: How many of the client's last packets are looked at, and what the fastest of them must have taken, nanoseconds.
_WINDOW = 8
_SLOW = 1_000_000
_LEVEL = 3
_RAW = -15


class Compression:
    """What one client's replies are sent through."""

    __slots__ = ("_delays",)

    def __init__(self) -> None:
        self._delays: deque[int] = deque(maxlen=_WINDOW)

    def note_delay(self, nanoseconds: int) -> None:
        """Note how long the client took from a reply of ours to its next packet."""
        self._delays.append(nanoseconds)

    @property
    def pays(self) -> bool:
        """Tell whether the link is slow."""
        return len(self._delays) == _WINDOW and min(self._delays) >= _SLOW

    def wrap(self, payload: bytes) -> bytes:
        """Return the payload as it goes into a packet: ``C``, its length and it compressed, or ``N`` and as it is."""
        if len(payload) >= MIN_SIZE and self.pays:
            machine = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
            packed = escape(machine.compress(payload) + machine.flush())
            if len(packed) < len(payload):
                return b"C%d:%b" % (len(payload), packed)
        return b"N" + payload
