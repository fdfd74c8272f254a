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

A family that has not been loaded yet (``families``) is there by its names: it
is loaded when one of them is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

from gdbstub.rsp.families import FAMILIES, GLUED, load_commands


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


class Unread:
    """In a row: its family has not been loaded."""

    @classmethod
    def parse(cls, args: bytes) -> Any:
        """Parse nothing: nobody is given such a row."""
        raise AssertionError("the family has not been loaded")


_exact: dict[bytes, Row] = {}
#: Those whose arguments are glued to the name, the longest names first.
_glued: dict[bytes, Row] = {}
#: Names of several letters whose first one is that of a one-letter packet, by that letter.
_words: dict[int, list[bytes]] = {}
_family = {name: family for family, names in FAMILIES.items() for name in names}

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
            known = _exact.get(name) or _glued.get(name)
            if known is not None and known.command is not Unread:
                raise ValueError(f"packet {name!r} is registered twice")
            _enter(Row(name, cls, cls.parse, glued, clients, doc, without, texts))
        return cls

    return enter


def _enter(row: Row) -> None:
    name = row.name
    if row.glued:
        _glued[name] = row
        for shorter in sorted(_glued, key=len, reverse=True):
            _glued[shorter] = _glued.pop(shorter)
        return
    if len(name) > 1 and name[0] not in _LONG and name not in _exact:
        _words.setdefault(name[0], []).append(name)
    _exact[name] = row


for _name in _family:
    _enter(Row(_name, Unread, Unread.parse, _name in GLUED, "", "", ""))


def rows() -> Iterable[Row]:
    """Return the whole table, sorted by name."""
    for family in FAMILIES:
        load_commands(family)
    return sorted([*_exact.values(), *_glued.values()], key=lambda row: row.name)


def find(payload: bytes) -> tuple[Row, bytes] | None:
    """Find a packet's row and the bytes of its arguments; load its family, if need be.

    The separator after the name belongs to the arguments only for single
    letters and glued names; elsewhere it is dropped.
    """
    found = _look_up(payload)
    if found is not None and found[0].command is Unread:
        load_commands(_family[found[0].name])
        found = _look_up(payload)
    return found


def _look_up(payload: bytes) -> tuple[Row, bytes] | None:
    if not payload:
        return None
    if payload[0] not in _LONG:
        for word in _words.get(payload[0], ()):
            if payload.startswith(word) and payload[len(word) : len(word) + 1] in _SEPARATORS:
                return _exact[word], payload[len(word) + 1 :]
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
    for name, row in _glued.items():
        if payload.startswith(name):
            return row, payload[len(name) :]
    return None
