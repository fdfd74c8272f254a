"""Counts the calls of a function whose first argument is at least so much, and says how many there were.

gdbstub --engine=docs/examples/call_counter.py,FUNCTION:LEAST:FILE localhost:4000 ./program
"""

from pathlib import Path

from gdbstub.api import EngineId, Execed, IdleEngine, Joined, Pid, ProcessExited, SiteHit, Target, TraceEvent, Vote

RDI = 5


class CallCounter(IdleEngine):
    wants = frozenset({Joined, Execed, SiteHit, ProcessExited})

    def __init__(self, engine_id: EngineId, target: Target, function: str, least: int, path: Path) -> None:
        super().__init__(engine_id)
        self.target, self.function, self.least, self.path = target, function, least, path
        self.calls: dict[Pid, int] = {}

    def on_event(self, event: TraceEvent) -> Vote:
        match event:
            case Joined() | Execed():
                self.calls.setdefault(event.pid, 0)
                address = self.target.find_symbol(event.pid, self.function)
                if address is not None:
                    self.target.insert_breakpoint(self.engine_id, event.pid, address, 1, hardware=False)
            case SiteHit():
                argument = int.from_bytes(self.target.read_register(event.tid, RDI), "little", signed=True)
                self.calls[event.pid] += argument >= self.least
            case ProcessExited():
                with self.path.open("a") as file:
                    file.write(f"{event.pid}: {self.function} was called {self.calls.pop(event.pid, 0)} times\n")
            case _:
                pass
        return Vote.CONTINUE


def engine(engine_id: EngineId, target: Target, argument: str) -> CallCounter:
    function, least, path = argument.split(":", 2)
    return CallCounter(engine_id, target, function, int(least), Path(path))
