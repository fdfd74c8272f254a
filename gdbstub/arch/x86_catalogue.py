"""The catalogue of x86-64 and of i386: names, sets and DWARF numbers as LLDB's users know them.

Layer: arch.  Used by: engines.gdbremote.registers.
Spec source: System V ABI, AMD64 supplement, figure 3.36, and Intel386 supplement, table 2.14 (DWARF numbers);
what lldb-server lists (names, sets, purposes).
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.arch.catalogue import Catalogue, Draft, Piece
from gdbstub.arch.spec import ArchSpec, Register

_GENERAL = "General Purpose Registers"
_FLOATING = "Floating Point Registers"
_AVX = "Advanced Vector Extensions"
_AVX512 = "Advanced Vector Extensions 512"
_KEYS = "Protection Keys"

_SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")

# fmt: off
#: DWARF numbers of x86-64; rows of names count on from the first.
_DWARF_64 = (
    (0, "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip"),
    (17, " ".join(f"xmm{n}" for n in range(16))),
    (33, " ".join(f"st{n}" for n in range(8))),
    (41, " ".join(f"mm{n}" for n in range(8))),
    (49, "rflags es cs ss ds fs gs"),
    (58, "fs_base gs_base"),
    (64, "mxcsr fctrl fstat"),
    (67, " ".join(f"xmm{n}" for n in range(16, 32))),
    (118, " ".join(f"k{n}" for n in range(8))),
)
_DWARF_32 = (
    (0, "eax ecx edx ebx esp ebp esi edi eip eflags"),
    (11, " ".join(f"st{n}" for n in range(8))),
    (21, " ".join(f"xmm{n}" for n in range(8))),
    (29, " ".join(f"mm{n}" for n in range(8))),
    (37, "fctrl fstat"),
    (39, "mxcsr es cs ss ds fs gs"),
    (93, " ".join(f"k{n}" for n in range(8))),
)
_GENERIC_64 = {
    "rip": "pc", "rsp": "sp", "rbp": "fp", "rflags": "flags", "fs_base": "tp",
    "rdi": "arg1", "rsi": "arg2", "rdx": "arg3", "rcx": "arg4", "r8": "arg5", "r9": "arg6",
}
_GENERIC_32 = {"eip": "pc", "esp": "sp", "ebp": "fp", "eflags": "flags"}
# fmt: on

#: The x87 control registers that have no parts: name and bits.
_X87_CONTROL = (("fctrl", 16), ("fstat", 16), ("ftag", 16), ("fop", 16))
#: Pointers of the x87 unit: the whole, and its lower and upper half.
_X87_POINTERS = (("fip", "fioff", "fiseg"), ("fdp", "fooff", "foseg"))


def _parts(name: str) -> Iterator[tuple[str, int, int]]:
    """Yield the parts of a general register, widest first: name, byte offset, bytes."""
    core = name[1:]
    if name[0] == "r":
        yield (f"{name}d" if core.isdigit() else f"e{core}"), 0, 4
    if core.isdigit():
        yield f"{name}w", 0, 2
        yield f"{name}l", 0, 1
        return
    yield core, 0, 2
    if core.endswith("x"):
        yield f"{core[0]}h", 1, 1
        yield f"{core[0]}l", 0, 1
    elif name[0] == "r":
        yield f"{core}l", 0, 1


# Specs are made once and compare by identity: hashing a whole one costs more than its use.
_made: dict[int, Catalogue] = {}


def x86_catalogue(spec: ArchSpec) -> Catalogue:
    """Return the catalogue of an ArchSpec of x86-64 or i386."""
    found = _made.get(id(spec))
    if found is None:
        found = _made[id(spec)] = _make(spec)
    return found


def _make(spec: ArchSpec) -> Catalogue:
    wide = spec.pointer_size == 8
    rows, generic = (_DWARF_64, _GENERIC_64) if wide else (_DWARF_32, _GENERIC_32)
    dwarf = {name: number for first, names in rows for number, name in enumerate(names.split(), first)}
    drafts = [each._replace(dwarf=dwarf.get(each.name), generic=generic.get(each.name, "")) for each in _drafts(spec)]
    return Catalogue(spec, drafts)


def _drafts(spec: ArchSpec) -> Iterator[Draft]:
    by_name = {register.name: register for register in spec.registers}
    word = 8 * spec.pointer_size
    letter = "r" if spec.pointer_size == 8 else "e"
    core = [each.name for each in spec.features[0].registers if each.name.startswith(letter)]
    integer = [name for name in core if name not in (f"{letter}ip", "eflags", *_SEGMENTS)]

    for name in (*integer, f"{letter}ip"):
        yield Draft(name, word, _GENERAL, _whole(by_name[name]))
    yield Draft(f"{letter}flags", word, _GENERAL, _whole(by_name["eflags"]))
    for name in _SEGMENTS:
        yield Draft(name, word, _GENERAL, _whole(by_name[name]))
    for name in ("fs_base", "gs_base", f"orig_{letter}ax"):
        if name in by_name:
            yield Draft(name, word, _GENERAL, _whole(by_name[name]))
    for name in integer:
        number = by_name[name].number
        for part, offset, size in _parts(name):
            yield Draft(part, 8 * size, _GENERAL, (Piece(number, offset, size),), container=name)

    yield from _floating(by_name)
    yield from _vectors(by_name)
    if "pkru" in by_name:
        yield Draft("pkru", 32, _KEYS, _whole(by_name["pkru"]))


def _whole(register: Register) -> tuple[Piece, ...]:
    return (Piece(register.number, 0, register.bits // 8),)


def _floating(by_name: dict[str, Register]) -> Iterator[Draft]:
    for name, bits in _X87_CONTROL:
        yield Draft(name, bits, _FLOATING, (Piece(by_name[name].number, 0, bits // 8),))
    for whole, low, high in _X87_POINTERS:
        low_half, high_half = _whole(by_name[low]), _whole(by_name[high])
        yield Draft(whole, 64, _FLOATING, low_half + high_half)
        yield Draft(low, 32, _FLOATING, low_half, container=whole)
        yield Draft(high, 32, _FLOATING, high_half, container=whole)
    yield Draft("mxcsr", 32, _FLOATING, _whole(by_name["mxcsr"]))
    for index in range(8):
        yield Draft(f"st{index}", 80, _FLOATING, _whole(by_name[f"st{index}"]), "vector", "vector-uint8")
    for index in range(8):
        piece = Piece(by_name[f"st{index}"].number, 0, 8)
        yield Draft(f"mm{index}", 64, _FLOATING, (piece,), container=f"st{index}")


def _vectors(by_name: dict[str, Register]) -> Iterator[Draft]:
    def vectors(letter: str, group: str, upper: tuple[str, ...], wider: tuple[str, str]) -> Iterator[Draft]:
        """Yield the registers of one width: ``upper`` names what lies above xmm, ``wider`` what contains them."""
        for index in range(32):
            names = [f"xmm{index}", *(each.format(index) for each in upper)]
            if not all(name in by_name for name in names):
                continue
            pieces = tuple(piece for name in names for piece in _whole(by_name[name]))
            within = next((name for name in wider if name and _has(by_name, name, index)), "")
            bits = 128 << len(upper)
            holder = f"{within}{index}" if within else ""
            yield Draft(f"{letter}{index}", bits, group, pieces, "vector", "vector-uint8", within=holder)

    yield from vectors("xmm", _FLOATING, (), ("zmm", "ymm"))
    yield from vectors("ymm", _AVX, ("ymm{}h",), ("zmm", ""))
    yield from vectors("zmm", _AVX512, ("ymm{}h", "zmm{}h"), ("", ""))
    for index in range(8):
        if f"k{index}" in by_name:
            yield Draft(f"k{index}", 64, _AVX512, _whole(by_name[f"k{index}"]))


def _has(by_name: dict[str, Register], letter: str, index: int) -> bool:
    upper = {"ymm": (f"ymm{index}h",), "zmm": (f"ymm{index}h", f"zmm{index}h")}[letter]
    return all(name in by_name for name in upper)
