"""Handlers of ``QThreadEvents QThreadOptions``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.threadevents import OPTION_CLONE, ThreadEvents, ThreadOptions
from gdbstub.rsp.replies import OK, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(ThreadEvents)
def thread_events(session: Session, cmd: ThreadEvents) -> Reply:
    """Report the beginning and the end of every thread, or stop doing so."""
    session.thread_events = cmd.on
    return OK


@handles(ThreadOptions)
def thread_options(session: Session, cmd: ThreadOptions) -> Reply:
    """Replace the options of the threads that are named; the others keep theirs."""
    chosen = session.thread_options
    mine = set(session.pids())
    for thread in session.target.threads():
        if thread.pid not in mine:
            continue
        for options, spec in reversed(cmd.choices):
            if spec.matches(thread.pid, thread.tid):
                if options:
                    chosen[thread.tid] = options
                else:
                    chosen.pop(thread.tid, None)
                break
    clones = frozenset(tid for tid, options in chosen.items() if options & OPTION_CLONE)
    session.target.clone_events(session.engine_id, clones)
    return OK
