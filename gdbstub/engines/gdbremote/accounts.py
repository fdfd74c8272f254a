"""Stops as LLDB reads them: one reply that says everything, and the same of all threads as JSON.

Layer: engines.  Used by: stops, handlers.
Spec: LLDB's "GDB Remote Protocol Extensions", "Stop reply packet extensions", "jThreadsInfo".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gdbstub.arch.x86_catalogue import x86_catalogue
from gdbstub.target.events import (
    Execed,
    Forked,
    Interrupted,
    Launched,
    SignalStop,
    SiteHit,
    StepDone,
    TraceEvent,
    VforkDone,
    WatchHit,
)
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import Addr, Pid, Tid
from gdbstub.vocab.siginfo import fault_text
from gdbstub.vocab.signals import name_of

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

_SIGTRAP = 5

#: A thread's name that has none of these may stand in a packet as it is.
_needs_hex = re.compile(r"[$#+\-;:*}]|[^ -~]").search

#: How many frames' saved frame pointer and return address go along.
_FRAMES = 2


class Account(NamedTuple):
    """Why a thread stands, in LLDB's words."""

    #: As it goes over the wire; 0: it stands because others do.
    signal: int
    reason: str = ""
    #: For people, or where LLDB reads it, numbers.
    description: str = ""
    #: Further fields of the stop reply.
    more: str = ""


#: It stands because others do.
NO_REASON = Account(0)


def account(session: Session, event: TraceEvent, sig: int | None = None) -> Account:
    """Say why a thread stands.

    Args:
        session: Whose client reads it.
        event: What happened.
        sig: The signal, as it goes over the wire, where it is not the event's own (an interrupt's).
    """
    match event:
        case SiteHit():
            return Account(_SIGTRAP, "breakpoint")
        case StepDone():
            return Account(_SIGTRAP, "trace")
        case WatchHit():
            return Account(_SIGTRAP, "watchpoint", f"{event.address} 0 {event.address}")
        case SignalStop():
            return Account(session.dialect.signal_number(event.signal), "signal", _signal_text(session, event))
        case Launched():
            return Account(session.dialect.launch_signal, "signal")
        case Execed():
            return Account(_SIGTRAP, "exec")
        case Forked():
            kind, child = event.kind.value, event.child
            return Account(_SIGTRAP, kind, f"{child} {child}", f"{kind}:p{child:x}.{child:x};")
        case VforkDone():
            return Account(_SIGTRAP, "vforkdone")
        case Interrupted():
            return Account(sig, "signal") if sig else NO_REASON
        case _:
            return Account(_SIGTRAP)


def _signal_text(session: Session, event: SignalStop) -> str:
    """Describe a signal that the kernel raised for something the thread did; nothing of others."""
    try:
        text = fault_text(session.target.read_siginfo(event.tid))
    except StubError:
        return ""
    return f"signal {name_of(event.signal)}: {text}" if text else ""


def _field(key: str, text: str) -> str:
    return f"{key}:{text.encode('utf-8', 'surrogateescape').hex()};"


def _name_field(name: str | None) -> str:
    if not name:
        return ""
    return _field("hexname", name) if _needs_hex(name) else f"name:{name};"


def described_stop(session: Session, event: TraceEvent, sig: int | None = None) -> bytes:
    """Make the stop reply of an event; see ``account``."""
    return _stop_reply(session, event.pid, event.tid, account(session, event, sig))


def thread_stop(session: Session, pid: Pid, tid: Tid, *, listing: bool = True) -> bytes:
    """Make the stop reply of one thread, whatever it stands for; the list of all threads may be left out."""
    return _stop_reply(session, pid, tid, session.reports.account_of(tid), listing=listing)


def _stop_reply(session: Session, pid: Pid, tid: Tid, why: Account, *, listing: bool = True) -> bytes:
    target = session.target
    process = f"p{pid:x}." if session.features.multiprocess else ""
    parts = [f"T{why.signal:02x}thread:{process}{tid:x};"]
    try:
        parts.append(_name_field(target.thread_name(tid)))
    except StubError:
        # It died between its stop and this report: the client learns of that by the exit.
        parts.append("")
    if listing and session.features.threads_in_stops:
        parts.extend(_all_threads(session, pid))
    try:
        listed = x86_catalogue(target.arch(pid))
        block = target.general_registers(tid).hex()
        parts.extend([f"{key}{block[place]}{padding};" for _, key, place, padding in listed.expedited])
        parts.extend(f"memory:{at:#x}={data.hex()};" for at, data in _frames(session, pid, tid))
    except StubError:
        parts.append("")
    if why.reason:
        parts.append(f"reason:{why.reason};")
    if why.description:
        parts.append(_field("description", why.description))
    parts.append(why.more)
    return "".join(parts).encode()


def _all_threads(session: Session, pid: Pid) -> Iterator[str]:
    """Yield the fields about all threads of a process."""
    target = session.target
    tids = session.listed_threads(pid)
    yield f"threads:{','.join([f'{tid:x}' for tid in tids])};"
    if len(tids) > 1:
        with_reasons = [tid for tid in tids if session.reports.account_of(tid) is not NO_REASON]
        yield f"jstopinfo:{_json(_members(session, tid) for tid in with_reasons).hex()};"
    digits = 2 * target.arch(pid).pointer_size
    pcs: list[str] = []
    for tid in tids:
        try:
            pcs.append(f"{target.pc(tid):0{digits}x}")
        except StubError:
            pcs.append("0" * digits)
    yield f"thread-pcs:{','.join(pcs)};"


def _members(session: Session, tid: Tid) -> dict[str, Any]:
    """Return the members of one thread's object in JSON."""
    why = session.reports.account_of(tid)
    members: dict[str, Any] = {"tid": tid}
    if why.signal:
        members["signal"] = why.signal
    try:
        name = session.target.thread_name(tid)
    except StubError:
        name = None
    if name:
        members["name"] = name
    if why.reason:
        members["reason"] = why.reason
    if why.description:
        members["description"] = why.description
    return members


def threads_json(session: Session, pid: Pid) -> bytes:
    """Say of all threads of a process why they stand, where, and what their innermost frames keep."""
    target = session.target
    listed = x86_catalogue(target.arch(pid))

    def described() -> Iterator[dict[str, Any]]:
        for tid in session.listed_threads(pid):
            members = _members(session, tid)
            try:
                block = target.general_registers(tid).hex()
                members["registers"] = {
                    str(number): block[place] + padding for number, _, place, padding in listed.essential
                }
                memory = [{"address": at, "bytes": data.hex()} for at, data in _frames(session, pid, tid)]
                if memory:
                    members["memory"] = memory
            except StubError:
                # It runs for this client, or has just died.
                members.pop("registers", None)
            yield members

    return _json(described())


def _json(items: Iterable[dict[str, Any]]) -> bytes:
    # Only these clients need it, and importing it takes time.
    import json

    return json.dumps(list(items), separators=(",", ":")).encode("ascii")


def _frames(session: Session, pid: Pid, tid: Tid) -> Sequence[tuple[Addr, bytes]]:
    """Follow the chain of frame pointers: what each frame keeps of its caller, for the client's cache."""
    target = session.target
    listed = x86_catalogue(target.arch(pid))
    size = listed.spec.pointer_size
    block = target.general_registers(tid)
    frame = int.from_bytes(block[listed.fp_offset : listed.fp_offset + size], "little")
    lowest = int.from_bytes(block[listed.sp_offset : listed.sp_offset + size], "little")
    found: list[tuple[Addr, bytes]] = []
    while len(found) < _FRAMES and lowest <= frame and frame % size == 0:
        try:
            data = target.read_memory(pid, Addr(frame), 2 * size)
        except StubError:
            break
        if len(data) < 2 * size:
            break
        found.append((Addr(frame), data))
        lowest, frame = frame + 1, int.from_bytes(data[:size], "little")
    return found


def thread_json(session: Session, tid: Tid) -> bytes:
    """Say what else is known about one thread."""
    import json

    members = _members(session, tid)
    core = session.target.thread_core(tid)
    if core is not None:
        members["core"] = core
    members["state"] = session.target.describe(tid)
    return json.dumps(members, separators=(",", ":")).encode("ascii")
