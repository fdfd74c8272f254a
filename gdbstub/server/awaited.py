"""Waiting for a process to appear: ``vAttachWait``, and ``--attach NAME``.

Layer: server.  Used by: server.  Source: proc(5); Linux tells only root of new processes, so it is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from gdbstub.linux import procfs
from gdbstub.vocab.ids import EngineId, Pid

#: How long between two looks, seconds: at first, and at most.
_PAUSE = 0.002
_LONGEST_PAUSE = 0.05


async def process_named(name: str, *, existing: bool) -> Pid:
    """Wait for a process that runs a program of this name.

    Args:
        name: The program's path, its last part, or what the kernel calls it.
        existing: One that is there already is welcome, too.
    """
    old = frozenset() if existing else frozenset(procfs.processes_named(name))
    pause = _PAUSE
    while True:
        for pid in procfs.processes_named(name):
            if pid not in old:
                return pid
        await trio.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.2)


class AwaitedProcesses:
    """Who waits for which process.  Implements ``engines.gdbremote.host.Appearances``.

    Args:
        found: Told of a process, and who waited for it.
    """

    def __init__(self, found: Callable[[EngineId, Pid], None]) -> None:
        self._found = found
        self._waiting: dict[EngineId, trio.CancelScope] = {}
        self._nursery: trio.Nursery | None = None

    def named(self, name: str) -> Sequence[Pid]:
        """Return the processes that run a program of this name."""
        return procfs.processes_named(name)

    def wait(self, engine_id: EngineId, name: str, *, existing: bool) -> None:
        """Look for a process until one is found or nobody waits any more."""
        assert self._nursery is not None
        scope = self._waiting[engine_id] = trio.CancelScope()
        self._nursery.start_soon(self._look, scope, engine_id, name, existing)

    def cancel(self, engine_id: EngineId) -> None:
        """Wait no longer."""
        scope = self._waiting.pop(engine_id, None)
        if scope is not None:
            scope.cancel()

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Look for processes until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    async def _look(self, scope: trio.CancelScope, engine_id: EngineId, name: str, existing: bool) -> None:
        with scope:
            pid = await process_named(name, existing=existing)
            del self._waiting[engine_id]
            self._found(engine_id, pid)
