"""Framing, the other way round: bytes from a server to packets and notifications.

Layer: rsp.  Used by: server.logclient.
Spec: GDB manual, "Remote Protocol", "Overview" and "Notification Packets".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.rsp.framing import checksum
from gdbstub.rsp.hexcodec import unescape

_item = re.compile(rb"([$%])([^#]*)#([0-9a-fA-F]{2})").search


class Incoming(NamedTuple):
    """One packet or notification, its escapes undone."""

    is_notification: bool
    payload: bytes


class ServerStream:
    """Collects bytes and gives out what is complete; what is torn or damaged is passed over."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Incoming]:
        """Take bytes as they came."""
        self._buffer += data
        items: list[Incoming] = []
        at = 0
        while True:
            found = _item(self._buffer, at)
            if found is None:
                self._buffer = self._buffer[at:]
                return items
            at = found.end()
            if int(found[3], 16) == checksum(found[2]):
                items.append(Incoming(found[1] == b"%", unescape(found[2])))
