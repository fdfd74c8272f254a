"""A seccomp filter that lets a tracer see some system calls and the rest run at full speed.

Layer: linux.  Used by: spawn.  Source: seccomp(2), include/uapi/linux/{seccomp,filter,bpf_common}.h.

The filter answers SECCOMP_RET_TRACE for the calls that are listed and
SECCOMP_RET_ALLOW for all others.  A program cannot see it but in /proc/PID/status.
Children inherit it, and it cannot be taken back: where no tracer is left, a listed call
fails with ENOSYS, so a process with such a filter must never be let go.

Whoever has not CAP_SYS_ADMIN must set no_new_privs first.  Programs gain nothing by
exec under trace anyway, so that changes only what the program is told about itself.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable, Mapping

_libc = ctypes.PyDLL(None, use_errno=True)

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_SECCOMP_RET_TRACE = 0x7FF00000
_SECCOMP_RET_ALLOW = 0x7FFF0000

#: Where struct seccomp_data has the number and the interface.
_NUMBER, _ARCH = 0, 4

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_JUMP_NOT_BELOW = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_ALWAYS = 0x05  # BPF_JMP | BPF_JA

_instruction = struct.Struct("=HBBI").pack
_INSTRUCTION_SIZE = 8


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return runs of numbers as (first, last)."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def program(calls: Mapping[int, frozenset[int]]) -> bytes:
    """Return a filter.

    Args:
        calls: The numbers of the calls to be seen, by interface (``AUDIT_ARCH_...``).
    """
    code = [_instruction(_LOAD, 0, 0, _ARCH)]
    for arch, numbers in calls.items():
        part = [_instruction(_LOAD, 0, 0, _NUMBER)]
        for first, last in _ranges(numbers):
            part.append(_instruction(_JUMP_NOT_BELOW, 0, 2, first))
            part.append(_instruction(_JUMP_GREATER, 1, 0, last))
            part.append(_instruction(_RETURN, 0, 0, _SECCOMP_RET_TRACE))
        part.append(_instruction(_RETURN, 0, 0, _SECCOMP_RET_ALLOW))
        # A conditional jump reaches 255 instructions, the other kind any.
        code.append(_instruction(_JUMP_EQUAL, 1, 0, arch))
        code.append(_instruction(_ALWAYS, 0, 0, len(part)))
        code += part
    code.append(_instruction(_RETURN, 0, 0, _SECCOMP_RET_ALLOW))
    return b"".join(code)


class Filter:
    """A filter that is ready to be installed between fork and exec.

    Args:
        code: What ``program`` has made.
    """

    def __init__(self, code: bytes) -> None:
        self._code = ctypes.create_string_buffer(code, len(code))
        head = struct.pack("=H6xQ", len(code) // _INSTRUCTION_SIZE, ctypes.addressof(self._code))
        self._head = ctypes.create_string_buffer(head, len(head))

    def install(self) -> int:
        """Put the calling process under the filter; return 0 or an error number."""
        head = ctypes.c_void_p(ctypes.addressof(self._head))
        nothing = ctypes.c_ulong(0)
        if _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), head, nothing, nothing) == 0:
            return 0
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), nothing, nothing, nothing)
        if _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), head, nothing, nothing) == 0:
            return 0
        return ctypes.get_errno()
