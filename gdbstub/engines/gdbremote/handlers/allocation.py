"""Handlers of ``_M`` and ``_m``.

Layer: engines.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.allocation import AllocateMemory, FreeMemory
from gdbstub.rsp.replies import OK, Reply
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(AllocateMemory)
def allocate_memory(session: Session, cmd: AllocateMemory) -> Reply:
    """Answer the address of fresh memory."""
    session.reports.require_stopped()
    if not cmd.length:
        raise TargetError(errno.EINVAL, "no memory was asked for")
    return session.begin(_allocate(session, session.process(), cmd))


def _allocate(session: Session, pid: Pid, cmd: AllocateMemory) -> Generator[None, None, bytes]:
    address = yield from session.target.allocate_memory(session.engine_id, pid, cmd.length, cmd.permissions)
    return b"%016x" % address


@handles(FreeMemory)
def free_memory(session: Session, cmd: FreeMemory) -> Reply:
    """Unmap memory that this client was given."""
    session.reports.require_stopped()
    return session.begin(_free(session, session.process(), cmd))


def _free(session: Session, pid: Pid, cmd: FreeMemory) -> Generator[None, None, bytes]:
    yield from session.target.free_memory(session.engine_id, pid, cmd.address)
    return OK
