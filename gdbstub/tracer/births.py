"""Threads and processes that come about: clone, fork, vfork, exec.

Layer: tracer.  Used by: statuses.

A child's first stop and its parent's event come in either order; they are
matched here before any engine is told of either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from gdbstub.linux import procfs, ptrace_calls
from gdbstub.linux.constants import (
    PTRACE_EVENT_CLONE,
    PTRACE_EVENT_EXEC,
    PTRACE_EVENT_FORK,
    PTRACE_EVENT_VFORK,
    PTRACE_EVENT_VFORK_DONE,
)
from gdbstub.linux.wait import WaitStatus, decode
from gdbstub.target.engine import Vote
from gdbstub.target.events import ChildBorn, Cloned, Execed, Forked, ForkKind, Launched, ThreadStarted, VforkDone
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.leaving import Leaving
from gdbstub.tracer.settler import Settler
from gdbstub.tracer.tracee import Tracee
from gdbstub.tracer.world import World
from gdbstub.vocab.ids import EngineId, Pid, Tid


class Births:
    """Handles PTRACE_EVENT stops.

    Args:
        world: What is traced.
        settler: Resumes what concerns nobody.
        leaving: Lets children go that nobody keeps.
        on_stop: Handles a stop that came before its thread was known.
    """

    def __init__(
        self, world: World, settler: Settler, leaving: Leaving, on_stop: Callable[[Tracee, WaitStatus], None]
    ) -> None:
        self._world = world
        self._settler = settler
        self._leaving = leaving
        self._on_stop = on_stop

    def event_stop(self, tracee: Tracee, event: int) -> None:
        """Handle a PTRACE_EVENT stop."""
        if event == PTRACE_EVENT_EXEC:
            self._execed(tracee)
        elif event == PTRACE_EVENT_CLONE:
            child = Tid(ptrace_calls.event_message(tracee.tid))
            group = procfs.thread_group(child)
            if group is not None and group != tracee.inferior.pid:
                # A clone that is no thread: a process with an exit signal of its own choice.
                self._new_process(tracee, child)
            else:
                self._cloned(tracee, child)
        elif event == PTRACE_EVENT_FORK:
            self._new_process(tracee, Tid(ptrace_calls.event_message(tracee.tid)))
        elif event == PTRACE_EVENT_VFORK:
            self._forked(tracee, Tid(ptrace_calls.event_message(tracee.tid)), ForkKind.VFORK)
        elif event == PTRACE_EVENT_VFORK_DONE:
            self._vfork_done(tracee)
        else:
            self._settler.rerun(tracee)

    def _first_stop(self, tracee: Tracee) -> None:
        """Take in a newborn's first stop if it came before the event that announced it."""
        raw = self._world.orphans.pop(tracee.tid, None)
        if raw is not None:
            self._on_stop(tracee, decode(raw))

    def _new_process(self, parent: Tracee, child: Tid) -> None:
        """Take in a child process; one that shares the memory for good is a thread to every client.

        Patches are in the memory, not in a process: an untraced sharer would die of them.
        """
        if ptrace_calls.shares_memory(parent.tid, child):
            self._cloned(parent, child)
        else:
            self._forked(parent, child, ForkKind.FORK)

    def _cloned(self, parent: Tracee, child: Tid) -> None:
        inferior = parent.inferior
        if child not in self._world.tracees:
            tracee = inferior.add(child)
            tracee.newborn = True
            self._world.tracees[child] = tracee
            inferior.arbiter.born(child)
            if self._world.clone_wishes and inferior.startup is None:
                keepers = [
                    e
                    for e in inferior.arbiter.engines()
                    if e in self._world.engines and parent.tid in self._world.clone_wishes.get(e, ())
                ]
                if keepers:
                    parent.blocked = tracee.blocked = True
                    inferior.births += 1
                    tracee.on_first_stop = partial(self._clone_arrived, parent, tracee, keepers)
            self._first_stop(tracee)
            self._world.mark(inferior)
        self._settler.rerun(parent)

    def _clone_arrived(self, parent: Tracee, child: Tracee, keepers: Sequence[EngineId]) -> None:
        """Tell of a clone once the child stands too."""
        inferior = parent.inferior
        parent.blocked = child.blocked = False
        inferior.births -= 1
        self._world.mark(inferior)
        if child.stopped:
            self._world.offer(child, ThreadStarted(inferior.pid, child.tid), inferior.arbiter.engines())
            event = Cloned(inferior.pid, parent.tid, child.tid)
            for engine_id in keepers:
                if self._world.offer(parent, event, [engine_id]):
                    inferior.arbiter.amend(engine_id, child.tid, Vote.STOP)
        self._settler.rerun(parent)

    def _forked(self, parent: Tracee, child: Tid, kind: ForkKind) -> None:
        """Match a child's first stop with its parent's event before any engine is told of either."""
        inferior = parent.inferior
        twin = Inferior(Pid(child), attached=inferior.attached, options=inferior.options)
        tracee = twin.add(child)
        tracee.newborn = True
        self._world.inferiors[twin.pid] = twin
        self._world.tracees[child] = tracee
        parent.blocked = tracee.blocked = True
        inferior.births += 1
        tracee.on_first_stop = lambda: self._child_arrived(parent, tracee, kind)
        self._first_stop(tracee)

    def _child_arrived(self, parent: Tracee, child: Tracee, kind: ForkKind) -> None:
        inferior, twin = parent.inferior, child.inferior
        parent.blocked = child.blocked = False
        inferior.births -= 1
        if not child.stopped:
            # Killed before its first stop: there is nobody to tell of.
            self._world.mark(inferior)
            self._settler.rerun(parent)
            return
        keepers = [
            e
            for e in inferior.arbiter.engines()
            if e in self._world.engines and kind in self._world.fork_wishes.get(e, frozenset())
        ]
        if inferior.startup is not None or inferior.detaching:
            keepers = []
        twin.filtered = inferior.filtered
        borrows = kind is ForkKind.VFORK and bool(inferior.sites) and not inferior.detaching
        if borrows and not self._own_sites(inferior, keepers):
            # The siblings must stand before the patches are out, lest they run through unseen.
            inferior.vfork_parents.add(parent.tid)
            inferior.lends.append(partial(self._lend, parent, child, keepers))
            parent.blocked = child.blocked = True
        elif keepers:
            twin.sites = inferior.sites.clone(twin.memory)
            twin.slots = inferior.slots.copy()
            twin.rules = dict(inferior.rules)
            twin.read_values = dict(inferior.read_values)
            twin.allocations = dict(inferior.allocations)
            if kind is ForkKind.VFORK:
                twin.borrows_from = inferior
            self._keep(parent, child, keepers, kind)
        else:
            if kind is ForkKind.VFORK and not inferior.detaching:
                inferior.lenders.add(parent.tid)
            self._told_of_child(parent, twin, kind, kept=False)
            self._let_child_go(inferior, child)
        self._world.mark(inferior)
        self._settler.rerun(parent)

    def _told_of_child(self, parent: Tracee, child: Inferior, kind: ForkKind, *, kept: bool) -> None:
        inferior = parent.inferior
        if inferior.startup is None:
            event = ChildBorn(inferior.pid, parent.tid, child.pid, kind, kept)
            self._world.offer(parent, event, inferior.arbiter.engines())

    @staticmethod
    def _own_sites(inferior: Inferior, engines: Sequence[EngineId]) -> bool:
        """Tell whether one of some engines has a breakpoint in an inferior."""
        return any(not site.owners.isdisjoint(engines) for site in inferior.sites.all())

    @staticmethod
    def _disown(twin: Inferior, keepers: set[EngineId]) -> None:
        """Take what engines own that do not follow a child out of its copy of the memory."""
        owners = {owner for site in twin.sites.all() for owner in site.owners}
        for owner in owners - keepers:
            twin.sites.release_owner(owner)
        for owner in twin.slots.owners() - keepers:
            twin.slots.release_owner(owner)
        twin.rules = {key: rules for key, rules in twin.rules.items() if key[0] in keepers}

    def _keep(self, parent: Tracee, child: Tracee, keepers: Sequence[EngineId], kind: ForkKind) -> None:
        """Trace a child on, and tell those for whom it is."""
        twin = child.inferior
        self._world.admit(twin)
        for engine_id in keepers:
            twin.arbiter.enter(engine_id, Vote.STOP)
            twin.arbiter.hold_all(engine_id)
        if kind is ForkKind.FORK:
            self._disown(twin, set(twin.arbiter.engines()))
        if twin.slots.armed:
            twin.arm(child)
        self._world.recount_catches(twin)
        self._world.mark(twin)
        self._told_of_child(parent, twin, kind, kept=True)
        self._world.offer(parent, Forked(parent.inferior.pid, parent.tid, twin.pid, kind), keepers)
        self._world.greet(twin)

    def _lend(self, parent: Tracee, child: Tracee, keepers: Sequence[EngineId]) -> None:
        """Take the patches out of the memory that a vfork child borrows, and let both run."""
        inferior = parent.inferior
        inferior.sites.lift_all()
        parent.blocked = child.blocked = False
        if keepers and child.stopped:
            self._keep(parent, child, keepers, ForkKind.VFORK)
        else:
            self._told_of_child(parent, child.inferior, ForkKind.VFORK, kept=False)
            self._let_child_go(inferior, child)
        self._world.mark(inferior)

    def _let_child_go(self, inferior: Inferior, child: Tracee) -> None:
        if child.stopped:
            self._leaving.restore_text(inferior, child.tid)
            self._leaving.release(child)
        self._world.forget(child.inferior)

    def _vfork_done(self, tracee: Tracee) -> None:
        inferior = tracee.inferior
        self.end_vfork(tracee)
        keepers = [
            e
            for e in inferior.arbiter.engines()
            if e in self._world.engines and ForkKind.VFORK in self._world.fork_wishes.get(e, frozenset())
        ]
        self._world.offer(tracee, VforkDone(inferior.pid, tracee.tid), keepers)
        self._settler.rerun(tracee)

    def end_vfork(self, parent: Tracee) -> None:
        """Note that a vfork child no longer borrows the memory; after the last one the patches go back."""
        inferior = parent.inferior
        inferior.lenders.discard(parent.tid)
        if parent.tid in inferior.vfork_parents:
            inferior.vfork_parents.remove(parent.tid)
            if not inferior.vfork_parents:
                inferior.sites.put_back_all()
            self._world.mark(inferior)

    def _execed(self, tracee: Tracee) -> None:
        inferior = tracee.inferior
        former = Tid(ptrace_calls.event_message(tracee.tid))
        caller = inferior.tracees.get(former)
        if caller is not None and caller is not tracee:
            tracee.call, tracee.entered_syscall = caller.call, caller.entered_syscall
            tracee.suspended = None
        if former != tracee.tid:
            inferior.arbiter.renamed(former, tracee.tid)
        self._world.replace_program(tracee)
        tracee.leaves_exec = True
        startup = inferior.startup
        if startup is not None:
            if startup.execs_left > 0:
                startup.execs_left -= 1
                self._settler.rerun(tracee)
                return
            inferior.startup = None
            tracee.starting = True
            startup.failure()
            self._world.greet(inferior)
            launcher = [startup.engine] if inferior.arbiter.has(startup.engine) else []
            self._world.offer(tracee, Launched(inferior.pid, tracee.tid), launcher)
        else:
            path = procfs.exec_path(inferior.pid)
            event = Execed(inferior.pid, tracee.tid, path, former)
            self._world.offer(tracee, event, inferior.arbiter.engines())
        self._world.mark(inferior)
        self._settler.rerun(tracee)
