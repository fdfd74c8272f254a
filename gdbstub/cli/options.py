"""What the readers of command lines share.

Layer: cli.  Used by: gdbserver, lldbserver, platform.
"""

from __future__ import annotations

from gdbstub.cli.config import Outcome


class Answered(Exception):
    """Reading ends here: there is something to print instead."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def refuse(text: str) -> Answered:
    """Return what ends the reading of a wrong command line."""
    return Answered(Outcome(stderr=text + "\n", status=1))


def split_option(word: str) -> tuple[str, str | None] | None:
    """Take ``--NAME``, ``-NAME`` or either with ``=VALUE`` apart; None for any other word."""
    if not word.startswith("-") or word in ("-", "--"):
        return None
    name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
    return name, value if equals else None
