r"""Bytes as a C string literal, the way a log of system calls shows them.

Layer: abi.  Used by: the kinds and structures.

A byte that cannot be printed becomes an octal escape, as short as the byte after it
allows: ``\0`` before a letter, ``\000`` before an octal digit.
"""

from __future__ import annotations

import re

_NAMED = {0x09: r"\t", 0x0A: r"\n", 0x0B: r"\v", 0x0C: r"\f", 0x0D: r"\r", 0x22: r"\"", 0x5C: r"\\"}
_plain = re.compile(rb"[ !#-\[\]-~]*").fullmatch
_special = re.compile(rb'([\x00-\x1f"\\\x7f-\xff])(?=([0-7]?))').sub


def _escape(match: re.Match[bytes]) -> bytes:
    byte = match[1][0]
    named = _NAMED.get(byte)
    if named is not None:
        return named.encode()
    return b"\\%03o" % byte if match[2] else b"\\%o" % byte


def quote(data: bytes) -> str:
    """Return the literal of some bytes."""
    if _plain(data):
        return f'"{data.decode("ascii")}"'
    return f'"{_special(_escape, data).decode("ascii")}"'


def quote_within(data: bytes, limit: int, *, more: bool = False) -> str:
    """Return the literal of the first bytes, with dots behind it where there are others.

    Args:
        data: The bytes, or the first of them.
        limit: How many are shown.
        more: There are others beyond ``data``.
    """
    if len(data) > limit:
        return quote(data[:limit]) + "..."
    return quote(data) + "..." if more else quote(data)
