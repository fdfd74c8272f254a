"""What x86-64 and i386 share: the features of the XSAVE area, their types and their registers.

Layer: arch.  Used by: arch.x86_64, arch.i386.
Spec source: GDB manual, "i386 Features"; Intel SDM vol. 1, chapter 13 (XSAVE-managed state).

Names, widths and types are those that gdb looks for; gdbserver sends the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gdbstub.arch.spec import Register, Regset, TdescFeature

# XCR0: which state components the kernel has switched on.
XCR0_X87 = 1 << 0
XCR0_SSE = 1 << 1
XCR0_AVX = 1 << 2
XCR0_OPMASK = 1 << 5
XCR0_ZMM_HI256 = 1 << 6
XCR0_HI16_ZMM = 1 << 7
XCR0_PKRU = 1 << 9

XCR0_LEGACY = XCR0_X87 | XCR0_SSE
XCR0_AVX512 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM
#: Every component that has registers in a description.
XCR0_DESCRIBED = XCR0_LEGACY | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU

# struct user_regs_struct, a word each.
# fmt: off
_USER_REGS = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
    "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
)
# fmt: on
#: Byte offsets in struct user_regs_struct, by the name of the member.
USER_REGS = {name: 8 * index for index, name in enumerate(_USER_REGS)}

_EFLAGS = (
    # Bit 1 is always set; without a field, gdb would show it as an unknown flag.
    "CF:0 :1 PF:2 AF:4 ZF:6 SF:7 TF:8 IF:9 DF:10 OF:11 NT:14 RF:16 VM:17 AC:18 VIF:19 VIP:20 ID:21"
)
_MXCSR = "IE:0 DE:1 ZE:2 OE:3 UE:4 PE:5 DAZ:6 IM:7 DM:8 ZM:9 OM:10 UM:11 PM:12 FZ:15"

#: The members of vec128: field, vector type's id, element type, elements.
_VEC128 = (
    ("v8_bfloat16", "v8bf16", "bfloat16", 8),
    ("v8_half", "v8h", "ieee_half", 8),
    ("v4_float", "v4f", "ieee_single", 4),
    ("v2_double", "v2d", "ieee_double", 2),
    ("v16_int8", "v16i8", "int8", 16),
    ("v8_int16", "v8i16", "int16", 8),
    ("v4_int32", "v4i32", "int32", 4),
    ("v2_int64", "v2i64", "int64", 2),
)

#: The control registers of the x87 unit in wire order: name, offset in the legacy area, bytes kept.
_X87_CONTROL = (
    ("fctrl", 0, 2),
    ("fstat", 2, 2),
    # SPEC(FXSAVE): one bit a register here, the two-bit tag word of FSAVE on the wire.
    ("ftag", 4, 1),
    ("fiseg", 12, 2),
    ("fioff", 8, 4),
    ("foseg", 20, 2),
    ("fooff", 16, 4),
    ("fop", 6, 2),
)


def _flags(type_id: str, bits: str) -> str:
    fields = (bit.split(":") for bit in bits.split())
    inner = "".join(f'<field name="{name}" start="{at}" end="{at}" type="bool"/>' for name, at in fields)
    return f'<flags id="{type_id}" size="4">{inner}</flags>'


def _vec128() -> str:
    vectors = "".join(f'<vector id="{vid}" type="{elem}" count="{n}"/>' for _, vid, elem, n in _VEC128)
    fields = "".join(f'<field name="{field}" type="{vid}"/>' for field, vid, _, _ in _VEC128)
    return f'{vectors}<union id="vec128">{fields}<field name="uint128" type="uint128"/></union>'


EFLAGS_TYPE = _flags("i386_eflags", _EFLAGS)
#: ``syscall``, ``sysenter``, ``int 0x80``.
SYSCALL_INSTRUCTIONS = (b"\x0f\x05", b"\x0f\x34", b"\xcd\x80")

_V2UI128_TYPE = '<vector id="v2ui128" type="uint128" count="2"/>'


def general(number: int, name: str, member: str, bits: int, gdb_type: str) -> Register:
    """Return one register of struct user_regs_struct, kept as wide as it is on the wire."""
    return Register(name, bits, gdb_type, number, Regset.GENERAL, "", USER_REGS[member], bits // 8)


def x87_registers(number: int) -> Iterator[Register]:
    """Yield st0-st7 and the control registers, numbered from ``number`` on."""
    for index in range(8):
        at = 32 + 16 * index
        yield Register(f"st{index}", 80, "i387_ext", number + index, Regset.XSTATE, "x87", at, 10)
    for index, (name, at, size) in enumerate(_X87_CONTROL, number + 8):
        yield Register(name, 32, "int", index, Regset.XSTATE, "x87", at, size, "float")


def _vectors(
    number: int,
    name: str,
    indices: Iterable[int],
    bits: int,
    gdb_type: str,
    component: str,
    at: int,
    stride: int,
) -> Iterator[Register]:
    for slot, index in enumerate(indices):
        yield Register(
            name.format(index),
            bits,
            gdb_type,
            number + slot,
            Regset.XSTATE,
            component,
            at + stride * slot,
            bits // 8,
        )


def sse(number: int, count: int) -> TdescFeature:
    """Describe xmm0 up to ``count`` and mxcsr."""
    mxcsr = Register("mxcsr", 32, "i386_mxcsr", number + count, Regset.XSTATE, "mxcsr", 0, 4, "vector")
    xmm = _vectors(number, "xmm{}", range(count), 128, "vec128", "sse", 0, 16)
    return TdescFeature("org.gnu.gdb.i386.sse", (*xmm, mxcsr), _vec128() + _flags("i386_mxcsr", _MXCSR))


def avx(number: int, count: int) -> TdescFeature:
    """Describe the upper halves of ymm0 up to ``count``."""
    upper = _vectors(number, "ymm{}h", range(count), 128, "uint128", "avx", 0, 16)
    return TdescFeature("org.gnu.gdb.i386.avx", tuple(upper))


def avx512(number: int, count: int) -> TdescFeature:
    """Describe AVX-512 for ``count`` registers of AVX: k0-k7, zmm and, in 64-bit mode, registers 16-31."""
    high = range(16, 32) if count == 16 else range(0)
    registers: list[Register] = []

    def add(name: str, indices: range, bits: int, gdb_type: str, component: str, at: int, stride: int) -> None:
        first = number + len(registers)
        registers.extend(_vectors(first, name, indices, bits, gdb_type, component, at, stride))

    add("xmm{}", high, 128, "vec128", "hi16_zmm", 0, 64)
    add("ymm{}h", high, 128, "uint128", "hi16_zmm", 16, 64)
    add("k{}", range(8), 64, "uint64", "opmask", 0, 8)
    add("zmm{}h", range(count), 256, "v2ui128", "zmm_hi256", 0, 32)
    add("zmm{}h", high, 256, "v2ui128", "hi16_zmm", 32, 64)
    types = (_vec128() if high else "") + _V2UI128_TYPE
    return TdescFeature("org.gnu.gdb.i386.avx512", tuple(registers), types)


def pkeys(number: int) -> TdescFeature:
    """Describe the protection-key rights."""
    pkru = Register("pkru", 32, "uint32", number, Regset.XSTATE, "pkru", 0, 4)
    return TdescFeature("org.gnu.gdb.i386.pkeys", (pkru,))


def extensions(xcr0: int, number: int, count: int) -> tuple[TdescFeature, ...]:
    """Describe what ``xcr0`` has beyond x87 and SSE, numbered from ``number`` on."""
    features: list[TdescFeature] = []

    def add(feature: TdescFeature) -> None:
        nonlocal number
        features.append(feature)
        number += len(feature.registers)

    if xcr0 & XCR0_AVX:
        add(avx(number, count))
        if xcr0 & XCR0_AVX512 == XCR0_AVX512:
            add(avx512(number, count))
    if xcr0 & XCR0_PKRU:
        add(pkeys(number))
    return tuple(features)
