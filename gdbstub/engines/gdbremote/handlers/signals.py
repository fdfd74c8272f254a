"""Handlers of ``QPassSignals QProgramSignals QCatchSyscalls``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.signals import CatchSyscalls, PassSignals, ProgramSignals
from gdbstub.rsp.replies import OK, Reply
from gdbstub.vocab.ids import Signo

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


def _linux(session: Session, numbers: frozenset[int]) -> frozenset[Signo]:
    """Translate; GDB names signals that Linux has not."""
    return frozenset(sig for number in numbers if (sig := session.dialect.signal_named(number)) is not None)


@handles(PassSignals)
def pass_signals(session: Session, cmd: PassSignals) -> Reply:
    """Replace the list of signals that need no report."""
    session.pass_signals = _linux(session, cmd.signals)
    return OK


@handles(ProgramSignals)
def program_signals(session: Session, cmd: ProgramSignals) -> Reply:
    """Replace the list of signals that a detach may deliver."""
    session.program_signals = _linux(session, cmd.signals)
    return OK


@handles(CatchSyscalls)
def catch_syscalls(session: Session, cmd: CatchSyscalls) -> Reply:
    """Replace the list of caught syscalls of the current process."""
    pid = session.process()
    if cmd.numbers is None:
        session.catches_by_pid.pop(pid, None)
    else:
        session.catches_by_pid[pid] = cmd.numbers
    session.target.refresh_catches(pid)
    return OK
