"""Our own packets for logs: ``QGdbstubStrace`` and ``QGdbstubEvents``.

Layer: rsp.  Spec: docs/STRACE.md, "The packet".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError

_SEPARATOR = b"\0"


class LogChannel(NamedTuple):
    """What a log goes by on the wire."""

    #: Of the packet that asks for it.
    name: bytes
    #: Of the notifications that carry it, and of the one that says that nothing is left to be told.
    log: bytes
    end: bytes

    def start(self, words: tuple[str, ...]) -> bytes:
        """Return the payload that asks for a log with some options."""
        text = _SEPARATOR.join(word.encode("utf-8", "surrogateescape") for word in words)
        return self.name + b":start;" + text.hex().encode()

    def stop(self) -> bytes:
        """Return the payload that ends a log."""
        return self.name + b":stop"


STRACE = LogChannel(b"QGdbstubStrace", b"Strace:", b"StraceEnd:")
EVENTS = LogChannel(b"QGdbstubEvents", b"Events:", b"EventsEnd:")


class _Log(NamedTuple):
    #: The log's options as words; None: stop.
    words: tuple[str, ...] | None


def _parse(args: bytes) -> tuple[str, ...] | None:
    """Parse ``start;HEX``, the words with NUL bytes between them, or ``stop``."""
    verb, _, text = args.partition(b";")
    if verb == b"stop" and not text:
        return None
    if verb != b"start":
        raise PacketError(f"start or stop expected: {args[:20]!r}")
    words = parse_bytes(text).split(_SEPARATOR) if text else []
    return tuple(word.decode("utf-8", "surrogateescape") for word in words)


@command(STRACE.name, clients="gdbstub strace", without="says that the server keeps no such log")
class LogSyscalls(_Log):
    """Send a log of system calls as notifications, or stop doing so."""

    @classmethod
    def parse(cls, args: bytes) -> LogSyscalls:
        """Parse ``start;HEX``, the words with NUL bytes between them, or ``stop``."""
        return cls(_parse(args))


@command(EVENTS.name, clients="gdbstub events", without="says that the server keeps no such log")
class TellEvents(_Log):
    """Tell what happens to processes as notifications, or stop doing so."""

    @classmethod
    def parse(cls, args: bytes) -> TellEvents:
        """Parse ``start;HEX``, the words with NUL bytes between them, or ``stop``."""
        return cls(_parse(args))


def is_opening(data: bytes) -> bool:
    """Tell whether what a client sends first asks for a log: then it only looks."""
    return data.lstrip(b"+").startswith((b"$" + STRACE.name, b"$" + EVENTS.name))
