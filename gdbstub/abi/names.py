"""Which system call a number is, for each of the two interfaces of an x86-64 kernel.

Layer: abi.  Used by: abi.decoder, engines.syscalls.  Source: include/uapi/linux/audit.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

AUDIT_ARCH_X86_64 = 0xC000003E
AUDIT_ARCH_I386 = 0x40000003

#: The bit that marks a call of the x32 interface among x86-64's.
X32_BIT = 0x40000000


def _numbered(runs: Mapping[int, str]) -> dict[int, str]:
    return {first + place: name for first, text in runs.items() for place, name in enumerate(text.split())}


@cache
def names_of(arch: int) -> Mapping[int, str]:
    """Return the names of one interface's calls by number; none where the interface is not known."""
    if arch == AUDIT_ARCH_X86_64:
        from gdbstub.abi.numbers_x86_64 import RUNS

        return _numbered(RUNS)
    if arch == AUDIT_ARCH_I386:
        from gdbstub.abi.numbers_i386 import RUNS

        return _numbered(RUNS)
    return {}


def name_of(arch: int, number: int) -> str:
    """Return the name of a call, ``syscall_0x...`` where it has none."""
    names = names_of(arch)
    name = names.get(number)
    if name is None and number & X32_BIT:
        name = names.get(number & ~X32_BIT)
    return name if name is not None else f"syscall_{number & 0xFFFFFFFFFFFFFFFF:#x}"
