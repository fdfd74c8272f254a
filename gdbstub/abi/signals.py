"""Signals: their names, sets of them, and what comes with one.

Layer: abi.  Used by: abi.structures, abi.decoder, engines.syscalls.
Source: include/uapi/asm-generic/siginfo.h, signal(7).
"""

from __future__ import annotations

import signal
import struct
from functools import cache

from gdbstub.abi.tables import TABLES

_REALTIME = 32
LAST = 64


@cache
def name_of(number: int) -> str:
    """Return a signal's name; real-time signals are counted from the kernel's first."""
    if number == _REALTIME:
        return "SIGRTMIN"
    if _REALTIME < number <= LAST:
        return f"SIGRT_{number - _REALTIME}"
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


@cache
def number_of(name: str) -> int | None:
    """Return the number of a name, with or without its ``SIG``; None where there is no such signal."""
    wanted = name if name.startswith("SIG") else "SIG" + name
    return next((number for number in range(1, LAST + 1) if name_of(number) == wanted), None)


@cache
def set_text(mask: int) -> str:
    """Return a set as names in brackets, with a tilde before what it lacks where it is nearly full."""
    full = (1 << LAST) - 1
    mask &= full
    tilde = ""
    if mask.bit_count() >= LAST * 2 // 3:
        tilde, mask = "~", full & ~mask
    names = (name_of(number).removeprefix("SIG") for number in range(1, LAST + 1) if mask >> (number - 1) & 1)
    return f"{tilde}[{' '.join(names)}]"


_CODES = {
    signal.SIGCHLD: "cld_code",
    signal.SIGILL: "ill_code",
    signal.SIGFPE: "fpe_code",
    signal.SIGSEGV: "segv_code",
    signal.SIGBUS: "bus_code",
    signal.SIGTRAP: "trap_code",
    signal.SIGIO: "poll_code",
    signal.SIGSYS: "sys_code",
}
_FAULTS = frozenset({signal.SIGILL, signal.SIGFPE, signal.SIGSEGV, signal.SIGBUS, signal.SIGTRAP})

_SI_QUEUE, _SI_TIMER, _SI_MESGQ, _SI_KERNEL = -1, -2, -3, 0x80
_CLD_EXITED = 1

_head = struct.Struct("=iii").unpack_from


def _code_text(number: int, code: int) -> str:
    general = TABLES["si_code"]
    table = _CODES.get(signal.Signals(number)) if code > 0 and number < _REALTIME else None
    if table is not None and code != _SI_KERNEL:
        return TABLES[table](code)
    return general(code)


def _pointer(value: int) -> str:
    return f"{value:#x}" if value else "NULL"


def info_text(data: bytes, *, wide: bool = True) -> str:
    """Return a siginfo_t as the kernel gives it to this machine's own programs, or to 32-bit ones."""
    number, error, code = _head(data)
    if not number:
        return "{}"
    fields = [f"si_signo={name_of(number)}", f"si_code={_code_text(number, code)}"]
    if error:
        fields.append(f"si_errno={error}")
    at = 16 if wide else 12
    word = 8 if wide else 4
    first, second = struct.unpack_from("=iI", data, at)

    def pointer_at(offset: int) -> str:
        return _pointer(int.from_bytes(data[offset : offset + word], "little"))

    if number == signal.SIGCHLD and code > 0 and code != _SI_KERNEL:
        status = int.from_bytes(data[at + 8 : at + 12], "little", signed=True)
        times = at + (16 if wide else 12)
        used, system = (int.from_bytes(data[t : t + word], "little") for t in (times, times + word))
        shown = str(status) if code == _CLD_EXITED else name_of(status & 0x7F)
        fields += [f"si_pid={first}", f"si_uid={second}", f"si_status={shown}"]
        fields += [f"si_utime={_ticks(used)}", f"si_stime={_ticks(system)}"]
    elif code == _SI_TIMER:
        timer = f"{first:#x}" if first else "0"
        fields += [f"si_timerid={timer}", f"si_overrun={second}", *_value(data, at + 8, word, always=True)]
    elif code in (_SI_QUEUE, _SI_MESGQ):
        fields += [f"si_pid={first}", f"si_uid={second}", *_value(data, at + 8, word)]
    elif code <= 0 or number >= _REALTIME:
        fields += [f"si_pid={first}", f"si_uid={second}"]
        if number >= _REALTIME and code != -6:
            fields += _value(data, at + 8, word)
    elif number == signal.SIGSYS and code != _SI_KERNEL:
        call = int.from_bytes(data[at + word : at + word + 4], "little")
        arch = int.from_bytes(data[at + word + 4 : at + word + 8], "little")
        from gdbstub.abi.names import AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, names_of

        archs = {AUDIT_ARCH_X86_64: "AUDIT_ARCH_X86_64", AUDIT_ARCH_I386: "AUDIT_ARCH_I386"}
        name = names_of(arch).get(call)
        fields += [
            f"si_call_addr={pointer_at(at)}",
            f"si_syscall={f'__NR_{name}' if name else call}",
            f"si_arch={archs.get(arch, hex(arch))}",
        ]
    elif number == signal.SIGIO and code != _SI_KERNEL:
        fields += [f"si_band={first}", f"si_fd={int.from_bytes(data[at + word : at + word + 4], 'little')}"]
    elif number in _FAULTS and code > 0:
        fields.append(f"si_addr={pointer_at(at)}")
    return "{" + ", ".join(fields) + "}"


def _ticks(value: int) -> str:
    """Processor time in clock ticks; a hundred of them are a second."""
    return str(value) if not value else f"{value} /* {value / 100:g} s */"


def _value(data: bytes, at: int, word: int, *, always: bool = False) -> list[str]:
    number = int.from_bytes(data[at : at + 4], "little", signed=True)
    whole = int.from_bytes(data[at : at + word], "little")
    return [f"si_int={number}", f"si_ptr={_pointer(whole)}"] if whole or always else []
