"""Stop replies: an event, as one client reads it.

Layer: engines.  Used by: session.
Spec: GDB manual, "Stop Reply Packets".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.accounts import account, described_stop
from gdbstub.rsp.hexcodec import escape
from gdbstub.target.events import (
    Cloned,
    Execed,
    Forked,
    Interrupted,
    ProcessExited,
    SignalStop,
    SiteHit,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    VforkDone,
    WatchHit,
    WatchKind,
)
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import Pid, Tid
from gdbstub.vocab.signals import GDB_SIGNAL_0, GDB_SIGNAL_TRAP, to_gdb

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

_WATCH_KEY = {WatchKind.WRITE: "watch", WatchKind.READ: "rwatch", WatchKind.ACCESS: "awatch"}


def thread_id(session: Session, pid: Pid, tid: Tid) -> str:
    """Format a thread-id for this client."""
    return f"p{pid:x}.{tid:x}" if session.features.multiprocess else f"{tid:x}"


def signal_of(event: TraceEvent) -> int:
    """Return GDB's number of the signal a stop is reported with."""
    if isinstance(event, SignalStop):
        return to_gdb(event.signal)
    if isinstance(event, Interrupted):
        return GDB_SIGNAL_0
    return GDB_SIGNAL_TRAP


def _reason(session: Session, event: TraceEvent) -> str:
    features = session.features
    match event:
        case SiteHit(hardware=False):
            return "swbreak:;" if features.swbreak else ""
        case SiteHit(hardware=True):
            return "hwbreak:;" if features.hwbreak else ""
        case WatchHit():
            text = f"{_WATCH_KEY[event.kind]}:{event.address:x};"
            if event.more and features.several_watches:
                text += "".join(f"{_WATCH_KEY[kind]}:{address:x};" for kind, address in event.more)
            return text
        case SyscallStop():
            return f"syscall_{'entry' if event.entry else 'return'}:{event.number:x};"
        case Execed():
            return f"exec:{event.path.hex()};"
        case Forked():
            return f"{event.kind.value}:{thread_id(session, event.child, Tid(event.child))};"
        case VforkDone():
            return "vforkdone:;"
        case Cloned():
            return f"clone:{thread_id(session, event.pid, event.child)};"
        case ThreadStarted():
            return "create:;"
        case _:
            return ""


def exit_reply(session: Session, event: ProcessExited) -> bytes:
    """Make a ``W`` or ``X`` reply."""
    process = f";process:{event.pid:x}" if session.features.multiprocess else ""
    if event.signal is not None:
        return f"X{session.dialect.signal_number(event.signal):02x}{process}".encode()
    return f"W{event.code:02x}{process}".encode()


def thread_exit_reply(session: Session, event: ThreadExited) -> bytes:
    """Make a ``w`` reply."""
    return f"w{event.status:02x};{thread_id(session, event.pid, event.tid)}".encode()


def stop_reply(session: Session, event: TraceEvent, sig: int | None = None) -> bytes:
    """Make the stop reply of an event.

    Args:
        session: Whose client reads it.
        event: What happened.
        sig: The signal, as it goes over the wire, where it is not the event's own (a Ctrl-C's).
    """
    if isinstance(event, ProcessExited):
        return exit_reply(session, event)
    if isinstance(event, ThreadExited):
        return thread_exit_reply(session, event)
    if session.dialect.describes_stops:
        return described_stop(session, event, account(session, event, sig))
    number = signal_of(event) if sig is None else sig
    disabled = session.disabled
    if "T" in disabled:
        return b"S%02x" % number
    target = session.target
    tid = event.tid
    parts = [f"T{number:02x}"]
    if sig is None:
        parts.append(_reason(session, event))
    try:
        parts.extend(f"{register:02x}:{value.hex()};" for register, value in target.expedited(tid))
    except StubError:
        # It died between its stop and this report: the client learns of that by the exit.
        parts.append("")
    if "Tthread" not in disabled:
        parts.append(f"thread:{thread_id(session, event.pid, tid)};")
    core = None
    try:
        core = target.thread_core(tid)
    except StubError:
        parts.append("")
    if core is not None:
        parts.append(f"core:{core:x};")
    return "".join(parts).encode()


def console(text: str) -> bytes:
    """Make an ``O`` packet of console output."""
    return b"O" + text.encode("utf-8", "surrogateescape").hex().encode()


__all__ = ["console", "escape", "exit_reply", "signal_of", "stop_reply", "thread_exit_reply", "thread_id"]
