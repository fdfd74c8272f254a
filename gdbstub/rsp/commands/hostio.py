"""Host I/O: the ``vFile`` packets and two of LLDB's that are like them, and how File-I/O writes flags and errors.

Layer: rsp.  Used by: engines.gdbremote.handlers.hostio.
Spec: GDB manual, "Host I/O Packets"; "File-I/O Remote Protocol Extension", "Constants"; LLDB's lldbgdbremote.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes, parse_fields, parse_number, unescape
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError, TargetError
from gdbstub.vocab.ids import Pid

_WITHOUT = "gdb reads the file on its own machine, or not at all"

#: Linux errors that File-I/O has a number for.
FILEIO_ERRNO = {
    errno.EPERM: 1,
    errno.ENOENT: 2,
    errno.EINTR: 4,
    errno.EIO: 5,
    errno.EBADF: 9,
    errno.EACCES: 13,
    errno.EFAULT: 14,
    errno.EBUSY: 16,
    errno.EEXIST: 17,
    errno.ENODEV: 19,
    errno.ENOTDIR: 20,
    errno.EISDIR: 21,
    errno.EINVAL: 22,
    errno.ENFILE: 23,
    errno.EMFILE: 24,
    errno.EFBIG: 27,
    errno.ENOSPC: 28,
    errno.ESPIPE: 29,
    errno.EROFS: 30,
    errno.ENOSYS: 88,
    errno.ENAMETOOLONG: 91,
}
FILEIO_EUNKNOWN = 9999

#: The two lowest bits of the flags.
_ACCESS = {0: os.O_RDONLY, 1: os.O_WRONLY, 2: os.O_RDWR}
_FLAGS = {
    0x8: os.O_APPEND,
    0x200: os.O_CREAT,
    0x400: os.O_TRUNC,
    # QUIRK(lldb, all): sends this bit alone for "create, and fail where it exists".
    0x800: os.O_EXCL | os.O_CREAT,
    # QUIRK(lldb, all): three bits of its own, for O_NONBLOCK, O_NOFOLLOW and O_CLOEXEC.
    1 << 28: os.O_NONBLOCK,
    1 << 29: os.O_NOFOLLOW,
    1 << 30: os.O_CLOEXEC,
}
_FLAGS_KNOWN = 3 | sum(_FLAGS)


def linux_flags(flags: int) -> int:
    """Turn File-I/O open flags into Linux ``O_*`` flags.

    Raises:
        TargetError: EINVAL: a flag that the protocol does not know.
    """
    access = _ACCESS.get(flags & 3)
    if access is None or flags & ~_FLAGS_KNOWN:
        raise TargetError(errno.EINVAL, f"unknown open flags {flags:#x}")
    for bit, flag in _FLAGS.items():
        if flags & bit:
            access |= flag
    return access


def error_number(code: int) -> int:
    """Return what a Linux error number is called in File-I/O."""
    return FILEIO_ERRNO.get(code, FILEIO_EUNKNOWN)


def failure(code: int) -> bytes:
    """Return the reply to an operation that failed with a Linux error number."""
    return b"F-1,%x" % error_number(code)


def success(result: int) -> bytes:
    """Return the reply to an operation that worked."""
    return b"F%x" % result


def success_with(result: int, attachment: bytes) -> bytes:
    """Return the reply to an operation that worked and gives data, which is escaped already."""
    return b"F%x;%b" % (result, attachment)


def _path(text: bytes) -> bytes:
    path = parse_bytes(text)
    if b"\0" in path:
        raise PacketError(f"NUL inside a file name: {path[:60]!r}")
    return path


def _descriptor(text: bytes) -> int:
    fd = parse_number(text)
    if fd > 0x7FFFFFFF:
        raise PacketError(f"not a file descriptor: {text[:40]!r}")
    return fd


@command(b"vFile:setfs", clients="gdb", without="gdb sees only the server's own file system")
class SetFilesystem(NamedTuple):
    """Resolve later names inside a process's root and mount namespace."""

    #: None: the server's own.
    pid: Pid | None

    @classmethod
    def parse(cls, args: bytes) -> SetFilesystem:
        """Parse ``pid``; 0 is the server."""
        return cls(Pid(parse_number(args)) or None)


@command(b"vFile:open", clients="gdb, lldb", without=_WITHOUT)
class OpenFile(NamedTuple):
    """Open a file."""

    path: bytes
    #: As File-I/O counts them.
    flags: int
    mode: int

    @classmethod
    def parse(cls, args: bytes) -> OpenFile:
        """Parse ``path,flags,mode``."""
        path, flags, mode = parse_fields(args, 3)
        return cls(_path(path), parse_number(flags), parse_number(mode))


@command(b"vFile:close", clients="gdb, lldb", without=_WITHOUT)
class CloseFile(NamedTuple):
    """Close a descriptor."""

    fd: int

    @classmethod
    def parse(cls, args: bytes) -> CloseFile:
        """Parse ``fd``."""
        return cls(_descriptor(args))


@command(b"vFile:pread", clients="gdb, lldb", without=_WITHOUT)
class ReadFile(NamedTuple):
    """Read from a descriptor at an offset."""

    fd: int
    length: int
    offset: int

    @classmethod
    def parse(cls, args: bytes) -> ReadFile:
        """Parse ``fd,count,offset``."""
        fd, length, offset = parse_fields(args, 3)
        return cls(_descriptor(fd), parse_number(length), parse_number(offset))


@command(b"vFile:pwrite", clients="gdb, lldb", without="gdb cannot do ``remote put``")
class WriteFile(NamedTuple):
    """Write to a descriptor at an offset."""

    fd: int
    offset: int
    data: bytes

    @classmethod
    def parse(cls, args: bytes) -> WriteFile:
        """Parse ``fd,offset,data``; the data is binary, with escapes."""
        fd, offset, data = parse_fields(args, 3)
        return cls(_descriptor(fd), parse_number(offset), unescape(data))


@command(b"vFile:fstat", clients="gdb, lldb", without=_WITHOUT)
class StatDescriptor(NamedTuple):
    """Return the attributes of an open file."""

    fd: int

    @classmethod
    def parse(cls, args: bytes) -> StatDescriptor:
        """Parse ``fd``."""
        return cls(_descriptor(args))


@command(b"vFile:stat", clients="gdb 16 and later", without="gdb opens the file to see whether it is there")
class StatPath(NamedTuple):
    """Return the attributes of a file by its name, following links."""

    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> StatPath:
        """Parse ``path``."""
        return cls(_path(args))


@command(b"vFile:lstat", clients="gdb 17 and later", without="gdb follows links without knowing")
class StatLink(NamedTuple):
    """Return the attributes of a file by its name; a link's are its own."""

    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> StatLink:
        """Parse ``path``."""
        return cls(_path(args))


@command(b"vFile:unlink", clients="gdb, lldb", without="gdb cannot do ``remote delete``")
class UnlinkFile(NamedTuple):
    """Remove a file."""

    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> UnlinkFile:
        """Parse ``path``."""
        return cls(_path(args))


@command(b"vFile:readlink", clients="gdb", without="gdb takes a link's name for the file's")
class ReadLink(NamedTuple):
    """Return what a symbolic link holds."""

    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> ReadLink:
        """Parse ``path``."""
        return cls(_path(args))


class _OfPath(NamedTuple):
    """Something about a file, by its name."""

    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> _OfPath:
        """Parse ``path``."""
        return cls(_path(args))


@command(b"vFile:size", clients="lldb", without="cannot copy files from here")
class FileSize(_OfPath):
    """Return the size of a file."""


@command(b"vFile:mode", clients="lldb", without="takes a file for one that may be read")
class FileMode(_OfPath):
    """Return the permissions of a file."""


@command(b"vFile:exists", clients="lldb", without="takes every file for missing")
class FileExists(_OfPath):
    """Ask whether there is a file."""


@command(b"vFile:MD5", clients="lldb", without="copies files that it has already")
class FileChecksum(_OfPath):
    """Return the MD5 sum of a file's content."""


@command(b"vFile:symlink", clients="lldb", without="cannot make links")
class MakeLink(NamedTuple):
    """Make a symbolic link."""

    target: bytes
    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> MakeLink:
        """Parse ``target,path``."""
        target, path = parse_fields(args, 2)
        return cls(_path(target), _path(path))


class _OfMode(NamedTuple):
    """Permissions and a path."""

    mode: int
    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> _OfMode:
        """Parse ``mode,path``."""
        mode, path = parse_fields(args, 2)
        return cls(parse_number(mode), _path(path))


@command(b"qPlatform_mkdir", clients="lldb", without="cannot make directories")
class MakeDirectory(_OfMode):
    """Make a directory."""


@command(b"qPlatform_chmod", clients="lldb", without="cannot make a copied program executable")
class ChangeMode(_OfMode):
    """Set the permissions of a file."""
