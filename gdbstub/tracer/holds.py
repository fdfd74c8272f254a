"""Telling who holds which thread, and for what: for those who want to know.

Layer: tracer (pure).  Used by: settler.

Holds come about and end in many ways: by an answer to an event, a client's wish, its leaving.  So nobody reports
them; while an engine wants to know, all threads are looked at when a stop or a change of votes has been dealt with.
"""

from __future__ import annotations

from gdbstub.target.events import Held, LetGo
from gdbstub.tracer.tracee import Tracee
from gdbstub.tracer.world import World
from gdbstub.vocab.ids import EngineId, Tid


class Holds:
    """What was told of holds.

    Args:
        world: What is traced.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        #: The threads that are held, as was told.
        self._held: set[Tid] = set()

    def welcome(self, engine_id: EngineId) -> None:
        """Let one more engine know, from what is held now on."""
        world = self._world
        first = not world.hold_watchers
        world.hold_watchers.append(engine_id)
        if first:
            self._held.clear()
        for tracee in list(world.tracees.values()):
            if first:
                # What others were told long ago; the next look tells of all.
                tracee.held_by = ()
            elif tracee.held_by:
                event = Held(tracee.inferior.pid, tracee.tid, tracee.held_by, tracee.cause)
                world.offer(tracee, event, [engine_id])

    def look(self) -> None:
        """Tell what has changed."""
        world = self._world
        if self._held:
            self._held.intersection_update(world.tracees)
        for inferior in list(world.inferiors.values()):
            if inferior.startup is not None or inferior.detaching:
                continue
            if not self._held and len(inferior.running) == len(inferior.tracees):
                # The usual case while calls are followed: the thread that has stopped runs again.
                continue
            for tracee in list(inferior.tracees.values()):
                holders = tuple(inferior.arbiter.holders(tracee.tid)) if tracee.stopped else ()
                if holders != tracee.held_by:
                    self._changed(tracee, holders)

    def _changed(self, tracee: Tracee, holders: tuple[EngineId, ...]) -> None:
        world = self._world
        pid, tid = tracee.inferior.pid, tracee.tid
        self._held.discard(tid)
        if holders:
            self._held.add(tid)
        if tracee.held_by:
            world.offer(tracee, LetGo(pid, tid), list(world.hold_watchers))
        tracee.held_by = holders
        if holders:
            world.offer(tracee, Held(pid, tid, holders, tracee.cause), list(world.hold_watchers))
