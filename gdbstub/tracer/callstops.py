"""Stops at system calls: what they mean, and who is told.

Layer: tracer.  Used by: statuses.

Most stops of a program whose calls are followed are of this kind, and concern nobody
but those who follow; they take a short way (``pass_through``).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import lru_cache

from gdbstub.linux import ptrace_calls
from gdbstub.linux.constants import PTRACE_EVENT_SECCOMP, SYSGOOD
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.engine import Engine
from gdbstub.target.events import SyscallStop
from gdbstub.tracer import calls
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.settler import Settler
from gdbstub.tracer.tracee import STOPPED, SYSCALL_STOP, Tracee
from gdbstub.tracer.world import World
from gdbstub.vocab.ids import EngineId

#: The raw wait status of a syscall-stop.
CALL_STOP = (signal.SIGTRAP | SYSGOOD) << 8 | 0x7F
#: Those of the stops at calls: that, and a seccomp filter's.
CALL_STOPS = frozenset({CALL_STOP, PTRACE_EVENT_SECCOMP << 16 | signal.SIGTRAP << 8 | 0x7F})


class CallStops:
    """Handles syscall-stops.

    Args:
        world: What is traced.
        settler: Resumes the threads.
        step_done: Called when a step has ended.
    """

    def __init__(self, world: World, settler: Settler, step_done: Callable[[Tracee], None]) -> None:
        self._world = world
        self._settler = settler
        self._step_done = step_done

    def is_plain(self, tracee: Tracee) -> bool:
        """Tell whether nothing but its call can be of interest about a thread's syscall-stop."""
        inferior = tracee.inferior
        return (
            inferior.catching
            and not tracee.interrupting
            and not tracee.stepping_call
            and not tracee.stepping
            and not tracee.newborn
            and not tracee.rearm
            and not tracee.job_stopped
            and tracee.suspended is None
            and tracee.skipped is None
            and inferior.exclusive is None
            and inferior.startup is None
            and not inferior.detaching
            and self._world.log is None
        )

    def pass_through(self, tracee: Tracee) -> None:
        """Handle a plain stop and resume the thread, unless somebody holds it."""
        inferior = tracee.inferior
        inferior.set_state(tracee, STOPPED)
        tracee.stop = SYSCALL_STOP
        info = ptrace_calls.syscall_info(tracee.tid, None if tracee.entered_syscall is None else tracee.call)
        if info is None:
            self._settler.rerun(tracee)
        elif info.entry:
            self._enters(tracee, info)
        else:
            nudged, tracee.nudged = tracee.nudged, False
            self._returns(tracee, info, nudged, False)

    def stopped(self, tracee: Tracee, interrupted: bool, stepping_call: bool) -> None:
        """Handle a syscall-stop, or a seccomp filter's stop.

        Args:
            tracee: Whose.
            interrupted: A stop was asked for when it came.
            stepping_call: It was resumed for a step that is a whole call.
        """
        info = ptrace_calls.syscall_info(tracee.tid, None if tracee.entered_syscall is None else tracee.call)
        if info is None:
            self._settler.rerun(tracee)
        elif info.entry:
            # PTRACE: a stop at the entry leaves the interrupt's mark on the thread: a call that sleeps ends at once.
            tracee.nudged = tracee.nudged or interrupted
            self._enters(tracee, info)
        else:
            interrupted, tracee.nudged = interrupted or tracee.nudged, False
            self._returns(tracee, info, interrupted, stepping_call)

    def _enters(self, tracee: Tracee, info: SyscallInfo) -> None:
        """Handle a syscall-entry-stop, or a seccomp filter's stop, which comes after it where there are both."""
        known = tracee.entered_syscall is not None
        tracee.starting = tracee.call_changed = False
        suspended = tracee.suspended
        if suspended is not None and calls.goes_on(suspended, info):
            tracee.suspended = None
            tracee.call, tracee.entered_syscall = suspended, suspended.number
        elif not known:
            if suspended is not None:
                self.tell_suspended(tracee)
            tracee.call, tracee.entered_syscall = info, info.number
            tracee.entry_number = info.number
            self._offer_call(tracee, info)
        self._settler.go_on(tracee)

    def _returns(self, tracee: Tracee, info: SyscallInfo, interrupted: bool, stepping_call: bool) -> None:
        starting = tracee.starting and tracee.entered_syscall is None
        tracee.starting = tracee.call_changed = False
        call = tracee.call
        seen = tracee.entered_syscall is not None
        tracee.call = info = calls.returned(tracee, info)
        if interrupted and seen and calls.is_cut_short(tracee, info):
            # A stop of ours is no business of those who follow the program's calls.
            tracee.suspended = call
        elif not starting:
            self._offer_call(tracee, info)
        if stepping_call:
            self._step_done(tracee)
        else:
            self._settler.go_on(tracee)

    def tell_suspended(self, tracee: Tracee) -> None:
        """Tell of the return of a call that was cut short, and is not made again after all."""
        suspended, tracee.suspended = tracee.suspended, None
        if suspended is not None and tracee.call is not None:
            self._offer_call(tracee, tracee.call)

    def _offer_call(self, tracee: Tracee, info: SyscallInfo) -> None:
        inferior = tracee.inferior
        number = info.number
        startup = inferior.startup
        if not inferior.catching or number < 0:
            return
        if startup is not None and (startup.execs_left or number not in calls.EXECS):
            return
        pid = inferior.pid
        catchers = inferior.caught.get(number)
        if catchers is None:
            catchers = self._catchers(inferior, number)
        known = tracee.entry_number
        if known != number:
            # Who caught the entry may have put another call in its place: that one is told to both.
            others = self._catchers(inferior, known)
            catchers = [each for each, _ in inferior.catchers if each in catchers or each in others]
        if catchers:
            event = _syscall_stop(pid, tracee.tid, number, info.entry)
            # Engines nest like layers: the last attached sees an entry first and an exit last.
            self._world.offer(tracee, event, reversed(catchers) if info.entry else catchers)

    def _catchers(self, inferior: Inferior, number: int) -> list[EngineId]:
        """Return the engines that catch a call, in order of attachment; they are remembered until one looks again."""
        if len(inferior.caught) >= _CAUGHT_MAX:
            inferior.caught.clear()
        pid = inferior.pid

        def catches(engine: Engine) -> bool:
            return engine.catches(pid, number)

        # One that raises is dropped, and is in the list no more.
        found = [each for each, _ in list(inferior.catchers) if self._world.ask(each, catches)]
        inferior.caught[number] = found
        return found


#: Threads make the same calls again and again.
_syscall_stop = lru_cache(maxsize=1024)(SyscallStop)
#: How many calls' catchers are remembered; there are fewer than a thousand calls.
_CAUGHT_MAX = 4096
