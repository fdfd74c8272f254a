"""Making the kernel agree with the votes.

Layer: tracer.  Used by: statuses, births, leaving, tracer.

Theory of operation.  Nothing is resumed or stopped in the middle of an event: an
inferior whose votes may have changed is only marked, and ``settle`` then
interrupts what must stand and resumes what may run.  When everything that an
engine holds stands, it is told (``on_quiet``): that is when a stop reply can be
sent.

Two things overrule the votes while they last, because they warp what all
engines share: a thread that steps over a site runs alone (``exclusive``), and
while a vfork child borrows the memory its patches are out and the siblings of
the parent stand still (``vfork_parents``).
"""

from __future__ import annotations

from collections.abc import Iterable

from gdbstub.linux import ptrace_calls
from gdbstub.target.engine import CONTINUE, STEP, STOP, Vote
from gdbstub.tracer import calls, repeats
from gdbstub.tracer.holds import Holds
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.tracee import (
    DYING,
    GROUP_STOP,
    INTERRUPT_STOP,
    LISTENING,
    NO_STOP,
    RUNNING,
    SIGNAL_STOP,
    STOPPED,
    SYSCALL_STOP,
    StopKind,
    Tracee,
)
from gdbstub.tracer.world import World
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, EngineId

#: Stops in which a call may have been cut short.
_RESTING = (INTERRUPT_STOP, StopKind.CALLED)


class Settler:
    """Interrupts, resumes and steps threads as the votes have it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.holds = Holds(world)
        #: In the middle of an event or of settling: what changes now is settled at the end of it.
        self.busy = False

    @property
    def waiting(self) -> bool:
        """Tell whether something waits for every thread to stand."""
        if self._world.waiting:
            return True
        for inferior in self._world.inferiors.values():  # noqa: SIM110  (a generator costs more than this loop)
            if inferior.exclusive is not None:
                return True
        return False

    def _allowed(self, tracee: Tracee) -> Vote:
        """Return what a thread may do, the core's own holds included."""
        inferior = tracee.inferior
        if tracee.blocked or inferior.detaching:
            return STOP
        if inferior.exclusive is not None and tracee is not inferior.exclusive:
            return STOP
        if inferior.vfork_parents and tracee.tid not in inferior.vfork_parents:
            return STOP
        return inferior.arbiter.decide(tracee.tid)

    def settle(self) -> None:
        """Make the kernel agree with the votes, then tell who waited for quiet."""
        if self.busy:
            return
        self.busy = True
        try:
            while True:
                while self._world.dirty:
                    _, inferior = self._world.dirty.popitem()
                    self._settle_one(inferior)
                if self._world.waiting and self._tell_quiet():
                    continue
                if self._world.hold_watchers:
                    self.holds.look()
                if not self._world.dirty:
                    break
        finally:
            self.busy = False

    def _settle_one(self, inferior: Inferior) -> None:
        if inferior.running:
            for tracee in list(inferior.running.values()):
                if tracee.interrupting or tracee is inferior.exclusive:
                    continue
                if self._allowed(tracee) is STOP:
                    self._world.interrupt(tracee)
        if inferior.lends and inferior.running.keys() <= inferior.vfork_parents:
            lends, inferior.lends = inferior.lends, []
            for lend in lends:
                lend()
        if not inferior.running:
            # Nobody can be on the way into a patch that is out.
            inferior.sites.departed.clear()
        alone = inferior.exclusive
        if alone is not None:
            if alone.stopped:
                if self._allowed(alone) is STOP:
                    inferior.exclusive = inferior.over = None
                    self._world.mark(inferior)
                elif not inferior.running:
                    self._step_over(inferior, alone)
            return
        if inferior.detaching:
            return
        candidates = inferior.arbiter.candidates()
        if candidates is None:
            threads: Iterable[Tracee] = list(inferior.tracees.values())
        else:
            threads = [inferior.tracees[tid] for tid in candidates if tid in inferior.tracees]
        for tracee in threads:
            if tracee.state is STOPPED:
                vote = self._allowed(tracee)
                if vote is not STOP:
                    self._resume(tracee, vote)
                    if inferior.exclusive is not None:
                        self._world.mark(inferior)
                        return

    def _tell_quiet(self) -> bool:
        told = False
        for engine_id in list(self._world.waiting):
            if self.is_quiet(engine_id):
                self._world.waiting.discard(engine_id)
                engine = self._world.engines.get(engine_id)
                if engine is not None:
                    self._world.guard(engine_id, engine.on_quiet)
                    told = True
        return told

    def rerun(self, tracee: Tracee) -> None:
        """Resume one thread whose stop concerned nobody, where the votes allow it."""
        inferior = tracee.inferior
        if inferior.exclusive is not None or inferior.lends or tracee.awaited_by:
            self._world.mark(inferior)
            return
        vote = self._allowed(tracee)
        if vote is not STOP:
            self._resume(tracee, vote)
            if inferior.exclusive is not None:
                self._world.mark(inferior)

    def go_on(self, tracee: Tracee) -> None:
        """Do the same as ``rerun``, for a thread at a system call: mostly all that is needed is the request."""
        inferior = tracee.inferior
        if (
            inferior.exclusive is not None
            or inferior.lends
            or inferior.vfork_parents
            or inferior.detaching
            or tracee.awaited_by
            or tracee.blocked
            or tracee.call_changed
            or tracee.suspended is not None
            or tracee.skipped is not None
            or tracee.sent
            or tracee.arrival is not None
            or self._world.log is not None
            or inferior.arbiter.decide(tracee.tid) is not CONTINUE
        ):
            self.rerun(tracee)
            return
        tracee.mask_before = None
        inferior.runs += 1
        if tracee.entered_syscall is not None or (inferior.catching and not inferior.filtered):
            ptrace_calls.cont_to_syscall(tracee.tid)
        else:
            ptrace_calls.cont(tracee.tid)
        tracee.registers.invalidate()
        tracee.stop = NO_STOP
        tracee.signal = tracee.parked = NO_SIGNAL
        tracee.state = RUNNING
        inferior.running[tracee.tid] = tracee
        self._world.stirs += 1

    def _resume(self, tracee: Tracee, vote: Vote) -> None:
        inferior = tracee.inferior
        arrival = tracee.arrival
        try:
            if arrival is not None:
                site = inferior.sites.at(arrival.pc)
                registers = tracee.registers
                if site is None or not site.inserted:
                    if registers.pc == arrival.pc:
                        tracee.arrival = None
                elif registers.pc == arrival.pc and registers.sp == arrival.sp:
                    # An owner that does not take part will never be told: a fork child has its parent's sites.
                    untold = site.owners - arrival.engines
                    if not tracee.parked and not any(map(inferior.arbiter.has, untold)):
                        inferior.exclusive, inferior.over = tracee, site
                        return
                elif registers.sp > arrival.sp:
                    # It has returned past the frame it was in: whatever was under way there is over.
                    tracee.arrival = None
            self._request(tracee, vote)
        except TraceeGone:
            inferior.set_state(tracee, DYING)

    def _request(self, tracee: Tracee, vote: Vote) -> None:
        """Make the ptrace request.  PTRACE: the thread is in a ptrace-stop."""
        tid = tracee.tid
        inferior = tracee.inferior
        if self._world.log is not None:
            self._world.log(f"thread {tid}: {vote.name.lower()} from {tracee.stop.value}, signal {tracee.parked}")
        sig = NO_SIGNAL
        if tracee.stop is SIGNAL_STOP:
            sig = tracee.parked
            repeats.before_resume(tracee, sig)
        elif tracee.stop in _RESTING or tracee.suspended is not None:
            repeats.before_resume(tracee, NO_SIGNAL)
        elif tracee.stop is SYSCALL_STOP and (tracee.call_changed or tracee.skipped is not None or tracee.sent):
            sig = calls.prepare(tracee)
        followed = inferior.catching or tracee.entered_syscall is not None
        if vote is STEP and followed and calls.comes_next(tracee, sig):
            # PTRACE: a single step over the instruction that enters the kernel gives no syscall-stops; a call that
            # was seen to begin must be seen to end, though nobody catches any more.
            tracee.mask_before = None
            inferior.runs += 1
            ptrace_calls.cont_to_syscall(tid, sig)
            tracee.stepping_call = True
        elif vote is STEP:
            if tracee.mask_before is None:
                tracee.mask_before = ptrace_calls.read_signal_mask(tid)
            tracee.stepped_from = tracee.registers.general()
            ptrace_calls.step(tid, sig)
            tracee.stepping = True
        elif tracee.stop is GROUP_STOP:
            # PTRACE: LISTEN is legal in a group-stop only; job control, not we, decides when it ends.
            ptrace_calls.listen(tid)
            tracee.registers.invalidate()
            tracee.stop = NO_STOP
            inferior.set_state(tracee, LISTENING)
            return
        else:
            tracee.mask_before = None
            inferior.runs += 1
            if tracee.entered_syscall is not None or (inferior.catching and not inferior.filtered):
                ptrace_calls.cont_to_syscall(tid, sig)
            else:
                ptrace_calls.cont(tid, sig)
        tracee.registers.invalidate()
        tracee.stop = NO_STOP
        tracee.cause = None
        tracee.signal = tracee.parked = tracee.sent = NO_SIGNAL
        tracee.state = RUNNING
        inferior.running[tid] = tracee
        self._world.stirs += 1

    def fetch_trap(self, tracee: Tracee, stepping: bool) -> None:
        """Let a thread dequeue its SIGTRAP: it stops for that before it runs an instruction."""
        tracee.inferior.runs += 1
        try:
            ptrace_calls.cont(tracee.tid)
        except TraceeGone:
            tracee.inferior.set_state(tracee, DYING)
            return
        tracee.registers.invalidate()
        tracee.stop = NO_STOP
        tracee.stepping = stepping
        # It is about to stop by itself; an interrupt would only come first again.
        tracee.interrupting = True
        tracee.inferior.set_state(tracee, RUNNING)

    def _step_over(self, inferior: Inferior, tracee: Tracee) -> None:
        """Run the instruction under a site while everything else stands."""
        site = inferior.over
        assert site is not None
        inferior.sites.lift(site)
        try:
            instruction = inferior.memory.read(site.address, 2)
        except TargetError:
            # The page or the process is gone: the step itself says which.
            instruction = b""
        try:
            if instruction in inferior.spec.syscall_instructions:
                # It may sleep in the kernel for ever: the entry stop comes before that, and after it the
                # instruction has been fetched and the patch can be back.
                inferior.runs += 1
                ptrace_calls.cont_to_syscall(tracee.tid)
            else:
                if tracee.mask_before is None:
                    tracee.mask_before = ptrace_calls.read_signal_mask(tracee.tid)
                tracee.stepped_from = tracee.registers.general()
                ptrace_calls.step(tracee.tid)
                tracee.stepping = True
        except TraceeGone:
            inferior.sites.put_back(site)
            inferior.exclusive = inferior.over = None
            inferior.set_state(tracee, DYING)
            self._world.mark(inferior)
            return
        tracee.registers.invalidate()
        tracee.stop = NO_STOP
        tracee.signal = tracee.parked = NO_SIGNAL
        inferior.set_state(tracee, RUNNING)
        self._world.stirs += 1

    def is_quiet(self, engine_id: EngineId) -> bool:
        """Tell whether every thread of the inferiors that the engine takes part in is stopped."""
        for inferior in self._world.inferiors.values():
            busy = inferior.running or inferior.exclusive is not None or inferior.births
            if busy and inferior.arbiter.has(engine_id):
                return False
        return True
