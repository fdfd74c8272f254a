"""Identities that must never be mixed up: pids, tids, addresses, signals, engines.

Layer: vocab.  Used by: every layer.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

#: A thread-group id: what a user calls a process.
Pid = NewType("Pid", int)
#: A kernel thread id.  The leader's tid is numerically equal to the pid.
Tid = NewType("Tid", int)
#: An address in an inferior.
Addr = NewType("Addr", int)
#: A signal number as the kernel of this machine counts (not GDB's numbering).
Signo = NewType("Signo", int)
#: One engine attached to the tracer; never reused within a run.
EngineId = NewType("EngineId", int)

NO_SIGNAL = Signo(0)

#: The engine behind tracepoints.  Clients count up from 1, and 0 is the server's own engine.
TRACING = EngineId(-1)

#: In a ThreadSpec: "all of them" (``-1`` on the wire) and "any of them" (``0``).
ALL = -1
ANY = 0


class ThreadSpec(NamedTuple):
    """The wire's thread-id: a pattern that matches threads, not a thread.

    ``pid`` is None where the client left the process out; both fields may be ``ALL`` or ``ANY``.
    """

    pid: int | None
    tid: int

    def matches(self, pid: Pid, tid: Tid) -> bool:
        """Tell whether a thread falls under this pattern; ``ANY`` matches like ``ALL``."""
        if self.pid is not None and self.pid > 0 and self.pid != pid:
            return False
        return self.tid <= 0 or self.tid == tid

    @property
    def names_one_thread(self) -> bool:
        """True where the pattern can match only one thread."""
        return self.tid > 0
