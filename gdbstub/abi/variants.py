"""Calls whose arguments depend on one of them: each chooses its signature when it is entered.

Layer: abi.  Used by: abi.decoder.  Source: the manual page of each call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.abi import ioctls, signals
from gdbstub.abi.call import Call
from gdbstub.abi.tables import TABLES

#: Takes the arguments and returns a signature.
Variant = Callable[[Sequence[int]], str]

_O_CREAT, _O_TMPFILE = 0o100, 0o20000000
_CLONE_FLAGS_TLS = 0x80000
_CLONE_PARENT_TID = 0x100000 | 0x1000
_CLONE_CHILD_TID = 0x1200000

_FCNTL = {
    0: "d -> fd", 1030: "d -> fd", 1: "-> =fdfd", 2: "=fdfd", 3: "-> open", 4: "=open",
    5: ">flock_found", 6: "flock", 7: "flock", 12: ">flock64_found", 13: "flock64", 14: "flock64",
    36: ">flock64_found", 37: "flock64", 38: "flock64", 8: "d", 9: "", 10: "signal", 11: "-> signal",
    15: "f_owner_ex", 16: ">f_owner_ex", 1024: "=lock_type", 1025: "-> =lock_type", 1026: "=notify",
    1031: "d", 1032: "", 1033: "=seals", 1034: "-> =seals",
}  # fmt: skip

_FUTEX = {
    0: "d timespec", 1: "d", 3: "d lu p", 4: "d lu p d", 5: "d lu p futex_op", 6: "timespec", 7: "", 8: "",
    9: "d timespec +skip bitset", 10: "d +skip +skip bitset", 11: "d timespec p", 12: "d lu p d", 13: "timespec",
}  # fmt: skip

_PRCTL = {
    1: "signal", 2: ">*d", 3: "-> =dumpable", 4: "=dumpable", 7: "", 8: "lu", 15: "name", 16: ">name", 21: "",
    22: "=seccomp_mode p",
    23: "=capability", 24: "=capability", 27: "", 28: "x", 29: "lu", 30: "", 36: "lu", 37: ">*d",
    38: "lu lu lu lu", 39: "lu lu lu lu", 41: "lu lu lu lu", 42: "lu lu lu lu",
    47: "=pr_cap_ambient =capability lu lu",
    0x53564D41: "=pr_vma p lu str", 0x59616D61: "d",
}  # fmt: skip


_ARCH_PRCTL = {0x1003: ">*lx", 0x1004: ">*lx", 0x1011: "d", 0x1012: "d", 0x1023: "d"}


def _open(first: str, flags_at: int) -> Variant:
    def choose(args: Sequence[int]) -> str:
        mode = " mode" if args[flags_at] & (_O_CREAT | _O_TMPFILE) else ""
        return f"{first} =open{mode} -> fd"

    return choose


def _by(place: int, table: dict[int, str], before: str, otherwise: str) -> Variant:
    def choose(args: Sequence[int]) -> str:
        return f"{before} {table.get(args[place] & 0xFFFFFFFF, otherwise)}"

    return choose


def _futex(timeout: str) -> Variant:
    table = {operation: text.replace("timespec", timeout) for operation, text in _FUTEX.items()}

    def choose(args: Sequence[int]) -> str:
        return f"p futex_op_name {table.get(args[1] & 0x7F, 'd x32 p x32')}"

    return choose


def _arch_prctl(args: Sequence[int]) -> str:
    return f"=arch_prctl {_ARCH_PRCTL.get(args[0] & 0xFFFFFFFF, 'p')}"


def _clone(args: Sequence[int]) -> str:
    flags = args[0]
    text = "clone_stack clone_flags"
    if flags & _CLONE_PARENT_TID:
        text += " >parent_tid"
    if flags & _CLONE_FLAGS_TLS:
        text += " tls"
    if flags & _CLONE_CHILD_TID:
        text += " child_tid"
    return text


def _mremap(args: Sequence[int]) -> str:
    return f"p lu lu =mremap{' p' if args[3] & 2 else ''} -> p"


def _mknod(first: str, mode_at: int) -> Variant:
    def choose(args: Sequence[int]) -> str:
        device = args[mode_at] & 0o170000 in (0o20000, 0o60000)
        return f"{first} file_mode{' dev' if device else ''}"

    return choose


def _ioctl(args: Sequence[int]) -> str:
    return f"fd ioctl {ioctls.ARGUMENTS.get(args[1] & 0xFFFFFFFF, 'x')}"


def _kcmp(args: Sequence[int]) -> str:
    return f"d d =kcmp{' u u' if args[2] & 0xFFFFFFFF in (0, 7) else ''}"


def _membarrier(args: Sequence[int]) -> str:
    return f"=membarrier x32{' -> membarrier' if not args[0] & 0xFFFFFFFF else ''}"


#: Arguments that are not in their registers' order, or have names of their own.
NAMED = {
    "clone_stack": (1, "child_stack"),
    "clone_flags": (0, "flags"),
    "parent_tid": (2, "parent_tid"),
    "tls": (4, "tls"),
    "child_tid": (3, "child_tidptr"),
}
#: The 32-bit interface has the last two the other way round.
NAMED_I386 = {**NAMED, "tls": (3, "tls"), "child_tid": (4, "child_tidptr")}

#: IPC_SET and IPC_STAT.
_SHMCTL = {1: "shmid_ds_asked", 2: ">shmid_ds"}
_MSGCTL = {1: "msqid_ds_asked", 2: ">msqid_ds"}
_SEMCTL = {1: "semid_ds_asked", 2: ">semid_ds"}

VARIANTS: dict[str, Variant] = {
    "arch_prctl": _arch_prctl,
    "clone": _clone,
    "fcntl": _by(1, _FCNTL, "fd =fcntl", "x"),
    "fcntl64": _by(1, _FCNTL, "fd =fcntl", "x"),
    "futex": _futex("timespec"),
    "futex_time64": _futex("timespec64"),
    "ioctl": _ioctl,
    "kcmp": _kcmp,
    "membarrier": _membarrier,
    "mknod": _mknod("path", 1),
    "mknodat": _mknod("dirfd path", 2),
    "mremap": _mremap,
    "msgctl": _by(1, _MSGCTL, "d =msg_control", "p"),
    "open": _open("path", 1),
    "openat": _open("dirfd path", 2),
    "semctl": _by(2, _SEMCTL, "d d =sem_control", "p"),
    "shmctl": _by(1, _SHMCTL, "d =ipc_control", "p"),
    "prctl": _by(0, _PRCTL, "=prctl", "x x x x"),
}


# Kinds that only these calls have.


def _clone_flags(call: Call, value: int, params: tuple[int, ...]) -> str:
    ending = value & 0xFF
    names = TABLES["clone"](value & ~0xFF & 0xFFFFFFFF) if value & ~0xFF else ""
    return "|".join(part for part in (names, signals.name_of(ending) if ending else "") if part) or "0"


def _futex_name(call: Call, value: int, params: tuple[int, ...]) -> str:
    value &= 0xFFFFFFFF
    private = value & 0x80
    text = TABLES["futex"](value & ~0x80)
    if not private:
        return text
    name, bar, rest = text.partition("|")
    return f"{name}_PRIVATE{bar}{rest}"


def _bitset(call: Call, value: int, params: tuple[int, ...]) -> str:
    value &= 0xFFFFFFFF
    return "FUTEX_BITSET_MATCH_ANY" if value == 0xFFFFFFFF else f"{value:#x}"


_OPERATIONS = ("FUTEX_OP_SET", "FUTEX_OP_ADD", "FUTEX_OP_OR", "FUTEX_OP_ANDN", "FUTEX_OP_XOR")
_COMPARISONS = (
    "FUTEX_OP_CMP_EQ", "FUTEX_OP_CMP_NE", "FUTEX_OP_CMP_LT", "FUTEX_OP_CMP_LE", "FUTEX_OP_CMP_GT", "FUTEX_OP_CMP_GE",
)  # fmt: skip


def _futex_op(call: Call, value: int, params: tuple[int, ...]) -> str:
    operation, comparison = value >> 28 & 7, value >> 24 & 0xF
    shift = "FUTEX_OP_OPARG_SHIFT<<28|" if value >> 28 & 8 else ""
    op = _OPERATIONS[operation] if operation < len(_OPERATIONS) else f"{operation:#x}"
    cmp = _COMPARISONS[comparison] if comparison < len(_COMPARISONS) else f"{comparison:#x}"
    first, second = value >> 12 & 0xFFF, value & 0xFFF
    return f"{shift}{op}<<28|{_hex(first)}<<12|{cmp}<<24|{_hex(second)}"


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _name(call: Call, value: int, params: tuple[int, ...]) -> str:
    from gdbstub.abi.call import pointer
    from gdbstub.abi.text import quote

    found = call.text(value, 15) if value else None
    return pointer(value) if found is None else quote(found[0]) + ("..." if found[1] else "")


def _clone_stack(call: Call, value: int, params: tuple[int, ...]) -> str:
    from gdbstub.abi.call import pointer

    return pointer(value)


def _parent_tid(call: Call, value: int, params: tuple[int, ...]) -> str:
    number = call.number(value, signed=True) if value else None
    return f"[{number}]" if number is not None and not call.failed else _clone_stack(call, value, params)


def _persona(call: Call, value: int, params: tuple[int, ...]) -> str:
    value &= 0xFFFFFFFF
    return "0xffffffff" if value == 0xFFFFFFFF else TABLES["personality"](value)


KINDS = {
    "futex_op_name": _futex_name,
    "futex_op": _futex_op,
    "bitset": _bitset,
    "name": _name,
    "clone_stack": _clone_stack,
    "clone_flags": _clone_flags,
    "parent_tid": _parent_tid,
    "tls": _clone_stack,
    "child_tid": _clone_stack,
    "persona": _persona,
}
