"""Wait statuses to events: what each stop of a thread means, and who is told.

Layer: tracer.  Used by: tracer, driver.

ESRCH from a thread that was thought stopped means that it was killed: it is
marked DYING, and its exit arrives as a status of its own.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from functools import partial
from typing import Final

from gdbstub.linux import debugregs, procfs, ptrace_calls
from gdbstub.linux.constants import PTRACE_EVENT_EXEC, PTRACE_EVENT_SECCOMP, SI_TKILL
from gdbstub.linux.wait import StatusKind, WaitStatus, decode, is_stop, reap, reap_one
from gdbstub.target.engine import STEP
from gdbstub.target.events import (
    Interrupted,
    JobContinued,
    JobStopped,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    WatchHit,
    WatchKind,
)
from gdbstub.tracer import pushedflags, sigmask
from gdbstub.tracer.births import Births
from gdbstub.tracer.callstops import CALL_STOPS, CallStops
from gdbstub.tracer.conditions import is_told
from gdbstub.tracer.debugslots import SlotKind
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.injections import Injection
from gdbstub.tracer.leaving import Leaving
from gdbstub.tracer.orphans import Orphans
from gdbstub.tracer.settler import Settler
from gdbstub.tracer.tracee import (
    DYING,
    EVENT_STOP,
    GROUP_STOP,
    INTERRUPT_STOP,
    SIGNAL_STOP,
    STOPPED,
    SYSCALL_STOP,
    ZOMBIE,
    Arrival,
    Tracee,
)
from gdbstub.tracer.traps import SI_KERNEL, TRAP_HWBKPT, TRAP_TRACE, Trap, classify
from gdbstub.tracer.world import World
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Pid, Signo, Tid

_WATCH_KIND = {
    SlotKind.WRITE: WatchKind.WRITE,
    SlotKind.READ: WatchKind.READ,
    SlotKind.ACCESS: WatchKind.ACCESS,
}

# By names of their own, like ``target.engine.STOP``.
_EXITED: Final = StatusKind.EXITED
_KILLED: Final = StatusKind.KILLED
_OF_SIGNAL: Final = StatusKind.SIGNAL_STOP
_OF_SYSCALL: Final = StatusKind.SYSCALL_STOP
_OF_EVENT: Final = StatusKind.EVENT_STOP
_OF_GROUP: Final = StatusKind.GROUP_STOP
_OF_INTERRUPT: Final = StatusKind.INTERRUPT_STOP
_TRAP_IS_SIGNAL: Final = Trap.SIGNAL
_TRAP_OF_SITE: Final = Trap.SITE
_TRAP_OF_SLOT: Final = Trap.SLOT

_SIGTRAP = Signo(signal.SIGTRAP)
#: From how many threads on each that is about to stop is asked by itself.
_MANY = 64
#: What a trap instruction raises where it cannot be executed: on a stack, say.
_FAULTS_AT_SITES = frozenset({Signo(signal.SIGILL), Signo(signal.SIGSEGV)})


class Statuses:
    """Takes wait statuses in."""

    def __init__(self, world: World, settler: Settler) -> None:
        self._world = world
        self._settler = settler
        self._leaving = Leaving(world, settler, self._drain_and_look)
        self._births = Births(world, settler, self._leaving, self._stopped)
        self._orphans = Orphans(world)
        self._calls = CallStops(world, settler, self._step_done)

    @property
    def leaving(self) -> Leaving:
        """The part that lets processes go."""
        return self._leaving

    def _drain_and_look(self) -> None:
        self.drain()
        self.check_zombie_leaders()

    def take(self) -> bool:
        """Handle one status; tell whether there was one."""
        status = reap()
        if status is None:
            if self._world.orphans:
                self._orphans.sweep()
            return False
        self.handle(*status)
        if len(self._world.tracees) >= _MANY:
            self._drain_crowds()
        return True

    def drain(self) -> bool:
        """Handle every status that is there; tell whether there were any."""
        found = False
        while self.take():
            found = True
        return found

    def _drain_crowds(self) -> None:
        """Handle the statuses of threads that were told to stop, where there are very many."""
        for inferior in list(self._world.inferiors.values()):
            if len(inferior.running) < _MANY:
                continue
            for tracee in [each for each in inferior.running.values() if each.interrupting]:
                raw = reap_one(tracee.tid)
                if raw is not None:
                    self.handle(tracee.tid, raw)

    def handle(self, tid: Tid, raw: int) -> None:
        """Handle one wait status."""
        tracee = self._world.tracees.get(tid) or self._new_leader(tid, raw)
        if tracee is None:
            if is_stop(raw):
                self._world.orphans[tid] = raw
            else:
                self._world.orphans.pop(tid, None)
                # A program of ours that was let go, or a thread of it.
                self._world.on_child_exit(Pid(tid))
            return
        nested, self._settler.busy = self._settler.busy, True
        try:
            if raw in CALL_STOPS and self._calls.is_plain(tracee):
                self._calls.pass_through(tracee)
                return
            status = decode(raw)
            if self._world.log is not None:
                self._world.log(f"thread {tid}: {status.kind.value} {status.detail}")
            if status.kind is _EXITED or status.kind is _KILLED:
                self._ended(tracee, status)
            else:
                self._stopped(tracee, status)
        except TraceeGone as gone:
            dying = self._world.tracees.get(Tid(gone.tid))
            if dying is not None:
                dying.inferior.set_state(dying, DYING)
                self._world.mark(dying.inferior)
        except TargetError as failure:
            # A request that the kernel refuses to this one thread must not stop the others.
            if self._world.log is not None:
                self._world.log(f"thread {tid}: {failure}")
            self._world.mark(tracee.inferior)
        finally:
            self._settler.busy = nested
            if self._world.dirty or self._world.waiting or self._world.hold_watchers:
                self._settler.settle()

    def _new_leader(self, tid: Tid, raw: int) -> Tracee | None:
        """Take in a thread to which an exec gave the name of a leader that is not traced, or not any more."""
        inferior = self._world.inferiors.get(Pid(tid))
        if inferior is None or not is_stop(raw):
            return None
        status = decode(raw)
        if status.kind is not _OF_EVENT or status.detail != PTRACE_EVENT_EXEC:
            return None
        tracee = self._world.tracees[tid] = inferior.add(tid)
        return tracee

    def _stopped(self, tracee: Tracee, status: WaitStatus) -> None:
        inferior = tracee.inferior
        inferior.set_state(tracee, STOPPED)
        interrupted, tracee.interrupting = tracee.interrupting, False
        stepping, tracee.stepping = tracee.stepping, False
        stepping_call, tracee.stepping_call = tracee.stepping_call, False
        leaves_exec, tracee.leaves_exec = tracee.leaves_exec, False
        kind = status.kind
        if stepping and (kind is not _OF_SIGNAL or status.detail != _SIGTRAP):
            # Only the trap that ends a step tells that there was no system call in it.
            inferior.runs += 1
        if kind is not _OF_SYSCALL:
            tracee.starting = False
        over = inferior.exclusive is tracee
        if over and inferior.over is not None:
            inferior.sites.put_back(inferior.over)
            inferior.exclusive = inferior.over = None
            self._world.mark(inferior)
            if kind is _OF_SYSCALL:
                # The instruction has been run: to come here again is another hit.
                tracee.arrival = None
        if tracee.injection is not None:
            self._stopped_for_us(tracee, tracee.injection, status)
            return
        if inferior.detaching:
            at_rest = kind is _OF_INTERRUPT or kind is _OF_GROUP
            if at_rest and self._trap_is_queued(tracee, stepping):
                self._settler.fetch_trap(tracee, stepping)
                return
            self._leaving.stopped_while_leaving(tracee, status)
            return
        if tracee.newborn:
            tracee.newborn = False
            if inferior.slots.armed:
                tracee.rearm = True
            if tracee.on_first_stop is not None:
                tracee.stop = INTERRUPT_STOP
                arrived, tracee.on_first_stop = tracee.on_first_stop, None
                arrived()
                return
            if inferior.startup is None:
                self._world.offer(tracee, ThreadStarted(inferior.pid, tracee.tid), inferior.arbiter.engines())
        if tracee.rearm:
            tracee.rearm = False
            # A new program starts without any.
            if kind is not _OF_EVENT or status.detail != PTRACE_EVENT_EXEC:
                inferior.arm(tracee)
        if tracee.job_stopped is not (kind is _OF_GROUP):
            self._job_control(tracee, status)
        if kind is _OF_SIGNAL:
            tracee.stop = SIGNAL_STOP
            if status.detail == _SIGTRAP:
                self._trap(tracee, stepping, over, leaves_exec)
            else:
                self._signal(tracee, Signo(status.detail))
        elif kind is _OF_SYSCALL:
            tracee.stop = SYSCALL_STOP
            self._calls.stopped(tracee, interrupted, stepping_call and not leaves_exec)
        elif kind is _OF_EVENT:
            tracee.stop = EVENT_STOP
            if status.detail == PTRACE_EVENT_SECCOMP:
                tracee.stop = SYSCALL_STOP
                self._calls.stopped(tracee, interrupted, stepping_call)
            else:
                self._births.event_stop(tracee, status.detail)
        else:
            tracee.stop = INTERRUPT_STOP if kind is _OF_INTERRUPT else GROUP_STOP
            if self._trap_is_queued(tracee, stepping):
                tracee.leaves_exec = leaves_exec
                self._settler.fetch_trap(tracee, stepping)
                return
            self._settler.rerun(tracee)
        self._answer_awaited(tracee)

    def _stopped_for_us(self, tracee: Tracee, injection: Injection, status: WaitStatus) -> None:
        """Let a call that a thread makes on our behalf go on; once it is over the thread stands as before."""
        try:
            if not injection.stopped(status):
                return
        except TraceeGone:
            raise
        except TargetError as failure:
            injection.fail(failure)
            raise
        inferior = tracee.inferior
        if inferior.detaching:
            self._leaving.release_late(tracee)
            return
        if tracee.rearm:
            tracee.rearm = False
            inferior.arm(tracee)
        self._settler.rerun(tracee)
        self._answer_awaited(tracee)

    def _answer_awaited(self, tracee: Tracee) -> None:
        """Tell the engines that asked for this one thread to stop."""
        inferior = tracee.inferior
        if tracee.awaited_by and tracee.state is STOPPED:
            awaited, tracee.awaited_by = tracee.awaited_by, set()
            self._world.offer(
                tracee,
                Interrupted(inferior.pid, tracee.tid),
                [e for e in inferior.arbiter.engines() if e in awaited],
            )
            self._world.mark(inferior)

    def _job_control(self, tracee: Tracee, status: WaitStatus) -> None:
        """Tell of the beginning or the end of a group-stop; a thread that is interrupted in one reports it again."""
        inferior = tracee.inferior
        tracee.job_stopped = not tracee.job_stopped
        event: TraceEvent = JobContinued(inferior.pid, tracee.tid)
        if tracee.job_stopped:
            event = JobStopped(inferior.pid, tracee.tid, Signo(status.detail))
        self._world.offer(tracee, event, inferior.arbiter.engines())

    def _signal(self, tracee: Tracee, sig: Signo) -> None:
        inferior = tracee.inferior
        tracee.signal = tracee.parked = sig
        if tracee.suspended is not None:
            # The call is over after all: what becomes of it is up to the signal.
            self._calls.tell_suspended(tracee)
        if inferior.startup is not None:
            self._settler.rerun(tracee)
            return
        if sig in tracee.injected:
            info = ptrace_calls.siginfo(tracee.tid)
            if info.code == SI_TKILL and info.pid == self._world.my_pid:
                tracee.injected.remove(sig)
                self._settler.rerun(tracee)
                return
        arbiter = inferior.arbiter
        site = inferior.sites.at(Addr(tracee.registers.pc)) if sig in _FAULTS_AT_SITES and inferior.sites else None
        interested = [
            engine_id
            for engine_id in arbiter.engines()
            if (
                self._world.ask(engine_id, lambda engine: not engine.passes(inferior.pid, sig))
                or arbiter.vote_of(engine_id, tracee.tid) is STEP
                # QUIRK(gdb, all): the return address of its calls is a breakpoint on the stack.
                or (site is not None and engine_id in site.owners)
            )
        ]
        if interested:
            self._world.offer(tracee, SignalStop(inferior.pid, tracee.tid, sig), interested)
        self._settler.rerun(tracee)

    def _trap(self, tracee: Tracee, stepping: bool, over: bool, leaves_exec: bool) -> None:
        inferior = tracee.inferior
        code = ptrace_calls.siginfo_code(tracee.tid)
        if stepping and code != TRAP_TRACE:
            inferior.runs += 1
        registers = tracee.registers
        at_site = False
        before = Addr(0)
        if code == SI_KERNEL:
            before = Addr(registers.pc - inferior.spec.pc_correction)
            at_site = inferior.sites.explains(before)
        hits: list[tuple[EngineId, SlotKind, Addr]] = []
        late = False
        if inferior.slots.armed or code == TRAP_HWBKPT:
            status = debugregs.read_status(tracee.tid)
            if status & 0xF:
                hits = inferior.slots.hits(status)
                # Nobody owns the slot any more, and the program knows nothing of it.
                late = code == TRAP_HWBKPT
                debugregs.clear_status(tracee.tid)
        meaning = classify(code, stepping=stepping, at_site=at_site, slot_hit=late or bool(hits))
        if meaning is _TRAP_IS_SIGNAL:
            self._signal(tracee, _SIGTRAP)
            return
        tracee.signal = tracee.parked = NO_SIGNAL
        tracee.mask_before = sigmask.restore(tracee.tid, tracee.mask_before, code, registers, inferior.memory)
        if stepping and code == TRAP_TRACE:
            pushedflags.mend(tracee)
        if meaning is _TRAP_OF_SITE:
            registers.set_pc(before)
            self._site_hit(tracee, before, stepping)
        elif meaning is _TRAP_OF_SLOT:
            if over and tracee.arrival is not None and registers.pc != tracee.arrival.pc:
                tracee.arrival = None
            self._slot_hit(tracee, hits, stepping)
        elif leaves_exec and code != TRAP_TRACE:
            # PTRACE: at its event an exec has still to return, and a step ends there: nothing of the new program ran.
            self._settler.rerun(tracee)
        else:
            if over:
                tracee.arrival = None
            self._step_done(tracee)

    @staticmethod
    def _trap_is_queued(tracee: Tracee, stepping: bool) -> bool:
        """Tell whether a trap of ours happened and an interrupt-stop was reported before it.

        The kernel serves a pending interrupt before it dequeues the SIGTRAP that
        the thread has already run into.  Were the thread left here, its pc would be
        past the trap instruction, and the signal would come when nobody remembers why.
        """
        inferior = tracee.inferior
        if not stepping and not inferior.slots.armed:
            if not inferior.sites and not inferior.sites.departed:
                return False
            if not inferior.sites.explains(Addr(tracee.registers.pc - inferior.spec.pc_correction)):
                return False
        return any(sig == _SIGTRAP and code > 0 for sig, code in ptrace_calls.queued_signals(tracee.tid))

    def _site_hit(self, tracee: Tracee, address: Addr, stepping: bool) -> None:
        inferior = tracee.inferior
        site = inferior.sites.at(address)
        sp = Addr(tracee.registers.sp)
        arrival = tracee.arrival
        if arrival is None or arrival.pc != address or arrival.sp != sp:
            arrival = tracee.arrival = Arrival(address, sp)
        owners: list[EngineId] = []
        held = False
        if site is not None and inferior.startup is None:
            owners = [e for e in inferior.arbiter.engines() if e in site.owners and e not in arrival.engines]
        if owners:
            arrival.engines.update(owners)
            if inferior.rules:
                owners = [e for e in owners if self._is_told(tracee, e, address, hardware=False)]
            held = self._world.offer(tracee, SiteHit(inferior.pid, tracee.tid, address, hardware=False), owners)
        if not held and site is not None and site.shadow == inferior.spec.trap:
            # Below the patch the program has a trap of its own, which has run by now as far as it ever will.
            tracee.arrival = None
            tracee.registers.set_pc(Addr(address + inferior.spec.pc_correction))
            if stepping:
                self._step_done(tracee)
                return
        self._settler.rerun(tracee)

    def _is_told(self, tracee: Tracee, engine_id: EngineId, address: Addr, *, hardware: bool) -> bool:
        rules = tracee.inferior.rules.get((engine_id, address, hardware))
        return rules is None or is_told(tracee, rules, self._world.variables)

    def _slot_hit(self, tracee: Tracee, hits: Sequence[tuple[EngineId, SlotKind, Addr]], stepping: bool) -> None:
        inferior = tracee.inferior
        if inferior.read_values:
            hits = _reads_only(inferior, hits)
        if inferior.rules:
            hits = [
                (engine_id, kind, address)
                for engine_id, kind, address in hits
                if kind is not SlotKind.EXECUTE or self._is_told(tracee, engine_id, address, hardware=True)
            ]
        found: dict[EngineId, list[tuple[SlotKind, Addr]]] = {}
        for engine_id, kind, address in hits:
            found.setdefault(engine_id, []).append((kind, address))
        for engine_id, ((kind, address), *others) in found.items():
            if kind is SlotKind.EXECUTE:
                event: TraceEvent = SiteHit(inferior.pid, tracee.tid, address, hardware=True)
            else:
                more = tuple((_WATCH_KIND[each], at) for each, at in others if each is not SlotKind.EXECUTE)
                event = WatchHit(inferior.pid, tracee.tid, address, _WATCH_KIND[kind], more)
            self._world.offer(tracee, event, [engine_id])
        if stepping:
            self._step_done(tracee, but=set(found))
            return
        self._settler.rerun(tracee)

    def _step_done(self, tracee: Tracee, but: set[EngineId] | None = None) -> None:
        arbiter = tracee.inferior.arbiter
        finished = []
        for engine_id in arbiter.steppers(tracee.tid):
            if but is not None and engine_id in but:
                continue
            stepping = arbiter.range_of(engine_id, tracee.tid)
            if stepping is None or not stepping[0] <= tracee.registers.pc < stepping[1]:
                finished.append(engine_id)
        if finished:
            self._world.offer(tracee, StepDone(tracee.inferior.pid, tracee.tid), finished)
        self._settler.rerun(tracee)

    def _ended(self, tracee: Tracee, status: WaitStatus) -> None:
        inferior = tracee.inferior
        if inferior.exclusive is tracee:
            if inferior.over is not None:
                inferior.sites.put_back(inferior.over)
            inferior.exclusive = inferior.over = None
        # PTRACE: a thread that waits for its vfork child is ended with its whole process only.  The child may have
        # the memory still, so nothing is put back, unless there are processes that share it for good.
        if (inferior.lenders or inferior.vfork_parents) and any(
            procfs.thread_group(each) not in (None, inferior.pid) for each in inferior.tracees
        ):
            self._births.end_vfork(tracee)
        self._world.drop(tracee)
        self._world.mark(inferior)
        leader = tracee.tid == Tid(inferior.pid)
        if leader and any(procfs.thread_group(each) not in (None, inferior.pid) for each in inferior.tracees):
            # Processes that share the memory outlive it; the inferior ends with the last of them.
            inferior.leader_status = status
            return
        if tracee.on_first_stop is not None:
            tracee.state = DYING
            if not inferior.tracees:
                self._world.forget(inferior)
            tracee.on_first_stop()
        elif leader or not inferior.tracees:
            # A zombie leader that could not be seized ends unseen: then its last thread's end is the process's.
            self._process_ended(inferior, inferior.leader_status or status)
        else:
            if not inferior.detaching:
                killed = status.kind is _KILLED
                event = ThreadExited(
                    inferior.pid,
                    tracee.tid,
                    status.detail,
                    Signo(status.detail) if killed else None,
                )
                self._world.offer(tracee, event, inferior.arbiter.engines())

    def _process_ended(self, inferior: Inferior, status: WaitStatus) -> None:
        engines = inferior.arbiter.engines()
        startup = inferior.startup
        if status.kind is _KILLED:
            sig = Signo(status.detail)
            event = ProcessExited(inferior.pid, Tid(inferior.pid), 0, sig, status.dumped_core)
        else:
            event = ProcessExited(inferior.pid, Tid(inferior.pid), status.detail, None)
        detaching = inferior.detaching
        self._world.forget(inferior)
        if detaching:
            return
        told: TraceEvent = event
        if startup is not None:
            text = startup.failure() or f"During startup program {_ending(status)}."
            told = LaunchFailed(inferior.pid, Tid(inferior.pid), text, startup.cause() or text)
        for engine_id in engines:
            engine = self._world.engines.get(engine_id)
            if engine is not None and type(told) in engine.wants:
                self._world.guard(engine_id, partial(engine.on_event, told))

    def check_zombie_leaders(self) -> bool:
        """Find leaders that exited before their threads: no status says so.

        Returns:
            True while something is still waited for.
        """
        for inferior in list(self._world.inferiors.values()):
            leader = inferior.running.get(Tid(inferior.pid))
            if leader is None or len(inferior.tracees) < 2:
                continue
            if not leader.interrupting and len(inferior.running) > 1:
                # Nobody waits for it: not to stand, nor to be the last that runs.
                continue
            if procfs.state(leader.tid) in ("Z", "X"):
                inferior.set_state(leader, ZOMBIE)
                self._world.mark(inferior)
                if not inferior.detaching:
                    event = ThreadExited(inferior.pid, leader.tid, 0)
                    self._world.offer(leader, event, inferior.arbiter.engines())
        if self._world.dirty:
            self._settler.settle()
        return self._settler.waiting or self._world.lonely


def _reads_only(
    inferior: Inferior, hits: Sequence[tuple[EngineId, SlotKind, Addr]]
) -> list[tuple[EngineId, SlotKind, Addr]]:
    """Leave out the hits for reads where the access was a write."""
    written = {address for _, kind, address in hits if kind is SlotKind.WRITE}
    written |= {address for address in {at for _, _, at in hits} if inferior.was_written(address)}
    return [hit for hit in hits if hit[1] is not SlotKind.READ or hit[2] not in written]


def _ending(status: WaitStatus) -> str:
    if status.kind is _KILLED:
        return f"terminated with signal {signal.Signals(status.detail).name}"
    return f"exited with code {status.detail}"
