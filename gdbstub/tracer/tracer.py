"""The tracer: wait statuses in, events to engines, votes back, ptrace requests out.

Layer: tracer.  Implements: target.ops.Target.  Used by: driver, engines (as Target).

Theory of operation.  A status of a thread becomes a stop (its kind, its signal),
the stop becomes an event, the event is offered to the engines it concerns, and
their ballots are amended by what they answer.  Nothing is resumed or stopped in
the middle of that: an inferior whose votes may have changed is only marked, and
``_settle`` then makes the kernel agree with the votes, interrupting what must
stand and resuming what may run.  When everything that an engine holds stands,
it is told (``on_quiet``): that is when a stop reply can be sent.

Two things overrule the votes while they last, because they warp what all
engines share: a thread that steps over a site runs alone (``exclusive``), and
while a vfork child borrows the memory its patches are out and the siblings of
the parent stand still (``vfork_parent``).

ESRCH from a thread that was thought stopped means that it was killed: it is
marked DYING, and its exit arrives as a status of its own.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from gdbstub.arch.spec import ArchSpec
from gdbstub.linux import debugregs, diagnose, osdata, procfs, ptrace_calls, tls
from gdbstub.linux.constants import (
    PTRACE_EVENT_CLONE,
    PTRACE_EVENT_EXEC,
    PTRACE_EVENT_FORK,
    PTRACE_EVENT_VFORK,
    PTRACE_EVENT_VFORK_DONE,
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACECLONE,
    PTRACE_O_TRACEEXEC,
    PTRACE_O_TRACEFORK,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_O_TRACEVFORK,
    PTRACE_O_TRACEVFORKDONE,
    SI_TKILL,
)
from gdbstub.linux.libraries import svr4_xml
from gdbstub.linux.memory import ProcessMemory
from gdbstub.linux.spawn import spawn
from gdbstub.linux.wait import StatusKind, WaitStatus, decode, is_stop, reap
from gdbstub.target.engine import Engine, Vote
from gdbstub.target.events import (
    Execed,
    Forked,
    ForkKind,
    Interrupted,
    Launched,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    VforkDone,
    WatchHit,
    WatchKind,
)
from gdbstub.target.ops import LaunchSpec, ThreadAction, ThreadInfo
from gdbstub.tracer import sigmask
from gdbstub.tracer.debugslots import SlotKind
from gdbstub.tracer.inferior import Inferior, Startup
from gdbstub.tracer.tracee import Arrival, RunState, StopKind, Tracee
from gdbstub.tracer.traps import SI_KERNEL, Trap, classify
from gdbstub.vocab.errors import StubError, TargetError, TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Pid, Signo, Tid

_OPTIONS = (
    PTRACE_O_TRACESYSGOOD
    | PTRACE_O_TRACECLONE
    | PTRACE_O_TRACEFORK
    | PTRACE_O_TRACEVFORK
    | PTRACE_O_TRACEVFORKDONE
    | PTRACE_O_TRACEEXEC
)

#: How long letting go waits for threads that do not stop (uninterruptible sleep), seconds.
_DETACH_PATIENCE = 1.0

_SLOT_KIND = {
    WatchKind.WRITE: SlotKind.WRITE,
    WatchKind.READ: SlotKind.READ,
    WatchKind.ACCESS: SlotKind.ACCESS,
}
_WATCH_KIND = {slot: watch for watch, slot in _SLOT_KIND.items()}

#: The instructions that enter the kernel and may stay there: ``syscall``, ``sysenter``, ``int 0x80``.
_SYSCALL_INSTRUCTIONS = (b"\x0f\x05", b"\x0f\x34", b"\xcd\x80")

SIGTRAP = Signo(signal.SIGTRAP)


class Tracer:
    """The one owner of ptrace."""

    def __init__(
        self,
        keeper: EngineId,
        on_engine_failure: Callable[[EngineId, Exception], None],
        on_child_exit: Callable[[Pid], None],
    ) -> None:
        #: The engine that stands for the server itself: it takes part in every inferior, and first.
        self._keeper = keeper
        self._on_child_exit = on_child_exit
        self._inferiors: dict[Pid, Inferior] = {}
        self._tracees: dict[Tid, Tracee] = {}
        self._engines: dict[EngineId, Engine] = {}
        self._on_engine_failure = on_engine_failure
        #: First stops that came before the event that announces the thread.
        self._orphans: dict[Tid, int] = {}
        self._dirty: dict[Pid, Inferior] = {}
        self._waiting: set[EngineId] = set()
        #: In the middle of an event or of settling: what changes now is settled at the end of it.
        self._busy = False
        #: Engines that hold a fork child rather than let it go, and which kinds.
        self._fork_wishes: dict[EngineId, frozenset[ForkKind]] = {}
        self._my_pid = os.getpid()
        #: Takes a line about each status and each resume; None: quiet.
        self.log: Callable[[str], None] | None = None
        #: Resumes so far: the driver polls for a while after a packet that added to it.
        self.resumes = 0

    # ------------------------------------------------------------ engines

    def attach_engine(self, engine: Engine) -> None:
        """Let an engine take part; it votes CONTINUE on everything until it says otherwise."""
        self._engines[engine.engine_id] = engine

    def detach_engine(self, engine_id: EngineId) -> None:
        """Withdraw an engine's votes, sites and slots.  What only it held runs on."""
        self._engines.pop(engine_id, None)
        self._waiting.discard(engine_id)
        self._fork_wishes.pop(engine_id, None)
        for inferior in list(self._inferiors.values()):
            self._leave(inferior, engine_id)
        self._settle()

    def _leave(self, inferior: Inferior, engine_id: EngineId) -> None:
        inferior.sites.release_owner(engine_id)
        if inferior.slots.release_owner(engine_id):
            self._rearm(inferior)
        inferior.arbiter.leave(engine_id)
        for tracee in inferior.tracees.values():
            tracee.awaited_by.discard(engine_id)
        self._recount_catches(inferior)
        self._mark(inferior)

    def join(self, engine_id: EngineId, pid: Pid) -> None:
        """Take part in an inferior that is there already; its threads go on as they are."""
        self._inferior(pid).arbiter.enter(engine_id)

    def joined(self, engine_id: EngineId) -> list[Pid]:
        """Return the inferiors an engine takes part in."""
        return [pid for pid, inferior in self._inferiors.items() if inferior.arbiter.has(engine_id)]

    def engines_of(self, pid: Pid) -> list[EngineId]:
        """Return who takes part in an inferior, in order of attachment."""
        return self._inferior(pid).arbiter.engines()

    def fork_events(self, engine_id: EngineId, kinds: frozenset[ForkKind]) -> None:
        """Ask for children to be kept for this engine (``Forked``) rather than let go."""
        self._fork_wishes[engine_id] = kinds

    # ------------------------------------------------------------ processes

    def pids(self) -> list[Pid]:
        """Return the inferiors, oldest first."""
        return list(self._inferiors)

    def is_attached(self, pid: Pid) -> bool:
        """Tell an attached process from one that was launched."""
        return self._inferior(pid).attached

    def _inferior(self, pid: Pid) -> Inferior:
        inferior = self._inferiors.get(pid)
        if inferior is None or inferior.detaching:
            raise TargetError(errno.ESRCH, f"process {pid} is not traced")
        return inferior

    def _tracee(self, tid: Tid) -> Tracee:
        tracee = self._tracees.get(tid)
        if tracee is None:
            raise TraceeGone(tid)
        return tracee

    def launch(self, engine_id: EngineId, spec: LaunchSpec) -> Pid:
        """Start a program; ``Launched`` or ``LaunchFailed`` arrives later.

        Raises:
            TargetError: It could not be started.
        """
        child = spawn(spec)
        try:
            ptrace_calls.seize(Tid(child.pid), _OPTIONS | PTRACE_O_EXITKILL)
        except TargetError as refusal:
            os.kill(child.pid, signal.SIGKILL)
            child.release()
            os.waitpid(child.pid, 0)
            raise TargetError(refusal.errno, diagnose.refusal(child.pid, refusal.errno)) from None
        inferior = Inferior(child.pid, attached=False)
        inferior.startup = Startup(engine_id, child.execs_to_skip, child.failure)
        self._inferiors[child.pid] = inferior
        self._tracees[Tid(child.pid)] = inferior.add(Tid(child.pid))
        inferior.arbiter.enter(self._keeper)
        inferior.arbiter.enter(engine_id)
        self.resumes += 1
        child.release()
        return child.pid

    def seize(self, engine_id: EngineId, pid: Pid) -> None:
        """Trace a running process, all of its threads; the engine holds it at once.

        Raises:
            TargetError: The kernel refused; the text says which rule did and what to do.
        """
        if pid in self._inferiors:
            raise TargetError(errno.EBUSY, f"process {pid} is traced by this server already")
        group = procfs.thread_group(Tid(pid))
        if group is not None and group != pid:
            raise TargetError(errno.EPERM, f"{pid} is a thread of process {group}; attach to {group}")
        taken: list[Tid] = []
        refused: TargetError | None = None
        known: set[Tid] = set()
        while True:
            fresh = [tid for tid in procfs.thread_ids(pid) if tid not in known]
            if not fresh:
                break
            for tid in fresh:
                known.add(tid)
                try:
                    ptrace_calls.seize(tid, _OPTIONS)
                    taken.append(tid)
                except TraceeGone:
                    continue
                except TargetError as refusal:
                    # A thread born of one that is seized already is ours before this scan reaches it; a
                    # zombie leader can no longer be seized, and its threads can.
                    if tid == Tid(pid):
                        refused = refusal
        if not taken:
            code = refused.errno if refused is not None else errno.ESRCH
            raise TargetError(code, diagnose.refusal(pid, code))
        inferior = Inferior(pid, attached=True)
        self._inferiors[pid] = inferior
        for tid in taken:
            self._tracees[tid] = inferior.add(tid)
        inferior.arbiter.enter(self._keeper)
        inferior.arbiter.enter(engine_id)
        inferior.arbiter.hold_all(engine_id)
        self._waiting.add(engine_id)
        self._mark(inferior)
        self._settle()

    def detach(self, pid: Pid, engine_id: EngineId | None = None) -> None:
        """Leave an inferior.  The last engine to leave ends tracing; its parked signals are delivered."""
        inferior = self._inferior(pid)
        if engine_id is not None:
            self._leave(inferior, engine_id)
            if any(each != self._keeper for each in inferior.arbiter.engines()):
                self._settle()
                return
        self._let_go(inferior)

    def _let_go(self, inferior: Inferior) -> None:
        """End tracing: every thread must stop once more, because PTRACE_DETACH needs a ptrace-stop."""
        others = [each for each in inferior.arbiter.engines() if each in self._engines]
        inferior.detaching = True
        self._mark(inferior)
        self._settle()
        deadline = time.monotonic() + _DETACH_PATIENCE
        while inferior.running and inferior.pid in self._inferiors and time.monotonic() < deadline:
            self.drain()
            self.check_zombie_leaders()
        if inferior.pid not in self._inferiors:
            return
        inferior.sites.remove_all()
        inferior.released = True
        stopped = [each for each in inferior.tracees.values() if each.stopped]
        # The leader goes last: clone children it has not been told of yet are still ours until then.
        for tracee in sorted(stopped, key=lambda each: each.tid == Tid(inferior.pid)):
            self._release(tracee)
        if inferior.tracees and all(each.state is not RunState.RUNNING for each in inferior.tracees.values()):
            for tracee in list(inferior.tracees.values()):
                self._drop(tracee)
        if not inferior.tracees:
            self._forget(inferior)
        for each in others:
            self._engines[each].on_lost(inferior.pid)

    def _release(self, tracee: Tracee) -> None:
        """Detach one stopped thread, passing on what it was about to be sent."""
        sig = tracee.parked if tracee.stop is StopKind.SIGNAL else NO_SIGNAL
        try:
            if tracee.inferior.slots.armed:
                debugregs.write(tracee.tid, (0, 0, 0, 0, 0))
            ptrace_calls.detach(tracee.tid, sig)
        except TargetError:
            # Killed meanwhile: an untraced death is its parent's business alone.
            tracee.state = RunState.DYING
        self._drop(tracee)

    def _drop(self, tracee: Tracee) -> None:
        self._tracees.pop(tracee.tid, None)
        tracee.inferior.remove(tracee)

    def _forget(self, inferior: Inferior) -> None:
        for tracee in list(inferior.tracees.values()):
            self._drop(tracee)
        inferior.close()
        self._inferiors.pop(inferior.pid, None)
        self._dirty.pop(inferior.pid, None)

    def kill(self, pid: Pid) -> None:
        """Send SIGKILL; ``ProcessExited`` arrives later."""
        self._inferior(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            raise TraceeGone(pid) from None

    # ------------------------------------------------------------ threads

    def threads(self, pid: Pid | None = None) -> Sequence[ThreadInfo]:
        """Return the live threads, in order of creation, of one inferior or of all."""
        inferiors = self._inferiors.values() if pid is None else [self._inferior(pid)]
        return [
            ThreadInfo(each.pid, tracee.tid) for each in inferiors if not each.detaching for tracee in each.listed()
        ]

    def has_thread(self, tid: Tid) -> bool:
        """Tell whether a thread is alive and traced."""
        tracee = self._tracees.get(tid)
        return tracee is not None and tracee.state not in (RunState.ZOMBIE, RunState.DYING)

    def pid_of(self, tid: Tid) -> Pid:
        """Return the process of a thread."""
        return self._tracee(tid).inferior.pid

    def thread_name(self, tid: Tid) -> str | None:
        """Return the kernel's name of a thread."""
        return procfs.thread_name(self._tracee(tid).inferior.pid, tid)

    def thread_core(self, tid: Tid) -> int | None:
        """Return the processor a thread last ran on."""
        return self._tracee(tid).last_cpu()

    def is_stopped(self, tid: Tid) -> bool:
        """Tell whether a thread is in a ptrace-stop, so that its registers can be read."""
        tracee = self._tracees.get(tid)
        return tracee is not None and tracee.stopped

    @property
    def waiting(self) -> bool:
        """Tell whether something waits for every thread to stand."""
        return bool(self._waiting) or any(each.exclusive is not None for each in self._inferiors.values())

    def describe(self, tid: Tid) -> str:
        """Say in one word what a thread does, for ``monitor threads``."""
        tracee = self._tracee(tid)
        return tracee.stop.value if tracee.stopped else tracee.state.value

    def holders(self, tid: Tid) -> list[EngineId]:
        """Return the engines that hold a thread."""
        return self._tracee(tid).inferior.arbiter.holders(tid)

    # ------------------------------------------------------------ votes

    def resume(
        self,
        engine_id: EngineId,
        actions: Mapping[Pid, Sequence[ThreadAction]],
        others: Mapping[Pid, Vote],
    ) -> None:
        """Replace an engine's votes; see ``target.ops.Target.resume``."""
        self._waiting.discard(engine_id)
        for pid, vote in others.items():
            inferior = self._inferiors.get(pid)
            if inferior is None:
                continue
            named: dict[Tid, Vote] = {}
            ranges: dict[Tid, tuple[Addr, Addr]] = {}
            for action in actions.get(pid, ()):
                named[action.tid] = action.vote
                if action.range is not None:
                    ranges[action.tid] = action.range
            inferior.arbiter.replace(engine_id, named, vote, ranges)
            self._mark(inferior)
        self._settle()

    def amend(self, engine_id: EngineId, actions: Iterable[ThreadAction]) -> None:
        """Change an engine's votes on single threads and leave the rest (non-stop)."""
        for action in actions:
            tracee = self._tracees.get(action.tid)
            if tracee is not None:
                tracee.inferior.arbiter.amend(engine_id, action.tid, action.vote, action.range)
                self._mark(tracee.inferior)
        self._settle()

    def decide_signal(self, engine_id: EngineId, tid: Tid, sig: Signo) -> None:
        """Settle what becomes of a thread's signal: deliver ``sig``, or with NO_SIGNAL drop what is parked.

        The last replacement wins.  Outside a signal-delivery-stop a signal cannot be
        injected by ptrace, so it is queued to the thread and arrives without a report.
        """
        tracee = self._tracees.get(tid)
        if tracee is None:
            return
        if tracee.stop is StopKind.SIGNAL:
            # To pass on what was reported is no change: another engine's replacement stands.
            if sig != tracee.signal:
                tracee.parked = sig
        elif sig:
            tracee.injected.append(sig)
            try:
                ptrace_calls.tgkill(tracee.inferior.pid, tid, sig)
            except TargetError:
                tracee.injected.remove(sig)

    def hold_all(self, engine_id: EngineId) -> None:
        """Vote STOP on all threads, those to be born included; ``on_quiet`` says when all stand."""
        for inferior in self._inferiors.values():
            if inferior.arbiter.has(engine_id):
                inferior.arbiter.hold_all(engine_id)
                if inferior.running:
                    self._mark(inferior)
        self._waiting.add(engine_id)
        self._settle()

    def hold(self, engine_id: EngineId, tids: Iterable[Tid]) -> None:
        """Vote STOP on some threads; each that was not stopped gives one ``Interrupted``."""
        for tid in tids:
            tracee = self._tracees.get(tid)
            if tracee is None:
                continue
            tracee.inferior.arbiter.amend(engine_id, tid, Vote.STOP)
            if not tracee.stopped:
                tracee.awaited_by.add(engine_id)
                self._mark(tracee.inferior)
        self._settle()

    def transfer(self, giver: EngineId, heir: EngineId, pid: Pid) -> bool:
        """Move one engine's holds on an inferior to another; tell whether something is held."""
        return self._inferior(pid).arbiter.transfer(giver, heir)

    def is_quiet(self, engine_id: EngineId) -> bool:
        """Tell whether every thread of the inferiors that the engine takes part in is stopped."""
        return not any(
            (inferior.running or inferior.exclusive is not None) and inferior.arbiter.has(engine_id)
            for inferior in self._inferiors.values()
        )

    def any_resumed(self, engine_id: EngineId) -> bool:
        """Tell whether an engine has a live thread that it does not hold."""
        return any(
            inferior.arbiter.vote_of(engine_id, tracee.tid) is not Vote.STOP
            for inferior in self._inferiors.values()
            if inferior.arbiter.has(engine_id)
            for tracee in inferior.listed()
        )

    def vote_of(self, engine_id: EngineId, tid: Tid) -> Vote:
        """Return an engine's vote on a thread."""
        tracee = self._tracees.get(tid)
        return Vote.CONTINUE if tracee is None else tracee.inferior.arbiter.vote_of(engine_id, tid)

    # ------------------------------------------------------------ settling

    def _mark(self, inferior: Inferior) -> None:
        self._dirty[inferior.pid] = inferior

    def _allowed(self, tracee: Tracee) -> Vote:
        """Return what a thread may do, the core's own holds included."""
        inferior = tracee.inferior
        if tracee.blocked or inferior.detaching:
            return Vote.STOP
        if inferior.exclusive is not None and tracee is not inferior.exclusive:
            return Vote.STOP
        if inferior.vfork_parent is not None and tracee is not inferior.vfork_parent:
            return Vote.STOP
        return inferior.arbiter.decide(tracee.tid)

    def _settle(self) -> None:
        """Make the kernel agree with the votes, then tell who waited for quiet."""
        if self._busy:
            return
        self._busy = True
        try:
            while True:
                while self._dirty:
                    _, inferior = self._dirty.popitem()
                    self._settle_one(inferior)
                if not self._waiting or not self._tell_quiet():
                    break
        finally:
            self._busy = False

    def _settle_one(self, inferior: Inferior) -> None:
        for tracee in list(inferior.running.values()):
            if not tracee.interrupting and self._allowed(tracee) is Vote.STOP and tracee is not inferior.exclusive:
                self._interrupt(tracee)
        alone = inferior.exclusive
        if alone is not None:
            if alone.stopped:
                if self._allowed(alone) is Vote.STOP:
                    inferior.exclusive = inferior.over = None
                    self._mark(inferior)
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
            if tracee.state is RunState.STOPPED:
                vote = self._allowed(tracee)
                if vote is not Vote.STOP:
                    self._resume(tracee, vote)
                    if inferior.exclusive is not None:
                        self._mark(inferior)
                        return

    def _tell_quiet(self) -> bool:
        told = False
        for engine_id in list(self._waiting):
            if self.is_quiet(engine_id):
                self._waiting.discard(engine_id)
                engine = self._engines.get(engine_id)
                if engine is not None:
                    self._guard(engine_id, engine.on_quiet)
                    told = True
        return told

    def _guard(self, engine_id: EngineId, callback: Callable[[], object]) -> None:
        """Call an engine; one that raises is detached, and the inferior runs on."""
        try:
            callback()
        except Exception as failure:  # noqa: BLE001  (an engine's bug must not reach the tracer)
            self._failed(engine_id, failure)

    def _failed(self, engine_id: EngineId, failure: Exception) -> None:
        self._engines.pop(engine_id, None)
        self._waiting.discard(engine_id)
        for inferior in self._inferiors.values():
            self._leave(inferior, engine_id)
        self._on_engine_failure(engine_id, failure)

    def _interrupt(self, tracee: Tracee) -> None:
        tracee.interrupting = True
        try:
            ptrace_calls.interrupt(tracee.tid)
        except TraceeGone:
            tracee.inferior.set_state(tracee, RunState.DYING)
        except TargetError:
            # EIO: the thread is past the point where it can stop; its exit status is on the way.
            return

    def _rerun(self, tracee: Tracee) -> None:
        """Resume one thread whose stop concerned nobody, where the votes allow it."""
        inferior = tracee.inferior
        if inferior.exclusive is not None or tracee.awaited_by:
            self._mark(inferior)
            return
        vote = self._allowed(tracee)
        if vote is not Vote.STOP:
            self._resume(tracee, vote)
            if inferior.exclusive is not None:
                self._mark(inferior)

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
                    if not tracee.parked and site.owners <= arrival.engines:
                        inferior.exclusive, inferior.over = tracee, site
                        return
                elif registers.sp > arrival.sp:
                    # It has returned past the frame it was in: whatever was under way there is over.
                    tracee.arrival = None
            self._request(tracee, vote)
        except TraceeGone:
            inferior.set_state(tracee, RunState.DYING)

    def _request(self, tracee: Tracee, vote: Vote) -> None:
        """Make the ptrace request.  PTRACE: the thread is in a ptrace-stop."""
        tid = tracee.tid
        inferior = tracee.inferior
        if self.log is not None:
            self.log(f"thread {tid}: {vote.name.lower()} from {tracee.stop.value}, signal {tracee.parked}")
        sig = NO_SIGNAL
        if tracee.stop is StopKind.SIGNAL:
            sig = tracee.parked
        if vote is Vote.STEP:
            if tracee.mask_before is None:
                tracee.mask_before = ptrace_calls.read_signal_mask(tid)
            ptrace_calls.step(tid, sig)
            tracee.stepping = True
        elif tracee.stop is StopKind.GROUP:
            # PTRACE: LISTEN is legal in a group-stop only; job control, not we, decides when it ends.
            ptrace_calls.listen(tid)
            tracee.registers.invalidate()
            tracee.stop = StopKind.NONE
            inferior.set_state(tracee, RunState.LISTENING)
            return
        else:
            tracee.mask_before = None
            if inferior.catching or tracee.entered_syscall is not None:
                ptrace_calls.cont_to_syscall(tid, sig)
            else:
                ptrace_calls.cont(tid, sig)
        tracee.registers.invalidate()
        tracee.stop = StopKind.NONE
        tracee.signal = tracee.parked = NO_SIGNAL
        tracee.state = RunState.RUNNING
        inferior.running[tid] = tracee
        self.resumes += 1

    def _step_over(self, inferior: Inferior, tracee: Tracee) -> None:
        """Run the instruction under a site while everything else stands."""
        site = inferior.over
        assert site is not None
        inferior.sites.lift(site)
        try:
            if inferior.memory.read(site.address, 2) in _SYSCALL_INSTRUCTIONS:
                # It may sleep in the kernel for ever: the entry stop comes before that, and after it the
                # instruction has been fetched and the patch can be back.
                ptrace_calls.cont_to_syscall(tracee.tid)
            else:
                if tracee.mask_before is None:
                    tracee.mask_before = ptrace_calls.read_signal_mask(tracee.tid)
                ptrace_calls.step(tracee.tid)
                tracee.stepping = True
        except TraceeGone:
            inferior.sites.put_back(site)
            inferior.exclusive = inferior.over = None
            inferior.set_state(tracee, RunState.DYING)
            self._mark(inferior)
            return
        tracee.registers.invalidate()
        tracee.stop = StopKind.NONE
        tracee.signal = tracee.parked = NO_SIGNAL
        inferior.set_state(tracee, RunState.RUNNING)
        self.resumes += 1

    # ------------------------------------------------------------ statuses

    def drain(self) -> int:
        """Handle every status that is there; return how many there were."""
        count = 0
        while True:
            status = reap()
            if status is None:
                return count
            count += 1
            self.handle(*status)

    def handle(self, tid: Tid, raw: int) -> None:
        """Handle one wait status."""
        tracee = self._tracees.get(tid)
        if tracee is None:
            if is_stop(raw):
                self._orphans[tid] = raw
            else:
                self._orphans.pop(tid, None)
                # A program of ours that was let go, or a thread of it.
                self._on_child_exit(Pid(tid))
            return
        status = decode(raw)
        if self.log is not None:
            self.log(f"thread {tid}: {status.kind.value} {status.detail}")
        nested, self._busy = self._busy, True
        try:
            if status.kind is StatusKind.EXITED or status.kind is StatusKind.KILLED:
                self._ended(tracee, status)
            else:
                self._stopped(tracee, status)
        except TraceeGone as gone:
            dying = self._tracees.get(Tid(gone.tid))
            if dying is not None:
                dying.inferior.set_state(dying, RunState.DYING)
                self._mark(dying.inferior)
        finally:
            self._busy = nested
        self._settle()

    def _stopped(self, tracee: Tracee, status: WaitStatus) -> None:
        inferior = tracee.inferior
        inferior.running.pop(tracee.tid, None)
        tracee.state = RunState.STOPPED
        tracee.interrupting = False
        stepping, tracee.stepping = tracee.stepping, False
        kind = status.kind
        over = inferior.exclusive is tracee
        if over and inferior.over is not None:
            inferior.sites.put_back(inferior.over)
            inferior.exclusive = inferior.over = None
            self._mark(inferior)
        if inferior.detaching:
            self._stopped_while_leaving(tracee, status)
            return
        if tracee.newborn:
            tracee.newborn = False
            if inferior.slots.armed:
                tracee.rearm = True
            if tracee.on_first_stop is not None:
                tracee.stop = StopKind.INTERRUPT
                arrived, tracee.on_first_stop = tracee.on_first_stop, None
                arrived()
                return
        if tracee.rearm:
            tracee.rearm = False
            inferior.arm(tracee)
        if kind is StatusKind.SIGNAL_STOP:
            tracee.stop = StopKind.SIGNAL
            if status.detail == SIGTRAP:
                self._trap(tracee, stepping, over)
            else:
                self._signal(tracee, Signo(status.detail))
        elif kind is StatusKind.SYSCALL_STOP:
            tracee.stop = StopKind.SYSCALL
            self._syscall(tracee)
        elif kind is StatusKind.EVENT_STOP:
            tracee.stop = StopKind.EVENT
            self._event_stop(tracee, status.detail)
        else:
            tracee.stop = StopKind.INTERRUPT if kind is StatusKind.INTERRUPT_STOP else StopKind.GROUP
            self._rerun(tracee)
        if tracee.awaited_by and tracee.state is RunState.STOPPED:
            awaited, tracee.awaited_by = tracee.awaited_by, set()
            self._offer(
                tracee,
                Interrupted(inferior.pid, tracee.tid),
                [e for e in inferior.arbiter.engines() if e in awaited],
            )
            self._mark(inferior)

    def _stopped_while_leaving(self, tracee: Tracee, status: WaitStatus) -> None:
        """Bring a thread that is about to be let go into a state the program cannot tell from untraced."""
        inferior = tracee.inferior
        tracee.stop = StopKind.EVENT
        if status.kind is StatusKind.SIGNAL_STOP:
            tracee.stop = StopKind.SIGNAL
            tracee.signal = tracee.parked = Signo(status.detail)
            if status.detail == SIGTRAP:
                code = ptrace_calls.siginfo(tracee.tid).code
                pc = tracee.registers.pc
                before = Addr(pc - inferior.spec.pc_correction)
                if code == SI_KERNEL and inferior.sites.at(before) is not None:
                    tracee.registers.set_pc(before)
                    tracee.parked = NO_SIGNAL
                elif code > 0 and code != SI_KERNEL:
                    tracee.parked = NO_SIGNAL
        elif status.kind is StatusKind.EVENT_STOP:
            if status.detail in (PTRACE_EVENT_CLONE, PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK):
                self._release_child(inferior, Tid(ptrace_calls.event_message(tracee.tid)))
        if inferior.released:
            self._release(tracee)
            if not inferior.tracees:
                self._forget(inferior)

    def _release_child(self, inferior: Inferior, child: Tid) -> None:
        """Let go a child that was born while its process was being let go."""
        tracee = inferior.add(child)
        self._tracees[child] = tracee
        group = procfs.thread_group(child)
        if group is not None and group != inferior.pid:
            self._restore_text(inferior, child)
        raw = self._orphans.pop(child, None)
        if raw is not None and is_stop(raw):
            inferior.set_state(tracee, RunState.STOPPED)

    @staticmethod
    def _restore_text(inferior: Inferior, child: Tid) -> None:
        """Take our patches out of a forked child's copy of the memory."""
        memory = ProcessMemory(lambda: child, lambda: None)
        for site in inferior.sites.all():
            if site.inserted:
                try:
                    memory.write(site.address, site.shadow)
                except TargetError:
                    continue
        memory.close()

    def _offer(self, tracee: Tracee, event: TraceEvent, engine_ids: Iterable[EngineId]) -> bool:
        """Offer an event to engines, in order; tell whether one of them holds the thread for it."""
        held = False
        for engine_id in engine_ids:
            engine = self._engines.get(engine_id)
            if engine is None:
                continue
            try:
                vote = engine.on_event(event)
            except Exception as failure:  # noqa: BLE001  (an engine's bug must not reach the tracer)
                self._failed(engine_id, failure)
                continue
            if vote is Vote.STOP:
                held = True
                tracee.awaited_by.discard(engine_id)
                tracee.inferior.arbiter.amend(engine_id, tracee.tid, Vote.STOP)
        return held

    # ------------------------------------------------------------ signals and traps

    def _signal(self, tracee: Tracee, sig: Signo) -> None:
        inferior = tracee.inferior
        tracee.signal = tracee.parked = sig
        if inferior.startup is not None:
            self._rerun(tracee)
            return
        if sig in tracee.injected:
            info = ptrace_calls.siginfo(tracee.tid)
            if info.code == SI_TKILL and info.pid == self._my_pid:
                tracee.injected.remove(sig)
                self._rerun(tracee)
                return
        arbiter = inferior.arbiter
        interested = [
            engine_id
            for engine_id in arbiter.engines()
            if engine_id in self._engines
            and (
                not self._engines[engine_id].passes(inferior.pid, sig)
                or arbiter.vote_of(engine_id, tracee.tid) is Vote.STEP
            )
        ]
        if interested:
            self._offer(tracee, SignalStop(inferior.pid, tracee.tid, sig), interested)
        self._rerun(tracee)

    def _trap(self, tracee: Tracee, stepping: bool, over: bool) -> None:
        inferior = tracee.inferior
        code = ptrace_calls.siginfo(tracee.tid).code
        registers = tracee.registers
        at_site = False
        before = Addr(0)
        if code == SI_KERNEL:
            before = Addr(registers.pc - inferior.spec.pc_correction)
            site = inferior.sites.at(before)
            at_site = site is not None and (site.inserted or inferior.sites.lifted)
        hits: list[tuple[EngineId, SlotKind, Addr]] = []
        if inferior.slots.armed:
            status = debugregs.read_status(tracee.tid)
            if status & 0xF:
                hits = inferior.slots.hits(status)
                debugregs.clear_status(tracee.tid)
        meaning = classify(code, stepping=stepping, at_site=at_site, slot_hit=bool(hits))
        if meaning is Trap.SIGNAL:
            self._signal(tracee, SIGTRAP)
            return
        tracee.signal = tracee.parked = NO_SIGNAL
        tracee.mask_before = sigmask.restore(tracee.tid, tracee.mask_before, code, registers, inferior.memory)
        if meaning is Trap.SITE:
            registers.set_pc(before)
            self._site_hit(tracee, before)
        elif meaning is Trap.SLOT:
            self._slot_hit(tracee, hits, stepping)
        else:
            if over:
                tracee.arrival = None
            self._step_done(tracee)

    def _site_hit(self, tracee: Tracee, address: Addr) -> None:
        inferior = tracee.inferior
        site = inferior.sites.at(address)
        sp = Addr(tracee.registers.sp)
        arrival = tracee.arrival
        if arrival is None or arrival.pc != address or arrival.sp != sp:
            arrival = tracee.arrival = Arrival(address, sp)
        owners: list[EngineId] = []
        if site is not None and inferior.startup is None:
            owners = [e for e in inferior.arbiter.engines() if e in site.owners and e not in arrival.engines]
        if owners:
            arrival.engines.update(owners)
            self._offer(tracee, SiteHit(inferior.pid, tracee.tid, address, hardware=False), owners)
        self._rerun(tracee)

    def _slot_hit(self, tracee: Tracee, hits: Sequence[tuple[EngineId, SlotKind, Addr]], stepping: bool) -> None:
        inferior = tracee.inferior
        told: set[EngineId] = set()
        for engine_id, kind, address in hits:
            if engine_id in told:
                continue
            told.add(engine_id)
            if kind is SlotKind.EXECUTE:
                event: TraceEvent = SiteHit(inferior.pid, tracee.tid, address, hardware=True)
            else:
                event = WatchHit(inferior.pid, tracee.tid, address, _WATCH_KIND[kind])
            self._offer(tracee, event, [engine_id])
        if stepping:
            self._step_done(tracee, but=told)
            return
        self._rerun(tracee)

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
            self._offer(tracee, StepDone(tracee.inferior.pid, tracee.tid), finished)
        self._rerun(tracee)

    def _syscall(self, tracee: Tracee) -> None:
        inferior = tracee.inferior
        info = ptrace_calls.syscall_info(tracee.tid)
        if info is None:
            self._rerun(tracee)
            return
        if info.entry:
            number = tracee.entered_syscall = info.number
        else:
            entered, tracee.entered_syscall = tracee.entered_syscall, None
            number = entered if entered is not None else tracee.registers.orig_syscall
        if inferior.startup is None and inferior.catching:
            engines = [
                e
                for e in inferior.arbiter.engines()
                if e in self._engines and self._engines[e].catches(inferior.pid, number)
            ]
            if info.entry:
                # Engines nest like layers: the last attached sees an entry first and an exit last.
                engines.reverse()
            self._offer(tracee, SyscallStop(inferior.pid, tracee.tid, number, info.entry), engines)
        self._rerun(tracee)

    def refresh_catches(self, pid: Pid) -> None:
        """Look again at who catches syscalls."""
        self._recount_catches(self._inferior(pid))

    def _recount_catches(self, inferior: Inferior) -> None:
        inferior.catching = any(
            self._engines[e].catches(inferior.pid, -1) for e in inferior.arbiter.engines() if e in self._engines
        )

    # ------------------------------------------------------------ births

    def _event_stop(self, tracee: Tracee, event: int) -> None:
        if event == PTRACE_EVENT_EXEC:
            self._execed(tracee)
        elif event == PTRACE_EVENT_CLONE:
            child = Tid(ptrace_calls.event_message(tracee.tid))
            group = procfs.thread_group(child)
            if group is not None and group != tracee.inferior.pid:
                # A clone that is no thread: a process with an exit signal of its own choice.
                self._forked(tracee, child, ForkKind.FORK)
            else:
                self._cloned(tracee, child)
        elif event == PTRACE_EVENT_FORK:
            self._forked(tracee, Tid(ptrace_calls.event_message(tracee.tid)), ForkKind.FORK)
        elif event == PTRACE_EVENT_VFORK:
            self._forked(tracee, Tid(ptrace_calls.event_message(tracee.tid)), ForkKind.VFORK)
        elif event == PTRACE_EVENT_VFORK_DONE:
            self._vfork_done(tracee)
        else:
            self._rerun(tracee)

    def _first_stop(self, tracee: Tracee) -> None:
        """Take in a newborn's first stop if it came before the event that announced it."""
        raw = self._orphans.pop(tracee.tid, None)
        if raw is not None:
            self._stopped(tracee, decode(raw))

    def _cloned(self, parent: Tracee, child: Tid) -> None:
        inferior = parent.inferior
        if child not in self._tracees:
            tracee = inferior.add(child)
            tracee.newborn = True
            self._tracees[child] = tracee
            inferior.arbiter.born(child)
            if inferior.startup is None:
                self._offer(tracee, ThreadStarted(inferior.pid, child), inferior.arbiter.engines())
            self._first_stop(tracee)
            self._mark(inferior)
        self._rerun(parent)

    def _forked(self, parent: Tracee, child: Tid, kind: ForkKind) -> None:
        """Match a child's first stop with its parent's event before any engine is told of either."""
        inferior = parent.inferior
        twin = Inferior(Pid(child), attached=inferior.attached)
        tracee = twin.add(child)
        tracee.newborn = True
        self._inferiors[twin.pid] = twin
        self._tracees[child] = tracee
        parent.blocked = tracee.blocked = True
        tracee.on_first_stop = lambda: self._child_arrived(parent, tracee, kind)
        self._first_stop(tracee)

    def _child_arrived(self, parent: Tracee, child: Tracee, kind: ForkKind) -> None:
        inferior, twin = parent.inferior, child.inferior
        parent.blocked = child.blocked = False
        if not child.stopped:
            # Killed before its first stop: there is nobody to tell of.
            self._mark(inferior)
            self._rerun(parent)
            return
        keepers = [
            e
            for e in inferior.arbiter.engines()
            if e in self._engines and kind in self._fork_wishes.get(e, frozenset())
        ]
        if inferior.startup is not None:
            keepers = []
        if keepers:
            twin.sites = inferior.sites.clone(twin.memory)
            twin.slots = inferior.slots.copy()
            if twin.slots.armed:
                twin.arm(child)
            if kind is ForkKind.VFORK:
                twin.borrows_from = inferior
            twin.arbiter.enter(self._keeper)
            for engine_id in keepers:
                twin.arbiter.enter(engine_id, Vote.STOP)
            self._offer(parent, Forked(inferior.pid, parent.tid, twin.pid, kind), keepers)
        else:
            if kind is ForkKind.VFORK:
                inferior.sites.lift_all()
                inferior.vfork_parent = parent
            else:
                self._restore_text(inferior, child.tid)
            self._release(child)
            self._forget(twin)
        self._mark(inferior)
        self._rerun(parent)

    def _vfork_done(self, tracee: Tracee) -> None:
        inferior = tracee.inferior
        if inferior.vfork_parent is tracee:
            self._end_vfork(inferior)
        else:
            keepers = [
                e
                for e in inferior.arbiter.engines()
                if e in self._engines and ForkKind.VFORK in self._fork_wishes.get(e, frozenset())
            ]
            self._offer(tracee, VforkDone(inferior.pid, tracee.tid), keepers)
        self._rerun(tracee)

    def _end_vfork(self, inferior: Inferior) -> None:
        inferior.vfork_parent = None
        inferior.sites.put_back_all()
        self._mark(inferior)

    def _execed(self, tracee: Tracee) -> None:
        inferior = tracee.inferior
        former = Tid(ptrace_calls.event_message(tracee.tid))
        for other in list(inferior.tracees.values()):
            if other is not tracee:
                self._tracees.pop(other.tid, None)
        if former != tracee.tid:
            inferior.arbiter.renamed(former, tracee.tid)
        inferior.new_program(tracee)
        startup = inferior.startup
        if startup is not None:
            if startup.execs_left > 0:
                startup.execs_left -= 1
                self._rerun(tracee)
                return
            inferior.startup = None
            startup.failure()
            self._offer(tracee, Launched(inferior.pid, tracee.tid), [startup.engine])
        else:
            path = procfs.exec_path(inferior.pid)
            event = Execed(inferior.pid, tracee.tid, path, former)
            self._offer(tracee, event, inferior.arbiter.engines())
        self._mark(inferior)
        self._rerun(tracee)

    # ------------------------------------------------------------ ends

    def _ended(self, tracee: Tracee, status: WaitStatus) -> None:
        inferior = tracee.inferior
        if inferior.exclusive is tracee:
            if inferior.over is not None:
                inferior.sites.put_back(inferior.over)
            inferior.exclusive = inferior.over = None
        if inferior.vfork_parent is tracee:
            self._end_vfork(inferior)
        self._drop(tracee)
        self._mark(inferior)
        if tracee.on_first_stop is not None:
            tracee.state = RunState.DYING
            self._forget(inferior)
            tracee.on_first_stop()
        elif tracee.tid == Tid(inferior.pid) or not inferior.tracees:
            # A zombie leader that could not be seized ends unseen: then its last thread's end is the process's.
            self._process_ended(inferior, status)
        else:
            if not inferior.detaching:
                event = ThreadExited(inferior.pid, tracee.tid, status.detail)
                self._offer(tracee, event, inferior.arbiter.engines())

    def _process_ended(self, inferior: Inferior, status: WaitStatus) -> None:
        engines = inferior.arbiter.engines()
        startup = inferior.startup
        if status.kind is StatusKind.KILLED:
            event = ProcessExited(inferior.pid, Tid(inferior.pid), 0, Signo(status.detail))
        else:
            event = ProcessExited(inferior.pid, Tid(inferior.pid), status.detail, None)
        detaching = inferior.detaching
        self._forget(inferior)
        if detaching:
            return
        told: TraceEvent = event
        if startup is not None:
            text = startup.failure() or f"During startup program {_ending(status)}."
            told = LaunchFailed(inferior.pid, Tid(inferior.pid), text)
        for engine_id in engines:
            engine = self._engines.get(engine_id)
            if engine is not None:
                self._guard(engine_id, partial(engine.on_event, told))

    def check_zombie_leaders(self) -> bool:
        """Find leaders that exited before their threads: no status says so.

        Returns:
            True while something is still waited for.
        """
        for inferior in list(self._inferiors.values()):
            leader = inferior.running.get(Tid(inferior.pid))
            if leader is not None and leader.interrupting and len(inferior.tracees) > 1:
                if procfs.state(leader.tid) in ("Z", "X"):
                    inferior.set_state(leader, RunState.ZOMBIE)
                    self._mark(inferior)
        if self._dirty:
            self._settle()
        return self.waiting

    # ------------------------------------------------------------ registers

    def arch(self, pid: Pid) -> ArchSpec:
        """Return the registers and instruction facts of an inferior."""
        return self._inferior(pid).spec

    def _registers(self, tid: Tid) -> Tracee:
        tracee = self._tracee(tid)
        if tracee.state is not RunState.STOPPED:
            raise TargetError(errno.EBUSY, f"thread {tid} is running")
        return tracee

    def read_registers(self, tid: Tid) -> bytes:
        """Return all registers in the order of the target description."""
        return self._registers(tid).registers.read_all()

    def write_registers(self, tid: Tid, data: bytes) -> None:
        """Replace all registers; a shorter ``data`` leaves the rest."""
        self._registers(tid).registers.write_all(data)

    def read_register(self, tid: Tid, number: int) -> bytes:
        """Return one register by its number in the target description."""
        return self._registers(tid).registers.read(number)

    def write_register(self, tid: Tid, number: int, data: bytes) -> None:
        """Replace one register."""
        self._registers(tid).registers.write(number, data)

    def expedited(self, tid: Tid) -> Sequence[tuple[int, bytes]]:
        """Return the registers that go into every stop reply, as (number, bytes)."""
        return self._registers(tid).registers.expedited()

    def pc(self, tid: Tid) -> Addr:
        """Return the program counter of a stopped thread."""
        return Addr(self._registers(tid).registers.pc)

    # ------------------------------------------------------------ memory

    def read_memory(self, pid: Pid, address: Addr, length: int) -> bytes:
        """Read up to ``length`` bytes, as the program has them."""
        inferior = self._inferior(pid)
        return inferior.sites.mask(address, inferior.memory.read(address, length))

    def write_memory(self, pid: Pid, address: Addr, data: bytes) -> None:
        """Write all of ``data`` or nothing.  Trap instructions under it stay."""
        self._inferior(pid).sites.write(address, data)

    def insert_breakpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, *, hardware: bool) -> None:
        """Own a breakpoint.  To own it twice is the same as once."""
        inferior = self._inferior(pid)
        if hardware:
            if inferior.slots.claim(engine_id, address, 1, SlotKind.EXECUTE):
                self._rearm(inferior)
        else:
            inferior.sites.claim(address, engine_id)

    def remove_breakpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, *, hardware: bool) -> None:
        """Drop a claim; one that is not held is ignored."""
        inferior = self._inferior(pid)
        if hardware:
            if inferior.slots.release(engine_id, address, 1, SlotKind.EXECUTE):
                self._rearm(inferior)
        else:
            inferior.sites.release(address, engine_id)

    def insert_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        """Own a data stop of any length and alignment that the free debug registers cover."""
        inferior = self._inferior(pid)
        if inferior.slots.claim(engine_id, address, length, _SLOT_KIND[kind]):
            self._rearm(inferior)

    def remove_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        """Drop a claim; one that is not held is ignored."""
        inferior = self._inferior(pid)
        if inferior.slots.release(engine_id, address, length, _SLOT_KIND[kind]):
            self._rearm(inferior)

    def _rearm(self, inferior: Inferior) -> None:
        """Write the debug registers of every thread; those that run are stopped for it first."""
        inferior.arm_all()
        for tracee in list(inferior.running.values()):
            tracee.rearm = True
            if not tracee.interrupting:
                self._interrupt(tracee)

    def sites(self, pid: Pid) -> Sequence[tuple[Addr, frozenset[EngineId]]]:
        """Return every breakpoint site and its owners."""
        return [(site.address, frozenset(site.owners)) for site in self._inferior(pid).sites.all()]

    def has_site(self, pid: Pid, address: Addr, engine_id: EngineId) -> bool:
        """Tell whether an engine owns a software breakpoint at an address."""
        inferior = self._inferiors.get(pid)
        site = None if inferior is None else inferior.sites.at(address)
        return site is not None and engine_id in site.owners

    # ------------------------------------------------------------ signals

    def read_siginfo(self, tid: Tid) -> bytes:
        """Return the siginfo_t of the current stop."""
        return ptrace_calls.read_siginfo(self._registers(tid).tid)

    def write_siginfo(self, tid: Tid, data: bytes) -> None:
        """Replace the siginfo_t that is about to be delivered."""
        ptrace_calls.write_siginfo(self._registers(tid).tid, data)

    # ------------------------------------------------------------ facts

    def auxv(self, pid: Pid) -> bytes:
        """Return the auxiliary vector as the kernel laid it out."""
        return procfs.auxv(self._inferior(pid).live_tid())

    def exec_file(self, pid: Pid) -> bytes:
        """Return the path of the running program, as seen inside its own root."""
        inferior = self._inferior(pid)
        return procfs.exec_path(Pid(inferior.live_tid()))

    def libraries(self, pid: Pid, *, start: int | None, prev: int | None, lmid: int | None) -> bytes:
        """Return the list of shared libraries as gdb's XML document."""
        inferior = self._inferior(pid)

        def read(address: int, length: int) -> bytes:
            return self.read_memory(pid, Addr(address), length)

        pointer_size = inferior.spec.pointer_size
        return svr4_xml(read, self.auxv(pid), pointer_size, start=start, prev=prev, lmid=lmid)

    def tls_address(self, tid: Tid, offset: int, link_map: Addr) -> Addr:
        """Return where a stopped thread has a thread-local variable."""
        tracee = self._registers(tid)
        pid, pointer_size = tracee.inferior.pid, tracee.inferior.spec.pointer_size
        pointer = tls.thread_pointer(tracee.registers.general(), pointer_size)

        def read(address: int, length: int) -> bytes:
            return self.read_memory(pid, Addr(address), length)

        return Addr(tls.tls_address(read, self.auxv(pid), pointer_size, pointer, offset, link_map))

    def osdata(self, annex: str) -> bytes:
        """Return one of the tables of ``info os`` as XML."""
        return osdata.osdata(annex)

    # ------------------------------------------------------------ the end of the server

    def clean_up(self) -> None:
        """Leave nothing of ours in any process: before the server itself ends."""
        for inferior in list(self._inferiors.values()):
            try:
                if inferior.attached:
                    self._let_go(inferior)
                else:
                    os.kill(inferior.pid, signal.SIGKILL)
            except (StubError, OSError):
                continue


def _ending(status: WaitStatus) -> str:
    if status.kind is StatusKind.KILLED:
        return f"terminated with signal {signal.Signals(status.detail).name}"
    return f"exited with code {status.detail}"
