"""Sets of system calls and of signals, as ``-e`` writes them.

Layer: engines.  Used by: options, injection, log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from gdbstub.abi import signals
from gdbstub.abi.names import AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, names_of
from gdbstub.engines.syscalls import classes
from gdbstub.vocab.errors import StartupError

#: Numbers by interface; None: all of them.
Selected: TypeAlias = Mapping[int, frozenset[int]] | None

ARCHES = (AUDIT_ARCH_X86_64, AUDIT_ARCH_I386)


def _all_names() -> frozenset[str]:
    return frozenset(name for arch in ARCHES for name in names_of(arch).values())


def _named(word: str) -> frozenset[str]:
    everything = _all_names()
    if word.startswith("/"):
        try:
            pattern = re.compile(word[1:])
        except re.error as failure:
            raise StartupError(f"{word}: {failure}") from None
        return frozenset(name for name in everything if pattern.search(name))
    optional = word.startswith("?")
    word = word.removeprefix("?")
    if word.startswith("%") or word in classes.OLD_NAMES:
        found = classes.members(word.removeprefix("%"))
        if found is not None:
            return found
    elif word in everything:
        return frozenset({word})
    elif word.isdigit():
        number = int(word)
        names = (names_of(arch).get(number) for arch in ARCHES)
        return frozenset(name for name in names if name is not None)
    if optional:
        return frozenset()
    raise StartupError(f"invalid system call '{word}'")


def calls(text: str) -> Selected:
    """Read a set of calls: names, classes and patterns with commas between them, ``!`` in front for all others.

    Raises:
        StartupError: There is no such call or class.
    """
    negated = text.startswith("!")
    text = text.removeprefix("!")
    if text in ("all", "none"):
        everything = (text == "all") is not negated
        return None if everything else {arch: frozenset() for arch in ARCHES}
    chosen: frozenset[str] = frozenset().union(*(_named(word) for word in text.split(",") if word))
    return {
        arch: frozenset(number for number, name in names_of(arch).items() if (name in chosen) is not negated)
        for arch in ARCHES
    }


def signal_set(text: str) -> frozenset[int]:
    """Read a set of signals: names or numbers with commas between them, ``!`` in front for all others.

    Raises:
        StartupError: There is no such signal.
    """
    everything = frozenset(range(1, signals.LAST + 1))
    negated = text.startswith("!")
    text = text.removeprefix("!")
    if text in ("all", "none"):
        chosen = everything if text == "all" else frozenset()
    else:
        chosen = frozenset(signal_number(word) for word in text.split(",") if word)
    return everything - chosen if negated else chosen


def signal_number(word: str) -> int:
    """Read one signal.

    Raises:
        StartupError: There is no such signal.
    """
    number = int(word) if word.isdigit() else signals.number_of(word.upper())
    if number is None or not 1 <= number <= signals.LAST:
        raise StartupError(f"invalid signal '{word}'")
    return number
