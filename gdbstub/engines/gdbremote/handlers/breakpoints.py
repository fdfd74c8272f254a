"""Handlers of ``Z`` and ``z``.

Layer: engines.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.breakpoints import InsertPoint, RemovePoint
from gdbstub.rsp.replies import OK, Reply
from gdbstub.target.events import WatchKind
from gdbstub.target.ops import HitRules
from gdbstub.vocab.errors import TargetError, Unsupported

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

_SOFTWARE, _HARDWARE = 0, 1
_WATCH = {kind.value: kind for kind in WatchKind}


def _check(cmd: InsertPoint | RemovePoint) -> None:
    if cmd.type > 4:
        raise Unsupported
    if cmd.type in _WATCH and cmd.length == 0:
        raise TargetError(errno.EINVAL, "a watchpoint of no bytes")


def _rules(session: Session, cmd: InsertPoint) -> HitRules:
    # Imported on first use: most sessions have no condition.
    from gdbstub.agent.verifier import verify

    return HitRules(
        tuple(verify(code) for code in cmd.conditions),
        tuple(verify(code) for code in cmd.commands),
        session.host.print,
        cmd.persistent,
    )


@handles(InsertPoint)
def insert_point(session: Session, cmd: InsertPoint) -> Reply:
    """Set a breakpoint or watchpoint of this client's."""
    _check(cmd)
    pid = session.process()
    if cmd.type in (_SOFTWARE, _HARDWARE):
        hardware = cmd.type == _HARDWARE
        rules = _rules(session, cmd) if cmd.conditions or cmd.commands else None
        session.target.insert_breakpoint(
            session.engine_id, pid, cmd.address, cmd.length, hardware=hardware, rules=rules
        )
    else:
        session.target.insert_watchpoint(session.engine_id, pid, cmd.address, cmd.length, _WATCH[cmd.type])
    return OK


@handles(RemovePoint)
def remove_point(session: Session, cmd: RemovePoint) -> Reply:
    """Remove a breakpoint or watchpoint of this client's; one that is not there is no error."""
    _check(cmd)
    pid = session.process()
    if cmd.type in (_SOFTWARE, _HARDWARE):
        hardware = cmd.type == _HARDWARE
        session.target.remove_breakpoint(session.engine_id, pid, cmd.address, cmd.length, hardware=hardware)
    else:
        session.target.remove_watchpoint(session.engine_id, pid, cmd.address, cmd.length, _WATCH[cmd.type])
    return OK
