"""One system call as its decoders see it: numbers, and memory to look at.

Layer: abi.  Made by: engines.syscalls.  Used by: the kinds and structures.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PAGE = 0x1000
#: A text is looked for in pieces of this size, bytes: most are short.
_PIECE = 128
#: PATH_MAX; no text in an argument is longer that anybody reads.
TEXT_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Style:
    """How much is shown."""

    #: Bytes of a buffer or of a text.
    limit: int = 32
    #: Every member of a structure, every word of an environment (``-v``).
    verbose: bool = False


class Call:
    """One system call.

    Args:
        wide: It came through the 64-bit interface.
        args: The six argument registers.
        read: Reads up to so many bytes of memory; nothing where there is none.
        style: How much is shown.
        path_of: Tells what a descriptor is open on, None asking for the working directory; without it
            descriptors are numbers only.
        stack: The stack pointer at its entry.
    """

    __slots__ = ("args", "before", "error", "failed", "path_of", "read", "result", "stack", "style", "wide", "word")

    def __init__(
        self,
        wide: bool,
        args: Sequence[int],
        read: Callable[[int, int], bytes],
        style: Style,
        path_of: Callable[[int | None], str | None] | None = None,
        stack: int = 0,
    ) -> None:
        self.wide = wide
        #: Size of a pointer and of a long, bytes.
        self.word = 8 if wide else 4
        self.args = args
        self.read = read
        self.style = style
        self.path_of = path_of
        self.stack = stack
        #: What it returned, once it has; signed.
        self.result = 0
        #: The error number where it failed.
        self.error = 0
        self.failed = False
        #: What some arguments pointed to at the entry, by their places.
        self.before: dict[int, int | None] = {}

    def returned(self, result: int, *, failed: bool) -> None:
        """Note how the call ended."""
        self.result = result
        self.failed = failed
        self.error = -result if failed else 0

    def whole(self, address: int, size: int) -> bytes | None:
        """Read exactly ``size`` bytes; None where they are not all there."""
        data = self.read(address, size) if address else b""
        return data if len(data) == size else None

    def text(self, address: int, limit: int = TEXT_LIMIT) -> tuple[bytes, bool] | None:
        """Read a text up to its NUL, or its first ``limit`` bytes.

        Returns:
            The bytes, and whether there are more of them; None where the memory ends before the text does.
        """
        data = b""
        wanted = limit + 1
        while len(data) < wanted:
            at = address + len(data)
            piece = self.read(at, min(_PIECE, wanted - len(data), _PAGE - at % _PAGE))
            end = piece.find(0)
            if end >= 0:
                data += piece[:end]
                return data[:limit], len(data) > limit
            if not piece:
                return None
            data += piece
        return data[:limit], True

    def unpack(self, address: int, layout: str) -> tuple[int, ...] | None:
        """Read a structure; ``l``, ``L`` and ``P`` are words of the call's own size."""
        form = layout_of(layout, self.wide)
        data = self.whole(address, form.size)
        return None if data is None else form.unpack(data)

    def number(self, address: int, size: int = 4, *, signed: bool = False) -> int | None:
        """Read one number."""
        data = self.whole(address, size)
        return None if data is None else int.from_bytes(data, "little", signed=signed)


_TO_32 = str.maketrans("lLP", "iII")
_TO_64 = str.maketrans("lLP", "qQQ")
_layouts: dict[tuple[str, bool], struct.Struct] = {}


def layout_of(layout: str, wide: bool) -> struct.Struct:
    """Return a structure's layout in one of the two interfaces."""
    form = _layouts.get((layout, wide))
    if form is None:
        form = struct.Struct("<" + layout.translate(_TO_64 if wide else _TO_32))
        _layouts[layout, wide] = form
    return form


def signed(value: int, bits: int) -> int:
    """Return the lowest bits of a value as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def pointer(value: int) -> str:
    """Return an address the way C has it."""
    return f"{value:#x}" if value else "NULL"


def octal(value: int) -> str:
    """Return permission bits with their leading zero."""
    return f"0{value:o}" if value > 0o7 else f"{value:03o}" if value else "000"
