"""What a user chooses about connections: the small part of the settings that a command line needs.

Layer: server.  Used by: cli, settings, server.

Only this is loaded before the server listens; the rest of the settings refers to much more.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from gdbstub.engines.gdbremote.role import Role


class OnDisconnect(Enum):
    """What happens to the processes when the last client is lost."""

    #: What was stopped stays stopped, what ran runs on.
    KEEP = "keep"
    CONTINUE = "continue"
    STOP = "stop"
    DETACH = "detach"
    KILL = "kill"


class SideDoor(NamedTuple):
    """Where else clients connect, and what they may do (``--listen``)."""

    comm: str
    role: Role
