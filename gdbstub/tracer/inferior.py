"""One traced process: its threads, votes, sites, slots and memory.

Layer: tracer.  Used by: tracer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.arch.i386 import i386
from gdbstub.arch.spec import ArchSpec
from gdbstub.arch.x86_64 import x86_64
from gdbstub.linux import debugregs, procfs, xsave
from gdbstub.linux.memory import ProcessMemory
from gdbstub.linux.regions import RegionMap
from gdbstub.linux.regsets import RegisterFile
from gdbstub.linux.wait import WaitStatus
from gdbstub.target.engine import Engine
from gdbstub.target.ops import HitRules, ThreadInfo
from gdbstub.tracer.arbiter import Arbiter
from gdbstub.tracer.debugslots import DebugSlots
from gdbstub.tracer.sites import BreakpointSite, SiteTable
from gdbstub.tracer.tracee import DYING, LISTENING, RUNNING, ZOMBIE, RunState, Tracee
from gdbstub.vocab.errors import StubError, TraceeGone
from gdbstub.vocab.ids import Addr, EngineId, Pid, Tid

#: Threads that have ended, whatever is still to come of them.
_UNLISTED = (ZOMBIE, DYING)

#: Where a rule applies: whose it is, the address, and whether it is a debug register's.
RuleKey = tuple[EngineId, Addr, bool]


class Startup:
    """A launched program that has not reached its first instruction yet."""

    __slots__ = ("cause", "engine", "execs_left", "failure")

    def __init__(
        self, engine: EngineId, execs_left: int, failure: Callable[[], str | None], cause: Callable[[], str]
    ) -> None:
        self.engine = engine
        #: How many successful execs (the shell's, the wrapper's) still come before the program's own.
        self.execs_left = execs_left
        self.failure = failure
        self.cause = cause


def spec_of(tid: Tid) -> ArchSpec:
    """Return the registers of the program a thread runs."""
    xcr0 = xsave.layout().xcr0
    return i386(xcr0) if procfs.elf_class(tid) == 32 else x86_64(xcr0)


class Inferior:
    """One traced process."""

    def __init__(self, pid: Pid, *, attached: bool, options: int) -> None:
        self.pid = pid
        self.attached = attached
        self.arbiter = Arbiter(lambda: [each.tid for each in self.listed()])
        #: Live threads in order of creation.
        self.tracees: dict[Tid, Tracee] = {}
        #: Those that are listed, as clients see them; None: they may be others now.
        self._threads: list[ThreadInfo] | None = None
        #: How often one of them was let run, but for steps in which it made no system call.
        self.runs = 0
        #: Those of them that are in no ptrace-stop.
        self.running: dict[Tid, Tracee] = {}
        self.spec = spec_of(Tid(pid))
        self.memory = ProcessMemory(self.live_tid, self.stopped_tid)
        self.sites = SiteTable(self.memory, self.spec.trap)
        self.slots = DebugSlots()
        #: What happens at a hit in place of a report.
        self.rules: dict[RuleKey, HitRules] = {}
        #: What is in the memory that is watched for reads alone, by address and length.
        self.read_values: dict[tuple[Addr, int], bytes] = {}
        self.startup: Startup | None = None
        #: The ``PTRACE_O_...`` options of its threads.
        self.options = options
        #: What is mapped, and how often threads had been resumed when it was read; None: it may have changed.
        self.regions: tuple[int, RegionMap] | None = None
        #: Where the program has an instruction that makes a system call, once one was looked for.
        self.call_instruction: Addr | None = None
        #: Memory that was mapped for engines: length and owner by address.
        self.allocations: dict[Addr, tuple[int, EngineId]] = {}
        #: Some engine catches syscalls: PTRACE_SYSCALL takes the place of PTRACE_CONT.
        self.catching = False
        #: Which ones do, in order of attachment.
        self.catchers: list[tuple[EngineId, Engine]] = []
        #: The same by the number of a call, for calls that were asked about.
        self.caught: dict[int, list[EngineId]] = {}
        #: Engines for whose sake it stays traced, though they keep no process in general.
        self.kept_by: set[EngineId] = set()
        #: A seccomp filter chooses the calls that stop, so PTRACE_CONT does between calls.
        self.filtered = False
        #: The thread that steps over a site while all others stand still, and that site.
        self.exclusive: Tracee | None = None
        self.over: BreakpointSite | None = None
        #: The threads whose vfork children borrow the memory; the patches are out and the others stand still.
        self.vfork_parents: set[Tid] = set()
        #: Children whose first stop is waited for before anybody is told of them.
        self.births = 0
        #: Those whose child borrows it with no patch in it: there were none.  Nobody stands for it yet.
        self.lenders: set[Tid] = set()
        #: What lends the memory to each of their children, once the siblings stand.
        self.lends: list[Callable[[], None]] = []
        #: This inferior is such a child; whose memory it borrows.
        self.borrows_from: Inferior | None = None
        #: How the leader ended, while processes that share its memory live on.
        self.leader_status: WaitStatus | None = None
        #: Being let go: nothing is reported any more.
        self.detaching = False
        #: Nothing of ours is left in it; a thread that could not be stopped is let go as soon as it stops.
        self.released = False

    def add(self, tid: Tid) -> Tracee:
        """Enter a thread, running until its first stop says otherwise."""
        tracee = Tracee(tid, self, RegisterFile(tid, self.spec))
        self.tracees[tid] = tracee
        self.running[tid] = tracee
        self._threads = None
        return tracee

    def set_state(self, tracee: Tracee, state: RunState) -> None:
        """Change a thread's state and keep the lists of threads true."""
        if state in _UNLISTED or tracee.state in _UNLISTED:
            self._threads = None
        tracee.state = state
        if state is RUNNING or state is LISTENING:
            self.running[tracee.tid] = tracee
        else:
            self.running.pop(tracee.tid, None)

    def remove(self, tracee: Tracee) -> None:
        """Forget a thread that is gone."""
        self.tracees.pop(tracee.tid, None)
        self.running.pop(tracee.tid, None)
        self._threads = None
        self.arbiter.gone(tracee.tid)
        tracee.close()

    def live_tid(self) -> Tid:
        """Return a thread whose /proc entry still has the process's memory: a zombie leader's has not."""
        for tracee in self.tracees.values():
            if tracee.state not in (ZOMBIE, DYING):
                return tracee.tid
        return Tid(self.pid)

    def stopped_tid(self) -> Tid | None:
        """Return a thread in a ptrace-stop, for requests that need one."""
        for tracee in self.tracees.values():
            if tracee.stopped:
                return tracee.tid
        return None

    def listed(self) -> list[Tracee]:
        """Return the threads a client may see.

        Those whose exit status is on the way are no longer among them, but for a process of which nothing else
        is left: a client that saw it without threads would never resume it to learn of its end.
        """
        seen = [each for each in self.tracees.values() if each.state is not ZOMBIE]
        return [each for each in seen if each.state is not DYING] or seen

    def keep_text_clean(self) -> bool:
        """Let no patch come into memory that an untraced vfork child borrows, until it gives that back.

        Returns:
            True where there is such a child: threads that could run past a site meanwhile have to stand.
        """
        if not self.lenders:
            return False
        self.vfork_parents |= self.lenders
        self.lenders.clear()
        self.sites.lift_all()
        return True

    def threads(self) -> Sequence[ThreadInfo]:
        """Return the same as clients name them."""
        threads = self._threads
        if threads is None:
            threads = self._threads = [ThreadInfo(self.pid, each.tid) for each in self.listed()]
        return threads

    def learn_reads(self) -> None:
        """Look at the memory that is watched for reads alone."""
        self.read_values = {piece: self._bytes_at(*piece) for piece in self.slots.read_pieces()}

    def _bytes_at(self, address: Addr, length: int) -> bytes:
        try:
            return self.memory.read(address, length)
        except StubError:
            return b""

    def was_written(self, address: Addr) -> bool:
        """Tell whether a piece that is watched for reads has another value than when it was looked at last.

        x86 has no data stop for reads alone: an access that changes the value was a write.
        """
        changed = False
        for piece, old in self.read_values.items():
            if piece[0] == address:
                now = self._bytes_at(*piece)
                if now != old:
                    self.read_values[piece] = now
                    changed = True
        return changed

    def arm(self, tracee: Tracee) -> None:
        """Write the debug registers of one stopped thread.

        PTRACE: POKEUSER needs a ptrace-stop; a thread that died meanwhile needs no slots.
        """
        try:
            debugregs.write(tracee.tid, self.slots.registers())
        except TraceeGone:
            self.set_state(tracee, DYING)

    def arm_all(self) -> None:
        """Write the debug registers of all stopped threads."""
        for tracee in self.tracees.values():
            if tracee.stopped:
                self.arm(tracee)

    def new_program(self, leader: Tracee) -> None:
        """Forget what exec has replaced: memory, sites, slots, the other threads."""
        for other in [each for each in self.tracees.values() if each is not leader]:
            self.remove(other)
        # The memory that the patches are in is gone, mostly.  It may be a parent's, which this child has borrowed;
        # or that of the new program already, if the descriptor was opened in the moment before we were told.
        self.sites.remove_all()
        self.borrows_from = None
        self.memory.reopen()
        self.spec = spec_of(leader.tid)
        self.sites = SiteTable(self.memory, self.spec.trap)
        self.slots.clear()
        self.rules.clear()
        self.read_values.clear()
        self.regions = self.call_instruction = None
        self.allocations.clear()
        self.exclusive = self.over = None
        self.vfork_parents.clear()
        self.lenders.clear()
        self.lends.clear()
        self.births = 0
        leader.registers = RegisterFile(leader.tid, self.spec)
        leader.arrival = None
        leader.blocked = False

    def close(self) -> None:
        """Close what is open for this process."""
        self.memory.close()
        for tracee in self.tracees.values():
            tracee.close()
