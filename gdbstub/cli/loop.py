"""Load trio and run it: for every command that waits for something.

Layer: cli.  Used by: main, platform, strace, events.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def load_trio() -> None:
    """Import trio without what nobody here uses of it.

    Nearly all that is made from here on until ``run`` stays: collections of garbage would only look at it again
    and again.
    """
    gc.disable()
    from gdbstub.linux.loading import load_package

    load_package("trio")


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run the event loop until ``main`` returns; what has been loaded is no garbage."""
    import trio

    gc.freeze()
    gc.enable()
    return trio.run(main)
