"""Trace events: what a stop of a tracee means, after every trap of ptrace's has been dealt with.

Layer: target.  Made by: tracer.  Read by: engines.

Each class says which reaction is legal.  Every event is offered to the engines
it concerns, in order of attachment; each answers with a ``Vote``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gdbstub.vocab.ids import Addr, Pid, Signo, Tid


class WatchKind(Enum):
    """What a data stop looks for; the value is the type digit of the ``Z`` packet."""

    WRITE = 2
    READ = 3
    ACCESS = 4


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """Something happened to one thread."""

    pid: Pid
    tid: Tid


@dataclass(frozen=True, slots=True)
class Launched(TraceEvent):
    """A program that this server started is stopped before its first instruction.  STOP or CONTINUE."""


@dataclass(frozen=True, slots=True)
class LaunchFailed(TraceEvent):
    """A program could not be started.  Goes to whoever asked.  Nothing can be voted."""

    text: str
    #: The same by the call that failed, without the program's name.
    cause: str = ""


@dataclass(frozen=True, slots=True)
class SiteHit(TraceEvent):
    """The thread reached a breakpoint; pc is already back on it.  Goes to the owners.  STOP or CONTINUE."""

    address: Addr
    #: True for a debug register, False for a trap instruction.
    hardware: bool


@dataclass(frozen=True, slots=True)
class WatchHit(TraceEvent):
    """A data stop triggered; pc is after the access.  Goes to the owners.  STOP or CONTINUE."""

    address: Addr
    kind: WatchKind
    #: What else of the same engine's triggered with it.
    more: tuple[tuple[WatchKind, Addr], ...] = ()


@dataclass(frozen=True, slots=True)
class StepDone(TraceEvent):
    """An instruction, or a range of them, has been stepped.  Goes to whoever voted STEP.  STOP or STEP again."""


@dataclass(frozen=True, slots=True)
class SignalStop(TraceEvent):
    """A signal is about to be delivered.  Goes to all.  CONTINUE passes it on; STOP parks it."""

    signal: Signo


@dataclass(frozen=True, slots=True)
class JobStopped(TraceEvent):
    """Job control has stopped the thread; only SIGCONT lets it run on.  Nothing can be voted."""

    signal: Signo


@dataclass(frozen=True, slots=True)
class JobContinued(TraceEvent):
    """SIGCONT has ended a stop by job control.  Nothing can be voted."""


@dataclass(frozen=True, slots=True)
class Interrupted(TraceEvent):
    """The thread was stopped because an engine asked for it.  Goes to that engine only."""


@dataclass(frozen=True, slots=True)
class SyscallStop(TraceEvent):
    """A caught syscall; ``entry`` or return.  Goes to engines that catch ``number``.  STOP or CONTINUE.

    ``Target.syscall`` tells its arguments and its result.
    """

    number: int
    entry: bool


@dataclass(frozen=True, slots=True)
class Execed(TraceEvent):
    """The process runs a new program; ``tid`` is the leader's and every other thread is gone.  STOP or CONTINUE."""

    path: bytes
    #: The thread that called exec, in the old program.
    former_tid: Tid


@dataclass(frozen=True, slots=True)
class Joined(TraceEvent):
    """The engine takes part in a process from now on.  Nothing can be voted; the process may run."""


class ForkKind(Enum):
    """How a child process came about."""

    FORK = "fork"
    VFORK = "vfork"


@dataclass(frozen=True, slots=True)
class Forked(TraceEvent):
    """A child process exists and is stopped before its first instruction.  STOP or CONTINUE."""

    child: Pid
    kind: ForkKind


@dataclass(frozen=True, slots=True)
class ChildBorn(TraceEvent):
    """A child process exists; ``kept`` says whether it stays traced.  Nothing can be voted."""

    child: Pid
    kind: ForkKind
    kept: bool


@dataclass(frozen=True, slots=True)
class VforkDone(TraceEvent):
    """A vfork child no longer borrows the parent's memory.  STOP or CONTINUE."""


@dataclass(frozen=True, slots=True)
class Cloned(TraceEvent):
    """The thread has made another, which is stopped before its first instruction.  STOP (for both) or CONTINUE.

    Goes to the engines that asked for it (``Target.clone_events``); ``ThreadStarted`` of the child has come before.
    """

    child: Tid


@dataclass(frozen=True, slots=True)
class ThreadStarted(TraceEvent):
    """A thread was created and is stopped before its first instruction.  STOP or CONTINUE."""


@dataclass(frozen=True, slots=True)
class ThreadExited(TraceEvent):
    """A thread is gone; the process lives on.  Nothing can be voted."""

    status: int
    #: What killed it, with its process.
    signal: Signo | None = None


@dataclass(frozen=True, slots=True)
class ProcessExited(TraceEvent):
    """The process is gone: exit ``code``, or killed by ``signal``.  Nothing can be voted."""

    code: int
    signal: Signo | None
    dumped_core: bool = False


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
