"""The messages that tools scrape, as each of the two servers that we stand in for prints them.

Layer: server.  Made by: cli.  Used by: server.
"""

from __future__ import annotations

import contextlib
import sys
from typing import NamedTuple


class Wording(NamedTuple):
    """Formats of messages; an empty one is not printed."""

    created: str
    not_launched: str
    attached: str
    connected: str
    #: Why it did not start.
    failed: str
    #: The last words.
    ended: str


GDBSERVER = Wording(
    created="Process {program} created; pid = {pid}",
    not_launched="{reason}",
    attached="Attached; pid = {pid}",
    connected="Remote debugging from {peer}",
    failed="{reason}\nExiting",
    ended="",
)

LLDB_SERVER = Wording(
    created="Launched '{program}' as process {pid}...",
    not_launched="failed to launch '{program}': {reason}",
    attached="Attached to process {pid}...",
    connected="Connection established.",
    failed="error: {reason}",
    ended="lldb-server exiting...",
)


def say(text: str) -> None:
    """Print a message on stderr, at once: tools wait for it.  Where stderr takes nothing, nobody waits."""
    if text and sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
