"""Our own packet for logs of system calls: ``QGdbstubStrace``.

Layer: rsp.  Spec: docs/STRACE.md, "The packet".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError

NAME = b"QGdbstubStrace"
#: What the notifications are called that carry the log, and the one that says that nothing is left to be logged.
LOG_NOTIFICATION = b"Strace:"
END_NOTIFICATION = b"StraceEnd:"

_SEPARATOR = b"\0"


@command(NAME, clients="gdbstub strace", without="says that the server keeps no such log")
class LogSyscalls(NamedTuple):
    """Send a log of system calls as notifications, or stop doing so."""

    #: The log's options as words; None: stop.
    words: tuple[str, ...] | None

    @classmethod
    def parse(cls, args: bytes) -> LogSyscalls:
        """Parse ``start;HEX``, the words with NUL bytes between them, or ``stop``."""
        verb, _, text = args.partition(b";")
        if verb == b"stop" and not text:
            return cls(None)
        if verb != b"start":
            raise PacketError(f"start or stop expected: {args[:20]!r}")
        words = parse_bytes(text).split(_SEPARATOR) if text else []
        return cls(tuple(word.decode("utf-8", "surrogateescape") for word in words))


def start(words: tuple[str, ...]) -> bytes:
    """Return the payload that asks for a log."""
    return (
        NAME + b":start;" + _SEPARATOR.join(word.encode("utf-8", "surrogateescape") for word in words).hex().encode()
    )


def stop() -> bytes:
    """Return the payload that ends a log."""
    return NAME + b":stop"


def is_opening(data: bytes) -> bool:
    """Tell whether what a client sends first asks for a log: then it only looks."""
    return data.lstrip(b"+").startswith(b"$" + NAME)
