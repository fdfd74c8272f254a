"""Framing: bytes from a client to packets, payloads to bytes for a client.

Layer: rsp.  Used by: engines.gdbremote.session, tests.
Spec: GDB manual, "Remote Protocol", "Overview" and "Packet Acknowledgment".

The framer never raises on input: what is no packet is skipped, a wrong checksum
is reported as ``BadPacket`` for a nack, and a packet that grows past the limit
is dropped whole.
"""

from __future__ import annotations

import re
import zlib
from enum import Enum

#: The sum of so many bytes is below Adler-32's modulus, so it is exact.
_EXACT = 256
_BIG = 4096
#: The sum of so many bytes is below the product of the two moduli.
_STRIDE = 65520
_ADLER = 65521
_BYTE_SUM = 255
_INVERSE = pow(_ADLER, -1, _BYTE_SUM)


def checksum(data: bytes) -> int:
    """Return the sum of all bytes modulo 256.

    The lower half of Adler-32 is the sum modulo 65521, at a fraction of the price of ``sum``.  For large data
    the sum modulo 255 comes from an integer: the two remainders determine it.
    """
    length = len(data)
    if length <= _EXACT:
        return zlib.adler32(data, 0) & 0xFF
    if length < _BIG:
        return sum([zlib.adler32(data[at : at + _EXACT], 0) for at in range(0, length, _EXACT)]) & 0xFF
    total = 0
    for start in range(0, len(data), _STRIDE):
        part = data[start : start + _STRIDE]
        by_adler = zlib.adler32(part, 0) & 0xFFFF
        # 256 is 1 modulo 255, so a number is as its digits' sum.
        by_digits = int.from_bytes(part, "little") % _BYTE_SUM
        total += by_adler + _ADLER * ((by_digits - by_adler) * _INVERSE % _BYTE_SUM)
    return total & 0xFF


class Signal(Enum):
    """What a client may send that is no packet."""

    ACK = "+"
    NACK = "-"
    INTERRUPT = "\x03"


class BadPacket:
    """A packet whose checksum is wrong: to be sent again."""

    __slots__ = ("payload",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


Item = bytes | Signal | BadPacket

_SIGNALS = {0x2B: Signal.ACK, 0x2D: Signal.NACK, 0x03: Signal.INTERRUPT}
_interesting = re.compile(rb"[$+\-\x03]")
_DOLLAR = 0x24
_HEX = frozenset(b"0123456789abcdefABCDEF")


class Framer:
    """Collects bytes and gives out items.

    Args:
        limit: The longest payload, bytes; longer ones are dropped whole.
    """

    def __init__(self, limit: int = 1 << 20) -> None:
        #: What is not complete yet; inside a packet it starts with its ``$``.
        self._buffer = b""
        #: How much of it is known to hold no end of a packet.
        self._scanned = 1
        self._limit = limit
        #: The packet at its start has grown past the limit; of its bytes only the ``$`` is kept.
        self._oversize = False

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing has come yet of the next packet."""
        return not self._buffer

    def feed(self, data: bytes) -> list[Item]:
        """Take bytes as they came and return what is complete."""
        # The common case: one whole packet and nothing else.
        if (
            not self._buffer
            and data[:1] == b"$"
            and data[-3:-2] == b"#"
            and data.count(b"#") == 1
            and data.count(b"$") == 1
            and len(data) - 4 <= self._limit
        ):
            return [_checked(data[1:-3], data[-2:])]
        buffer = self._buffer + data if self._buffer else data
        items: list[Item] = []
        at, end = 0, len(buffer)
        scanned, self._scanned = self._scanned, 1
        while at < end:
            letter = buffer[at]
            if letter != _DOLLAR:
                signal = _SIGNALS.get(letter)
                if signal is not None:
                    items.append(signal)
                    at += 1
                    continue
                found = _interesting.search(buffer, at)
                at = end if found is None else found.start()
                continue
            stop = buffer.find(b"#", at + scanned)
            torn = buffer.find(b"$", at + scanned, stop if stop >= 0 else end)
            scanned = 1
            if torn >= 0:
                # A ``$`` cannot stand inside a packet: what came before it was torn off.
                self._oversize = False
                at = torn
                continue
            if stop < 0:
                self._oversize = self._oversize or end - at - 1 > self._limit
                if self._oversize:
                    buffer, at, end = b"$", 0, 1
                self._scanned = end - at
                break
            if stop + 3 > end:
                self._scanned = stop - at
                break
            if not self._oversize and stop - at - 1 <= self._limit:
                items.append(_checked(buffer[at + 1 : stop], buffer[stop + 1 : stop + 3]))
            self._oversize = False
            at = stop + 3
        self._buffer = buffer[at:]
        return items


def _checked(payload: bytes, digits: bytes) -> Item:
    if _HEX.issuperset(digits) and int(digits, 16) == checksum(payload):
        return payload
    return BadPacket(payload)


#: Shorter replies are not worth a search for runs; a literal prefix keeps the search fast.
_RUN_WORTH = 64
_zeros = re.compile(rb"00000000+")
#: Repeat counts whose character would be ``#``, ``$``, ``+`` or ``-`` are not sent.
_FORBIDDEN = frozenset(c - 29 for c in b"#$+-")
_MAX_REPEAT = 126 - 29


def _encode_run(run: re.Match[bytes]) -> bytes:
    text = run.group()
    letter, left = text[:1], len(text)
    out = bytearray()
    while left:
        repeat = min(left - 1, _MAX_REPEAT)
        while repeat in _FORBIDDEN:
            repeat -= 1
        if repeat < 3:
            out += letter * left
            break
        out += letter + b"*" + bytes([repeat + 29])
        left -= repeat + 1
    return bytes(out)


def run_length(payload: bytes) -> bytes:
    """Encode runs of zeros, which replies are full of; a binary reply has its ``*`` escaped already."""
    return payload if len(payload) < _RUN_WORTH else _zeros.sub(_encode_run, payload)


def frame(payload: bytes) -> bytes:
    """Make a packet of a payload."""
    return b"$%b#%02x" % (payload, checksum(payload))


def frame_notification(payload: bytes) -> bytes:
    """Make a notification, which is never acknowledged, of a payload."""
    return b"%%%b#%02x" % (payload, checksum(payload))
