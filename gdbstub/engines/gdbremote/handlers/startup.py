"""Handlers of the packets that say how the next program starts.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.startup import (
    DisableRandomization,
    ResetEnvironment,
    SetVariable,
    SetWorkingDirectory,
    StartupWithShell,
    UnsetVariable,
)
from gdbstub.rsp.replies import OK, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(StartupWithShell)
def startup_with_shell(session: Session, cmd: StartupWithShell) -> Reply:
    """Choose whether a shell starts the program."""
    session.launch_spec.with_shell = cmd.on
    return OK


@handles(DisableRandomization)
def disable_randomization(session: Session, cmd: DisableRandomization) -> Reply:
    """Choose whether addresses are the same in every run."""
    session.launch_spec.disable_randomization = cmd.on
    return OK


@handles(SetVariable)
def set_variable(session: Session, cmd: SetVariable) -> Reply:
    """Set an environment variable."""
    session.environment_changes[cmd.name] = cmd.value
    return OK


@handles(UnsetVariable)
def unset_variable(session: Session, cmd: UnsetVariable) -> Reply:
    """Unset an environment variable."""
    session.environment_changes[cmd.name] = None
    return OK


@handles(ResetEnvironment)
def reset_environment(session: Session, cmd: ResetEnvironment) -> Reply:
    """Go back to the server's own environment."""
    session.environment_changes.clear()
    return OK


@handles(SetWorkingDirectory)
def set_working_directory(session: Session, cmd: SetWorkingDirectory) -> Reply:
    """Set the directory; empty means the server's own."""
    session.launch_spec.working_directory = cmd.path or None
    return OK
