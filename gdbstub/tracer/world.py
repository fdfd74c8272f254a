"""All that is traced, and who takes part: the state that the tracer's parts share.

Layer: tracer.  Used by: settler, statuses, births, orphans, leaving, layout, points, inspection, tracer.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable

from gdbstub.linux import ptrace_calls
from gdbstub.target.engine import CONTINUE, STOP, Engine
from gdbstub.target.events import ForkKind, Joined, StepDone, TraceEvent
from gdbstub.target.ops import HitRules
from gdbstub.tracer.debugslots import SlotKind
from gdbstub.tracer.errands import Errands
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.sites import SiteTable
from gdbstub.tracer.tracee import DYING, STOPPED, Tracee
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, EngineId, Pid, Tid

#: Programs that have ended, of whose patches a copy may be left in a child that nobody knows of yet.
_FALLEN_KEPT = 8


class World:
    """The inferiors, the threads, the engines.

    Args:
        keeper: The engine that stands for the server itself: it takes part in every inferior, and first.
        on_engine_failure: Called when an engine raised and was detached.
        on_child_exit: Called when an untraced child of this process ended.
    """

    def __init__(
        self,
        keeper: EngineId,
        on_engine_failure: Callable[[EngineId, Exception], None],
        on_child_exit: Callable[[Pid], None],
    ) -> None:
        self.keeper = keeper
        self.on_engine_failure = on_engine_failure
        self.on_child_exit = on_child_exit
        self.inferiors: dict[Pid, Inferior] = {}
        self.tracees: dict[Tid, Tracee] = {}
        self.engines: dict[EngineId, Engine] = {}
        #: First stops that came before the event that announces the thread.
        self.orphans: dict[Tid, int] = {}
        #: The sites of the programs that ended last, patches and all.
        self.fallen: deque[SiteTable] = deque(maxlen=_FALLEN_KEPT)
        #: Inferiors whose votes may have changed since the kernel was last made to agree.
        self.dirty: dict[Pid, Inferior] = {}
        #: Engines to be told when everything they hold stands.
        self.waiting: set[EngineId] = set()
        #: Engines that hold a fork child rather than let it go, and which kinds.
        self.fork_wishes: dict[EngineId, frozenset[ForkKind]] = {}
        #: Engines that take part in every inferior, in order of attachment.
        self.standing: list[EngineId] = []
        #: Engines that want to know who holds which thread.
        self.hold_watchers: list[EngineId] = []
        #: Threads of whose clones an engine wants to be told.
        self.clone_wishes: dict[EngineId, frozenset[Tid]] = {}
        #: Trace state variables, which breakpoint conditions may use.
        self.variables: dict[int, int] = {}
        self.errands = Errands()
        #: Resumes and interrupts so far.
        self.stirs = 0
        self.my_pid = os.getpid()
        #: Takes a line about each status and each resume; None: quiet.
        self.log: Callable[[str], None] | None = None

    def inferior(self, pid: Pid) -> Inferior:
        """Return an inferior.

        Raises:
            TargetError: ESRCH where the process is not traced.
        """
        inferior = self.inferiors.get(pid)
        if inferior is None or inferior.detaching:
            raise TargetError(errno.ESRCH, f"process {pid} is not traced")
        return inferior

    def tracee(self, tid: Tid) -> Tracee:
        """Return a thread.

        Raises:
            TraceeGone: There is no such thread.
        """
        tracee = self.tracees.get(tid)
        if tracee is None:
            raise TraceeGone(tid)
        return tracee

    def at_rest(self, tid: Tid) -> Tracee:
        """Return a thread in a ptrace-stop.

        Raises:
            TargetError: EBUSY where it runs.
            TraceeGone: There is no such thread.
        """
        tracee = self.tracee(tid)
        if tracee.state is not STOPPED:
            raise TargetError(errno.EBUSY, f"thread {tid} is running")
        return tracee

    @property
    def lonely(self) -> bool:
        """Tell whether a leader runs while all of its threads stand: no status would tell of its end."""
        for each in self.inferiors.values():
            if len(each.running) == 1 and len(each.tracees) > 1 and Tid(each.pid) in each.running:
                return True
        return False

    def mark(self, inferior: Inferior) -> None:
        """Note that an inferior's votes may have changed."""
        self.dirty[inferior.pid] = inferior

    def interrupt(self, tracee: Tracee) -> None:
        """Ask a thread to stop; any stop answers."""
        tracee.interrupting = True
        self.stirs += 1
        try:
            ptrace_calls.interrupt(tracee.tid)
        except TraceeGone:
            tracee.inferior.set_state(tracee, DYING)
        except TargetError:
            # EIO: the thread is past the point where it can stop; its exit status is on the way.
            return

    def admit(self, inferior: Inferior) -> None:
        """Let those take part who take part in every inferior: the keeper first."""
        inferior.arbiter.enter(self.keeper)
        for engine_id in self.standing:
            inferior.arbiter.enter(engine_id)

    def greet(self, inferior: Inferior) -> None:
        """Tell those who take part in every inferior that this one is there."""
        tracee = next(iter(inferior.tracees.values()), None)
        if self.standing and tracee is not None:
            members = [each for each in self.standing if inferior.arbiter.has(each)]
            self.offer(tracee, Joined(inferior.pid, tracee.tid), members)

    def leave(self, inferior: Inferior, engine_id: EngineId) -> None:
        """Withdraw an engine from one inferior: its votes, sites and slots; its persistent commands stay."""
        if inferior.rules:
            self._bequeath(inferior, engine_id)
        inferior.sites.release_owner(engine_id)
        if inferior.slots.release_owner(engine_id):
            self.rearm(inferior)
        inferior.arbiter.leave(engine_id)
        inferior.kept_by.discard(engine_id)
        for tracee in inferior.tracees.values():
            tracee.awaited_by.discard(engine_id)
        self.recount_catches(inferior)
        self.mark(inferior)

    def release_breakpoint(self, inferior: Inferior, engine_id: EngineId, address: Addr, hardware: bool) -> bool:
        """Drop an engine's claim on a breakpoint; tell whether the program has its own bytes back there."""
        if not hardware:
            return inferior.sites.release(address, engine_id)
        if inferior.slots.release(engine_id, address, 1, SlotKind.EXECUTE):
            self.rearm(inferior)
        return True

    def replace_rules(
        self, inferior: Inferior, engine_id: EngineId, address: Addr, hardware: bool, rules: HitRules | None
    ) -> None:
        """Set or drop an engine's rules at a breakpoint; what an earlier client left behind there ends."""
        if rules is None:
            inferior.rules.pop((engine_id, address, hardware), None)
        else:
            inferior.rules[engine_id, address, hardware] = rules
        if inferior.rules.pop((self.keeper, address, hardware), None) is not None:
            self.release_breakpoint(inferior, self.keeper, address, hardware)

    def _bequeath(self, inferior: Inferior, engine_id: EngineId) -> None:
        """Drop the rules of an engine that leaves; the server takes over persistent commands."""
        for key, rules in list(inferior.rules.items()):
            owner, address, hardware = key
            if owner != engine_id:
                continue
            del inferior.rules[key]
            if not rules.persistent or not rules.commands or engine_id == self.keeper:
                continue
            try:
                if hardware:
                    inferior.slots.claim(self.keeper, address, 1, SlotKind.EXECUTE)
                else:
                    inferior.sites.claim(address, self.keeper)
            except TargetError:
                # The page has gone: nothing can be hit there.
                continue
            inferior.rules[self.keeper, address, hardware] = rules

    def offer(self, tracee: Tracee, event: TraceEvent, engine_ids: Iterable[EngineId]) -> bool:
        """Offer an event to engines, in order; tell whether one of them holds the thread for it."""
        holders: list[EngineId] = []
        for engine_id in engine_ids:
            engine = self.engines.get(engine_id)
            if engine is None or type(event) not in engine.wants:
                continue
            try:
                vote = engine.on_event(event)
            except Exception as failure:  # noqa: BLE001  (an engine's bug must not reach the tracer)
                self._failed(engine_id, failure)
                continue
            if vote is STOP and event.votable:
                holders.append(engine_id)
                tracee.cause = event
                tracee.awaited_by.discard(engine_id)
                tracee.inferior.arbiter.amend(engine_id, tracee.tid, STOP)
                if not tracee.stopped:
                    # ``Joined`` is told of threads that run.
                    self.mark(tracee.inferior)
            elif vote is CONTINUE and type(event) is StepDone:
                # A step is made once, unless it is asked for again.
                tracee.inferior.arbiter.amend(engine_id, tracee.tid, CONTINUE)
        if tracee.arrival is not None and holders and tracee.stopped and tracee.registers.pc != tracee.arrival.pc:
            # They see it elsewhere, in a signal handler say: to come back to the site is news.
            tracee.arrival.engines.difference_update(holders)
        return bool(holders)

    def guard(self, engine_id: EngineId, callback: Callable[[], object]) -> None:
        """Call an engine; one that raises is detached, and the inferior runs on."""
        try:
            callback()
        except Exception as failure:  # noqa: BLE001  (an engine's bug must not reach the tracer)
            self._failed(engine_id, failure)

    def ask(self, engine_id: EngineId, question: Callable[[Engine], bool]) -> bool:
        """Ask an engine; one that is gone, or raises, says no."""
        engine = self.engines.get(engine_id)
        if engine is None:
            return False
        try:
            return question(engine)
        except Exception as failure:  # noqa: BLE001  (an engine's bug must not reach the tracer)
            self._failed(engine_id, failure)
            return False

    def dismiss(self, engine_id: EngineId) -> None:
        """Forget an engine: nothing is held, owned or wished for it any more, and it is never called again."""
        self.engines.pop(engine_id, None)
        for each in (self.standing, self.hold_watchers):
            if engine_id in each:
                each.remove(engine_id)
        self.waiting.discard(engine_id)
        self.fork_wishes.pop(engine_id, None)
        self.clone_wishes.pop(engine_id, None)
        for inferior in self.inferiors.values():
            self.leave(inferior, engine_id)

    def _failed(self, engine_id: EngineId, failure: Exception) -> None:
        self.dismiss(engine_id)
        self.on_engine_failure(engine_id, failure)

    def drop(self, tracee: Tracee) -> None:
        """Forget a thread."""
        self.tracees.pop(tracee.tid, None)
        tracee.inferior.remove(tracee)

    def forget(self, inferior: Inferior) -> None:
        """Forget a process."""
        for tracee in list(inferior.tracees.values()):
            self.drop(tracee)
        self.bury(inferior)
        inferior.close()
        self.inferiors.pop(inferior.pid, None)
        self.dirty.pop(inferior.pid, None)

    def replace_program(self, tracee: Tracee) -> None:
        """Forget what an exec has replaced, all other threads too: none of them will tell of its end."""
        inferior = tracee.inferior
        for other in inferior.tracees.values():
            if other is not tracee:
                self.tracees.pop(other.tid, None)
        self.bury(inferior)
        inferior.new_program(tracee)

    def bury(self, inferior: Inferior) -> None:
        """Keep what is known of the patches in a program that has ended."""
        if inferior.sites:
            self.fallen.append(inferior.sites.clone(inferior.memory))

    def rearm(self, inferior: Inferior) -> None:
        """Write the debug registers of every thread; those that run are stopped for it first."""
        inferior.arm_all()
        for tracee in list(inferior.running.values()):
            tracee.rearm = True
            if not tracee.interrupting:
                self.interrupt(tracee)

    def recount_catches(self, inferior: Inferior) -> None:
        """Look again whether anybody catches syscalls; threads that run learn of it by a stop that nobody sees."""
        before = inferior.catching

        def catches(engine: Engine) -> bool:
            return engine.catches(inferior.pid, -1)

        catchers = [each for each in inferior.arbiter.engines() if self.ask(each, catches)]
        inferior.catchers = [(each, self.engines[each]) for each in catchers if each in self.engines]
        inferior.catching = bool(inferior.catchers)
        inferior.caught.clear()
        if inferior.catching and not before:
            for tracee in list(inferior.running.values()):
                if not tracee.interrupting:
                    self.interrupt(tracee)
