"""The machine as uname(2) and os-release(5) describe it.

Layer: linux.  Used by: hostfs.
"""

from __future__ import annotations

import functools
import os
import re

from gdbstub.linux.procfs import read_file
from gdbstub.target.machine import Machine

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_id_line = re.compile(rb"""^ID=["']?([^"'\n]*)""", re.M).search


def distribution(text: bytes) -> str:
    """Return the distribution's name from an os-release file, or nothing."""
    found = _id_line(text)
    return found[1].decode("utf-8", "replace") if found else ""


@functools.cache
def machine() -> Machine:
    """Return the facts about this machine."""
    names = os.uname()
    numbers = re.match(r"[0-9]+(\.[0-9]+)*", names.release)
    release = next(filter(None, map(read_file, _OS_RELEASE)), b"")
    arch = names.machine
    return Machine(
        triple=f"{arch}-pc-linux-gnu",
        pointer_size=8 if arch.endswith("64") else 4,
        page_size=os.sysconf("SC_PAGE_SIZE"),
        version=numbers[0] if numbers else "",
        kernel_release=names.release,
        kernel_version=names.version,
        hostname=names.nodename,
        distribution=distribution(release),
    )
