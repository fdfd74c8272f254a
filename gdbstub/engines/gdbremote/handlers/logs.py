"""Handlers of ``QGdbstubStrace QGdbstubEvents``.

Layer: engines.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.logs import EVENTS, STRACE, LogChannel, LogSyscalls, TellEvents
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.replies import LATER, OK, Reply
from gdbstub.vocab.errors import StartupError, TargetError

if TYPE_CHECKING:
    from gdbstub.engines.follower import MakeLog
    from gdbstub.engines.gdbremote.session import Session

#: The longest part of a log in one notification, bytes before they are escaped.
_PART = 16384


@handles(LogSyscalls)
def log_syscalls(session: Session, cmd: LogSyscalls) -> Reply:
    """Begin or end this client's log of system calls."""
    if cmd.words is None:
        return _stop(session, "strace")
    # Few sessions ask for it, and its import takes time.
    from gdbstub.engines.syscalls import options
    from gdbstub.engines.syscalls.log import log_with

    try:
        wishes = options.parse(cmd.words)
    except StartupError as mistake:
        raise TargetError(errno.EINVAL, str(mistake)) from None
    if wishes.injections and not session.may_change:
        raise TargetError(errno.EPERM, "an observer changes nothing: inject is refused")
    return _start(session, "strace", STRACE, log_with(wishes))


@handles(TellEvents)
def tell_events(session: Session, cmd: TellEvents) -> Reply:
    """Begin or end telling this client what happens."""
    if cmd.words is None:
        return _stop(session, "events")
    from gdbstub.engines.events import options
    from gdbstub.engines.events.streams import stream_with

    try:
        wishes = options.parse(cmd.words)
    except StartupError as mistake:
        raise TargetError(errno.EINVAL, str(mistake)) from None
    return _start(session, "events", EVENTS, stream_with(wishes))


def _stop(session: Session, what: str) -> Reply:
    session.host.stop_log(session.engine_id, what)
    return OK


def _start(session: Session, what: str, channel: LogChannel, make: MakeLog) -> Reply:
    def put(data: bytes) -> None:
        for at in range(0, len(data), _PART):
            session.send_notification(channel.log + escape(data[at : at + _PART]))

    # What the first notification is about must come after the reply.
    session.send(OK)
    session.host.start_log(session.engine_id, what, make, put, lambda: session.send_notification(channel.end))
    return LATER
