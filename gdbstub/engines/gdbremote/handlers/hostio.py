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
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.hostio import (
    CloseFile,
    OpenFile,
    ReadFile,
    ReadLink,
    SetFilesystem,
    StatDescriptor,
    StatLink,
    StatPath,
    UnlinkFile,
    WriteFile,
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
    from gdbstub.engines.gdbremote.session import Session

C = TypeVar("C")

#: ``F``, a length in hex and ``;``: more than this much of a reply is never anything but data.
_HEAD = 16

_stat = struct.Struct(">7I3Q3I")
assert _stat.size == 64

#: File-I/O has these types only; a client tests them bit by bit, so any other type's bits would be misread.
_TYPES = frozenset((st.S_IFREG, st.S_IFDIR, st.S_IFCHR))

#: What makes an open more than a look.
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

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


def _fitting(session: Session, data: bytes) -> bytes:
    """Return the reply with as much of ``data`` as one packet carries once it is escaped."""
    limit = session.packet_size - _HEAD
    body = escape(data)
    if len(body) > limit:
        body = body[:limit]
        if body.endswith(b"}"):
            # The byte that this introduces has been cut off.
            body = body[:-1]
        # An introducer is the only ``}`` there is in escaped data.
        return success_with(len(body) - body.count(b"}"), body)
    return success_with(len(data), body)


def _answers(fn: Callable[[Session, C], Reply]) -> Callable[[Session, C], Reply]:
    """Turn a ``TargetError`` of a handler into the reply that ``vFile`` packets want."""

    @wraps(fn)
    def guarded(session: Session, cmd: C) -> Reply:
        try:
            return fn(session, cmd)
        except TargetError as refused:
            return failure(refused.errno)

    return guarded


@handles(SetFilesystem)
@_answers
def set_filesystem(session: Session, cmd: SetFilesystem) -> Reply:
    """Answer ``vFile:setfs``."""
    session.files.set_root(cmd.pid)
    return success(0)


@handles(OpenFile)
@_answers
def open_file(session: Session, cmd: OpenFile) -> Reply:
    """Answer ``vFile:open``."""
    flags = linux_flags(cmd.flags)
    if session.role.observes and flags & _WRITES:
        raise TargetError(errno.EACCES, "an observer changes nothing: files are opened for reading only")
    return success(session.files.open(cmd.path, flags, cmd.mode))


@handles(CloseFile)
@_answers
def close_file(session: Session, cmd: CloseFile) -> Reply:
    """Answer ``vFile:close``."""
    session.files.close(cmd.fd)
    return success(0)


@handles(ReadFile)
@_answers
def read_file(session: Session, cmd: ReadFile) -> Reply:
    """Answer ``vFile:pread``; less than what was asked for where a packet cannot carry it."""
    length = min(cmd.length, session.packet_size - _HEAD)
    return _fitting(session, session.files.pread(cmd.fd, length, cmd.offset))


@handles(WriteFile)
@_answers
def write_file(session: Session, cmd: WriteFile) -> Reply:
    """Answer ``vFile:pwrite``."""
    return success(session.files.pwrite(cmd.fd, cmd.data, cmd.offset))


@handles(StatDescriptor)
@_answers
def stat_descriptor(session: Session, cmd: StatDescriptor) -> Reply:
    """Answer ``vFile:fstat``."""
    return success_with(_stat.size, escape(_pack_stat(session.files.fstat(cmd.fd))))


@handles(StatPath)
@_answers
def stat_path(session: Session, cmd: StatPath) -> Reply:
    """Answer ``vFile:stat``."""
    return success_with(_stat.size, escape(_pack_stat(session.files.stat(cmd.path))))


@handles(StatLink)
@_answers
def stat_link(session: Session, cmd: StatLink) -> Reply:
    """Answer ``vFile:lstat``."""
    return success_with(_stat.size, escape(_pack_stat(session.files.lstat(cmd.path))))


@handles(UnlinkFile)
@_answers
def unlink_file(session: Session, cmd: UnlinkFile) -> Reply:
    """Answer ``vFile:unlink``."""
    session.files.unlink(cmd.path)
    return success(0)


@handles(ReadLink)
@_answers
def read_link(session: Session, cmd: ReadLink) -> Reply:
    """Answer ``vFile:readlink``."""
    return _fitting(session, session.files.readlink(cmd.path))
