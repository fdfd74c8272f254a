"""Which engine makes a stream of events in the form that is wished.

Layer: engines.  Used by: gdbremote.handlers.logs, cli.events.
"""

from __future__ import annotations

from gdbstub.engines.events.options import EventOptions
from gdbstub.engines.follower import MakeLog


def stream_with(options: EventOptions) -> MakeLog:
    """Return what makes a stream with these options."""
    # Each form is imported where it is wished: the one for viewers knows all system calls.
    if options.perfetto:
        from gdbstub.engines.events.perfetto import Perfetto
        from gdbstub.engines.syscalls.log import log_with
        from gdbstub.engines.syscalls.options import LogOptions

        return log_with(LogOptions(), lambda write, target: Perfetto(write, target.thread_name))
    from gdbstub.engines.events.eventlog import events_with

    return events_with(options)
