"""Counts the calls of a function whose first argument is at least so much, and says how many there were.

gdbstub --engine=docs/examples/call_counter.py,FUNCTION:LEAST:FILE localhost:4000 ./program
"""

from functools import partial
from pathlib import Path

from gdbstub import api
from gdbstub.api import Execed, Joined, Pid, ProcessExited, SiteHit, Vote

RDI = 5


class CallCounter(api.IdleEngine):
    wants = frozenset({Joined, Execed, SiteHit, ProcessExited})

    def __init__(self, engine_id: api.EngineId, target: api.Target, function: str, least: int, path: Path) -> None:
        super().__init__(engine_id)
        self.target, self.function, self.least, self.path = target, function, least, path
        self.calls: dict[Pid, int] = {}

    def on_event(self, event: api.TraceEvent) -> Vote:
        match event:
            case Joined() | Execed():
                self.calls.setdefault(event.pid, 0)
                self.target.find_symbol(self.engine_id, event.pid, self.function, partial(self.found, event))
                return Vote.STOP  # The search takes a while; the program is not to run ahead of it.
            case SiteHit():
                argument = int.from_bytes(self.target.read_register(event.tid, RDI), "little", signed=True)
                self.calls[event.pid] += argument >= self.least
            case ProcessExited():
                with self.path.open("a") as file:
                    file.write(f"{event.pid}: {self.function} was called {self.calls.pop(event.pid, 0)} times\n")
            case _:
                pass
        return Vote.CONTINUE

    def found(self, event: api.TraceEvent, address: api.Addr | None) -> None:
        if address is not None:
            self.target.insert_breakpoint(self.engine_id, event.pid, address, 1, hardware=False)
        self.target.amend(self.engine_id, [api.ThreadAction(event.tid, Vote.CONTINUE)])


def engine(engine_id: api.EngineId, target: api.Target, argument: str) -> CallCounter:
    function, least, path = argument.split(":", 2)
    return CallCounter(engine_id, target, function, int(least), Path(path))
