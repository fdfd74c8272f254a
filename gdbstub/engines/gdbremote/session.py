"""One connection that speaks the remote serial protocol, as an engine.

Layer: engines.  Used by: server.pump (bytes in, bytes out), tracer (events).

Theory of operation.  Bytes go through the framer to the packet table, a
packet's command to its handler, and the handler's reply to the output; nothing
here waits.  What takes time leaves ``awaiting`` set: the client then believes
that the target runs (or starts, or dies), and the reply comes by the event
route.

What the client waits for and is still to be told is kept apart (``reports``).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from time import perf_counter_ns

from gdbstub.engines.gdbremote import handlers
from gdbstub.engines.gdbremote.dialect import Dialect, recognise
from gdbstub.engines.gdbremote.dispatch import handler_of
from gdbstub.engines.gdbremote.features import PACKET_SIZE, Features
from gdbstub.engines.gdbremote.host import Host, SessionDefaults
from gdbstub.engines.gdbremote.observations import Observations
from gdbstub.engines.gdbremote.reports import Reports
from gdbstub.engines.gdbremote.role import OBSERVER_MAY
from gdbstub.rsp import registry
from gdbstub.rsp.framing import BadPacket, Framer, Signal, frame, frame_notification, run_length
from gdbstub.rsp.replies import EMPTY, LATER, Reply, error_reply
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    ForkKind,
    TraceEvent,
)
from gdbstub.target.files import HostFiles
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import StubError, TargetError
from gdbstub.vocab.ids import ALL, EngineId, Pid, Signo, ThreadSpec, Tid

handlers.load()


#: Replies from this size on are kept encoded in case the next one is the same, bytes.
_WORTH_KEEPING = 512
#: How long to work on one reply before others get their turn, nanoseconds.
_SLICE = 1_000_000


class Session:
    """The protocol state of one client."""

    packet_size = PACKET_SIZE

    def __init__(
        self, engine_id: EngineId, target: Target, host: Host, files: HostFiles, defaults: SessionDefaults
    ) -> None:
        self.engine_id = engine_id
        self.target = target
        self.host = host
        self.files = files
        self.disabled = defaults.disabled
        self.launch_spec = replace(defaults.launch)
        self.environment_changes: dict[str, str | None] = {}
        self.features = Features()
        self.dialect = defaults.dialect
        self._recognised = False
        self.acks = True
        self._acks_end = False
        self.extended = False
        self.nonstop = False
        #: It has sent at least one packet: a connection that sends nothing is not a client.
        self.spoken = False
        #: Linux signals that are delivered without a report.
        self.pass_signals: frozenset[Signo] = frozenset()
        #: Linux signals that a detach may deliver; None: all.
        self.program_signals: frozenset[Signo] | None = None
        #: Every thread's beginning and end are reported (``QThreadEvents``).
        self.thread_events = False
        #: ``OPTION_...`` bits of the threads that have any (``QThreadOptions``).
        self.thread_options: dict[Tid, int] = {}
        #: Packets that are refused (``QAllow``), by name.
        self.denied: frozenset[bytes] = frozenset()
        self.may_stop = True
        #: Caught syscalls by process: None is none, an empty set is all.
        self.catches_by_pid: dict[Pid, frozenset[int]] = {}
        #: The thread that ``g``, ``m`` and their like mean; 0: whichever is current.
        self.general = Tid(0)
        #: What ``c`` and ``s`` mean.
        self.resuming = ThreadSpec(None, ALL)
        self.role = defaults.role
        self.reports: Reports = Observations(self) if defaults.role.observes else Reports(self)
        #: Registers or memory were changed by another client since this one was told of a stop.
        self.stale = False
        #: Why this client takes part in nothing: another debugger shares with nobody.
        self.refusal: str | None = None
        #: What ``qsThreadInfo`` still has to give.
        self.thread_list: list[str] = []
        #: ``qXfer`` objects that are being read, by object and annex.
        self.snapshots: dict[str, bytes] = {}
        self._framer = Framer()
        self._out: list[bytes] = []
        self._last_reply = b""
        self._kept_payload = self._kept_packet = b""
        self._postponed: list[bytes] = []
        #: A reply that takes long: the generator returns it.
        self._job: Generator[None, None, bytes] | None = None
        self._last_program: tuple[str, ...] = ()
        #: Called with each payload, for the recorder: ``<`` from the client, ``>`` to it.
        self.watch: Callable[[str, bytes], None] | None = None

    # ------------------------------------------------------------ bytes

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        for item in self._framer.feed(data):
            if isinstance(item, bytes):
                if self.acks:
                    self._out.append(b"+")
                self._packet(item)
            elif isinstance(item, BadPacket):
                if self.acks:
                    self._out.append(b"-")
            elif item is Signal.INTERRUPT:
                self.reports.interrupt()
            elif item is Signal.NACK and self._last_reply and self.acks:
                self._out.append(self._last_reply)

    def take_output(self) -> bytes:
        """Return and forget what is to be sent."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    @property
    def has_output(self) -> bool:
        """Tell whether there is something to be sent."""
        return bool(self._out)

    def _packet(self, payload: bytes) -> None:
        if self.watch is not None:
            self.watch("<", payload)
        if self.reports.restarting or self._job is not None:
            # ``R`` has no reply: what the client asks next is about the new program.
            self._postponed.append(payload)
            return
        found = registry.find(payload)
        if not self.spoken:
            self.spoken = True
            self.refusal = self.host.refusal(self.engine_id)
            if self.refusal is None:
                self._join_all()
        if found is None:
            self.send(EMPTY)
            return
        row, args = found
        reply: Reply
        handler = handler_of(row.command)
        if handler is None:
            self.send(EMPTY)
            return
        try:
            self._check_allowed(row.name)
            reply = handler(self, row.parse(args))
        except StubError as failure:
            # A client that is turned away is told why even where it could not announce that it reads texts.
            reply = error_reply(failure, texts=self.features.error_texts or self.refusal is not None)
        if reply is not LATER:
            self.send(reply)
            if self._acks_end:
                self.acks = self._acks_end = False

    def _check_allowed(self, name: bytes) -> None:
        if self.refusal is not None:
            raise TargetError(errno.EBUSY, self.refusal)
        if name in self.denied:
            raise TargetError(errno.EPERM, f"QAllow forbids {name.decode()}")
        if self.role.observes and name not in OBSERVER_MAY:
            raise TargetError(errno.EPERM, f"an observer changes nothing: {name.decode()} is refused")

    def end_acks(self) -> None:
        """Stop acknowledging, after the reply that is under way."""
        self._acks_end = True

    def begin(self, job: Generator[None, None, bytes]) -> Reply:
        """Work on a reply that may take long, in slices: the first one now, the others by ``work_on``."""
        try:
            self._advance(job)
        except StopIteration as end:
            reply: bytes = end.value
            return reply
        self._job = job
        return LATER

    @staticmethod
    def _advance(job: Generator[None, None, bytes]) -> None:
        deadline = perf_counter_ns() + _SLICE
        while perf_counter_ns() < deadline:
            next(job)

    @property
    def at_work(self) -> bool:
        """Tell whether a reply is being worked on: call ``work_on`` until it is not."""
        return self._job is not None

    def work_on(self) -> None:
        """Do one slice of the work on a reply; packets that came meanwhile are served after it."""
        if self._job is None:
            return
        try:
            self._advance(self._job)
            return
        except StopIteration as end:
            reply: bytes = end.value
        except StubError as failure:
            reply = error_reply(failure, texts=self.features.error_texts)
        self._job = None
        self.send(reply)
        self.serve_postponed()

    def send(self, payload: bytes) -> None:
        """Send a reply."""
        if self.watch is not None:
            self.watch(">", payload)
        if len(payload) < _WORTH_KEEPING:
            packet = frame(run_length(payload))
        elif payload == self._kept_payload:
            packet = self._kept_packet
        else:
            # The same registers are often asked for twice in a stop.
            packet = self._kept_packet = frame(run_length(payload))
            self._kept_payload = payload
        self._last_reply = packet
        self._out.append(packet)

    def send_notification(self, payload: bytes) -> None:
        """Send a notification, which nobody acknowledges."""
        if self.watch is not None:
            self.watch(">", b"%" + payload)
        self._out.append(frame_notification(payload))

    def serve_postponed(self) -> None:
        """Serve the packets that came while there was no telling what they mean."""
        postponed, self._postponed = self._postponed, []
        for payload in postponed:
            self._packet(payload)

    # ------------------------------------------------------------ processes and threads

    def _join_all(self) -> None:
        for pid in self.target.pids():
            self.join(pid)

    def join(self, pid: Pid) -> None:
        """Take part in a process that is there already."""
        self.target.join(self.engine_id, pid)
        if self.role.observes:
            return
        if self.host.joined(self.engine_id, pid):
            self.general = Tid(0)
        self._wish_forks()

    def _wish_forks(self) -> None:
        kinds = set()
        if self.features.fork_events:
            kinds.add(ForkKind.FORK)
        if self.features.vfork_events:
            kinds.add(ForkKind.VFORK)
        self.target.fork_events(self.engine_id, frozenset(kinds))

    def recognise(self, announced: Iterable[bytes]) -> None:
        """Choose the dialect by what a client announces; one that says too little keeps what it has."""
        found = recognise(announced)
        if found is not None:
            self.dialect = found
            self._recognised = True

    def suppose(self, dialect: Dialect) -> None:
        """Choose the dialect by a packet that one family of clients sends; what was announced counts more."""
        if not self._recognised:
            self.dialect = dialect

    def announced(self) -> None:
        """Act on what the client announced."""
        self._wish_forks()

    def pids(self) -> list[Pid]:
        """Return the processes this client takes part in and has been told of."""
        pids = self.target.joined(self.engine_id)
        untold = self.reports.untold_processes()
        return [pid for pid in pids if pid not in untold] if untold else pids

    def others_on(self, pid: Pid) -> bool:
        """Tell whether a process would stay traced without this client."""
        return any(engine != self.engine_id for engine in self.target.users_of(pid))

    def thread(self) -> Tid:
        """Return the thread that packets without a thread-id mean.

        Raises:
            TargetError: There is no process.
        """
        if self.general and self.target.has_thread(self.general):
            return self.general
        for pid in self.pids():
            event = self.host.last_stop(pid)
            if event is not None and self.target.has_thread(event.tid):
                return event.tid
            threads = self.target.threads(pid)
            if threads:
                return threads[0].tid
        raise TargetError(3, "no process")

    def process(self) -> Pid:
        """Return the process that packets without one mean.

        Raises:
            TargetError: There is none.
        """
        if self.general:
            try:
                return self.target.pid_of(self.general)
            except StubError:
                self.general = Tid(0)
        pids = self.pids()
        if not pids:
            raise TargetError(3, "no process")
        event_pid = pids[0]
        for pid in pids:
            if self.host.last_stop(pid) is not None:
                event_pid = pid
                break
        return event_pid

    # ------------------------------------------------------------ events (called by the tracer)

    @property
    def keeps_traced(self) -> bool:
        """Tell whether a process stays traced for this client's sake."""
        return not self.role.observes and self.refusal is None

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Tell whether a signal may be delivered without a report."""
        return self.role.observes or signal in self.pass_signals

    def catches(self, pid: Pid, number: int) -> bool:
        """Tell whether a syscall is to be reported; -1 asks whether any is."""
        caught = self.catches_by_pid.get(pid)
        return caught is not None and (not caught or number < 0 or number in caught)

    def on_event(self, event: TraceEvent) -> Vote:
        """Answer an event."""
        return self.reports.on_event(event)

    def on_quiet(self) -> None:
        """Report: everything stands."""
        self.reports.on_quiet()

    def on_lost(self, pid: Pid) -> None:
        """Learn that another client ended the tracing of a process: for this one it is gone."""
        self.reports.on_lost(pid)

    # ------------------------------------------------------------ starting and attaching

    def remember_program(self, argv: Sequence[str]) -> None:
        """Keep a command line for a ``vRun`` without a name and for ``R``."""
        self._last_program = tuple(argv)

    @property
    def last_program(self) -> tuple[str, ...]:
        """The last command line that was run, or that the server was started with."""
        return self._last_program or tuple(self.launch_spec.argv)

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """Give back what the connection holds; its votes are withdrawn by the server."""
        self.files.close_all()
