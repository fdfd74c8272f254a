"""One traced kernel thread: what the tracer knows of it.

Layer: tracer.  Used by: inferior, tracer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from gdbstub.linux import procfs
from gdbstub.linux.regsets import RegisterFile
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.events import TraceEvent
from gdbstub.vocab.errors import TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Signo, Tid

if TYPE_CHECKING:
    from gdbstub.tracer.inferior import Inferior
    from gdbstub.tracer.injections import Injection


#: Descriptors of names that are kept at most: a process may have more threads than we may have files.
_NAMES_KEPT = 64


class RunState(Enum):
    """Whether ptrace requests are legal now."""

    RUNNING = "running"
    #: In a ptrace-stop: requests work.
    STOPPED = "stopped"
    #: A group-stop left to job control: it does not run, but requests fail as if it did.
    LISTENING = "listening"
    #: ESRCH where it was thought stopped: its exit status is on the way.
    DYING = "dying"
    #: The leader has exited and the others have not: no status comes until they have.
    ZOMBIE = "zombie"


class StopKind(Enum):
    """Which ptrace-stop a tracee is in."""

    NONE = "none"
    INTERRUPT = "interrupt-stop"
    #: An interrupt-stop as well, with the registers that it had in another stop before a call of ours.
    CALLED = "stopped after an injected call"
    SIGNAL = "signal-delivery-stop"
    GROUP = "group-stop"
    SYSCALL = "syscall-stop"
    EVENT = "event-stop"


#: Those that are looked at at every stop, by names of their own: see ``target.engine.STOP``.
RUNNING: Final = RunState.RUNNING
STOPPED: Final = RunState.STOPPED
LISTENING: Final = RunState.LISTENING
DYING: Final = RunState.DYING
ZOMBIE: Final = RunState.ZOMBIE
NO_STOP: Final = StopKind.NONE
INTERRUPT_STOP: Final = StopKind.INTERRUPT
SIGNAL_STOP: Final = StopKind.SIGNAL
SYSCALL_STOP: Final = StopKind.SYSCALL
GROUP_STOP: Final = StopKind.GROUP
EVENT_STOP: Final = StopKind.EVENT


class Arrival:
    """Where a thread was when a site hit was reported, and to whom.

    While it is still there, the same hit is not reported to the same engine twice.
    """

    __slots__ = ("engines", "pc", "sp")

    def __init__(self, pc: Addr, sp: Addr) -> None:
        self.pc = pc
        self.sp = sp
        self.engines: set[EngineId] = set()


class Repeated(NamedTuple):
    """A system call that runs again: where, and until when at most."""

    pc: Addr
    sp: Addr
    deadline: float


class Tracee:
    """One traced thread."""

    #: How many threads keep the descriptor of their name.
    _names_open: ClassVar[int] = 0

    __slots__ = (
        "_name",
        "_name_fd",
        "_named_at",
        "arrival",
        "awaited_by",
        "blocked",
        "call",
        "call_changed",
        "cause",
        "entered_syscall",
        "entry_number",
        "held_by",
        "inferior",
        "injected",
        "injection",
        "interrupting",
        "job_stopped",
        "kept_siginfo",
        "leaves_exec",
        "mask_before",
        "newborn",
        "nudged",
        "on_first_stop",
        "parked",
        "rearm",
        "registers",
        "repeated",
        "sent",
        "signal",
        "skipped",
        "starting",
        "stat_fd",
        "state",
        "stepped_from",
        "stepping",
        "stepping_call",
        "stop",
        "suspended",
        "tid",
    )

    def __init__(self, tid: Tid, inferior: Inferior, registers: RegisterFile) -> None:
        self.tid = tid
        self.inferior = inferior
        self.registers = registers
        self.state = RunState.RUNNING
        self.stop = StopKind.NONE
        #: The signal of the current signal-delivery-stop.
        self.signal = NO_SIGNAL
        #: What will be delivered at the next resume; differs from ``signal`` once an engine has decided.
        self.parked = NO_SIGNAL
        #: Signals queued by us with tgkill that arrive without a report.
        self.injected: list[Signo] = []
        #: The call that it makes on our behalf.
        self.injection: Injection | None = None
        #: In StopKind.CALLED, the siginfo_t of the stop before; None: a group-stop has none.
        self.kept_siginfo: bytes | None = None
        #: PTRACE_INTERRUPT was sent and no stop has come since; any stop answers it.
        self.interrupting = False
        #: In a group-stop, as engines were told.
        self.job_stopped = False
        #: The last resume was PTRACE_SINGLESTEP.
        self.stepping = False
        #: The general registers before the step that is under way.
        self.stepped_from = b""
        #: Not to be resumed whatever the votes: a child's first stop is waited for.
        self.blocked = False
        #: The blocked signals before the step that is under way; None where nobody looked.
        self.mask_before: int | None = None
        #: The number of the syscall it is inside, once an entry was seen; None outside.
        self.entered_syscall: int | None = None
        #: What that number was before anybody changed it.
        self.entry_number = -1
        #: The last call it entered or returned from, for those who catch calls.
        self.call: SyscallInfo | None = None
        #: Somebody has written registers at its entry: it may be another call now.
        self.call_changed = False
        #: The call it is about to enter is not to happen, and this is its result.
        self.skipped: int | None = None
        #: A signal to be sent when it goes on from a syscall-stop.
        self.sent = NO_SIGNAL
        #: It was told to stop when it came to the call that it is in.
        self.nudged = False
        #: A call that a stop of ours has cut short, and that it makes again by itself.
        self.suspended: SyscallInfo | None = None
        #: Its step is a whole system call: it ends at the return.
        self.stepping_call = False
        #: The next syscall exit is that of the exec which started the program: nobody's business.
        self.starting = False
        #: It was in an exec when it stopped last: that returns before anything of the new program runs.
        self.leaves_exec = False
        self.arrival: Arrival | None = None
        #: The system call with a timeout that a stop cut short and that runs again.
        self.repeated: Repeated | None = None
        #: Engines that asked for this one thread to stop and want to hear of it.
        self.awaited_by: set[EngineId] = set()
        #: The event for which an engine holds it.
        self.cause: TraceEvent | None = None
        #: Who holds it, as those who want to know were told.
        self.held_by: tuple[EngineId, ...] = ()
        #: Its first stop has not come yet.
        self.newborn = False
        #: The debug registers have changed while it ran: to be written at its next stop.
        self.rearm = False
        self.on_first_stop: Callable[[], None] | None = None
        self.stat_fd = -1
        self._name_fd = -1
        #: Its name, and how often threads of its process had run when it was read.
        self._name: str | None = None
        self._named_at = -1

    @property
    def stopped(self) -> bool:
        """True in a ptrace-stop."""
        return self.state is RunState.STOPPED

    def last_cpu(self) -> int | None:
        """Return the processor it last ran on; the descriptor is kept for the next stop."""
        if self.stat_fd < 0:
            try:
                self.stat_fd = os.open(f"/proc/{self.tid}/task/{self.tid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return None
        return procfs.last_cpu(self.stat_fd)

    def name(self) -> str | None:
        """Return the kernel's name of it.

        A name changes by a call of a thread of its own process and not otherwise (fs/proc/base.c, ``comm_write``;
        PR_SET_NAME in prctl(2)), so one that was read while all of them stood is good until one of them has run.
        """
        inferior = self.inferior
        if inferior.running:
            return self._read_name()
        if self._named_at != inferior.runs:
            self._name = self._read_name()
            self._named_at = inferior.runs
        return self._name

    def _read_name(self) -> str | None:
        """Read its name; the first threads asked about keep a descriptor for the next time."""
        if self._name_fd < 0:
            if Tracee._names_open >= _NAMES_KEPT:
                return procfs.thread_name(self.tid, self.tid)
            try:
                self._name_fd = os.open(f"/proc/{self.tid}/task/{self.tid}/comm", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return None
            Tracee._names_open += 1
        return procfs.read_name(self._name_fd)

    def close(self) -> None:
        """Close what is open for this thread, which is gone."""
        if self._name_fd >= 0:
            os.close(self._name_fd)
            self._name_fd = -1
            Tracee._names_open -= 1
        if self.injection is not None:
            self.injection.fail(TraceeGone(self.tid))
        if self.stat_fd >= 0:
            os.close(self.stat_fd)
            self.stat_fd = -1
