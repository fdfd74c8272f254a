"""Replies: what a handler returns, and how an error becomes bytes.

Layer: rsp.  Used by: engines.gdbremote.

A handler returns the payload of its reply, or ``Later``: there will be one, by
another route (a stop reply).  "Not supported" is the empty payload.
"""

from __future__ import annotations

import errno
from enum import Enum

from gdbstub.rsp.hexcodec import escape
from gdbstub.vocab.errors import PacketError, StubError, TargetError, Unsupported


class Later(Enum):
    """There is no reply yet."""

    LATER = "later"


LATER = Later.LATER
Reply = bytes | Later

_NOT_IN_TEXT = bytes.maketrans(b"#$*}", b"????")

OK = b"OK"
EMPTY = b""


def plain_text(text: str) -> bytes:
    """Write a text so that it may stand in a packet: ASCII, without what the framing uses."""
    # A bare ``*`` would be read as a run length.
    return text.encode("ascii", "replace").translate(_NOT_IN_TEXT)


def error_reply(
    failure: StubError, *, texts: bool = False, strings: bool = False, number: int | None = None
) -> bytes:
    """Turn a failure into the payload of a reply.

    Args:
        failure: What went wrong.
        texts: The client understands ``E.text``.
        strings: The client understands ``Exx;HEX``.
        number: What this client calls it, where the errno does not say it.
    """
    if isinstance(failure, Unsupported):
        return EMPTY
    if texts:
        return b"E." + plain_text(str(failure))
    code = errno.EPERM if isinstance(failure, PacketError) else errno.EINVAL
    if isinstance(failure, TargetError):
        code = failure.errno
    if number is not None:
        code = number
    reply = b"E%02x" % (code & 0xFF or errno.EPERM)
    return reply + b";" + str(failure).encode("utf-8", "replace").hex().encode() if strings else reply


def chunk(data: bytes, offset: int, length: int, *, limit: int) -> bytes:
    """Answer one ``qXfer`` read: ``m`` and a part, or ``l`` and the last part.

    Args:
        data: The whole object.
        offset: From where, bytes.
        length: How much the client wants at most, bytes.
        limit: What a reply can carry, bytes after escaping.
    """
    length = min(length, limit)
    part = data[offset : offset + length]
    body = escape(part)
    if len(body) > limit:
        part = part[: max(1, length // 2)]
        body = escape(part)
    last = offset + len(part) >= len(data)
    return (b"l" if last else b"m") + body
