"""Who holds which thread is told while somebody wants to know, and only when it changes."""

from __future__ import annotations

import os

from gdbstub.target.engine import IdleEngine, Vote
from gdbstub.target.events import Held, LetGo, SiteHit, TraceEvent
from gdbstub.tracer.holds import Holds
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.tracee import RunState
from gdbstub.tracer.world import World
from gdbstub.vocab.ids import Addr, EngineId, Pid, Tid

KEEPER, A, B, WATCHER = map(EngineId, (0, 1, 2, 3))
PID, T1 = Pid(os.getpid()), Tid(os.getpid())


class Watcher(IdleEngine):
    wants = frozenset({Held, LetGo})

    def __init__(self, engine_id: EngineId = WATCHER) -> None:
        super().__init__(engine_id)
        self.told: list[TraceEvent] = []

    def on_event(self, event: TraceEvent) -> Vote:
        self.told.append(event)
        return Vote.CONTINUE


def test_a_hold_is_told_when_it_begins_when_the_holders_change_and_when_it_ends() -> None:
    world = World(KEEPER, lambda *_: None, lambda _: None)
    watcher = Watcher()
    world.engines[WATCHER] = watcher
    inferior = Inferior(PID, attached=True, options=0)
    world.inferiors[PID] = inferior
    tracee = world.tracees[T1] = inferior.add(T1)
    for engine in (A, B, WATCHER):
        inferior.arbiter.enter(engine)
    holds = Holds(world)
    holds.welcome(WATCHER)
    inferior.arbiter.amend(A, T1, Vote.STOP)
    holds.look()
    assert not watcher.told, "it does not stand yet"
    inferior.set_state(tracee, RunState.STOPPED)
    tracee.cause = SiteHit(PID, T1, Addr(0x10), hardware=False)
    holds.look()
    holds.look()
    assert watcher.told == [Held(PID, T1, (A,), tracee.cause)]
    inferior.arbiter.amend(B, T1, Vote.STOP)
    holds.look()
    assert watcher.told[1:] == [LetGo(PID, T1), Held(PID, T1, (A, B), tracee.cause)]
    # One that comes later is told how it is, and the other one nothing.
    late = Watcher(EngineId(4))
    world.engines[late.engine_id] = late
    holds.welcome(late.engine_id)
    holds.look()
    assert late.told == [Held(PID, T1, (A, B), tracee.cause)]
    assert len(watcher.told) == 3
    inferior.arbiter.leave(A)
    inferior.arbiter.leave(B)
    inferior.set_state(tracee, RunState.RUNNING)
    holds.look()
    assert watcher.told[-1] == late.told[-1] == LetGo(PID, T1)
    inferior.close()
