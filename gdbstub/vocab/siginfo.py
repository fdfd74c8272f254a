"""What a siginfo_t says about a fault.

Layer: vocab.  Used by: engines.gdbremote.
Source: asm-generic/siginfo.h (codes and the layout on 64-bit machines).
"""

from __future__ import annotations

import signal
import struct

_HEAD = struct.Struct("<iii4xQ")

#: By signal and code; the kernel gives an address with each of them.
_FAULTS = {
    signal.SIGSEGV: {
        1: "address not mapped to object",
        2: "address access protected",
        3: "bound violation",
        4: "protection key mismatch",
    },
    signal.SIGBUS: {
        1: "illegal alignment",
        2: "no such physical address",
        3: "hardware error",
        4: "memory error that needs an action",
        5: "memory error found ahead of use",
    },
    signal.SIGILL: {
        1: "illegal opcode",
        2: "illegal operand",
        3: "illegal addressing mode",
        4: "illegal trap",
        5: "privileged opcode",
        6: "privileged register",
        7: "coprocessor error",
        8: "internal stack error",
    },
    signal.SIGFPE: {
        1: "integer divide by zero",
        2: "integer overflow",
        3: "floating point divide by zero",
        4: "floating point overflow",
        5: "floating point underflow",
        6: "inexact floating point result",
        7: "invalid floating point operation",
        8: "subscript out of range",
    },
}
#: The kernel raised it and gives no reason: on x86 a general protection fault.
_SI_KERNEL = 0x80
_WITHOUT_REASON = "general protection fault"


def fault_text(siginfo: bytes) -> str:
    """Say in a few words why the kernel raised a signal; empty where it was not for a fault."""
    number, _, code, address = _HEAD.unpack_from(siginfo)
    texts = _FAULTS.get(number)
    if texts is None:
        return ""
    if code == _SI_KERNEL and number == signal.SIGSEGV:
        return _WITHOUT_REASON
    text = texts.get(code)
    return f"{text} (fault address: {address:#x})" if text else ""
