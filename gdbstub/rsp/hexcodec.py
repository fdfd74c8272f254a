"""Hex numbers, hex text, thread-ids, binary escapes: the small grammar of the wire.

Layer: rsp.  Used by: commands, replies, framing.
Source: GDB manual, appendix "Remote Protocol", "Overview" and "Packets".
"""

from __future__ import annotations

import re

from gdbstub.vocab.errors import BadThreadId, PacketError
from gdbstub.vocab.ids import ALL, ThreadSpec

_hex_number = re.compile(rb"[0-9a-fA-F]{1,16}").fullmatch
_thread_id = re.compile(rb"(?:p(-1|[0-9a-fA-F]{1,8})(?:\.(-1|[0-9a-fA-F]{1,8}))?|(-1|[0-9a-fA-F]{1,8}))").fullmatch


def parse_number(text: bytes) -> int:
    """Parse 1 to 16 hex digits; Python's own leniency (``0x``, ``_``, signs, blanks) is not ours."""
    if _hex_number(text) is None:
        raise PacketError(f"not a hex number: {text[:40]!r}")
    return int(text, 16)


def parse_bytes(text: bytes) -> bytes:
    """Parse pairs of hex digits."""
    # bytes.fromhex allows blanks between pairs; the wire does not.
    if b" " in text or b"\t" in text or b"\n" in text or b"\r" in text or b"\f" in text or b"\v" in text:
        raise PacketError("blank inside hex data")
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        raise PacketError(f"not hex data: {text[:40]!r}") from None


def parse_text(text: bytes) -> str:
    """Parse hex-encoded text; bytes that are no UTF-8 survive as surrogates."""
    return parse_bytes(text).decode("utf-8", "surrogateescape")


def parse_fields(args: bytes, count: int, separator: bytes = b",") -> list[bytes]:
    """Split into exactly ``count`` fields; the last keeps any further separators."""
    fields = args.split(separator, count - 1)
    if len(fields) != count:
        raise PacketError(f"{count} fields expected: {args[:60]!r}")
    return fields


def _id(text: bytes) -> int:
    return ALL if text == b"-1" else int(text, 16)


def parse_thread_id(text: bytes) -> ThreadSpec:
    """Parse ``TID``, ``-1``, ``0``, ``pPID`` or ``pPID.TID``."""
    match = _thread_id(text)
    if match is None:
        raise BadThreadId(f"not a thread-id: {text[:40]!r}")
    pid, tid, bare = match.groups()
    if bare is not None:
        return ThreadSpec(None, _id(bare))
    if _id(pid) == ALL and tid is not None and _id(tid) != ALL:
        raise BadThreadId(f"every process but one thread: {text[:40]!r}")
    return ThreadSpec(_id(pid), ALL if tid is None else _id(tid))


def split_thread(args: bytes) -> tuple[bytes, ThreadSpec | None]:
    """Take the thread off a packet that ends in ``;thread:TID;``, as LLDB's do."""
    rest, found, thread = args.partition(b";thread:")
    if not found:
        return args, None
    return rest, parse_thread_id(thread.removesuffix(b";"))


def escape(data: bytes) -> bytes:
    """Escape binary data for a reply: ``# $ } *`` become ``}`` and the byte xor 0x20."""
    # One fast pass for each, the escape itself first: a pattern would call us for every byte it finds.
    return data.replace(b"}", b"}]").replace(b"#", b"}\x03").replace(b"$", b"}\x04").replace(b"*", b"}\n")


_unescaped = [bytes([code ^ 0x20]) for code in range(256)]


def unescape(data: bytes) -> bytes:
    """Undo ``escape`` on data from a client."""
    if b"}" not in data:
        return data
    first, *rest = data.split(b"}")
    if b"" not in rest:
        return first + b"".join([_unescaped[part[0]] + part[1:] for part in rest])
    out = [first]
    joined = False
    for part in rest:
        if joined:
            # ``}`` escaped as itself xor 0x20 is ``}]``; an empty part means the escaped byte is the separator.
            out.append(bytes([0x7D ^ 0x20]) + part)
            joined = False
        elif part:
            out.append(bytes([part[0] ^ 0x20]) + part[1:])
        else:
            joined = True
    if joined:
        raise PacketError("escape at the end of the data")
    return b"".join(out)
