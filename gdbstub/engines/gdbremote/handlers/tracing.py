"""Handlers of the packets that run a trace and look at what it has collected.

Layer: engines.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.tracing import (
    BufferSize,
    CircularBuffer,
    DisconnectedTracing,
    ReadBuffer,
    ReadFrameInfo,
    SaveTrace,
    SelectFrame,
    StartTrace,
    StopTrace,
    TraceNotes,
    TraceStatus,
)
from gdbstub.rsp.replies import OK, Reply, chunk
from gdbstub.vocab.errors import TargetError

if TYPE_CHECKING:
    from gdbstub.arch.spec import ArchSpec
    from gdbstub.engines.gdbremote.session import Session


@handles(StartTrace)
def start_trace(session: Session, cmd: StartTrace) -> Reply:
    """Start to collect."""
    session.host.tracing().start(session.engine_id)
    session.trace_frame = None
    return OK


@handles(StopTrace)
def stop_trace(session: Session, cmd: StopTrace) -> Reply:
    """End to collect; a trace that has ended by itself keeps its reason."""
    session.host.tracing().stop()
    return OK


@handles(TraceStatus)
def trace_status(session: Session, cmd: TraceStatus) -> Reply:
    """Give the state of the trace and of its buffer."""
    return b"T" + session.host.tracing().status().encode()


@handles(DisconnectedTracing)
def disconnected_tracing(session: Session, cmd: DisconnectedTracing) -> Reply:
    """Let a trace go on without its client, or not."""
    session.host.tracing().set_disconnected(session.engine_id, on=cmd.on)
    return OK


@handles(CircularBuffer)
def circular_buffer(session: Session, cmd: CircularBuffer) -> Reply:
    """Let new frames push out old ones, or not."""
    session.host.tracing().buffer.circular = cmd.on
    return OK


@handles(BufferSize)
def buffer_size(session: Session, cmd: BufferSize) -> Reply:
    """Set the size."""
    session.host.tracing().set_size(cmd.size)
    return OK


@handles(TraceNotes)
def trace_notes(session: Session, cmd: TraceNotes) -> Reply:
    """Keep the notes."""
    tracing = session.host.tracing()
    for kind, text in cmd.notes:
        tracing.note(kind, text)
    return OK


@handles(SelectFrame)
def select_frame(session: Session, cmd: SelectFrame) -> Reply:
    """Look at a frame; a search that finds none changes nothing."""
    if not cmd.operands:
        session.trace_frame = None
        return OK
    found = session.host.tracing().find_frame(cmd, session.trace_frame)
    if found is None:
        return b"F-1"
    number, session.trace_frame = found
    return b"F%xT%x" % (number, session.trace_frame.tracepoint.number)


@handles(ReadBuffer)
def read_buffer(session: Session, cmd: ReadBuffer) -> Reply:
    """Give a part of the frames in hex; ``l`` after the end."""
    length = min(cmd.length, session.packet_size // 2 - 8)
    data = session.host.tracing().buffer.read(cmd.offset, length)
    return data.hex().encode() if data else b"l"


def _arch(session: Session) -> ArchSpec:
    tracepoints = session.host.tracing().definitions.tracepoints()
    return tracepoints[0].arch if tracepoints else session.target.arch(session.process())


@handles(SaveTrace)
def save_trace(session: Session, cmd: SaveTrace) -> Reply:
    """Write a trace file where ``vFile`` would."""
    # Imported on first use: few traces are saved here.
    from gdbstub.engines.tracing.tracefile import trace_file

    parts = trace_file(session.host.tracing(), _arch(session))
    path = cmd.path.encode("utf-8", "surrogateescape")
    fd = session.files.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        offset = 0
        for part in parts:
            at = 0
            while at < len(part):
                at += session.files.pwrite(fd, part[at:], offset + at)
            offset += len(part)
    finally:
        session.files.close(fd)
    return OK


@handles(ReadFrameInfo)
def read_frame_info(session: Session, cmd: ReadFrameInfo) -> Reply:
    """Say what memory and variables the selected frame has."""
    frame = session.trace_frame
    if frame is None:
        raise TargetError(errno.EINVAL, "no trace frame is selected")
    contents = frame.contents
    lines = ["<traceframe-info>\n"]
    lines += [f'<memory start="{address:#x}" length="{len(data):#x}"/>\n' for address, data in contents.memory]
    lines += [f'<tvar id="{number:#x}"/>\n' for number in contents.variables]
    lines.append("</traceframe-info>\n")
    return chunk("".join(lines).encode(), cmd.offset, cmd.length, limit=session.packet_size - 16)
