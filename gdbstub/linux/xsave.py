"""Where the state components lie in the XSAVE area that ptrace hands out.

Layer: linux.  Used by: linux.regsets.
Spec source: Intel SDM vol. 1, chapter 13 and CPUID leaf 0DH; arch/x86/include/uapi/asm/ptrace-abi.h
(the regset is the standard, uncompacted form; its software bytes at 464 hold XCR0).

The offsets differ between processors, and only the CPUID instruction knows them.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import struct
from collections.abc import Callable, Mapping
from typing import Final

from gdbstub.arch import x86

#: Bytes of the legacy area, as FXSAVE writes it.
FXSAVE_SIZE = 512
#: AMX: its part of the area exists only for tracees that asked for it, so the size says nothing.
_AMX = 0b11 << 17
#: Where the kernel puts XCR0 in the regset.
XCR0_OFFSET = 464
#: Where XSTATE_BV, the map of components not in their initial state, is.
XSTATE_BV_OFFSET = 512
#: The XSAVE header ends, and the first extension may begin, here.
HEADER_END = 576

#: The XSTATE_BV bit of each component by name.  MXCSR has no bit of its own and is listed with SSE's.
COMPONENT_BITS = {
    "x87": x86.XCR0_X87,
    "mxcsr": x86.XCR0_SSE,
    "sse": x86.XCR0_SSE,
    "avx": x86.XCR0_AVX,
    "opmask": x86.XCR0_OPMASK,
    "zmm_hi256": x86.XCR0_ZMM_HI256,
    "hi16_zmm": x86.XCR0_HI16_ZMM,
    "pkru": x86.XCR0_PKRU,
}
#: The parts that FXSAVE has fixed.  "x87" runs over MXCSR, which is a part of its own.
_LEGACY = {"x87": (0, 160), "mxcsr": (24, 4), "sse": (160, 256)}

_CPUID_LEAF = 0xD
#: CPUID.01H:ECX: the kernel has enabled XSAVE, so XGETBV may be used.
_OSXSAVE = 1 << 27

# void cpuid(unsigned leaf, unsigned subleaf, unsigned out[4])
_CPUID_CODE = bytes.fromhex(
    "53"  # push rbx
    "89f8"  # mov eax, edi
    "89f1"  # mov ecx, esi
    "4989d0"  # mov r8, rdx
    "0fa2"  # cpuid
    "418900"  # mov [r8], eax
    "41895804"  # mov [r8+4], ebx
    "41894808"  # mov [r8+8], ecx
    "4189500c"  # mov [r8+12], edx
    "5b"  # pop rbx
    "c3"  # ret
)
# unsigned xgetbv(void), of register 0
_XGETBV_CODE = bytes.fromhex("31c90f01d0c3")
_XGETBV_AT = 64

# What CPUID says on the processors there are, for hosts that let nobody ask.
_INTEL = {
    "avx": (576, 256),
    "opmask": (1088, 64),
    "zmm_hi256": (1152, 512),
    "hi16_zmm": (1664, 1024),
    "pkru": (2688, 8),
}
_AMD_ZEN4 = {
    "avx": (576, 256),
    "opmask": (832, 64),
    "zmm_hi256": (896, 512),
    "hi16_zmm": (1408, 1024),
    "pkru": (2432, 8),
}
_AMD_ZEN3 = {"avx": (576, 256), "pkru": (832, 8)}


class XsaveLayout:
    """The shape of one processor's XSAVE area."""

    def __init__(self, xcr0: int, size: int, offsets: Mapping[str, tuple[int, int]]) -> None:
        #: The components that have a place here.
        self.xcr0: Final = xcr0
        #: Bytes up to the end of the last of them.
        self.size: Final = size
        #: Component name to (offset, size), both in bytes.
        self.offsets: Final = offsets


def _layout(xcr0: int, extensions: Mapping[str, tuple[int, int]]) -> XsaveLayout:
    present = {name: place for name, place in extensions.items() if place[1] and xcr0 & COMPONENT_BITS[name]}
    known = x86.XCR0_LEGACY
    for name in present:
        known |= COMPONENT_BITS[name]
    end = max((at + size for at, size in present.values()), default=FXSAVE_SIZE)
    return XsaveLayout(known, end, {**_LEGACY, **present})


#: What every x86-64 processor has.
LEGACY_LAYOUT = _layout(x86.XCR0_LEGACY, {})


def _ask_processor() -> XsaveLayout | None:
    """Return what CPUID says; None where there is no XSAVE or nobody may run made-up code."""
    if os.uname().machine != "x86_64":
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        # SELinux and hardened kernels refuse memory that is both written and executed.
        return None
    anchor = ctypes.c_char.from_buffer(page)
    try:
        page[: len(_CPUID_CODE)] = _CPUID_CODE
        page[_XGETBV_AT : _XGETBV_AT + len(_XGETBV_CODE)] = _XGETBV_CODE
        address = ctypes.addressof(anchor)
        cpuid = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)(address)
        xgetbv = ctypes.CFUNCTYPE(ctypes.c_uint)(address + _XGETBV_AT)
        return _measure(cpuid, xgetbv)
    finally:
        # The export must be gone before the page may be unmapped.
        del anchor
        page.close()


def _measure(cpuid: Callable[[int, int, int], None], xgetbv: Callable[[], int]) -> XsaveLayout | None:
    out = ctypes.create_string_buffer(16)

    def leaf(number: int, subleaf: int) -> tuple[int, ...]:
        cpuid(number, subleaf, ctypes.addressof(out))
        return struct.unpack("<4I", out)

    if leaf(0, 0)[0] < _CPUID_LEAF or not leaf(1, 0)[2] & _OSXSAVE:
        return None
    xcr0 = xgetbv()
    extensions: dict[str, tuple[int, int]] = {}
    for name, bit in COMPONENT_BITS.items():
        if name not in _LEGACY and xcr0 & bit:
            size, offset, _, _ = leaf(_CPUID_LEAF, bit.bit_length() - 1)
            extensions[name] = (offset, size)
    return _layout(xcr0, extensions)


@functools.cache
def measured() -> XsaveLayout | None:
    """Return this processor's layout, or None where it cannot be asked."""
    return _ask_processor()


def layout() -> XsaveLayout:
    """Return this processor's layout; x87 and SSE alone where it cannot be asked."""
    return measured() or LEGACY_LAYOUT


@functools.cache
def guess(xcr0: int, size: int) -> XsaveLayout:
    """Return the known layout whose end agrees with a regset's size; x87 and SSE alone where none does.

    Args:
        xcr0: The components that are switched on.
        size: Length of the regset, bytes.
    """
    for known in (_INTEL, _AMD_ZEN4, _AMD_ZEN3):
        candidate = _layout(xcr0, known)
        fits = candidate.size == size or (xcr0 & _AMX and candidate.size < size)
        if fits and candidate.xcr0 == xcr0 & x86.XCR0_DESCRIBED:
            return candidate
    return LEGACY_LAYOUT


def layout_of(area: bytes) -> XsaveLayout:
    """Return the layout of one regset: the processor's, or else a guess from the regset itself."""
    if len(area) < HEADER_END:
        return LEGACY_LAYOUT
    found = measured()
    if found is not None:
        return found
    return guess(int.from_bytes(area[XCR0_OFFSET : XCR0_OFFSET + 8], "little"), len(area))
