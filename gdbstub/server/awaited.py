"""Waiting for a process to appear: ``vAttachWait``, and ``--attach NAME``.

Layer: server.  Used by: server.  Source: proc(5); Linux tells only root of new processes, so it is looked for.
"""

from __future__ import annotations

import trio

from gdbstub.linux import procfs
from gdbstub.vocab.ids import Pid

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
