"""Identifying an ELF file of an inferior: its build-id, its size, what it was made for.

Layer: linux.  Used by: tracer.layout.
Spec: System V ABI, "ELF Header", "Program Header", "Note Section"; GDB manual, "Separate Debug Files".
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from gdbstub.linux.hostfs import READ_MAX, LinuxFiles
from gdbstub.target.modules import ModuleInfo
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

_MACHINES = {3: "i386", 62: "x86_64", 183: "aarch64"}
PT_NOTE = 4
NT_GNU_BUILD_ID = 3
_GNU = b"GNU\0"
_MAX_HEADERS = 1024
_MAX_NOTES = 1 << 16
#: Files above it are not summed: nobody may wait for that.
_MAX_SUMMED = 64 << 20


class _Class(NamedTuple):
    """Where an ELF class has what is wanted: offsets and sizes as the ABI gives them."""

    #: e_machine, e_phoff, e_shoff, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx.
    header: struct.Struct
    #: p_type, p_offset, p_filesz.
    segment: struct.Struct
    #: sh_name, sh_offset, sh_size.
    section: struct.Struct


_CLASSES = {
    1: _Class(struct.Struct("=18xH8xII6xHHHHH"), struct.Struct("=II8xI"), struct.Struct("=I12xII")),
    2: _Class(struct.Struct("=18xH12xQQ6xHHHHH"), struct.Struct("=I4xQ16xQ"), struct.Struct("=I20xQQ")),
}


class _File:
    """An open ELF file."""

    def __init__(self, files: LinuxFiles, fd: int, size: int) -> None:
        self._files = files
        self._fd = fd
        self.size = size
        ident = self.read(0, 64)
        layout = _CLASSES.get(ident[4] if ident[:4] == b"\x7fELF" and len(ident) > 5 and ident[5] == 1 else 0)
        if layout is None or len(ident) < layout.header.size:
            raise TargetError(errno.ENOEXEC, "that is no ELF file of this machine's byte order")
        self._layout = layout
        fields = layout.header.unpack_from(ident)
        machine, self._phoff, self._shoff, self._phsize, self._phnum, self._shsize, self._shnum, self._names = fields
        self.machine = _MACHINES.get(machine, "unknown")

    def read(self, offset: int, length: int) -> bytes:
        if not 0 <= offset < 1 << 62:
            return b""
        return self._files.pread(self._fd, length, offset)

    def _table(self, offset: int, size: int, count: int, entry: struct.Struct) -> Iterator[tuple[int, ...]]:
        if size < entry.size or not 0 < count <= _MAX_HEADERS:
            return
        data = self.read(offset, size * count)
        for at in range(0, len(data) - entry.size + 1, size):
            yield entry.unpack_from(data, at)

    def build_id(self) -> bytes:
        for kind, offset, length in self._table(self._phoff, self._phsize, self._phnum, self._layout.segment):
            if kind == PT_NOTE:
                found = build_id_in(self.read(offset, min(length, _MAX_NOTES)))
                if found:
                    return found
        return b""

    def debug_link(self) -> bytes:
        """Return the checksum in ``.gnu_debuglink``, as it is there; empty where there is none."""
        sections = list(self._table(self._shoff, self._shsize, self._shnum, self._layout.section))
        if self._names >= len(sections):
            return b""
        _, names_at, names_size = sections[self._names]
        names = self.read(names_at, min(names_size, _MAX_NOTES))
        for name, offset, length in sections:
            if names[name : name + 15] == b".gnu_debuglink\0" and 8 <= length <= _MAX_NOTES:
                return self.read(offset + length - 4, 4)
        return b""

    def checksum(self) -> bytes:
        """Return the sum of the whole file, in the order in which ``.gnu_debuglink`` has it."""
        if self.size > _MAX_SUMMED:
            raise TargetError(errno.EFBIG, "the file has no build-id and is too large to be summed")
        total = 0
        for at in range(0, self.size, READ_MAX):
            total = zlib.crc32(self.read(at, READ_MAX), total)
        return struct.pack("=I", total)


def build_id_in(notes: bytes) -> bytes:
    """Return the build-id among the notes of a segment; empty where there is none."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("=III", notes, at)
        start = at + 12 + (name_size + 3 & ~3)
        if kind == NT_GNU_BUILD_ID and notes[at + 12 : at + 16] == _GNU and name_size == 4:
            return notes[start : start + size]
        at = start + (size + 3 & ~3)
    return b""


def identity(pid: Pid, path: bytes) -> tuple[int, int]:
    """Return device and inode of a file inside a process's own root; zeros where it cannot be found."""
    files = LinuxFiles()
    try:
        files.set_root(pid)
        status = files.stat(path)
    except TargetError:
        return 0, 0
    finally:
        files.close_all()
    return status.device, status.inode


def module_info(pid: Pid, path: bytes) -> ModuleInfo:
    """Identify a file inside a process's own root.

    Raises:
        TargetError: It cannot be read or is no ELF file.
    """
    files = LinuxFiles()
    try:
        files.set_root(pid)
        fd = files.open(path, os.O_RDONLY, 0)
        status = files.fstat(fd)
        if not stat.S_ISREG(status.mode):
            raise TargetError(errno.ENOEXEC, "that is no regular file")
        file = _File(files, fd, status.size)
        return ModuleInfo(path, status.size, file.build_id() or file.debug_link() or file.checksum(), file.machine)
    finally:
        files.close_all()
