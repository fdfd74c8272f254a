"""The C library's file name, for modules of others that search for it when they are loaded.

Layer: linux.  Used by: cli (around trio), ptrace_calls (around python-ptrace).

``ctypes.util.find_library`` runs ldconfig, and a compiler where there is none: 5 ms of a start for each search, and
what it finds has had the same name since 1997.
"""

from __future__ import annotations

import ctypes.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

_GLIBC = {"c": "libc.so.6", "pthread": "libpthread.so.0"}


def is_glibc() -> bool:
    """Tell whether this process runs on the GNU C library."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False


@contextmanager
def found_by_name() -> Iterator[None]:
    """Answer searches for the C library without looking around."""
    if not is_glibc():
        yield
        return
    module = vars(ctypes.util)
    search = module["find_library"]
    module["find_library"] = lambda name: _GLIBC.get(name) or search(name)
    try:
        yield
    finally:
        module["find_library"] = search
