"""Handlers of ``m M x X``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.frames import frame_memory, refuse_in_frame
from gdbstub.rsp.commands.memory import ReadBinary, ReadMemory, WriteBinary, WriteMemory
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.replies import OK, Reply
from gdbstub.vocab.ids import Addr

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


def _read(session: Session, address: Addr, length: int) -> bytes:
    frame = session.trace_frame
    if frame is not None:
        return frame_memory(session, frame, address, length)
    return session.target.read_memory(session.process(), address, length)


@handles(ReadMemory)
def read_memory(session: Session, cmd: ReadMemory) -> Reply:
    """Answer in hex; shorter where the mapping ends."""
    length = min(cmd.length, session.packet_size // 2 - 8)
    return _read(session, cmd.address, length).hex().encode()


@handles(ReadBinary)
def read_binary(session: Session, cmd: ReadBinary) -> Reply:
    """Answer escaped bytes, after a ``b`` in one dialect; shorter where the mapping ends or the packet does."""
    bare = session.dialect.bare_binary
    if bare and not cmd.length:
        return OK
    limit = session.packet_size - 16
    data = _read(session, cmd.address, min(cmd.length, limit))
    body = escape(data)
    while len(body) > limit:
        data = data[: len(data) * limit // len(body)]
        body = escape(data)
    return body if bare else b"b" + body


@handles(WriteMemory)
def write_memory(session: Session, cmd: WriteMemory) -> Reply:
    """Write all or nothing."""
    refuse_in_frame(session)
    pid = session.process()
    session.target.write_memory(pid, cmd.address, cmd.data)
    session.host.changed(session.engine_id, pid)
    return OK


@handles(WriteBinary)
def write_binary(session: Session, cmd: WriteBinary) -> Reply:
    """Write all or nothing; no bytes at all is gdb's probe for this packet."""
    refuse_in_frame(session)
    pid = session.process()
    session.target.write_memory(pid, cmd.address, cmd.data)
    if cmd.data:
        session.host.changed(session.engine_id, pid)
    return OK
