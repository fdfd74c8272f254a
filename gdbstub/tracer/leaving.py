"""Letting processes go, with nothing of ours left in them.

Layer: tracer.  Used by: statuses, births, tracer.

PTRACE_DETACH needs a ptrace-stop, so every thread is stopped once more; which
stop it is decides what must be undone (a hit's pc) or passed on (a signal).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from gdbstub.linux import debugregs, procfs, ptrace_calls
from gdbstub.linux.constants import PTRACE_EVENT_CLONE, PTRACE_EVENT_EXEC, PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK
from gdbstub.linux.memory import ProcessMemory
from gdbstub.linux.wait import StatusKind, WaitStatus, is_stop
from gdbstub.tracer import repeats
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.settler import Settler
from gdbstub.tracer.tracee import RunState, StopKind, Tracee
from gdbstub.tracer.traps import SI_KERNEL
from gdbstub.tracer.world import World
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Signo, Tid

#: How long letting go waits for threads that do not stop (uninterruptible sleep), seconds.
_DETACH_PATIENCE = 1.0

_SIGTRAP = Signo(signal.SIGTRAP)

_BIRTHS = (PTRACE_EVENT_CLONE, PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK)


class Leaving:
    """Ends tracing.

    Args:
        world: What is traced.
        settler: Stops the threads.
        drain: Handles the statuses that are there.
    """

    def __init__(self, world: World, settler: Settler, drain: Callable[[], object]) -> None:
        self._world = world
        self._settler = settler
        self._drain = drain

    def let_go(self, inferior: Inferior, *, stopped: bool = False) -> None:
        """End tracing: every thread must stop once more, because PTRACE_DETACH needs a ptrace-stop.

        Args:
            inferior: Which.
            stopped: It stands afterwards, as a stop signal leaves it.
        """
        others = [each for each in inferior.arbiter.engines() if each in self._world.engines]
        inferior.detaching = True
        self._world.mark(inferior)
        self._settler.settle()
        deadline = time.monotonic() + _DETACH_PATIENCE
        while (
            (inferior.running or inferior.births)
            and inferior.pid in self._world.inferiors
            and time.monotonic() < deadline
        ):
            self._drain()
        if inferior.pid not in self._world.inferiors:
            return
        inferior.sites.remove_all()
        inferior.released = True
        if stopped:
            # The signal waits until a thread runs again, which is when all are let go.
            with suppress(ProcessLookupError):
                os.kill(inferior.pid, signal.SIGSTOP)
        standing = [each for each in inferior.tracees.values() if each.stopped]
        # The leader goes last: clone children it has not been told of yet are still ours until then.
        for tracee in sorted(standing, key=lambda each: each.tid == Tid(inferior.pid)):
            self.release(tracee)
        if inferior.tracees and all(each.state is not RunState.RUNNING for each in inferior.tracees.values()):
            for tracee in list(inferior.tracees.values()):
                self._world.drop(tracee)
        if not inferior.tracees:
            self._world.forget(inferior)
        for each in others:
            engine = self._world.engines.get(each)
            if engine is not None:
                self._world.guard(each, partial(engine.on_lost, inferior.pid))

    def release(self, tracee: Tracee) -> None:
        """Detach one stopped thread, passing on what it was about to be sent."""
        sig = tracee.parked if tracee.stop is StopKind.SIGNAL else NO_SIGNAL
        try:
            # Slots that were given back while it ran are armed in it still.
            if tracee.inferior.slots.armed or tracee.rearm:
                debugregs.write(tracee.tid, (0, 0, 0, 0, 0))
            repeats.before_resume(tracee, sig)
            ptrace_calls.detach(tracee.tid, sig)
        except TargetError:
            # Killed meanwhile: an untraced death is its parent's business alone.
            tracee.state = RunState.DYING
        self._world.drop(tracee)

    def stopped_while_leaving(self, tracee: Tracee, status: WaitStatus) -> None:
        """Bring a thread that is about to be let go into a state the program cannot tell from untraced."""
        inferior = tracee.inferior
        tracee.stop = StopKind.EVENT
        if tracee.on_first_stop is not None:
            # Its parent waited for it, to tell of both.
            tracee.on_first_stop = None
            inferior.births -= 1
        if status.kind is StatusKind.SIGNAL_STOP:
            tracee.stop = StopKind.SIGNAL
            tracee.signal = tracee.parked = Signo(status.detail)
            if status.detail == _SIGTRAP:
                code = ptrace_calls.siginfo_code(tracee.tid)
                pc = tracee.registers.pc
                before = Addr(pc - inferior.spec.pc_correction)
                if code == SI_KERNEL and inferior.sites.explains(before):
                    tracee.registers.set_pc(before)
                    tracee.parked = NO_SIGNAL
                elif code > 0 and code != SI_KERNEL:
                    tracee.parked = NO_SIGNAL
        elif status.kind is StatusKind.EVENT_STOP and status.detail == PTRACE_EVENT_EXEC:
            self._world.replace_program(tracee)
        elif status.kind is StatusKind.EVENT_STOP and status.detail in _BIRTHS:
            self._release_child(inferior, Tid(ptrace_calls.event_message(tracee.tid)))
        self.release_late(tracee)

    def release_late(self, tracee: Tracee) -> None:
        """Let a thread go that did not stop in time, if the others have been let go."""
        inferior = tracee.inferior
        if inferior.released:
            self.release(tracee)
            if not inferior.tracees:
                self._world.forget(inferior)

    def _release_child(self, inferior: Inferior, child: Tid) -> None:
        """Let go a child that was born while its process was being let go."""
        tracee = inferior.add(child)
        self._world.tracees[child] = tracee
        group = procfs.thread_group(child)
        if group is not None and group != inferior.pid:
            self.restore_text(inferior, child)
        raw = self._world.orphans.pop(child, None)
        if raw is not None and is_stop(raw):
            inferior.set_state(tracee, RunState.STOPPED)

    @staticmethod
    def restore_text(inferior: Inferior, child: Tid) -> None:
        """Take our patches out of a forked child's copy of the memory."""
        memory = ProcessMemory(lambda: child, lambda: None)
        inferior.sites.restore_in(memory)
        memory.close()
