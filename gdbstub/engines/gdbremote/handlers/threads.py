"""Handlers of ``H T qC qAttached qfThreadInfo qsThreadInfo qThreadExtraInfo``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote import faults
from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.faults import Fault
from gdbstub.engines.gdbremote.stops import thread_id
from gdbstub.rsp.commands.threads import (
    Attached,
    CurrentThread,
    FirstThreads,
    MoreThreads,
    SelectThread,
    ThreadAlive,
    ThreadExtraInfo,
)
from gdbstub.rsp.replies import EMPTY, OK, Reply
from gdbstub.vocab.ids import ThreadSpec, Tid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


def find_thread(session: Session, spec: ThreadSpec) -> Tid:
    """Return the thread a thread-id names; for a pattern the first that matches.

    Raises:
        TargetError: There is none.
    """
    if spec.tid > 0:
        if session.dialect.strict and spec.pid is not None and spec.pid not in session.pids():
            raise faults.no_such_process()
        tid = Tid(spec.tid)
        if session.target.has_thread(tid) and spec.matches(session.target.pid_of(tid), tid):
            return tid
    else:
        for pid in session.pids():
            if spec.pid is None or spec.pid <= 0 or spec.pid == pid:
                threads = session.target.threads(pid)
                if threads:
                    return threads[0].tid
    raise faults.no_such_thread()


@handles(SelectThread)
def select_thread(session: Session, cmd: SelectThread) -> Reply:
    """Select a thread."""
    spec = cmd.threads
    if cmd.operation == "c":
        if session.dialect.strict and spec.tid > 0:
            find_thread(session, spec)
        session.resuming = spec
        return OK
    if spec.tid <= 0 and (spec.pid is None or spec.pid <= 0):
        session.general = session.thread() if session.pids() else Tid(0)
    else:
        session.general = find_thread(session, spec)
    return OK


@handles(ThreadAlive)
def thread_alive(session: Session, cmd: ThreadAlive) -> Reply:
    """Say whether a thread lives."""
    try:
        find_thread(session, cmd.threads)
    except Fault as failure:
        raise faults.not_alive(failure) from None
    return OK


@handles(CurrentThread)
def current_thread(session: Session, cmd: CurrentThread) -> Reply:
    """Name the current thread."""
    if "qC" in session.disabled:
        return EMPTY
    if not session.pids():
        raise faults.no_process()
    tid = session.thread()
    return b"QC" + thread_id(session, session.target.pid_of(tid), tid).encode()


@handles(Attached)
def attached(session: Session, cmd: Attached) -> Reply:
    """Say 1 where quitting must not kill: the process was there before us, or others work on it."""
    pid = cmd.pid if cmd.pid is not None else session.process()
    return b"1" if session.target.is_attached(pid) or session.others_on(pid) else b"0"


@handles(FirstThreads)
def first_threads(session: Session, cmd: FirstThreads) -> Reply:
    """List all threads of this client's processes."""
    if "qfThreadInfo" in session.disabled:
        return EMPTY
    form = "p{:x}." if session.features.multiprocess else ""
    mine = {pid: form.format(pid) for pid in session.pids()}
    untold = session.reports.untold_threads()
    names = [f"{mine[pid]}{tid:x}" for pid, tid in session.target.threads() if pid in mine and tid not in untold]
    if not names:
        return session.dialect.no_threads
    fit = max(1, (session.packet_size - 8) // 20)
    session.thread_list = [",".join(names[at : at + fit]) for at in range(fit, len(names), fit)]
    return b"m" + ",".join(names[:fit]).encode()


@handles(MoreThreads)
def more_threads(session: Session, cmd: MoreThreads) -> Reply:
    """Go on with the list."""
    if "qfThreadInfo" in session.disabled:
        return EMPTY
    return b"m" + session.thread_list.pop(0).encode() if session.thread_list else b"l"


@handles(ThreadExtraInfo)
def thread_extra_info(session: Session, cmd: ThreadExtraInfo) -> Reply:
    """Give a thread's name."""
    name = session.target.thread_name(find_thread(session, cmd.threads))
    return (name or "").encode("utf-8", "surrogateescape").hex().encode()
