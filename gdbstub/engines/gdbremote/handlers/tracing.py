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
from gdbstub.vocab.ids import Addr

if TYPE_CHECKING:
    from gdbstub.arch.spec import ArchSpec
    from gdbstub.engines.gdbremote.numbering import Numbering
    from gdbstub.engines.gdbremote.session import Session
    from gdbstub.engines.tracing.buffer import Frame


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


# ------------------------------------------------------------ what other handlers ask while a frame is selected


def frame_registers(frame: Frame, numbering: Numbering | None = None) -> bytes:
    """Return the reply to ``g``: what was not collected is unavailable, but for the pc.

    Args:
        frame: Which.
        numbering: How the client counts; None gives all registers.
    """
    registers = frame.contents.registers
    arch = frame.tracepoint.arch
    if registers is not None:
        digits = registers.hex().encode()
    else:
        pc = frame.pc.to_bytes(arch.pointer_size, "little").hex().encode()
        digits = b"".join(pc if each.number == arch.pc else b"xx" * (each.bits // 8) for each in arch.registers)
    return digits if numbering is None else digits[: 2 * numbering.width(None)]


def frame_register(frame: Frame, number: int) -> bytes:
    """Return the reply to ``p``."""
    at = 0
    for each in frame.tracepoint.arch.registers:
        width = each.bits // 4
        if each.number == number:
            return frame_registers(frame)[at : at + width]
        at += width
    raise TargetError(errno.EINVAL, f"no register {number}")


def frame_memory(session: Session, frame: Frame, address: Addr, length: int) -> bytes:
    """Return memory of a frame, or of the present where it does not change.

    Raises:
        TargetError: EIO where neither has its first byte.
    """
    data = frame.read_memory(address, length)
    if not data and length:
        tracing = session.host.tracing()
        while length and not tracing.is_read_only(address, length):
            length //= 2
        if not length or frame.tracepoint.pid not in session.target.pids():
            raise TargetError(errno.EIO, f"the trace frame has no memory at {address:#x}")
        data = session.target.read_memory(frame.tracepoint.pid, address, length)
    return data


def refuse_in_frame(session: Session) -> None:
    """Refuse to change the past.

    Raises:
        TargetError: A trace frame is selected.
    """
    if session.trace_frame is not None:
        raise TargetError(errno.EPERM, "a trace frame is selected; it cannot be changed")
