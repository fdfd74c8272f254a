"""Telling who holds which thread, and for what: for those who want to know.

Layer: tracer (pure).  Used by: settler.

Holds come about and end in many ways: by an answer to an event, a client's wish, its leaving.  So nobody reports
them; while an engine wants to know, all threads are looked at when a stop or a change of votes has been dealt with.
"""

from __future__ import annotations

from gdbstub.target.events import Held, LetGo
from gdbstub.tracer.tracee import Tracee
from gdbstub.tracer.world import World
from gdbstub.vocab.ids import EngineId


class Holds:
    """What was told of holds.

    Args:
        world: What is traced.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def look(self) -> None:
        """Tell what has changed."""
        world = self._world
        for inferior in list(world.inferiors.values()):
            if inferior.startup is not None or inferior.detaching:
                continue
            for tracee in list(inferior.tracees.values()):
                holders = tuple(inferior.arbiter.holders(tracee.tid)) if tracee.stopped else ()
                if holders != tracee.held_by:
                    self._changed(tracee, holders)

    def _changed(self, tracee: Tracee, holders: tuple[EngineId, ...]) -> None:
        world = self._world
        pid, tid = tracee.inferior.pid, tracee.tid
        if tracee.held_by:
            world.offer(tracee, LetGo(pid, tid), list(world.hold_watchers))
        tracee.held_by = holders
        if holders:
            world.offer(tracee, Held(pid, tid, holders, tracee.cause), list(world.hold_watchers))
