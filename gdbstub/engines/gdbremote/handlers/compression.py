"""Handler of ``QEnableCompression``.

Layer: engines.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.compression import EnableCompression
from gdbstub.rsp.compression import TYPE
from gdbstub.rsp.replies import LATER, OK, Reply
from gdbstub.vocab.errors import TargetError

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.conversation import Conversation


@handles(EnableCompression)
def enable_compression(session: Conversation, cmd: EnableCompression) -> Reply:
    """Compress from the next reply on."""
    if cmd.type != TYPE:
        raise TargetError(errno.EOPNOTSUPP, f"{cmd.type} is not offered, only {TYPE}")
    session.send(OK)
    session.compress()
    return LATER
