"""Answers to the ``vFile`` packets.

Layer: engines.  Used by: dispatch.
Spec: GDB manual, "Host I/O Packets"; "File-I/O Remote Protocol Extension", "struct stat".

Failures of these packets have a form of their own, ``F-1,errno``, and never the
``Enn`` of the others.
"""

from __future__ import annotations

import errno
import os
import stat as st
import struct
from collections.abc import Callable, Generator
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from gdbstub.engines.gdbremote.dispatch import DEBUGGING, PLATFORM, handles
from gdbstub.rsp.commands.hostio import (
    ChangeMode,
    CloseFile,
    FileChecksum,
    FileExists,
    FileMode,
    FileSize,
    MakeDirectory,
    MakeLink,
    OpenFile,
    ReadFile,
    ReadLink,
    SetFilesystem,
    StatDescriptor,
    StatLink,
    StatPath,
    UnlinkFile,
    WriteFile,
    error_number,
    failure,
    linux_flags,
    success,
    success_with,
)
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.replies import Reply
from gdbstub.target.files import FileStat
from gdbstub.vocab.errors import TargetError

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.conversation import Conversation

C = TypeVar("C")

#: ``F``, a length in hex and ``;``: more than this much of a reply is never anything but data.
_HEAD = 16

_stat = struct.Struct(">7I3Q3I")
assert _stat.size == 64

#: File-I/O has these types only; a client tests them bit by bit, so any other type's bits would be misread.
_TYPES = frozenset((st.S_IFREG, st.S_IFDIR, st.S_IFCHR))

#: What makes an open more than a look.
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: Bytes.
_SUMMED_AT_ONCE = 1 << 18

_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF


def _pack_stat(info: FileStat) -> bytes:
    kind = st.S_IFMT(info.mode)
    return _stat.pack(
        info.device & _U32,
        info.inode & _U32,
        (kind if kind in _TYPES else 0) | info.mode & 0o777,
        min(info.links, _U32),
        info.uid & _U32,
        info.gid & _U32,
        info.rdev & _U32,
        info.size & _U64,
        info.block_size & _U64,
        info.blocks & _U64,
        info.atime & _U32,
        info.mtime & _U32,
        info.ctime & _U32,
    )


def _fitting(session: Conversation, data: bytes) -> tuple[int, bytes]:
    """Return how many bytes of ``data`` one packet carries once they are escaped, and these."""
    limit = session.packet_size - _HEAD
    body = escape(data)
    if len(body) > limit:
        body = body[:limit]
        if body.endswith(b"}"):
            # The byte that this introduces has been cut off.
            body = body[:-1]
        # An introducer is the only ``}`` there is in escaped data.
        return len(body) - body.count(b"}"), body
    return len(data), body


def _answers(fn: Callable[[Conversation, C], Reply]) -> Callable[[Conversation, C], Reply]:
    """Turn a ``TargetError`` of a handler into the reply that ``vFile`` packets want."""

    @wraps(fn)
    def guarded(session: Conversation, cmd: C) -> Reply:
        try:
            return fn(session, cmd)
        except TargetError as refused:
            return failure(refused.errno)

    return guarded


@handles(SetFilesystem, DEBUGGING, PLATFORM)
@_answers
def set_filesystem(session: Conversation, cmd: SetFilesystem) -> Reply:
    """Answer ``vFile:setfs``."""
    session.files.set_root(cmd.pid)
    return success(0)


@handles(OpenFile, DEBUGGING, PLATFORM)
@_answers
def open_file(session: Conversation, cmd: OpenFile) -> Reply:
    """Answer ``vFile:open``."""
    flags = linux_flags(cmd.flags)
    if session.role.observes and flags & _WRITES:
        raise TargetError(errno.EACCES, "an observer changes nothing: files are opened for reading only")
    return success(session.files.open(cmd.path, flags, cmd.mode))


@handles(CloseFile, DEBUGGING, PLATFORM)
@_answers
def close_file(session: Conversation, cmd: CloseFile) -> Reply:
    """Answer ``vFile:close``."""
    session.files.close(cmd.fd)
    session.read_ahead.forget(cmd.fd)
    return success(0)


@handles(ReadFile, DEBUGGING, PLATFORM)
@_answers
def read_file(session: Conversation, cmd: ReadFile) -> Reply:
    """Answer ``vFile:pread``; less than what was asked for where a packet cannot carry it, or it is a guess."""
    most = session.packet_size - _HEAD
    if cmd.length < most:
        return success_with(*_fitting(session, session.files.pread(cmd.fd, cmd.length, cmd.offset)))
    length = session.read_ahead.allow(cmd.fd, cmd.offset, most)
    count, body = _fitting(session, session.files.pread(cmd.fd, length, cmd.offset))
    session.read_ahead.sent(cmd.fd, cmd.offset + count)
    return success_with(count, body)


@handles(WriteFile, DEBUGGING, PLATFORM)
@_answers
def write_file(session: Conversation, cmd: WriteFile) -> Reply:
    """Answer ``vFile:pwrite``."""
    return success(session.files.pwrite(cmd.fd, cmd.data, cmd.offset))


@handles(StatDescriptor, DEBUGGING, PLATFORM)
@_answers
def stat_descriptor(session: Conversation, cmd: StatDescriptor) -> Reply:
    """Answer ``vFile:fstat``."""
    return success_with(_stat.size, escape(_pack_stat(session.files.fstat(cmd.fd))))


@handles(StatPath, DEBUGGING, PLATFORM)
@_answers
def stat_path(session: Conversation, cmd: StatPath) -> Reply:
    """Answer ``vFile:stat``."""
    return success_with(_stat.size, escape(_pack_stat(session.files.stat(cmd.path))))


@handles(StatLink, DEBUGGING, PLATFORM)
@_answers
def stat_link(session: Conversation, cmd: StatLink) -> Reply:
    """Answer ``vFile:lstat``."""
    return success_with(_stat.size, escape(_pack_stat(session.files.lstat(cmd.path))))


@handles(UnlinkFile, DEBUGGING, PLATFORM)
@_answers
def unlink_file(session: Conversation, cmd: UnlinkFile) -> Reply:
    """Answer ``vFile:unlink``."""
    session.files.unlink(cmd.path)
    return success(0)


@handles(ReadLink, DEBUGGING, PLATFORM)
@_answers
def read_link(session: Conversation, cmd: ReadLink) -> Reply:
    """Answer ``vFile:readlink``."""
    return success_with(*_fitting(session, session.files.readlink(cmd.path)))


@handles(FileSize, DEBUGGING, PLATFORM)
@_answers
def file_size(session: Conversation, cmd: FileSize) -> Reply:
    """Answer ``vFile:size``."""
    return success(session.files.stat(cmd.path).size)


@handles(FileMode, DEBUGGING, PLATFORM)
@_answers
def file_mode(session: Conversation, cmd: FileMode) -> Reply:
    """Answer ``vFile:mode``."""
    return success(st.S_IMODE(session.files.stat(cmd.path).mode))


@handles(FileExists, DEBUGGING, PLATFORM)
def file_exists(session: Conversation, cmd: FileExists) -> Reply:
    """Answer ``vFile:exists``."""
    try:
        session.files.stat(cmd.path)
    except TargetError:
        return b"F,0"
    return b"F,1"


@handles(FileChecksum, DEBUGGING, PLATFORM)
def file_checksum(session: Conversation, cmd: FileChecksum) -> Reply:
    """Answer ``vFile:MD5``: each half of the sum as a number whose lowest byte comes first in the sum."""
    return session.begin(_checksum(session, cmd.path))


def _checksum(session: Conversation, path: bytes) -> Generator[None, None, bytes]:
    # Imported on first use: its library is large.
    import hashlib

    digest = hashlib.md5(usedforsecurity=False)
    files = session.files
    try:
        fd = files.open(path, os.O_RDONLY, 0)
    except TargetError:
        return b"F,x"
    try:
        at = 0
        while data := files.pread(fd, _SUMMED_AT_ONCE, at):
            digest.update(data)
            at += len(data)
            yield
    except TargetError:
        return b"F,x"
    finally:
        files.close(fd)
    return b"F,%016x%016x" % struct.unpack("<QQ", digest.digest())


@handles(MakeLink, DEBUGGING, PLATFORM)
@_answers
def make_link(session: Conversation, cmd: MakeLink) -> Reply:
    """Answer ``vFile:symlink``."""
    session.files.symlink(cmd.target, cmd.path)
    return b"F0,0"


def _outcome(work: Callable[[], None]) -> Reply:
    """Do what is answered by its error number, 0 where it worked."""
    try:
        work()
    except TargetError as refused:
        return success(error_number(refused.errno))
    return success(0)


@handles(MakeDirectory, DEBUGGING, PLATFORM)
def make_directory(session: Conversation, cmd: MakeDirectory) -> Reply:
    """Answer ``qPlatform_mkdir``."""
    return _outcome(lambda: session.files.mkdir(cmd.path, cmd.mode))


@handles(ChangeMode, DEBUGGING, PLATFORM)
def change_mode(session: Conversation, cmd: ChangeMode) -> Reply:
    """Answer ``qPlatform_chmod``."""
    return _outcome(lambda: session.files.chmod(cmd.path, cmd.mode))
