"""The server as an engine: it keeps what clients leave behind.

Layer: server.  Used by: server.  Implements: target.engine.Engine.

It launched or seized the first process, holds it until a client comes, takes
over the holds of a client that leaves, and says on stderr what ends.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.target.engine import Vote
from gdbstub.target.events import DEBUGGER_EVENTS, Launched, LaunchFailed, ProcessExited, TraceEvent
from gdbstub.vocab.ids import EngineId, Pid, Signo
from gdbstub.vocab.signals import name_of

KEEPER = EngineId(0)


class Keeper:
    """The first engine of every inferior.

    Args:
        say: Prints a message that tools parse.
        on_change: Called when something started, failed or ended.
        on_end: Called when a process has ended, before clients are told.
    """

    engine_id = KEEPER
    keeps_traced = False
    wants = DEBUGGER_EVENTS

    def __init__(
        self, say: Callable[[str], None], on_change: Callable[[], None], on_end: Callable[[Pid], None]
    ) -> None:
        self._say = say
        self._on_end = on_end
        self._on_change = on_change
        #: Why each process stands still, as it was last reported to a client.
        self.last_stops: dict[Pid, TraceEvent] = {}
        #: The text of a failed launch from the command line.
        self.launch_failure: str | None = None
        self.launched: Launched | None = None
        self.quiet = False

    def on_event(self, event: TraceEvent) -> Vote:
        """Note what concerns the server and let everything run."""
        match event:
            case Launched():
                self.launched = event
                self.last_stops[event.pid] = event
                self._on_change()
                return Vote.STOP
            case LaunchFailed():
                self.launch_failure = event.text
                self._on_end(event.pid)
                self._on_change()
            case ProcessExited():
                self.last_stops.pop(event.pid, None)
                self._on_end(event.pid)
                if event.signal is not None:
                    self._say(f"\nChild terminated with signal = {event.signal:#x} ({name_of(event.signal)})")
                else:
                    self._say(f"\nChild exited with status {event.code}")
                self._on_change()
            case _:
                pass
        return Vote.CONTINUE

    def on_quiet(self) -> None:
        """Note that what was seized stands."""
        self.quiet = True
        self._on_change()

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Let every signal through."""
        return True

    def catches(self, pid: Pid, number: int) -> bool:
        """Catch no syscall."""
        return False

    def on_lost(self, pid: Pid) -> None:
        """Forget a process that is let go."""
        self.last_stops.pop(pid, None)
