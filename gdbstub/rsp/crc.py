"""The CRC-32 of ``qCRC``.

Layer: rsp.  Used by: engines.gdbremote.
Spec: GDB manual, "General Query Packets", ``qCRC``; polynomial 0x04c11db7, most significant bit first, all ones at
the start, nothing inverted at the end.
"""

from __future__ import annotations

import binascii

_ALL_ONES = 0xFFFFFFFF


def _mirrored(number: int, width: int) -> int:
    return int(f"{number:0{width}b}"[::-1], 2)


#: Each byte with its bits in reverse order.
_MIRROR = bytes(_mirrored(byte, 8) for byte in range(256))


class Crc32:
    """A checksum that grows.

    zlib's CRC-32 has the same polynomial with the least significant bit first and inverts its result: mirrored on
    both sides it is this one, at the speed of C.
    """

    __slots__ = ("_mirrored",)

    def __init__(self) -> None:
        self._mirrored = 0

    def add(self, data: bytes) -> None:
        """Take in more bytes."""
        self._mirrored = binascii.crc32(data.translate(_MIRROR), self._mirrored)

    @property
    def value(self) -> int:
        """The checksum of everything so far."""
        return _mirrored(self._mirrored ^ _ALL_ONES, 32)
