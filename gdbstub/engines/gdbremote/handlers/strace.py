"""Handler of ``QGdbstubStrace``.

Layer: engines.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.strace import END_NOTIFICATION, LOG_NOTIFICATION, LogSyscalls
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.replies import LATER, OK, Reply
from gdbstub.vocab.errors import StartupError, TargetError

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

#: The longest part of a log in one notification, bytes before they are escaped.
_PART = 16384


@handles(LogSyscalls)
def log_syscalls(session: Session, cmd: LogSyscalls) -> Reply:
    """Begin or end this client's log."""
    if cmd.words is None:
        session.host.stop_log(session.engine_id)
        return OK
    # Few sessions ask for it, and its import takes time.
    from gdbstub.engines.syscalls import options

    try:
        wishes = options.parse(cmd.words)
    except StartupError as mistake:
        raise TargetError(errno.EINVAL, str(mistake)) from None
    if wishes.injections and not session.may_change:
        raise TargetError(errno.EPERM, "an observer changes nothing: inject is refused")

    def put(data: bytes) -> None:
        for at in range(0, len(data), _PART):
            session.send_notification(LOG_NOTIFICATION + escape(data[at : at + _PART]))

    # What the first notification is about must come after the reply.
    session.send(OK)
    session.host.start_log(session.engine_id, wishes, put, lambda: session.send_notification(END_NOTIFICATION))
    return LATER
