"""An inferior's memory, as it is.

Layer: linux.  Used by: tracer.inferior.

/proc/TID/mem reads and writes a process that runs or stands, regardless of page
protections, as fast as C does; process_vm_writev would honour the protections
of text.  The descriptor is bound to the address space it was opened on and
reads nothing after exec, so it is opened anew then, and through any live
thread, because a zombie leader has no memory any more.  Where a kernel
restricts forced writes (``proc_mem.force_override``), words are poked instead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from gdbstub.linux import procfs, ptrace_calls
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Tid

#: pread and pwrite take a signed offset; nothing of a user's lies above it.
_OFFSET_LIMIT = 1 << 63

_WORD = 8

_PAGE_SHIFT = 12
#: In an entry of pagemap: the page is there; it is a file's, or shared (Documentation/admin-guide/mm/pagemap.rst).
_PRESENT, _OF_FILE = 1 << 63, 1 << 61
#: What is called a file in maps and is none that anybody else finds, or that outlives the process.
_NO_FILES = (b"/memfd:", b"/dev/zero", b"/SYSV")


class ProcessMemory:
    """The memory of one process."""

    def __init__(self, live_tid: Callable[[], Tid], stopped_tid: Callable[[], Tid | None]) -> None:
        self._live_tid = live_tid
        self._stopped_tid = stopped_tid
        self._fd = -1
        self._pagemap = -1

    def reopen(self) -> None:
        """Forget the address space: the process has called exec, or the thread has died."""
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        for fd in (self._fd, self._pagemap):
            if fd >= 0:
                os.close(fd)
        self._fd = self._pagemap = -1

    def is_written_to_file(self, address: Addr) -> bool:
        """Tell whether what is written at ``address`` is written into a file, and into whoever has mapped that."""
        if self._is_private_page(address):
            return False
        for mapping in procfs.maps(self._live_tid()):
            if mapping.start <= address < mapping.end:
                path = mapping.path
                named = path.startswith(b"/") and not path.startswith(_NO_FILES) and not path.endswith(b" (deleted)")
                return mapping.permissions.endswith("s") and named
        return False

    def _is_private_page(self, address: Addr) -> bool:
        """Tell whether a page is a copy of the process's own already; to look is cheap, unlike ``maps``."""
        try:
            if self._pagemap < 0:
                self._pagemap = os.open(f"/proc/{self._live_tid()}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
            entry = int.from_bytes(os.pread(self._pagemap, _WORD, (address >> _PAGE_SHIFT) * _WORD), "little")
        except (OSError, OverflowError):
            return False
        return entry & (_PRESENT | _OF_FILE) == _PRESENT

    def _open(self) -> int:
        try:
            self._fd = os.open(f"/proc/{self._live_tid()}/mem", os.O_RDWR | os.O_CLOEXEC)
        except OSError as failure:
            raise TargetError(failure.errno or errno.EIO, "the process's memory cannot be opened") from None
        return self._fd

    def read(self, address: Addr, length: int) -> bytes:
        """Read up to ``length`` bytes; shorter where the mapping ends.

        Raises:
            TargetError: EIO where not even the first byte is readable.
        """
        if length <= 0:
            return b""
        try:
            data = os.pread(self._fd if self._fd >= 0 else self._open(), length, address)
        except (OSError, OverflowError):
            data = b""
        if data:
            return data
        raise TargetError(errno.EIO, f"cannot read memory at {address:#x}")

    def write(self, address: Addr, data: bytes) -> None:
        """Write all of ``data`` or nothing.

        Raises:
            TargetError: EIO where a byte is not writable; what was written before it is undone.
        """
        if not data:
            return
        if address + len(data) > _OFFSET_LIMIT:
            raise TargetError(errno.EIO, f"cannot write memory at {address:#x}")
        fd = self._fd if self._fd >= 0 else self._open()
        # Within one page a write is whole or nothing; across pages it may stop half-way and is then undone.
        before = b""
        if (address & 0xFFF) + len(data) > 0x1000:
            try:
                before = os.pread(fd, len(data), address)
            except OSError:
                before = b""
            if len(before) < len(data):
                raise TargetError(errno.EIO, f"cannot write memory at {Addr(address + len(before)):#x}")
        done = 0
        try:
            done = os.pwrite(fd, data, address)
        except OSError as failure:
            if failure.errno in (errno.EACCES, errno.EPERM, errno.EIO) and self._poke(address, data):
                return
        if done == len(data):
            return
        if done:
            os.pwrite(fd, before[:done], address)
        raise TargetError(errno.EIO, f"cannot write memory at {Addr(address + done):#x}")

    def _poke(self, address: Addr, data: bytes) -> bool:
        """Write word by word through ptrace; tell whether it worked."""
        tid = self._stopped_tid()
        if tid is None:
            return False
        start = address - address % _WORD
        end = -(-(address + len(data)) // _WORD) * _WORD
        try:
            words = bytearray()
            for at in range(start, end, _WORD):
                words += ptrace_calls.peek_data(tid, Addr(at)).to_bytes(_WORD, "little")
            old = bytes(words)
            words[address - start : address - start + len(data)] = data
            for index in range(0, len(words), _WORD):
                if words[index : index + _WORD] != old[index : index + _WORD]:
                    word = int.from_bytes(words[index : index + _WORD], "little")
                    try:
                        ptrace_calls.poke_data(tid, Addr(start + index), word)
                    except TargetError:
                        for back in range(0, index, _WORD):
                            was = int.from_bytes(old[back : back + _WORD], "little")
                            ptrace_calls.poke_data(tid, Addr(start + back), was)
                        return False
        except TargetError:
            return False
        return True
