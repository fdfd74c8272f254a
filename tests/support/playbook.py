"""A session's story, told as a chain: what it gets, what happens, what it sends and asks.

Used by: the unit tests of the engines.

The bytes that a session sends are read here by rules of our own, so that a mistake in the server's framing
does not hide itself.
"""

from __future__ import annotations

import re

from gdbstub.engines.gdbremote.host import SessionDefaults
from gdbstub.engines.gdbremote.role import Role
from gdbstub.engines.gdbremote.session import Session
from gdbstub.linux.hostfs import LinuxFiles
from gdbstub.target.engine import Vote
from gdbstub.target.events import TraceEvent
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.ids import EngineId, Pid, Tid
from tests.support.fake_host import FakeHost
from tests.support.fake_target import FakeProcess, FakeTarget, FakeThread

ME = EngineId(1)
OTHER = EngineId(2)
PID = Pid(0x64)
#: The threads of the process that most stories are about.
T1, T2, T3 = Tid(0x64), Tid(0x65), Tid(0x66)

_ITEM = re.compile(rb"([+-])|([$%])([^#$]*)#([0-9a-f]{2})", re.S)


def packet(payload: bytes) -> bytes:
    """Frame a payload as a client does."""
    return b"$%b#%02x" % (payload, sum(payload) % 256)


def expand(data: bytes) -> bytes:
    """Undo run-length encoding."""
    return re.sub(rb"(.)\*(.)", lambda run: run[1] * (run[2][0] - 28), data, flags=re.S)


def unescaped(payload: bytes) -> bytes:
    """Undo the escapes of a binary reply."""
    return re.sub(rb"}(.)", lambda pair: bytes([pair[1][0] ^ 0x20]), payload, flags=re.S)


def read(data: bytes) -> list[bytes]:
    """Return acks, payloads, and notifications (with their ``%``), in the order they were sent."""
    items: list[bytes] = []
    at = 0
    while at < len(data):
        match = _ITEM.match(data, at)
        assert match is not None, f"not a packet: {data[at:]!r}"
        ack, kind, payload, digits = match.groups()
        if ack:
            items.append(ack)
        else:
            assert int(digits, 16) == sum(payload) % 256
            items.append((b"%" if kind == b"%" else b"") + expand(payload))
        at = match.end()
    return items


def process(pid: Pid = PID, threads: int = 1, *, attached: bool = False) -> FakeProcess:
    """Return a stopped process with consecutive tids."""
    tids = [Tid(pid + number) for number in range(threads)]
    return FakeProcess(pid, {tid: FakeThread(tid) for tid in tids}, attached=attached)


class Playbook:
    """One session on a fake target and a fake host.

    Args:
        processes: What is traced already.
        supported: What the client announces; None: it announces nothing.
        acks: Whether acknowledgements stay on.
        disabled: What ``--disable-packet`` named.
        program: The server's own command line.
        role: What the client may do.
    """

    def __init__(
        self,
        *processes: FakeProcess,
        supported: bytes | None = b"multiprocess+;swbreak+;hwbreak+;error-message+;vContSupported+",
        acks: bool = False,
        disabled: frozenset[str] = frozenset(),
        program: list[str] | None = None,
        role: Role = Role.DEBUGGER,
    ) -> None:
        self.target = FakeTarget(*processes)
        self.host = FakeHost()
        for each in processes:
            each.engines.insert(0, self.host.keeper_id)
        defaults = SessionDefaults(disabled, LaunchSpec(program or []), role=role)
        self.session = Session(ME, self.target, self.host, LinuxFiles(), defaults)
        self.target.attach_engine(self.session)
        self._items: list[bytes] = []
        self.session.acks = acks
        if supported is not None:
            self.gets(b"qSupported:" + supported)
            self.forget()

    # ------------------------------------------------------------ what happens

    def gets(self, payload: bytes) -> Playbook:
        """Let the client send a packet."""
        return self.gets_bytes(packet(payload))

    def gets_bytes(self, data: bytes) -> Playbook:
        """Let the client send bytes."""
        self.session.receive(data)
        self._collect()
        return self

    def session_bytes(self, payload: bytes) -> bytes:
        """Let the client send a packet and return what goes over the wire."""
        self.session.receive(packet(payload))
        return self.session.take_output()

    def event(self, event: TraceEvent, vote: Vote | None = None) -> Playbook:
        """Let something happen to a thread; check what the session votes."""
        answer = self.target.deliver(event)
        assert vote is None or answer is vote
        self._collect()
        return self

    def stands(self) -> Playbook:
        """Let everything that is held stop."""
        self.target.stand()
        self._collect()
        return self

    # ------------------------------------------------------------ what follows

    def sends(self, *payloads: bytes) -> Playbook:
        """Check what was sent since the last check, all of it, in order."""
        items, self._items = self._items, []
        assert items == list(payloads)
        return self

    def sends_like(self, pattern: bytes) -> Playbook:
        """Check that one packet was sent and matches."""
        assert re.fullmatch(pattern, self.sent(), re.S), (self._items, pattern)
        return self

    def sent(self) -> bytes:
        """Return the one packet that was sent."""
        items, self._items = self._items, []
        assert len(items) == 1, items
        return items[0]

    def forget(self) -> Playbook:
        """Ignore what was sent and asked so far."""
        self._items.clear()
        self.target.calls.clear()
        return self

    def take(self) -> list[bytes]:
        """Return what was sent since the last check."""
        items, self._items = self._items, []
        return items

    def asks(self, *calls: tuple[object, ...]) -> Playbook:
        """Check what was asked of the target since the last check, all of it, in order."""
        assert self.target.take_calls() == list(calls)
        return self

    def asks_for(self, name: str) -> Playbook:
        """Check that something was asked of the target, among other things."""
        assert name in [call[0] for call in self.target.take_calls()]
        return self

    def asks_nothing(self) -> Playbook:
        """Check that the target was left alone."""
        return self.asks()

    def collect(self) -> Playbook:
        """Take what was sent because of a call that no packet and no event made."""
        self._collect()
        return self

    def _collect(self) -> None:
        self._items += read(self.session.take_output())

    # ------------------------------------------------------------ openings

    def stopped(self) -> Playbook:
        """Ask why it stands, as every debugger does."""
        return self.gets(b"?").forget()

    def running(self) -> Playbook:
        """Ask why it stands and let everything run."""
        return self.stopped().gets(b"vCont;c").forget()
