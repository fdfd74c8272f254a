"""Flags and choices: numbers as the names of the kernel's constants.

Layer: abi.  Used by: the kinds and structures.

A table is a line of names and values, read when it is first needed.  Names that
stand for several bits come before names of single ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def _read(text: str) -> list[tuple[str, int]]:
    words = text.split()
    return [(name, int(value, 0)) for name, value in zip(words[::2], words[1::2], strict=True)]


class Choices:
    """Names for single values.

    Args:
        text: Names and values.
        unknown: What a comment behind an unknown value says, ``F_???``; empty for no comment.
    """

    def __init__(self, text: str, unknown: str = "") -> None:
        self._text = text
        self._unknown = unknown
        self._names: dict[int, str] = {}

    @property
    def names(self) -> Mapping[int, str]:
        """The names by value."""
        if not self._names:
            for name, value in _read(self._text):
                self._names.setdefault(value, name)
        return self._names

    def __call__(self, value: int) -> str:
        """Return the name of a value."""
        name = self.names.get(value)
        if name is not None:
            return name
        return f"{value:#x} /* {self._unknown} */" if self._unknown else f"{value:#x}"


class Flags:
    """Names for bits.

    Args:
        text: Names and values; a name for 0 is what no bit at all is called.
        unknown: What a comment behind a value without a single known bit says.
    """

    def __init__(self, text: str, unknown: str = "") -> None:
        self._text = text
        self._unknown = unknown
        self._bits: list[tuple[str, int]] = []
        self._zero = "0"
        self._cache: dict[int, str] = {}

    def _load(self) -> None:
        for name, value in _read(self._text):
            if value:
                self._bits.append((name, value))
            else:
                self._zero = name

    def names(self, value: int) -> tuple[list[str], int]:
        """Return the names of the bits that have one, and the other bits."""
        if not self._bits:
            self._load()
        found = []
        for name, bits in self._bits:
            if value & bits == bits:
                found.append(name)
                value &= ~bits
        return found, value

    def __call__(self, value: int) -> str:
        """Return a value as names joined by bars."""
        text = self._cache.get(value)
        if text is None:
            if len(self._cache) > _CACHE_LIMIT:
                self._cache.clear()
            text = self._cache[value] = self._spell(value)
        return text

    def _spell(self, value: int) -> str:
        found, rest = self.names(value)
        if not value:
            return self._zero
        if not found:
            return f"{value:#x} /* {self._unknown} */" if self._unknown else f"{value:#x}"
        return "|".join([*found, f"{rest:#x}"] if rest else found)


#: A program that goes through all values of a word must not fill our memory.
_CACHE_LIMIT = 1000


class Split:
    """A field of choices in some bits of a word, flags in the others.

    Args:
        mask: The field's bits.
        choices: The field.
        flags: The others.
        leave_zero_out: The field's name for 0 is not worth a word when there are flags.
    """

    def __init__(self, mask: int, choices: Choices, flags: Flags, *, leave_zero_out: bool = False) -> None:
        self._mask = mask
        self._choices = choices
        self._flags = flags
        self._leave_zero_out = leave_zero_out
        self._cache: dict[int, str] = {}

    def __call__(self, value: int) -> str:
        """Return the field's name and the flags' names joined by bars."""
        text = self._cache.get(value)
        if text is None:
            if len(self._cache) > _CACHE_LIMIT:
                self._cache.clear()
            text = self._cache[value] = self._spell(value)
        return text

    def _spell(self, value: int) -> str:
        field, rest = value & self._mask, value & ~self._mask
        if not rest:
            return self._choices(field)
        if not field and self._leave_zero_out:
            return self._flags(rest)
        return f"{self._choices(field)}|{self._flags(rest)}"


Namer = Choices | Flags | Split


def merged(tables: Iterable[Mapping[str, Namer]]) -> dict[str, Namer]:
    """Return all tables as one.

    Raises:
        ValueError: Two tables have the same name.
    """
    whole: dict[str, Namer] = {}
    for table in tables:
        twice = whole.keys() & table.keys()
        if twice:
            raise ValueError(f"two tables of flags are called {sorted(twice)}")
        whole.update(table)
    return whole
