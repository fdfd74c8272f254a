"""Handlers of ``Qbtrace`` and its kin.

Layer: engines.

``qSupported`` does not offer them, so gdb answers ``record btrace`` by itself; a
user who switches the packets on by hand gets the reason from here.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.branches import ReadBranches, RecordBranches
from gdbstub.rsp.replies import Reply
from gdbstub.vocab.errors import TargetError

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(RecordBranches)
def record_branches(session: Session, cmd: RecordBranches) -> Reply:
    """Refuse to record."""
    raise TargetError(errno.EOPNOTSUPP, "this server does not record branches; record full needs no help of it")


@handles(ReadBranches)
def read_branches(session: Session, cmd: ReadBranches) -> Reply:
    """Refuse to give what was not recorded."""
    raise TargetError(errno.ENODATA, "no branches have been recorded")
