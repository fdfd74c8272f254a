"""Threads that stopped and that no event has announced, nor ever will.

Layer: tracer.  Used by: statuses, births.

A new thread's first stop may come before its parent's event, and waits for that
(``World.orphans``).  But a parent that is killed in its event, or that another
thread's exec ends there, announces nobody any more, while its child process is
traced by us for good and stands still.  Such a child is let go, as if it had not
been traced from the beginning.
"""

from __future__ import annotations

from contextlib import suppress

from gdbstub.linux import procfs, ptrace_calls
from gdbstub.linux.memory import ProcessMemory
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.tracee import RUNNING
from gdbstub.tracer.world import World
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid, Tid


class Orphans:
    """Finds the unannounced.

    Args:
        world: What is traced.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def sweep(self) -> None:
        """Let those go whom nobody is left to announce."""
        for tid in list(self._world.orphans):
            fields = procfs.status_fields(tid)
            group = fields.get("Tgid")
            # A thread ends with its process, and that is told.
            if group == str(tid) and not self._is_expected(int(fields.get("PPid", "0"))):
                self._let_go(tid)

    def _is_expected(self, parent: int) -> bool:
        """Tell whether a thread may still be on the way to the event that announces a child.

        A child by ``CLONE_PARENT`` has its parent's own parent.
        """
        inferiors = self._world.inferiors
        makers: list[Inferior] = []
        if Pid(parent) in inferiors:
            makers.append(inferiors[Pid(parent)])
        for each in inferiors.values():
            if procfs.status_fields(each.live_tid()).get("PPid") == str(parent):
                makers.append(each)
        return any(tracee.state is RUNNING for each in makers for tracee in each.running.values())

    def _let_go(self, tid: Tid) -> None:
        del self._world.orphans[tid]
        memory = ProcessMemory(lambda: tid, lambda: None)
        for sites in (*self._world.fallen, *(each.sites for each in self._world.inferiors.values())):
            sites.restore_in(memory)
        memory.close()
        with suppress(TargetError):
            ptrace_calls.detach(tid)
