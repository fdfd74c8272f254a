"""System calls as the tracer reports them.

Layer: target.  Made by: linux.ptrace_calls, tracer.  Read by: engines.
"""

from __future__ import annotations

from typing import NamedTuple


class SyscallInfo(NamedTuple):
    """One stop at a system call: its entry, or its return."""

    entry: bool
    #: Which interface of the kernel it uses: ``AUDIT_ARCH_...``.
    arch: int
    #: -1 at a return whose entry was not seen.
    number: int
    #: The six argument registers, as they were at the entry.
    args: tuple[int, ...]
    #: The stack pointer.
    stack: int = 0
    #: What it returned, signed; 0 at an entry.
    result: int = 0
    is_error: bool = False
