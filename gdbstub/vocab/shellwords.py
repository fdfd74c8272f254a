"""Words as a shell reads them.

Layer: vocab.  Used by: linux.spawn, engines.gdbremote.
"""

from __future__ import annotations

_NOT_SPECIAL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+:,-")


def escape_for_shell(word: str) -> str:
    """Write one word so that a shell takes it literally.

    A backslash before every special character means the same to sh, csh, zsh and fish; quotes do not.
    """
    if not word:
        return "''"
    return "".join("'\n'" if c == "\n" else c if c in _NOT_SPECIAL or not c.isascii() else "\\" + c for c in word)
