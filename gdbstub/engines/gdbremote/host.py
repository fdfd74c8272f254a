"""What a session needs of the server around it.

Layer: engines.  Implemented by: server.keeper.  Used by: session, handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gdbstub.engines.gdbremote.dialect import GDB, Dialect
from gdbstub.engines.gdbremote.role import Role
from gdbstub.target.events import TraceEvent
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.ids import EngineId, Pid

if TYPE_CHECKING:
    # Most sessions have no tracepoints, and no log.
    from gdbstub.engines.follower import MakeLog
    from gdbstub.engines.tracing.tracing import Tracing


class SessionDefaults(NamedTuple):
    """What the command line decided for every session."""

    #: Packets that get the empty reply, by name (``--disable-packet``).
    disabled: frozenset[str] = frozenset()
    #: How programs are started until a client says otherwise.
    launch: LaunchSpec = LaunchSpec(())
    #: What the client may do, by where it connected.
    role: Role = Role.DEBUGGER
    #: How a client is spoken to until it has said what it is.
    dialect: Dialect = GDB
    #: Programs that clients start inherit nothing of the server's environment.
    bare_environment: bool = False


class ProgramTerminals(Protocol):
    """What programs write goes to clients, what clients type is what they read.  Implemented by: server.terminal."""

    def open(self) -> str:
        """Make a terminal for a program that is about to be started; return its path.

        Raises:
            TargetError: There are no more.
        """

    def give(self, engine_id: EngineId, pid: Pid, path: str) -> None:
        """Say whose it is: what the program writes goes to this client, and to those that join it."""

    def drop(self, path: str) -> None:
        """Close a terminal whose program was not started."""

    def drain(self, pid: Pid) -> None:
        """Hand out what a program has written so far."""

    def type(self, pid: Pid, data: bytes) -> None:
        """Give a program something to read.

        Raises:
            TargetError: It has no terminal of ours, or does not read.
        """


class Appearances(Protocol):
    """Processes by their names.  Implemented by: server.awaited."""

    def named(self, name: str) -> Sequence[Pid]:
        """Return the processes that run a program of this name."""

    def wait(self, engine_id: EngineId, name: str, *, existing: bool) -> None:
        """Look for a process until ``Session.process_appeared`` can be called, or ``cancel`` is.

        Args:
            engine_id: Who waits.
            name: Of the program.
            existing: One that is there already is welcome, too.
        """

    def cancel(self, engine_id: EngineId) -> None:
        """Wait no longer."""


class Host(Protocol):
    """The server, as a session sees it."""

    @property
    def keeper_id(self) -> EngineId:
        """The engine that stands for the server itself."""

    def tracing(self) -> Tracing:
        """Return the engine behind tracepoints, which all clients share."""

    def say(self, text: str) -> None:
        """Print one of the messages that tools parse."""

    def print(self, text: bytes) -> None:
        """Print what a breakpoint's commands print: on the server's stdout."""

    def refusal(self, engine_id: EngineId) -> str | None:
        """Say why a client cannot take part now, or None where it can: a debugger that shares with nobody."""

    def changed(self, engine_id: EngineId, pid: Pid) -> None:
        """Learn that a client has written registers or memory: what others were told of it is stale."""

    def joined(self, engine_id: EngineId, pid: Pid) -> bool:
        """Hand an inferior to a client that has just come; tell whether it stands still."""

    def note_stop(self, pid: Pid, event: TraceEvent | None) -> None:
        """Remember why a process stands still, for a later client; None: it runs."""

    def last_stop(self, pid: Pid) -> TraceEvent | None:
        """Return why a process stands still, as it was last reported."""

    def created(self, pid: Pid, program: str) -> None:
        """Learn that a program has started."""

    def not_created(self, program: str, reason: str) -> None:
        """Learn that a program that a client wanted has not started."""

    def attached(self, pid: Pid) -> None:
        """Learn that a process is traced now."""

    def detached(self, pid: Pid, *, launched: bool, extended: bool) -> None:
        """Learn that a process is no longer traced.

        Args:
            pid: Which.
            launched: It is the server's own child: the server stays until it ends.
            extended: The client may start or attach to another.
        """

    @property
    def terminals(self) -> ProgramTerminals:
        """The terminals of programs that were started here."""

    @property
    def appearances(self) -> Appearances:
        """The processes that clients wait for."""

    def clients(self) -> Sequence[str]:
        """Describe each client in one line."""

    def start_log(
        self, engine_id: EngineId, what: str, make: MakeLog, put: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        """Keep a log for a client; one of the same that it has ends.

        Args:
            engine_id: The client.
            what: ``strace`` or ``events``.
            make: Makes the engine that writes it.
            put: Takes the log's bytes.
            on_end: Called when no process is left.
        """

    def stop_log(self, engine_id: EngineId, what: str) -> None:
        """End a client's log."""

    def log_to_file(self, words: str | None) -> str:
        """Log system calls to a file, with the options behind its name, or end that; return what to tell the user.

        Raises:
            StartupError: The file cannot be written, or an option makes no sense.
        """

    def set_debug(self, kind: str, on: bool) -> bool:
        """Switch a kind of debug output; tell whether there is such a kind."""

    def ends_with_k(self) -> bool:
        """Tell whether ``k`` ends the server."""

    def end(self, reason: str) -> None:
        """End the server once the replies are sent: programs are killed, attached processes let go."""
