"""Load what the first client will ask for while nobody asks anything.

Layer: server.  Used by: server.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import trio

from gdbstub.engines.gdbremote.dispatch import load_handlers
from gdbstub.rsp.families import LIKELY, USUAL

#: Who starts a server has the processor for so long: most often it is a client that starts next, seconds.
_LEISURE = 0.05
#: What is needed to answer some of it: gdb asks for the state of tracepoints, lldb for all threads as JSON.
_MODULES = ("gdbstub.engines.tracing.tracing", "json")


async def prepare(is_asked: Callable[[], bool], learn: Callable[[], None]) -> None:
    """Load the families of packets that clients use; the rarer ones only until the first client is there.

    Args:
        is_asked: Tells whether a client is there.
        learn: Finds out what it will want to know of the processes.
    """
    for family in USUAL:
        load_handlers(family)
        await trio.lowlevel.checkpoint()
    if not is_asked():
        learn()
    await trio.sleep(_LEISURE)
    for family in LIKELY:
        if is_asked():
            return
        load_handlers(family)
        await trio.lowlevel.checkpoint()
    for name in _MODULES:
        if is_asked():
            return
        import_module(name)
        await trio.lowlevel.checkpoint()
