"""The packet table.

Layer: rsp.  Used by: engines.gdbremote (dispatch), docs (PACKETS.md), tests.

Each packet is one decorated class: a NamedTuple of its arguments with a
``parse`` that takes the bytes after the name.  From the table come the parser,
the check that each command has a handler, and the documentation.

Names are matched whole, as the GDB manual asks.  For ``q Q v j _`` packets the
name runs to the first of ``: ; , ?`` and is looked up in a dict; compound
families (``vFile:open``, ``qXfer:auxv:read``) are registered whole.  A few
packets glue an argument to the name (``qRegisterInfo1f``): those rows say
``glued`` and are looked at, longest first, only after the exact look-up failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar


class Command(Protocol):
    """What ``@command`` decorates."""

    @classmethod
    def parse(cls, args: bytes) -> Any:
        """Parse the bytes after the packet's name.

        Raises:
            PacketError: They are not of the packet's form.
        """


class Row(NamedTuple):
    """One packet."""

    name: bytes
    command: type[Any]
    parse: Callable[[bytes], Any]
    glued: bool
    #: Who sends it.
    clients: str
    #: What it asks, one short sentence.
    purpose: str
    #: What a client does where it is not offered.
    without: str
    #: Its errors are texts also for a client that did not ask for them.
    texts: bool = False


_exact: dict[bytes, Row] = {}
_glued: list[Row] = []
#: Names of several letters whose first one is that of a one-letter packet, by that letter.
_words: dict[int, list[Row]] = {}

C = TypeVar("C", bound=type[Any])

#: First letters whose packets have names of more than one letter.
_LONG = frozenset(b"qQvj_")
_name_end = re.compile(rb"[:;,?]")
#: What may follow a name; the empty one is the packet's end.
_SEPARATORS = frozenset((b":", b";", b",", b"?", b""))
#: No packet's name is longer, bytes.
_LONGEST_NAME = 40


def command(
    *names: bytes, glued: bool = False, clients: str = "gdb", without: str = "", texts: bool = False
) -> Callable[[C], C]:
    """Enter a command class into the packet table under one or more names.

    Args:
        names: The packet's name as sent, whole; for compound families with the colons.
        glued: The arguments follow the name without a separator.
        clients: Who sends it.
        without: What a client does when the reply is empty.
        texts: Its errors are texts also for a client that did not ask for them.
    """

    def enter(cls: C) -> C:
        doc = (cls.__doc__ or "").strip().splitlines()[0]
        for name in names:
            if name in _exact or any(row.name == name for row in _glued):
                raise ValueError(f"packet {name!r} is registered twice")
            row = Row(name, cls, cls.parse, glued, clients, doc, without, texts)
            if glued:
                _glued.append(row)
                _glued.sort(key=lambda each: -len(each.name))
            else:
                _exact[name] = row
                if len(name) > 1 and name[0] not in _LONG:
                    _words.setdefault(name[0], []).append(row)
        return cls

    return enter


def rows() -> Iterable[Row]:
    """Return the whole table, sorted by name."""
    return sorted([*_exact.values(), *_glued], key=lambda row: row.name)


def find(payload: bytes) -> tuple[Row, bytes] | None:
    """Find a packet's row and the bytes of its arguments.

    The separator after the name belongs to the arguments only for single
    letters and glued names; elsewhere it is dropped.
    """
    if not payload:
        return None
    if payload[0] not in _LONG:
        for word in _words.get(payload[0], ()):
            if payload.startswith(word.name) and payload[len(word.name) : len(word.name) + 1] in _SEPARATORS:
                return word, payload[len(word.name) + 1 :]
        row = _exact.get(payload[:1])
        return None if row is None else (row, payload[1:])
    row = _exact.get(payload)
    if row is not None:
        return row, b""
    end = _name_end.search(payload)
    while end is not None:
        row = _exact.get(payload[: end.start()])
        if row is not None:
            # Compound families continue past a colon: the longest registered name wins.
            longer = _name_end.search(payload, end.end())
            while longer is not None and longer.start() < _LONGEST_NAME:
                deeper = _exact.get(payload[: longer.start()])
                if deeper is not None:
                    row, end = deeper, longer
                longer = _name_end.search(payload, longer.end())
            return row, payload[end.end() :]
        end = _name_end.search(payload, end.end())
        if end is not None and end.start() > _LONGEST_NAME:
            break
    for row in _glued:
        if payload.startswith(row.name):
            return row, payload[len(row.name) :]
    return None
