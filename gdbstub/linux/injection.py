"""A system call made by a stopped thread of an inferior on our behalf: where, with which registers, what came of it.

Layer: linux.  Used by: tracer.injections, which runs the thread.
Source: syscall(2) and mmap(2); arch/x86/entry; Documentation/userspace-api/seccomp_filter.rst.

The instruction is one that the program has already: nothing is patched, so no other thread can run into it.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gdbstub.arch import x86
from gdbstub.linux import procfs
from gdbstub.linux.procfs import Mapping
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Tid


class CallAbi(NamedTuple):
    """How programs of one instruction set make system calls."""

    instruction: bytes
    arguments: tuple[str, ...]
    #: The code segment that the instruction belongs to.
    cs: int
    mmap: int
    munmap: int


X86_64 = CallAbi(b"\x0f\x05", ("rdi", "rsi", "rdx", "r10", "r8", "r9"), 0x33, 9, 11)
#: mmap2 counts its offset in pages; ours is 0.
I386 = CallAbi(b"\xcd\x80", ("rbx", "rcx", "rdx", "rsi", "rdi", "rbp"), 0x23, 192, 91)


def abi_of(pointer_size: int) -> CallAbi:
    """Return the ABI of a program."""
    return X86_64 if pointer_size == 8 else I386


_PROT = {"r": 1, "w": 2, "x": 4}
MAP_PRIVATE = 0x2
MAP_ANONYMOUS = 0x20


class Call(NamedTuple):
    """A system call: its number and its arguments."""

    number: int
    arguments: tuple[int, ...]


def map_call(abi: CallAbi, length: int, permissions: str) -> Call:
    """Return the call that maps fresh memory."""
    protection = sum(_PROT[letter] for letter in set(permissions))
    return Call(abi.mmap, (0, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))


def unmap_call(abi: CallAbi, address: Addr, length: int) -> Call:
    """Return the call that gives memory back."""
    return Call(abi.munmap, (address, length))


_MASK = (1 << 64) - 1
_TF = 0x100
_RESULT = x86.USER_REGS["rax"]
_ORIG = x86.USER_REGS["orig_rax"]
_PC = x86.USER_REGS["rip"]
_CS = x86.USER_REGS["cs"]
_FLAGS = x86.USER_REGS["eflags"]
_word = struct.Struct("=Q")
_signed = struct.Struct("=q")


def _put(regs: bytearray, at: int, value: int) -> None:
    _word.pack_into(regs, at, value & _MASK)


def before_call(saved: bytes, abi: CallAbi, instruction: Addr, call: Call) -> bytes:
    """Return the registers with which a thread makes the call at its next instruction.

    Args:
        saved: Its own, struct user_regs_struct.
        abi: Of the program.
        instruction: Where the program has the instruction that enters the kernel.
        call: What to call.
    """
    regs = bytearray(saved)
    for name, value in zip(abi.arguments, call.arguments, strict=False):
        _put(regs, x86.USER_REGS[name], value)
    _put(regs, _RESULT, call.number)
    # PTRACE: with the number of an interrupted call in it, the kernel would move pc back to make that call again.
    _put(regs, _ORIG, -1)
    _put(regs, _PC, instruction)
    _put(regs, _CS, abi.cs)
    _put(regs, _FLAGS, _word.unpack_from(regs, _FLAGS)[0] & ~_TF)
    return bytes(regs)


def replacing_call(saved: bytes, abi: CallAbi, call: Call) -> bytes:
    """Return the registers of a thread in a syscall-entry-stop that make it enter another call."""
    regs = bytearray(saved)
    for name, value in zip(abi.arguments, call.arguments, strict=False):
        _put(regs, x86.USER_REGS[name], value)
    _put(regs, _ORIG, call.number)
    return bytes(regs)


def entering_again(saved: bytes, abi: CallAbi) -> bytes:
    """Return the registers of a thread that is to make the call anew in whose entry it was."""
    regs = bytearray(saved)
    _put(regs, _RESULT, _word.unpack_from(regs, _ORIG)[0])
    _put(regs, _PC, _word.unpack_from(regs, _PC)[0] - len(abi.instruction))
    _put(regs, _ORIG, -1)
    return bytes(regs)


def result_of(regs: bytes, abi: CallAbi) -> int:
    """Return what the call gave: a small negative number is an errno."""
    value: int = _signed.unpack_from(regs, _RESULT)[0]
    if abi is I386:
        value &= 0xFFFFFFFF
        if value >= 0xFFFFF000:
            value -= 1 << 32
    return value


_PART = 1 << 16
#: How much text is looked through, bytes: any program and any C library has the instruction in its first pages.
_ENOUGH = 64 << 20


def find_instruction(read: Callable[[Addr, int], bytes], mappings: Iterable[Mapping], abi: CallAbi) -> Addr:
    """Return where a program has the instruction that enters the kernel: in the vDSO, else in its own text.

    Args:
        read: Reads memory as it is, trap instructions of ours included.
        mappings: What is mapped.
        abi: Of the program.

    Raises:
        TargetError: ENOSYS where it has none.
    """
    texts = [each for each in mappings if "x" in each.permissions and each.path != b"[vsyscall]"]
    texts.sort(key=lambda each: each.path != b"[vdso]")
    left = _ENOUGH
    for text in texts:
        tail = b""
        for at in range(text.start, min(text.end, text.start + left), _PART):
            try:
                data = tail + read(Addr(at), min(_PART, text.end - at))
            except TargetError:
                break
            found = data.find(abi.instruction)
            if found >= 0:
                return Addr(at - len(tail) + found)
            tail = data[-1:]
        left -= min(left, text.end - text.start)
    raise TargetError(errno.ENOSYS, "the program has no instruction that makes a system call")


def is_filtered(tid: Tid) -> bool:
    """Tell whether seccomp decides which calls a thread may make, and maybe kills the process for others."""
    return procfs.status_fields(tid).get("Seccomp", "0") != "0"


def checked(result: int) -> int:
    """Return a call's result.

    Raises:
        TargetError: It failed.
    """
    if -4096 < result < 0:
        raise TargetError(-result, f"the system call failed in the program: {os.strerror(-result)}")
    return result
