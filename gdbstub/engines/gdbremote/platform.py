"""One connection of ``platform connect``: a session about the machine, without a process and without an engine.

Layer: engines.  Used by: server.platform.
Spec: LLDB's lldbplatformpackets.

What takes time is done by the server, which calls ``answer`` when it is done; packets that come meanwhile are
served after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import gdbstub.engines.gdbremote.handlers.platform  # noqa: F401  (enters what answers here, whichever family it is of)
from gdbstub.engines.gdbremote.conversation import Conversation
from gdbstub.engines.gdbremote.dialect import LLDB
from gdbstub.engines.gdbremote.dispatch import PLATFORM
from gdbstub.engines.gdbremote.offers import TO_PLATFORM
from gdbstub.rsp.replies import LATER, Reply
from gdbstub.target.files import HostFiles
from gdbstub.target.machine import ProcessFacts, ProcessTable
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.ids import Pid

_DIALECT = LLDB._replace(offers=TO_PLATFORM)


class ShellCommand(NamedTuple):
    """A command line to run."""

    line: str
    #: Seconds; None: as long as it takes.
    timeout: int | None
    directory: bytes


class PlatformHost(Protocol):
    """The platform server, as a session sees it.  What begins with ``start`` ends in ``PlatformSession.answer``."""

    def start_server(self, session: PlatformSession, port: int | None) -> None:
        """Start a server for one debugging session, and answer where it listens."""

    def start_program(self, session: PlatformSession, spec: LaunchSpec) -> None:
        """Start a program that nobody traces, and answer whether it did."""

    def start_command(self, session: PlatformSession, command: ShellCommand) -> None:
        """Run a command line, and answer its output."""

    def kill_spawned(self, pid: Pid) -> None:
        """End a server that was started here.

        Raises:
            TargetError: It was not, or could not be.
        """


class PlatformSession(Conversation):
    """The protocol state of one client of the platform.

    Args:
        files: What ``vFile`` packets reach.
        processes: The processes and users of the machine.
        host: The server around.
    """

    def __init__(self, files: HostFiles, processes: ProcessTable, host: PlatformHost) -> None:
        super().__init__(files, _DIALECT, PLATFORM)
        self.processes = processes
        self.host = host
        #: What ``qsProcessInfo`` still has to give.
        self.listing: Iterator[ProcessFacts] = iter(())
        #: The program that was started last.
        self.launched = Pid(0)
        self.launch_failure: str | None = None
        self._busy = False

    def recognise(self, announced: Iterable[bytes]) -> None:
        """Speak to everybody alike."""

    def _must_wait(self) -> bool:
        return self._busy or self._job is not None

    def later(self) -> Reply:
        """Return the reply that says that ``answer`` will be called."""
        self._busy = True
        return LATER

    def answer(self, payload: bytes) -> None:
        """Send the reply that took time, and serve what came meanwhile."""
        self._busy = False
        self.send(payload)
        self.serve_postponed()
