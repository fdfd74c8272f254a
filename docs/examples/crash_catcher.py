"""Writes registers and a backtrace when a signal is about to kill the program, and changes nothing.

gdbstub --engine=docs/examples/crash_catcher.py,crash.txt localhost:4000 ./program
"""

import signal
from collections.abc import Iterator
from pathlib import Path

from gdbstub.api import EngineId, IdleEngine, Pid, SignalStop, StubError, Target, Tid, TraceEvent, Vote

FATAL = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}


class CrashCatcher(IdleEngine):
    wants = frozenset({SignalStop})

    def __init__(self, engine_id: EngineId, target: Target, path: Path) -> None:
        super().__init__(engine_id)
        self.target, self.path = target, path

    def on_event(self, event: TraceEvent) -> Vote:
        if isinstance(event, SignalStop) and event.signal in FATAL:
            lines = [f"{signal.Signals(event.signal).name} in thread {event.tid} of process {event.pid}"]
            registers = self.target.arch(event.pid).registers[:17]
            values = [self.target.read_register(event.tid, number)[::-1].hex() for number in range(len(registers))]
            lines += [f"{each.name:>6} {value}" for each, value in zip(registers, values, strict=True)]
            lines += [f"    at {address:#x}" for address in self.calls(event.pid, event.tid)]
            self.path.write_text("\n".join(lines) + "\n")
        return Vote.CONTINUE

    def calls(self, pid: Pid, tid: Tid) -> Iterator[int]:
        """Follow the frame pointers."""
        yield self.target.pc(tid)
        frame = int.from_bytes(self.target.read_register(tid, 6), "little")
        try:
            for _ in range(64):
                pair = self.target.read_memory(pid, frame, 16)
                above, address = int.from_bytes(pair[:8], "little"), int.from_bytes(pair[8:], "little")
                yield address
                if above <= frame:
                    return
                frame = above
        except StubError:
            return


def engine(engine_id: EngineId, target: Target, argument: str) -> CrashCatcher:
    return CrashCatcher(engine_id, target, Path(argument or "crash.txt"))
