"""What a command line asks for, whichever tool's spelling it used.

Layer: cli.  Made by: gdbserver (the command line), lldbserver.  Read by: main.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from gdbstub.server.policy import OnDisconnect, SideDoor


class CommandLine(Enum):
    """Whose command line was used: it decides on messages and on what holds until a client has said who it is."""

    GDBSERVER = "gdbserver"
    LLDB_SERVER = "lldb-server"


class Config(NamedTuple):
    """One run of the server."""

    command_line: CommandLine = CommandLine.GDBSERVER
    #: Where to listen, as written; ``server.address.parse_comm`` reads gdbserver's, ``server.url`` lldb-server's.
    comm: str | None = None
    #: Call the client there rather than listen.
    reverse: bool = False
    #: The program and its arguments; empty with ``--attach`` and a bare ``--multi``.
    program: Sequence[str] = ()
    attach_pid: int | None = None
    #: Wait for a process with this name.
    attach_name: str | None = None
    multi: bool = False
    once: bool = False
    #: The words between ``--wrapper`` and ``--``; the shell reads them as they are.
    wrapper: Sequence[str] = ()
    disable_randomization: bool = True
    startup_with_shell: bool = True
    escape_args: bool = True
    #: Members of ``PACKETS``; the group ``threads`` is already replaced by what it stands for.
    disabled_packets: frozenset[str] = frozenset()
    debug_threads: bool = False
    debug_remote: bool = False
    debug_event_loop: bool = False
    #: ``{"timestamp"}`` or nothing.
    debug_format: frozenset[str] = frozenset()
    debug_file: str | None = None
    ready_fd: int | None = None
    ready_file: str | None = None
    #: Where lldb reads which port was taken.
    pipe_fd: int | None = None
    named_pipe: str | None = None
    #: Run in a session of our own.
    new_session: bool = False
    allow_any_user: bool = False
    on_disconnect: OnDisconnect = OnDisconnect.KEEP
    #: A file for a log of system calls, its options behind it.
    strace: str | None = None
    #: Other places to listen, in order.
    side_doors: tuple[SideDoor, ...] = ()
    #: Files of engines, each with its argument after a comma.
    engines: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """A command line that is answered with text: what goes where, and the exit status."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


class PlatformConfig(NamedTuple):
    """One run of the platform server."""

    #: Where clients connect, as written.
    listen: str
    many: bool = False
    socket_file: str | None = None
    #: Where debugging servers may listen; empty: anywhere.
    ports: tuple[int, ...] = ()
    allow_any_user: bool = False
