"""Files as a client reaches them through ``vFile``.

Layer: target.  Implemented by: linux.hostfs.  Called by: engines.gdbremote.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gdbstub.target.machine import Machine
from gdbstub.vocab.ids import Pid


class FileStat(NamedTuple):
    """What File-I/O's ``struct stat`` carries; times in seconds, sizes in bytes."""

    device: int
    inode: int
    mode: int
    links: int
    uid: int
    gid: int
    rdev: int
    size: int
    block_size: int
    blocks: int
    atime: int
    mtime: int
    ctime: int


class HostFiles(Protocol):
    """File operations of one connection; its descriptors die with it.

    Every method raises ``TargetError`` with the kernel's errno.
    """

    def set_root(self, pid: Pid | None) -> None:
        """Resolve later paths inside a process's root and mount namespace; None: our own."""

    def open(self, path: bytes, flags: int, mode: int) -> int:
        """Open a file with Linux ``O_*`` flags; return a descriptor of this connection."""

    def close(self, fd: int) -> None:
        """Close a descriptor of this connection."""

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        """Read up to ``length`` bytes at ``offset``."""

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        """Write at ``offset``; return the bytes written."""

    def fstat(self, fd: int) -> FileStat:
        """Stat a descriptor."""

    def stat(self, path: bytes) -> FileStat:
        """Stat a path, following links."""

    def lstat(self, path: bytes) -> FileStat:
        """Stat a path itself."""

    def unlink(self, path: bytes) -> None:
        """Remove a file."""

    def readlink(self, path: bytes) -> bytes:
        """Return what a symbolic link holds."""

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a symbolic link at ``path`` that holds ``target``."""

    def mkdir(self, path: bytes, mode: int) -> None:
        """Make a directory; one that is there already is no error."""

    def chmod(self, path: bytes, mode: int) -> None:
        """Set a file's permissions."""

    def chdir(self, path: bytes) -> None:
        """Let relative paths begin at a directory."""

    def directory(self) -> bytes:
        """Return where relative paths begin."""

    def complete(self, path: bytes, *, directories: bool) -> list[bytes]:
        """Return the paths that begin like ``path``; directories end in ``/``.

        Args:
            path: What has been typed; ``~`` at its start is a user's home.
            directories: Only those.
        """

    def machine(self) -> Machine:
        """Return the facts about the machine that the files are on."""

    def close_all(self) -> None:
        """Close every descriptor of this connection."""
