"""Handlers of the packets that say how the next program starts.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import DEBUGGING, PLATFORM, handles
from gdbstub.rsp.commands.startup import (
    DisableRandomization,
    LaunchArchitecture,
    ResetEnvironment,
    SetDetachOnError,
    SetDisableRandomization,
    SetPlainVariable,
    SetStderr,
    SetStdin,
    SetStdout,
    SetStream,
    SetVariable,
    SetWorkingDirectory,
    StartupWithShell,
    UnsetVariable,
)
from gdbstub.rsp.replies import OK, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.conversation import Conversation


@handles(StartupWithShell)
def startup_with_shell(session: Conversation, cmd: StartupWithShell) -> Reply:
    """Choose whether a shell starts the program."""
    session.launch_spec = session.launch_spec._replace(with_shell=cmd.on)
    return OK


@handles(DisableRandomization, DEBUGGING, PLATFORM)
@handles(SetDisableRandomization, DEBUGGING, PLATFORM)
def disable_randomization(session: Conversation, cmd: DisableRandomization | SetDisableRandomization) -> Reply:
    """Choose whether addresses are the same in every run."""
    session.launch_spec = session.launch_spec._replace(disable_randomization=cmd.on)
    return OK


@handles(SetVariable, DEBUGGING, PLATFORM)
@handles(SetPlainVariable, DEBUGGING, PLATFORM)
def set_variable(session: Conversation, cmd: SetVariable | SetPlainVariable) -> Reply:
    """Set an environment variable."""
    session.environment_changes[cmd.name] = cmd.value
    return OK


@handles(UnsetVariable, DEBUGGING, PLATFORM)
def unset_variable(session: Conversation, cmd: UnsetVariable) -> Reply:
    """Unset an environment variable."""
    session.environment_changes[cmd.name] = None
    return OK


@handles(ResetEnvironment, DEBUGGING, PLATFORM)
def reset_environment(session: Conversation, cmd: ResetEnvironment) -> Reply:
    """Go back to what programs start with."""
    session.environment_changes.clear()
    return OK


@handles(SetWorkingDirectory)
def set_working_directory(session: Conversation, cmd: SetWorkingDirectory) -> Reply:
    """Set the directory; empty means the server's own."""
    session.launch_spec = session.launch_spec._replace(working_directory=cmd.path or None)
    return OK


def _redirect(session: Conversation, fd: int, cmd: SetStream) -> Reply:
    streams = list(session.launch_spec.streams)
    streams[fd] = cmd.path or None
    session.launch_spec = session.launch_spec._replace(streams=(streams[0], streams[1], streams[2]))
    return OK


@handles(SetStdin, DEBUGGING, PLATFORM)
def set_stdin(session: Conversation, cmd: SetStdin) -> Reply:
    """Choose what the program reads from."""
    return _redirect(session, 0, cmd)


@handles(SetStdout, DEBUGGING, PLATFORM)
def set_stdout(session: Conversation, cmd: SetStdout) -> Reply:
    """Choose what the program writes to."""
    return _redirect(session, 1, cmd)


@handles(SetStderr, DEBUGGING, PLATFORM)
def set_stderr(session: Conversation, cmd: SetStderr) -> Reply:
    """Choose what the program writes its errors to."""
    return _redirect(session, 2, cmd)


@handles(SetDetachOnError, DEBUGGING, PLATFORM)
def set_detach_on_error(session: Conversation, cmd: SetDetachOnError) -> Reply:
    """Agree: what becomes of the program is the command line's to say (``--on-disconnect``)."""
    return OK


@handles(LaunchArchitecture, DEBUGGING, PLATFORM)
def launch_architecture(session: Conversation, cmd: LaunchArchitecture) -> Reply:
    """Agree: the program itself says what it is."""
    return OK
