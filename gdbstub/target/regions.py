"""What lies at an address of an inferior: a mapping, or the gap between two.

Layer: target.  Made by: linux.  Read by: engines.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.vocab.ids import Addr


class MemoryRegion(NamedTuple):
    """A mapping, or a part of the address space where there is none."""

    start: Addr
    size: int
    #: Something is mapped here, if only a page that may not be touched.
    mapped: bool
    #: The letters of ``rwx`` that hold.
    permissions: str = ""
    #: The file, ``[stack]`` and the like, or empty.
    name: bytes = b""
    #: The kernel's two-letter flags that a debugger can use: ``mt`` tagged memory, ``ss`` a shadow stack.
    flags: tuple[str, ...] = ()
    #: The number in the page table that the thread's protection register is looked up by; None: there are none.
    protection_key: int | None = None
