"""Handlers of ``g G p P``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.registers import ReadRegister, ReadRegisters, WriteRegister, WriteRegisters
from gdbstub.rsp.replies import OK, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(ReadRegisters)
def read_registers(session: Session, cmd: ReadRegisters) -> Reply:
    """Answer every register in the order of the target description."""
    return session.target.read_registers(session.thread()).hex().encode()


@handles(WriteRegisters)
def write_registers(session: Session, cmd: WriteRegisters) -> Reply:
    """Write every register."""
    session.target.write_registers(session.thread(), cmd.data)
    return OK


@handles(ReadRegister)
def read_register(session: Session, cmd: ReadRegister) -> Reply:
    """Answer one register."""
    return session.target.read_register(session.thread(), cmd.number).hex().encode()


@handles(WriteRegister)
def write_register(session: Session, cmd: WriteRegister) -> Reply:
    """Write one register."""
    session.target.write_register(session.thread(), cmd.number, cmd.data)
    return OK
