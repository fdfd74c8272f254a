"""What the command line decided for the server.

Layer: server.  Made by: cli.  Used by: server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from gdbstub.engines.gdbremote.dialect import GDB, Dialect
from gdbstub.server.policy import OnDisconnect
from gdbstub.server.wording import GDBSERVER, Wording
from gdbstub.target.engine import Engine
from gdbstub.target.ops import LaunchSpec, Target
from gdbstub.vocab.ids import EngineId

#: Makes an engine of its identity and the tracer.
EngineMaker: TypeAlias = Callable[[EngineId, Target], Engine]


class ServerSettings(NamedTuple):
    """One run of the server."""

    launch: LaunchSpec
    attach_pid: int | None = None
    #: Wait for a process with this name.
    attach_name: str | None = None
    #: Stay when no process is left, once a client has asked for extended mode.
    multi: bool = False
    #: Serve one connection, then end.
    once: bool = False
    disabled_packets: frozenset[str] = frozenset()
    on_disconnect: OnDisconnect = OnDisconnect.KEEP
    allow_any_user: bool = False
    ready_fd: int | None = None
    ready_file: str | None = None
    pipe_fd: int | None = None
    named_pipe: str | None = None
    #: How a client is spoken to until it has said what it is.
    dialect: Dialect = GDB
    wording: Wording = GDBSERVER
    #: What programs that clients start inherit of our environment: nothing.
    bare_environment: bool = False
    #: The connection is served on when no process is left, and launched ones outlive the server.
    lives_with_client: bool = False
    #: So many SIGHUPs are ignored.
    hangups: int = 0
    #: Engines that take part in every process, beside the clients.
    engines: tuple[EngineMaker, ...] = ()
    #: A file for a log of system calls, its options behind it; None: no log.
    strace: str | None = None
    debug: frozenset[str] = frozenset()
