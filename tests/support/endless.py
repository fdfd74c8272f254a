"""A copy of a program whose symbol table takes minutes to read: for what must go on while it is read.

Used by: tests of searches for symbols.
Spec: System V gABI, "ELF Header", "Sections".
"""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

from tests.support.tracees import Program

_SHT_SYMTAB = 2
#: Bytes of zeros, which no disk holds: symbols without a name.
_SIZE = 1 << 38


def endless_symbols(program: Program, path: Path) -> Program:
    """Copy a 64-bit program to ``path`` and give it such a table; the names of its symbols stay."""
    shutil.copy(program, path)
    with path.open("r+b") as file:
        head = file.read(64)
        shoff = struct.unpack_from("=Q", head, 40)[0]
        shsize, shnum = struct.unpack_from("=HH", head, 58)
        for at in range(shoff, shoff + shsize * shnum, shsize):
            file.seek(at)
            if struct.unpack("=4xI", file.read(8))[0] == _SHT_SYMTAB:
                begin = (path.stat().st_size + 4095) & -4096
                file.seek(at + 24)
                file.write(struct.pack("=QQ", begin, _SIZE))
                break
        else:
            raise AssertionError(f"{program} has no symbol table")
    os.truncate(path, begin + _SIZE)
    return Program(path)
