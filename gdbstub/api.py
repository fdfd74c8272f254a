"""What an engine of your own needs: one import, nothing else of the package is promised to stay.

An engine is a class with five callbacks, a mask and votes; ``IdleEngine`` is the one that does nothing, to be built
upon.  ``gdbstub --engine=FILE`` loads ``FILE`` and calls its ``engine(engine_id, target, argument)``.

Layer: above all, for others.  See docs/ENGINES.md.
"""

from gdbstub.target.engine import Engine, IdleEngine, Vote
from gdbstub.target.events import (
    ChildBorn,
    Execed,
    ForkKind,
    JobContinued,
    JobStopped,
    Joined,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    WatchHit,
    WatchKind,
)
from gdbstub.target.ops import Target, ThreadAction
from gdbstub.vocab.errors import StubError, TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, EngineId, Pid, Signo, Tid

__all__ = [
    "Addr",
    "ChildBorn",
    "Engine",
    "EngineId",
    "Execed",
    "ForkKind",
    "IdleEngine",
    "JobContinued",
    "JobStopped",
    "Joined",
    "Pid",
    "ProcessExited",
    "SignalStop",
    "Signo",
    "SiteHit",
    "StepDone",
    "StubError",
    "SyscallStop",
    "Target",
    "TargetError",
    "ThreadAction",
    "ThreadExited",
    "ThreadStarted",
    "Tid",
    "TraceEvent",
    "TraceeGone",
    "Vote",
    "WatchHit",
    "WatchKind",
]
