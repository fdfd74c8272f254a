"""What is told of what happens, and in which form.

Layer: engines.  Used by: gdbremote.handlers.logs, cli.events, streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gdbstub.engines.events.happening import KINDS
from gdbstub.vocab.errors import StartupError


@dataclass(frozen=True, slots=True)
class EventOptions:
    """What one stream tells."""

    kinds: frozenset[str] = frozenset(KINDS)
    #: One JSON object a line, in place of text.
    json: bool = False
    #: Keep children of traced processes too.
    follow: bool = False
    #: A trace for trace viewers, in place of either; it has all system calls.
    perfetto: bool = False


def _only(text: str) -> frozenset[str]:
    kinds = frozenset(text.split(","))
    unknown = kinds - KINDS.keys()
    if unknown:
        raise StartupError(f"there is no event {sorted(unknown)[0]!r}; choose from {', '.join(KINDS)}")
    return kinds


def parse(words: Sequence[str]) -> EventOptions:
    """Read options.

    Raises:
        StartupError: One of them makes no sense.
    """
    options = EventOptions()
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--json":
            options = replace(options, json=True)
        elif word == "--perfetto":
            options = replace(options, perfetto=True)
        elif word == "-f":
            options = replace(options, follow=True)
        elif name == "--only" and equals:
            options = replace(options, kinds=_only(value))
        else:
            raise StartupError(f"unknown option '{word}'")
    return options
