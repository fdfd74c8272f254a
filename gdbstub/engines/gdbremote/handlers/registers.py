"""Handlers of ``g G p P qRegisterInfo QSaveRegisterState QRestoreRegisterState``.

Layer: engines.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.arch.catalogue import register_info
from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.frames import frame_register, frame_registers, refuse_in_frame
from gdbstub.engines.gdbremote.handlers.threads import find_thread
from gdbstub.engines.gdbremote.numbering import listed_numbering
from gdbstub.rsp.commands.registers import (
    ReadRegister,
    ReadRegisters,
    RegisterInformation,
    RestoreRegisters,
    SaveRegisters,
    WriteRegister,
    WriteRegisters,
)
from gdbstub.rsp.replies import OK, Reply
from gdbstub.target.engine import Vote
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import ThreadSpec, Tid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


def _thread(session: Session, spec: ThreadSpec | None) -> Tid:
    """Return the thread that a packet is about: the one it names, or the selected one."""
    return session.thread() if spec is None else find_thread(session, spec)


def _out_of_reach(session: Session, tid: Tid) -> bool:
    """Tell whether a thread runs and the client has no right to stop it: its registers are unavailable."""
    return session.role.observes and not session.target.is_stopped(tid)


def _require_held(session: Session, tid: Tid) -> None:
    """Refuse to change a thread that this client does not hold: for it, the thread runs, whoever else holds it.

    Raises:
        TargetError: It does not.
    """
    if session.target.has_thread(tid) and session.target.vote_of(session.engine_id, tid) is not Vote.STOP:
        raise TargetError(errno.EBUSY, f"thread {tid} is running")


@handles(ReadRegisters)
def read_registers(session: Session, cmd: ReadRegisters) -> Reply:
    """Answer every register in the order of the target description."""
    if session.trace_frame is not None:
        return frame_registers(session.trace_frame, session.numbering_of(session.trace_frame.tracepoint.arch))
    tid = _thread(session, cmd.thread)
    numbering = session.numbering(tid)
    if _out_of_reach(session, tid):
        return b"xx" * numbering.width(None)
    return numbering.read_all(session.target, tid).hex().encode()


@handles(WriteRegisters)
def write_registers(session: Session, cmd: WriteRegisters) -> Reply:
    """Write every register."""
    refuse_in_frame(session)
    tid = _thread(session, cmd.thread)
    _require_held(session, tid)
    session.numbering(tid).write_all(session.target, tid, cmd.data)
    session.host.changed(session.engine_id, session.target.pid_of(tid))
    return OK


@handles(ReadRegister)
def read_register(session: Session, cmd: ReadRegister) -> Reply:
    """Answer one register."""
    if session.trace_frame is not None:
        return frame_register(session.trace_frame, cmd.number)
    tid = _thread(session, cmd.thread)
    numbering = session.numbering(tid)
    if _out_of_reach(session, tid):
        return b"xx" * numbering.width(cmd.number)
    return numbering.read(session.target, tid, cmd.number).hex().encode()


@handles(WriteRegister)
def write_register(session: Session, cmd: WriteRegister) -> Reply:
    """Write one register."""
    refuse_in_frame(session)
    tid = _thread(session, cmd.thread)
    _require_held(session, tid)
    session.numbering(tid).write(session.target, tid, cmd.number, cmd.data)
    session.host.changed(session.engine_id, session.target.pid_of(tid))
    return OK


@handles(RegisterInformation)
def register_information(session: Session, cmd: RegisterInformation) -> Reply:
    """Say what one register is, in LLDB's counting whatever the client's is."""
    numbering = listed_numbering(session.target.arch(session.process()))
    return register_info(numbering.entry(cmd.number))


@handles(SaveRegisters)
def save_registers(session: Session, cmd: SaveRegisters) -> Reply:
    """Keep a thread's registers and answer a number for them."""
    data = session.target.read_registers(_thread(session, cmd.thread))
    number = max(session.saved_registers, default=0) + 1
    session.saved_registers[number] = data
    return str(number).encode()


@handles(RestoreRegisters)
def restore_registers(session: Session, cmd: RestoreRegisters) -> Reply:
    """Write back what was kept."""
    tid = _thread(session, cmd.thread)
    data = session.saved_registers.get(cmd.number)
    if data is None:
        raise TargetError(errno.EINVAL, f"no registers are kept under the number {cmd.number}")
    _require_held(session, tid)
    session.target.write_registers(tid, data)
    del session.saved_registers[cmd.number]
    session.host.changed(session.engine_id, session.target.pid_of(tid))
    return OK
