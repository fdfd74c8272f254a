"""Handlers of LLDB's switches and probes.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gdbstub
from gdbstub.engines.gdbremote.dialect import LLDB
from gdbstub.engines.gdbremote.dispatch import DEBUGGING, PLATFORM, handles
from gdbstub.rsp.commands.probes import (
    Echo,
    ErrorStrings,
    ServerVersion,
    StayStopped,
    StructuredData,
    ThreadsInStops,
    ThreadSuffix,
    WatchpointSupport,
)
from gdbstub.rsp.replies import OK, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.conversation import Conversation
    from gdbstub.engines.gdbremote.session import Session

#: x86 has this many debug registers for addresses.
_DEBUG_REGISTERS = 4


@handles(ThreadSuffix)
def thread_suffix(session: Session, cmd: ThreadSuffix) -> Reply:
    """Take a thread at the end of packets, which we always do.

    QUIRK(Delve, --backend=lldb): what it announces says nothing, but it sends this.
    """
    session.suppose(LLDB)
    return OK


@handles(ThreadsInStops)
def threads_in_stops(session: Session, cmd: ThreadsInStops) -> Reply:
    """List all threads in stop replies from now on."""
    session.suppose(LLDB)
    session.features.threads_in_stops = True
    return OK


@handles(ErrorStrings, DEBUGGING, PLATFORM)
def error_strings(session: Conversation, cmd: ErrorStrings) -> Reply:
    """Write errors with their texts from now on."""
    session.features.error_strings = True
    return OK


@handles(Echo, DEBUGGING, PLATFORM)
def echo(session: Conversation, cmd: Echo) -> Reply:
    """Answer the packet itself."""
    return b"qEcho:" + cmd.text


@handles(ServerVersion, DEBUGGING, PLATFORM)
def server_version(session: Conversation, cmd: ServerVersion) -> Reply:
    """Say who we are."""
    return f"name:gdbstub;version:{gdbstub.__version__};".encode()


@handles(StructuredData)
def structured_data(session: Session, cmd: StructuredData) -> Reply:
    """Name the kinds of structured data that we send by ourselves: none."""
    return b"[]"


@handles(StayStopped)
def stay_stopped(session: Session, cmd: StayStopped) -> Reply:
    """Say that ``D1`` is understood."""
    return OK


@handles(WatchpointSupport)
def watchpoint_support(session: Session, cmd: WatchpointSupport) -> Reply:
    """Say how many watchpoints of up to a word there can be."""
    return f"num:{_DEBUG_REGISTERS};".encode()
