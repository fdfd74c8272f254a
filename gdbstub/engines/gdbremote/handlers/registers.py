"""Handlers of ``g G p P``.

Layer: engines.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.handlers.tracing import frame_register, frame_registers, refuse_in_frame
from gdbstub.rsp.commands.registers import ReadRegister, ReadRegisters, WriteRegister, WriteRegisters
from gdbstub.rsp.replies import OK, Reply
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Tid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


def _out_of_reach(session: Session, tid: Tid) -> bool:
    """Tell whether a thread runs and the client has no right to stop it: its registers are unavailable."""
    return session.role.observes and not session.target.is_stopped(tid)


@handles(ReadRegisters)
def read_registers(session: Session, cmd: ReadRegisters) -> Reply:
    """Answer every register in the order of the target description."""
    if session.trace_frame is not None:
        return frame_registers(session.trace_frame)
    tid = session.thread()
    if _out_of_reach(session, tid):
        registers = session.target.arch(session.target.pid_of(tid)).registers
        return b"x" * sum(each.bits // 4 for each in registers)
    return session.target.read_registers(tid).hex().encode()


@handles(WriteRegisters)
def write_registers(session: Session, cmd: WriteRegisters) -> Reply:
    """Write every register."""
    refuse_in_frame(session)
    tid = session.thread()
    session.target.write_registers(tid, cmd.data)
    session.host.changed(session.engine_id, session.target.pid_of(tid))
    return OK


@handles(ReadRegister)
def read_register(session: Session, cmd: ReadRegister) -> Reply:
    """Answer one register."""
    if session.trace_frame is not None:
        return frame_register(session.trace_frame, cmd.number)
    tid = session.thread()
    if _out_of_reach(session, tid):
        registers = session.target.arch(session.target.pid_of(tid)).registers
        if cmd.number >= len(registers):
            raise TargetError(errno.EINVAL, f"there is no register {cmd.number:#x}")
        return b"x" * (registers[cmd.number].bits // 4)
    return session.target.read_register(tid, cmd.number).hex().encode()


@handles(WriteRegister)
def write_register(session: Session, cmd: WriteRegister) -> Reply:
    """Write one register."""
    refuse_in_frame(session)
    tid = session.thread()
    session.target.write_register(tid, cmd.number, cmd.data)
    session.host.changed(session.engine_id, session.target.pid_of(tid))
    return OK
