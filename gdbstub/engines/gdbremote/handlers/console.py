"""Handlers of ``I vStdio``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.console import Input, NextOutput
from gdbstub.rsp.replies import OK, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(Input)
def give_input(session: Session, cmd: Input) -> Reply:
    """Type into the terminal of the current process."""
    session.host.terminals.type(session.process(), cmd.data)
    return OK


@handles(NextOutput)
def next_output(session: Session, cmd: NextOutput) -> Reply:
    """Give the next output of the queue."""
    return session.output.acknowledged()
