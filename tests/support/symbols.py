"""Addresses of a tracee's symbols, from nm.

Used by: the integration tests.  Tracees are linked at fixed addresses, so a symbol's value is its address.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Mapping
from pathlib import Path


@functools.cache
def addresses(program: Path) -> Mapping[str, int]:
    """Return the address of each defined symbol of a program."""
    listing = subprocess.run(["nm", "--defined-only", program], capture_output=True, text=True, check=True)
    table = {}
    for line in listing.stdout.splitlines():
        value, _kind, name = line.split(maxsplit=2)
        table[name] = int(value, 16)
    return table
