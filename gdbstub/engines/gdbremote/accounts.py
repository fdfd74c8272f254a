"""Stops as LLDB reads them: one reply that says everything, and the same of all threads as JSON.

Layer: engines.  Used by: stops, handlers.
Spec: LLDB's "GDB Remote Protocol Extensions", "Stop reply packet extensions", "jThreadsInfo".
"""

from __future__ import annotations

import re
from binascii import hexlify
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
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
    from gdbstub.arch.catalogue import Catalogue
    from gdbstub.engines.gdbremote.session import Session

_SIGTRAP = 5

#: A thread's name that has none of these may stand in a packet as it is.
_needs_hex = re.compile(r"[$#+\-;:*}]|[^ -~]").search

#: How many threads' names are kept as they are sent.
_NAMES_KEPT = 256

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

_NOTHING: Mapping[Tid, Account] = {}
_AT_BREAKPOINT = Account(_SIGTRAP, "breakpoint")
_STEPPED = Account(_SIGTRAP, "trace")


def account(session: Session, event: TraceEvent, sig: int | None = None) -> Account:
    """Say why a thread stands.

    Args:
        session: Whose client reads it.
        event: What happened.
        sig: The signal, as it goes over the wire, where it is not the event's own (an interrupt's).
    """
    match event:
        case SiteHit():
            return _AT_BREAKPOINT
        case StepDone():
            return _STEPPED
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


class Accounts:
    """Why threads stand, of those that have a reason, as a client was told.

    Args:
        session: Whose client.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._by_pid: dict[Pid, dict[Tid, Account]] = {}

    def of(self, pid: Pid) -> Mapping[Tid, Account]:
        """Return those of one process."""
        return self._by_pid.get(pid, _NOTHING)

    def note(self, event: TraceEvent, sig: int | None, others: Mapping[Tid, TraceEvent]) -> Account:
        """Keep why threads stand: return why the one does that an event is about; see ``account``."""
        why = account(self._session, event, sig)
        self._by_pid.setdefault(event.pid, {})[event.tid] = why
        for tid, other in others.items():
            self._by_pid.setdefault(other.pid, {})[tid] = account(self._session, other)
        return why

    def drop(self, pid: Pid, tid: Tid) -> None:
        """Forget one thread."""
        if pid in self._by_pid:
            self._by_pid[pid].pop(tid, None)

    def forget(self, pids: Iterable[Pid]) -> None:
        """Forget all threads of processes: they are resumed, or gone."""
        for pid in pids:
            self._by_pid.pop(pid, None)


def _signal_text(session: Session, event: SignalStop) -> str:
    """Describe a signal that the kernel raised for something the thread did; nothing of others."""
    try:
        text = fault_text(session.target.read_siginfo(event.tid))
    except StubError:
        return ""
    return f"signal {name_of(event.signal)}: {text}" if text else ""


def _field(key: bytes, text: str) -> bytes:
    return b"%b:%b;" % (key, hexlify(text.encode("utf-8", "surrogateescape")))


@lru_cache(_NAMES_KEPT)
def _name_field(name: str) -> bytes:
    return _field(b"hexname", name) if _needs_hex(name) else b"name:%b;" % name.encode()


def described_stop(session: Session, event: TraceEvent, why: Account) -> bytes:
    """Make the stop reply of an event."""
    return _stop_reply(session, event.pid, event.tid, why)


def thread_stop(session: Session, pid: Pid, tid: Tid, *, listing: bool = True) -> bytes:
    """Make the stop reply of one thread, whatever it stands for; the list of all threads may be left out."""
    return _stop_reply(session, pid, tid, session.reports.accounts.of(pid).get(tid, NO_REASON), listing=listing)


def _stop_reply(session: Session, pid: Pid, tid: Tid, why: Account, *, listing: bool = True) -> bytes:
    target, features = session.target, session.features
    if features.multiprocess:
        parts = [b"T%02xthread:p%x.%x;" % (why.signal, pid, tid)]
    else:
        parts = [b"T%02xthread:%x;" % (why.signal, tid)]
    try:
        name = target.thread_name(tid)
        if name:
            parts.append(_name_field(name))
    except StubError:
        # It died between its stop and this report: the client learns of that by the exit.
        parts.append(b"")
    if listing and features.threads_in_stops:
        parts.append(_all_threads(session, pid))
    try:
        listed = x86_catalogue(target.arch(pid))
        block = target.general_registers(tid)
        parts.append(listed.writer.write(block))
        parts += [b"memory:%#x=%b;" % (at, hexlify(data)) for at, data in _frames(session, pid, block, listed)]
    except StubError:
        parts.append(b"")
    if why.reason:
        parts.append(b"reason:%b;" % why.reason.encode())
    if why.description:
        parts.append(_field(b"description", why.description))
    if why.more:
        parts.append(why.more.encode())
    return b"".join(parts)


def _all_threads(session: Session, pid: Pid) -> bytes:
    """Return the fields about all threads of a process."""
    target = session.target
    tids = session.listed_threads(pid)
    reasons = b""
    if len(tids) > 1:
        accounts = session.reports.accounts.of(pid)
        with_reasons = [tid for tid in tids if accounts.get(tid, NO_REASON) is not NO_REASON]
        reasons = b"jstopinfo:%b;" % hexlify(_json(_members(session, pid, tid) for tid in with_reasons))
    digits = 2 * target.arch(pid).pointer_size
    pcs: list[bytes] = []
    for tid in tids:
        try:
            pcs.append(b"%0*x" % (digits, target.pc(tid)))
        except StubError:
            pcs.append(b"0" * digits)
    listed = b",".join([b"%x" % tid for tid in tids])
    return b"threads:%b;%bthread-pcs:%b;" % (listed, reasons, b",".join(pcs))


def _members(session: Session, pid: Pid, tid: Tid) -> dict[str, Any]:
    """Return the members of one thread's object in JSON."""
    why = session.reports.accounts.of(pid).get(tid, NO_REASON)
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
            members = _members(session, pid, tid)
            try:
                block = target.general_registers(tid)
                digits = block.hex()
                members["registers"] = {
                    str(number): digits[place] + padding for number, _, place, padding in listed.essential
                }
                memory = [{"address": at, "bytes": data.hex()} for at, data in _frames(session, pid, block, listed)]
                if memory:
                    members["memory"] = memory
            except StubError:
                # It runs for this client, or has just died.
                members.pop("registers", None)
            yield members

    return _json(described())


@cache
def _encoder() -> Callable[[Any], str]:
    # Only these clients need it, and importing it takes time.
    import json

    return json.JSONEncoder(separators=(",", ":")).encode


def _json(items: Iterable[dict[str, Any]]) -> bytes:
    return _encoder()(list(items)).encode("ascii")


def _frames(session: Session, pid: Pid, block: bytes, listed: Catalogue) -> Sequence[tuple[Addr, bytes]]:
    """Follow the chain of frame pointers: what each frame keeps of its caller, for the client's cache."""
    size = listed.spec.pointer_size
    frame = int.from_bytes(block[listed.fp_offset : listed.fp_offset + size], "little")
    lowest = int.from_bytes(block[listed.sp_offset : listed.sp_offset + size], "little")
    found: list[tuple[Addr, bytes]] = []
    while len(found) < _FRAMES and lowest <= frame and frame % size == 0:
        try:
            data = session.target.read_memory(pid, Addr(frame), 2 * size)
        except StubError:
            break
        if len(data) < 2 * size:
            break
        found.append((Addr(frame), data))
        lowest, frame = frame + 1, int.from_bytes(data[:size], "little")
    return found


def thread_json(session: Session, tid: Tid) -> bytes:
    """Say what else is known about one thread."""
    members = _members(session, session.target.pid_of(tid), tid)
    core = session.target.thread_core(tid)
    if core is not None:
        members["core"] = core
    members["state"] = session.target.describe(tid)
    return _encoder()(members).encode("ascii")
