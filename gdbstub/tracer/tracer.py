"""The tracer: what engines may ask, carried out.

Layer: tracer.  Implements: target.ops.Target.  Used by: driver, server, engines (as Target).

Theory of operation.  A wait status of a thread becomes a stop, the stop an
event, the event is offered to the engines it concerns, and their ballots are
amended by what they answer (``statuses``, ``births``).  Then the kernel is made to
agree with the votes (``settler``).  What all of these share is the ``world``.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from gdbstub.arch.spec import ArchSpec
from gdbstub.linux import procfs, ptrace_calls
from gdbstub.linux.constants import (
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACECLONE,
    PTRACE_O_TRACEEXEC,
    PTRACE_O_TRACEFORK,
    PTRACE_O_TRACESECCOMP,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_O_TRACEVFORK,
    PTRACE_O_TRACEVFORKDONE,
)
from gdbstub.linux.spawn import spawn
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.engine import CONTINUE, STOP, Engine, Vote
from gdbstub.target.events import ForkKind, Held, Joined
from gdbstub.target.ops import LaunchSpec, ThreadAction, ThreadInfo
from gdbstub.tracer.conditions import View, variable_value
from gdbstub.tracer.inferior import Inferior, Startup
from gdbstub.tracer.inspection import Inspection
from gdbstub.tracer.layout import Layout
from gdbstub.tracer.points import Points
from gdbstub.tracer.settler import Settler
from gdbstub.tracer.statuses import Statuses
from gdbstub.tracer.tracee import DYING, SIGNAL_STOP, SYSCALL_STOP, ZOMBIE, Tracee
from gdbstub.tracer.world import World
from gdbstub.vocab.errors import StubError, TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, EngineId, Pid, Signo, Tid

_OPTIONS = (
    PTRACE_O_TRACESYSGOOD
    | PTRACE_O_TRACECLONE
    | PTRACE_O_TRACEFORK
    | PTRACE_O_TRACEVFORK
    | PTRACE_O_TRACEVFORKDONE
    | PTRACE_O_TRACEEXEC
)


class Tracer:
    """The one owner of ptrace.

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
        self._world = World(keeper, on_engine_failure, on_child_exit)
        self._settler = Settler(self._world)
        self._statuses = Statuses(self._world, self._settler)
        self._leaving = self._statuses.leaving
        self.take = self._statuses.take
        self.drain = self._statuses.drain
        self.handle = self._statuses.handle
        self.check_zombie_leaders = self._statuses.check_zombie_leaders
        layout = Layout(self._world, self.drain)
        self.memory_region = layout.memory_region
        self.allocate_memory = layout.allocate_memory
        self.free_memory = layout.free_memory
        self.module = layout.module
        self.find_symbol = layout.find_symbol
        self.file_base = layout.file_base
        self.linker_pointer = layout.linker_pointer
        self.linker_brake = layout.linker_brake
        points = Points(self._world, self._settler)
        self.insert_breakpoint = points.insert_breakpoint
        self.remove_breakpoint = points.remove_breakpoint
        self.insert_watchpoint = points.insert_watchpoint
        self.remove_watchpoint = points.remove_watchpoint
        self.sites = points.sites
        self.has_site = points.has_site
        self.has_slot = points.has_slot
        inspection = Inspection(self._world)
        self.search_memory = inspection.search_memory
        self.thread_handle = inspection.thread_handle
        self.read_siginfo = inspection.read_siginfo
        self.write_siginfo = inspection.write_siginfo
        self.signal_sets = inspection.signal_sets
        self.descriptor_path = inspection.descriptor_path
        self.auxv = inspection.auxv
        self.identity = inspection.identity
        self.exec_file = inspection.exec_file
        self.libraries = inspection.libraries
        self.tls_address = inspection.tls_address
        self.osdata = inspection.osdata
        #: Work that the driver does in slices.
        self.errands = self._world.errands

    @property
    def stirs(self) -> int:
        """Resumes and interrupts so far: the driver polls for a while after a packet that added to them."""
        return self._world.stirs

    def log_to(self, log: Callable[[str], None] | None) -> None:
        """Give a line about each status and each resume to ``log``; None: quiet."""
        self._world.log = log

    def is_quiet(self, engine_id: EngineId) -> bool:
        """Tell whether every thread of the inferiors that the engine takes part in is stopped."""
        return self._settler.is_quiet(engine_id)

    def attach_engine(self, engine: Engine, *, everywhere: bool = False) -> None:
        """Let an engine take part; it votes CONTINUE on everything until it says otherwise.

        Args:
            engine: Which.
            everywhere: In every inferior, those that are there and those to come; ``Joined`` tells it of each.
        """
        self._world.engines[engine.engine_id] = engine
        if not everywhere:
            return
        self._enter_everywhere(engine)
        if Held in engine.wants and engine.engine_id in self._world.engines:
            self._settler.holds.welcome(engine.engine_id)
        self._settler.settle()

    def _enter_everywhere(self, engine: Engine) -> None:
        self._world.standing.append(engine.engine_id)
        for inferior in self._world.inferiors.values():
            if engine.engine_id not in self._world.engines:
                # It has raised, and takes part in nothing.
                break
            inferior.arbiter.enter(engine.engine_id)
            self._world.recount_catches(inferior)
            tracee = next(iter(inferior.tracees.values()), None)
            if inferior.startup is None and tracee is not None:
                self._world.offer(tracee, Joined(inferior.pid, tracee.tid), [engine.engine_id])

    def detach_engine(self, engine_id: EngineId) -> None:
        """Withdraw an engine's votes, sites and slots.  What only it held runs on."""
        self._world.dismiss(engine_id)
        self._settler.settle()

    def join(self, engine_id: EngineId, pid: Pid) -> None:
        """Take part in an inferior that is there already; its threads go on as they are."""
        inferior = self._world.inferior(pid)
        inferior.arbiter.enter(engine_id)
        self._world.recount_catches(inferior)

    def joined(self, engine_id: EngineId) -> list[Pid]:
        """Return the inferiors an engine takes part in."""
        return [pid for pid, inferior in self._world.inferiors.items() if inferior.arbiter.has(engine_id)]

    def users_of(self, pid: Pid) -> list[EngineId]:
        """Return the engines for whose sake an inferior stays traced, in order of attachment."""
        engines = self._world.engines
        inferior = self._world.inferior(pid)
        members = [each for each in inferior.arbiter.engines() if each in engines]
        return [each for each in members if engines[each].keeps_traced or each in inferior.kept_by]

    def keep(self, engine_id: EngineId, pid: Pid) -> None:
        """Let an inferior stay traced for an engine that keeps none in general."""
        self._world.inferior(pid).kept_by.add(engine_id)

    def fork_events(self, engine_id: EngineId, kinds: frozenset[ForkKind]) -> None:
        """Ask for children to be kept for this engine (``Forked``) rather than let go."""
        self._world.fork_wishes[engine_id] = kinds

    def clone_events(self, engine_id: EngineId, tids: frozenset[Tid]) -> None:
        """Ask to be told of clones by some threads (``Cloned``), with parent and child stopped."""
        if tids:
            self._world.clone_wishes[engine_id] = tids
        else:
            self._world.clone_wishes.pop(engine_id, None)

    def pids(self) -> list[Pid]:
        """Return the inferiors, oldest first."""
        return list(self._world.inferiors)

    def is_attached(self, pid: Pid) -> bool:
        """Tell an attached process from one that was launched."""
        return self._world.inferior(pid).attached

    def launch(self, engine_id: EngineId, spec: LaunchSpec) -> Pid:
        """Start a program; ``Launched`` or ``LaunchFailed`` arrives later.

        Raises:
            TargetError: It could not be started.
        """
        child = spawn(spec)
        options = _OPTIONS | PTRACE_O_EXITKILL
        if spec.only_syscalls is not None:
            options |= PTRACE_O_TRACESECCOMP
        try:
            ptrace_calls.seize(Tid(child.pid), options)
        except TargetError as refusal:
            from gdbstub.linux import diagnose

            # While it is still there to be looked at.
            text = diagnose.refusal(child.pid, refusal.errno)
            os.kill(child.pid, signal.SIGKILL)
            child.release()
            os.waitpid(child.pid, 0)
            raise TargetError(refusal.errno, text) from None
        inferior = Inferior(child.pid, attached=False, options=_OPTIONS | PTRACE_O_EXITKILL)
        inferior.startup = Startup(engine_id, child.execs_to_skip, child.failure, child.cause)
        inferior.filtered = spec.only_syscalls is not None
        self._world.inferiors[child.pid] = inferior
        self._world.tracees[Tid(child.pid)] = inferior.add(Tid(child.pid))
        self._world.admit(inferior)
        inferior.arbiter.enter(engine_id)
        self._world.recount_catches(inferior)
        self._world.stirs += 1
        child.release()
        return child.pid

    def seize(self, engine_id: EngineId, pid: Pid) -> None:
        """Trace a running process, all of its threads; the engine holds it at once.

        Raises:
            TargetError: The kernel refused; the text says which rule did and what to do.
        """
        if pid in self._world.inferiors:
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
            from gdbstub.linux import diagnose

            code = refused.errno if refused is not None else errno.ESRCH
            raise TargetError(code, diagnose.refusal(pid, code))
        inferior = Inferior(pid, attached=True, options=_OPTIONS)
        self._world.inferiors[pid] = inferior
        for tid in taken:
            self._world.tracees[tid] = inferior.add(tid)
        self._world.admit(inferior)
        inferior.arbiter.enter(engine_id)
        self._world.greet(inferior)
        self._world.recount_catches(inferior)
        inferior.arbiter.hold_all(engine_id)
        self._world.waiting.add(engine_id)
        self._world.mark(inferior)
        self._settler.settle()

    def detach(self, pid: Pid, engine_id: EngineId | None = None, *, stopped: bool = False) -> None:
        """Leave an inferior.  The last engine to leave ends tracing; its parked signals are delivered."""
        inferior = self._world.inferior(pid)
        if engine_id is not None:
            engine = self._world.engines.get(engine_id)
            self._world.leave(inferior, engine_id)
            if self.users_of(pid) or (engine is not None and not engine.keeps_traced):
                self._settler.settle()
                return
        self._leaving.let_go(inferior, stopped=stopped)

    def kill(self, pid: Pid) -> None:
        """Send SIGKILL; ``ProcessExited`` arrives later."""
        self._world.inferior(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            raise TraceeGone(pid) from None

    def threads(self, pid: Pid | None = None) -> Sequence[ThreadInfo]:
        """Return the live threads, in order of creation, of one inferior or of all."""
        if pid is not None:
            return self._world.inferior(pid).threads()
        return [thread for each in self._world.inferiors.values() if not each.detaching for thread in each.threads()]

    def has_thread(self, tid: Tid) -> bool:
        """Tell whether a thread is alive and traced."""
        tracee = self._world.tracees.get(tid)
        return tracee is not None and tracee.state is not DYING and tracee.state is not ZOMBIE

    def process_of(self, tid: Tid) -> Pid | None:
        """Return the process of a thread that is alive and traced; None where it is not."""
        tracee = self._world.tracees.get(tid)
        if tracee is None or tracee.state is DYING or tracee.state is ZOMBIE:
            return None
        return tracee.inferior.pid

    def pid_of(self, tid: Tid) -> Pid:
        """Return the process of a thread."""
        return self._world.tracee(tid).inferior.pid

    def thread_name(self, tid: Tid) -> str | None:
        """Return the kernel's name of a thread."""
        return self._world.tracee(tid).name()

    def thread_core(self, tid: Tid) -> int | None:
        """Return the processor a thread last ran on."""
        return self._world.tracee(tid).last_cpu()

    def is_stopped(self, tid: Tid) -> bool:
        """Tell whether a thread is in a ptrace-stop, so that its registers can be read."""
        tracee = self._world.tracees.get(tid)
        return tracee is not None and tracee.stopped

    @property
    def waiting(self) -> bool:
        """Tell whether something waits for every thread to stand."""
        return self._settler.waiting

    @property
    def lonely(self) -> bool:
        """Tell whether a leader runs while all of its threads stand: no status would tell of its end."""
        return self._world.lonely

    def describe(self, tid: Tid) -> str:
        """Say in one word what a thread does, for ``monitor threads``."""
        tracee = self._world.tracee(tid)
        return tracee.stop.value if tracee.stopped else tracee.state.value

    def holders(self, tid: Tid) -> list[EngineId]:
        """Return the engines that hold a thread."""
        return self._world.tracee(tid).inferior.arbiter.holders(tid)

    def resume(
        self,
        engine_id: EngineId,
        actions: Mapping[Pid, Sequence[ThreadAction]],
        others: Mapping[Pid, Vote],
        untold: Collection[Tid] = (),
    ) -> None:
        """Replace an engine's votes; see ``target.ops.Target.resume``."""
        self._world.waiting.discard(engine_id)
        for pid, vote in others.items():
            inferior = self._world.inferiors.get(pid)
            if inferior is None:
                continue
            named: dict[Tid, Vote] = {}
            ranges: dict[Tid, tuple[Addr, Addr]] = {}
            for action in actions.get(pid, ()):
                named[action.tid] = action.vote
                if action.range is not None:
                    ranges[action.tid] = action.range
            inferior.arbiter.replace(engine_id, named, vote, ranges, untold)
            self._world.mark(inferior)
        self._settler.settle()

    def amend(self, engine_id: EngineId, actions: Iterable[ThreadAction]) -> None:
        """Change an engine's votes on single threads and leave the rest (non-stop)."""
        for action in actions:
            tracee = self._world.tracees.get(action.tid)
            if tracee is not None:
                tracee.inferior.arbiter.amend(engine_id, action.tid, action.vote, action.range)
                self._world.mark(tracee.inferior)
        self._settler.settle()

    def decide_signal(self, engine_id: EngineId, tid: Tid, sig: Signo) -> None:
        """Settle what becomes of a thread's signal: deliver ``sig``, or with NO_SIGNAL drop what is parked.

        The last replacement wins.  Outside a signal-delivery-stop a signal cannot be
        injected by ptrace, so it is queued to the thread and arrives without a report.
        """
        tracee = self._world.tracees.get(tid)
        if tracee is None:
            return
        if tracee.stop is SIGNAL_STOP:
            # To pass on what was reported is no change: another engine's replacement stands.
            if sig != tracee.signal:
                tracee.parked = sig
                if tracee.arrival is not None:
                    # QUIRK(gdb, all): for a signal of its own it waits at the site until the handler is back there.
                    # Test: integration/test_hits.py, handler.
                    tracee.arrival.engines.discard(engine_id)
        elif sig:
            tracee.injected.append(sig)
            try:
                ptrace_calls.tgkill(tracee.inferior.pid, tid, sig)
            except TargetError:
                tracee.injected.remove(sig)

    def hold_all(self, engine_id: EngineId) -> None:
        """Vote STOP on all threads, those to be born included; ``on_quiet`` says when all stand."""
        for inferior in self._world.inferiors.values():
            if inferior.arbiter.has(engine_id):
                inferior.arbiter.hold_all(engine_id)
                if inferior.running:
                    self._world.mark(inferior)
        self._world.waiting.add(engine_id)
        self._settler.settle()

    def hold(self, engine_id: EngineId, tids: Iterable[Tid]) -> None:
        """Vote STOP on some threads; each that was not stopped gives one ``Interrupted``."""
        for tid in tids:
            tracee = self._world.tracees.get(tid)
            if tracee is None:
                continue
            tracee.inferior.arbiter.amend(engine_id, tid, STOP)
            if not tracee.stopped:
                tracee.awaited_by.add(engine_id)
                self._world.mark(tracee.inferior)
        self._settler.settle()

    def transfer(self, giver: EngineId, heir: EngineId, pid: Pid) -> bool:
        """Move one engine's holds on an inferior to another; tell whether something is held."""
        inferior = self._world.inferior(pid)
        held = inferior.arbiter.transfer(giver, heir)
        # Who waited in line behind one of them may be the first now.
        self._world.mark(inferior)
        self._settler.settle()
        return held

    def any_resumed(self, engine_id: EngineId) -> bool:
        """Tell whether an engine has a live thread that it does not hold."""
        return any(
            inferior.arbiter.vote_of(engine_id, tracee.tid) is not STOP
            for inferior in self._world.inferiors.values()
            if inferior.arbiter.has(engine_id)
            for tracee in inferior.listed()
        )

    def vote_of(self, engine_id: EngineId, tid: Tid) -> Vote:
        """Return an engine's vote on a thread."""
        tracee = self._world.tracees.get(tid)
        return CONTINUE if tracee is None else tracee.inferior.arbiter.vote_of(engine_id, tid)

    def refresh_catches(self, pid: Pid) -> None:
        """Look again at who catches syscalls."""
        self._world.recount_catches(self._world.inferior(pid))

    def syscall(self, tid: Tid) -> SyscallInfo | None:
        """Return the call at which a thread stands; see ``target.ops.Target``."""
        tracee = self._world.tracees.get(tid)
        if tracee is None:
            raise TraceeGone(tid)
        if tracee.call_changed:
            info = ptrace_calls.syscall_info(tid)
            return tracee.call if info is None else info
        return tracee.call if tracee.stop is SYSCALL_STOP or tracee.suspended is not None else None

    def skip_syscall(self, tid: Tid, result: int) -> None:
        """Let the call that a thread is about to enter not happen, and return ``result``."""
        self._at_call(tid).skipped = result

    def send_at_syscall(self, tid: Tid, signal: Signo) -> None:
        """Send a signal to a thread that stands at a call; it is reported when the thread has gone on."""
        self._at_call(tid).sent = signal

    def _at_call(self, tid: Tid) -> Tracee:
        tracee = self._world.at_rest(tid)
        if tracee.stop is not SYSCALL_STOP:
            raise TargetError(errno.EINVAL, f"thread {tid} does not stand at a system call")
        return tracee

    def arch(self, pid: Pid) -> ArchSpec:
        """Return the registers and instruction facts of an inferior."""
        return self._world.inferior(pid).spec

    def read_registers(self, tid: Tid) -> bytes:
        """Return all registers in the order of the target description."""
        return self._world.at_rest(tid).registers.read_all()

    def write_registers(self, tid: Tid, data: bytes) -> None:
        """Replace all registers; a shorter ``data`` leaves the rest."""
        tracee = self._world.at_rest(tid)
        tracee.registers.write_all(data)
        self._moved(tracee)

    def read_register(self, tid: Tid, number: int) -> bytes:
        """Return one register by its number in the target description."""
        return self._world.at_rest(tid).registers.read(number)

    def write_register(self, tid: Tid, number: int, data: bytes) -> None:
        """Replace one register."""
        tracee = self._world.at_rest(tid)
        tracee.registers.write(number, data)
        self._moved(tracee)

    @staticmethod
    def _moved(tracee: Tracee) -> None:
        """Forget where a thread's last hit was once it has been moved away: the next hit there is a new one."""
        if tracee.arrival is not None and tracee.registers.pc != tracee.arrival.pc:
            tracee.arrival = None
        if tracee.stop is SYSCALL_STOP and tracee.entered_syscall is not None:
            tracee.call_changed = True

    def general_registers(self, tid: Tid) -> bytes:
        """Return the general registers as the kernel keeps them."""
        return self._world.at_rest(tid).registers.general()

    def expedited(self, tid: Tid) -> Sequence[tuple[int, bytes]]:
        """Return the registers that go into every stop reply, as (number, bytes)."""
        return self._world.at_rest(tid).registers.expedited()

    def pc(self, tid: Tid) -> Addr:
        """Return the program counter of a stopped thread."""
        return Addr(self._world.at_rest(tid).registers.pc)

    def read_memory(self, pid: Pid, address: Addr, length: int) -> bytes:
        """Read up to ``length`` bytes, as the program has them."""
        inferior = self._world.inferior(pid)
        return inferior.sites.mask(address, inferior.memory.read(address, length))

    def write_memory(self, pid: Pid, address: Addr, data: bytes) -> None:
        """Write all of ``data`` or nothing.  Trap instructions under it stay."""
        inferior = self._world.inferior(pid)
        inferior.sites.write(address, data)
        if inferior.read_values:
            inferior.learn_reads()

    def view(self, tid: Tid, output: Callable[[bytes], None]) -> View:
        """Return a stopped thread as an agent expression sees it."""
        return View(self._world.at_rest(tid), self._world.variables, output)

    def get_variable(self, number: int) -> int:
        """Return a trace state variable; one that was never set is 0."""
        return variable_value(self._world.variables, number)

    def set_variable(self, number: int, value: int) -> None:
        """Give a trace state variable a value of 64 bits."""
        self._world.variables[number] = value

    def clean_up(self, *, spare: bool = False) -> None:
        """Leave nothing of ours in any process: before the server itself ends.

        Args:
            spare: Let launched processes go too; else they are killed.
        """
        for inferior in list(self._world.inferiors.values()):
            try:
                if inferior.attached or spare:
                    self._leaving.let_go(inferior)
                else:
                    os.kill(inferior.pid, signal.SIGKILL)
            except (StubError, OSError):
                continue
