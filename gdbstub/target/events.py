"""Trace events: what a stop of a tracee means, after every trap of ptrace's has been dealt with.

Layer: target.  Made by: tracer.  Read by: engines.

Each class says which reaction is legal.  Every event is offered to the engines
it concerns, in order of attachment; each answers with a ``Vote``.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Final

from gdbstub.vocab.ids import Addr, EngineId, Pid, Signo, Tid


class WatchKind(Enum):
    """What a data stop looks for; the value is the type digit of the ``Z`` packet."""

    WRITE = 2
    READ = 3
    ACCESS = 4


class TraceEvent:
    """Something happened to one thread.

    Events are values: equal where their kinds and members are.  They are written out because dataclasses, which
    compile six functions for each class, took a tenth of the time until a client has its first reply.
    """

    #: False where the answer does not count: nothing can be voted.
    votable: ClassVar[bool] = True

    def __init__(self, pid: Pid, tid: Tid) -> None:
        self.pid: Final = pid
        self.tid: Final = tid

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({members})"


class Launched(TraceEvent):
    """A program that this server started is stopped before its first instruction.  STOP or CONTINUE."""


class LaunchFailed(TraceEvent):
    """A program could not be started.  Goes to whoever asked.  Nothing can be voted."""

    votable = False

    def __init__(self, pid: Pid, tid: Tid, text: str, cause: str = "") -> None:
        super().__init__(pid, tid)
        self.text: Final = text
        #: The same by the call that failed, without the program's name.
        self.cause: Final = cause


class SiteHit(TraceEvent):
    """The thread reached a breakpoint; pc is already back on it.  Goes to the owners.  STOP or CONTINUE."""

    def __init__(self, pid: Pid, tid: Tid, address: Addr, hardware: bool) -> None:
        super().__init__(pid, tid)
        self.address: Final = address
        #: True for a debug register, False for a trap instruction.
        self.hardware: Final = hardware


class WatchHit(TraceEvent):
    """A data stop triggered; pc is after the access.  Goes to the owners.  STOP or CONTINUE."""

    def __init__(
        self, pid: Pid, tid: Tid, address: Addr, kind: WatchKind, more: tuple[tuple[WatchKind, Addr], ...] = ()
    ) -> None:
        super().__init__(pid, tid)
        self.address: Final = address
        self.kind: Final = kind
        #: What else of the same engine's triggered with it.
        self.more: Final = more


class StepDone(TraceEvent):
    """An instruction, or a range of them, has been stepped.  Goes to whoever voted STEP.  STOP, STEP or CONTINUE."""


class SignalStop(TraceEvent):
    """A signal is about to be delivered.  Goes to all.  CONTINUE passes it on; STOP parks it."""

    def __init__(self, pid: Pid, tid: Tid, signal: Signo) -> None:
        super().__init__(pid, tid)
        self.signal: Final = signal


class JobStopped(TraceEvent):
    """Job control has stopped the thread; only SIGCONT lets it run on.  Nothing can be voted."""

    votable = False

    def __init__(self, pid: Pid, tid: Tid, signal: Signo) -> None:
        super().__init__(pid, tid)
        self.signal: Final = signal


class JobContinued(TraceEvent):
    """SIGCONT has ended a stop by job control.  Nothing can be voted."""

    votable = False


class Held(TraceEvent):
    """Engines hold the thread, which stands.  Goes to all who want to know.  Nothing can be voted."""

    votable = False

    def __init__(self, pid: Pid, tid: Tid, engines: tuple[EngineId, ...], cause: TraceEvent | None) -> None:
        super().__init__(pid, tid)
        self.engines: Final = engines
        #: What they hold it for; None where it was stopped because they wished it to stand.
        self.cause: Final = cause


class LetGo(TraceEvent):
    """Nobody holds the thread any more.  Nothing can be voted."""

    votable = False


class Interrupted(TraceEvent):
    """The thread was stopped because an engine asked for it.  Goes to that engine only."""


class SyscallStop(TraceEvent):
    """A caught syscall; ``entry`` or return.  Goes to engines that catch ``number``.  STOP or CONTINUE.

    ``Target.syscall`` tells its arguments and its result.
    """

    def __init__(self, pid: Pid, tid: Tid, number: int, entry: bool) -> None:
        super().__init__(pid, tid)
        self.number: Final = number
        self.entry: Final = entry


class Execed(TraceEvent):
    """The process runs a new program; ``tid`` is the leader's and every other thread is gone.  STOP or CONTINUE."""

    def __init__(self, pid: Pid, tid: Tid, path: bytes, former_tid: Tid) -> None:
        super().__init__(pid, tid)
        self.path: Final = path
        #: The thread that called exec, in the old program.
        self.former_tid: Final = former_tid


class Joined(TraceEvent):
    """The engine takes part in a process from now on, which may run.  STOP or CONTINUE."""


class ForkKind(Enum):
    """How a child process came about."""

    FORK = "fork"
    VFORK = "vfork"


class Forked(TraceEvent):
    """A child process exists and is stopped before its first instruction.  STOP or CONTINUE."""

    def __init__(self, pid: Pid, tid: Tid, child: Pid, kind: ForkKind) -> None:
        super().__init__(pid, tid)
        self.child: Final = child
        self.kind: Final = kind


class ChildBorn(TraceEvent):
    """A child process exists; ``kept`` says whether it stays traced.  Nothing can be voted."""

    votable = False

    def __init__(self, pid: Pid, tid: Tid, child: Pid, kind: ForkKind, kept: bool) -> None:
        super().__init__(pid, tid)
        self.child: Final = child
        self.kind: Final = kind
        self.kept: Final = kept


class VforkDone(TraceEvent):
    """A vfork child no longer borrows the parent's memory.  STOP or CONTINUE."""


class Cloned(TraceEvent):
    """The thread has made another, which is stopped before its first instruction.  STOP (for both) or CONTINUE.

    Goes to the engines that asked for it (``Target.clone_events``); ``ThreadStarted`` of the child has come before.
    """

    def __init__(self, pid: Pid, tid: Tid, child: Tid) -> None:
        super().__init__(pid, tid)
        self.child: Final = child


class ThreadStarted(TraceEvent):
    """A thread was created and is stopped before its first instruction.  STOP or CONTINUE."""


class ThreadExited(TraceEvent):
    """A thread is gone; the process lives on.  Nothing can be voted."""

    votable = False

    def __init__(self, pid: Pid, tid: Tid, status: int, signal: Signo | None = None) -> None:
        super().__init__(pid, tid)
        self.status: Final = status
        #: What killed it, with its process.
        self.signal: Final = signal


class ProcessExited(TraceEvent):
    """The process is gone: exit ``code``, or killed by ``signal``.  Nothing can be voted."""

    votable = False

    def __init__(self, pid: Pid, tid: Tid, code: int, signal: Signo | None, dumped_core: bool = False) -> None:
        super().__init__(pid, tid)
        self.code: Final = code
        self.signal: Final = signal
        self.dumped_core: Final = dumped_core


#: What a debugger looks at.
DEBUGGER_EVENTS: frozenset[type[TraceEvent]] = frozenset(
    {
        Cloned,
        Execed,
        Forked,
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
        VforkDone,
        WatchHit,
    }
)
