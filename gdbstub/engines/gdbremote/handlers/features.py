"""Handlers of ``qSupported QStartNoAckMode QNonStop ! qRcmd``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import DEBUGGING, PLATFORM, handles
from gdbstub.engines.gdbremote.features import negotiate
from gdbstub.rsp.commands.features import ExtendedMode, MonitorCommand, NonStop, StartNoAckMode, Supported
from gdbstub.rsp.replies import OK, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.conversation import Conversation
    from gdbstub.engines.gdbremote.session import Session


@handles(Supported, DEBUGGING, PLATFORM)
def supported(session: Conversation, cmd: Supported) -> Reply:
    """Take in what the client can and answer with what we can."""
    session.recognise(cmd.features)
    answer = negotiate(session.features, session.dialect, cmd.features)
    session.announced()
    return answer


@handles(StartNoAckMode, DEBUGGING, PLATFORM)
def start_no_ack_mode(session: Conversation, cmd: StartNoAckMode) -> Reply:
    """Stop acknowledging after this reply."""
    session.end_acks()
    return OK


@handles(NonStop)
def non_stop(session: Session, cmd: NonStop) -> Reply:
    """Choose the mode; in most dialects changing it while threads run holds or lets go nothing by itself."""
    if session.dialect.whole_processes and session.nonstop != cmd.on:
        session.reports.stops.restart([])
        session.reports.processes.forget()
        if not cmd.on:
            session.target.hold_all(session.engine_id)
    session.nonstop = cmd.on
    return OK


@handles(ExtendedMode)
def extended_mode(session: Session, cmd: ExtendedMode) -> Reply:
    """Serve on after the program's end."""
    session.extended = True
    return OK


@handles(MonitorCommand)
def monitor_command(session: Session, cmd: MonitorCommand) -> Reply:
    """Run a monitor command."""
    from gdbstub.engines.gdbremote import monitor

    return monitor.run(session, cmd.line)
