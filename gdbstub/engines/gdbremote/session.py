"""One connection that speaks the remote serial protocol, as an engine.

Layer: engines.  Used by: server.pump (bytes in, bytes out), tracer (events).

Theory of operation.  Bytes go through the framer to the packet table, a
packet's command to its handler, and the handler's reply to the output; nothing
here waits.  What takes time leaves ``awaiting`` set: the client then believes
that the target runs (or starts, or dies), and the reply comes by the event
route.

All-stop.  The first event that concerns this engine while it awaits a stop is
``chosen``; everything is held, and when all threads stand (``on_quiet``) the
stop reply is sent.  Events of other threads that come meanwhile are kept in
``pending`` and reported at the next resume, without letting anything run, if
they are still true then: a breakpoint may be gone, a thread may have been moved.

A Ctrl-C that arrives while the target runs holds everything and is reported as
SIGINT, before any pending event, so that it is never lost; one that crosses a
stop reply is queued for the next resume.

Non-stop.  Each thread's stop is a notification of its own; nothing else stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from enum import Enum
from time import perf_counter_ns

from gdbstub.engines.gdbremote import handlers
from gdbstub.engines.gdbremote.dispatch import handler_of
from gdbstub.engines.gdbremote.features import PACKET_SIZE, Features
from gdbstub.engines.gdbremote.host import Host, SessionDefaults
from gdbstub.engines.gdbremote.stops import exit_reply, stop_reply, thread_exit_reply
from gdbstub.rsp import registry
from gdbstub.rsp.commands.threadevents import OPTION_CLONE, OPTION_EXIT
from gdbstub.rsp.framing import BadPacket, Framer, Signal, frame, frame_notification, run_length
from gdbstub.rsp.replies import EMPTY, LATER, OK, Reply, error_reply
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    Cloned,
    Execed,
    Forked,
    ForkKind,
    Interrupted,
    Launched,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    VforkDone,
)
from gdbstub.target.files import HostFiles
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import PacketError, StubError, TargetError
from gdbstub.vocab.ids import ALL, EngineId, Pid, Signo, ThreadSpec, Tid
from gdbstub.vocab.signals import GDB_SIGNAL_0, GDB_SIGNAL_INT, GDB_SIGNAL_TRAP

handlers.load()


#: Replies from this size on are kept encoded in case the next one is the same, bytes.
_WORTH_KEEPING = 512
#: How long to work on one reply before others get their turn, nanoseconds.
_SLICE = 1_000_000


class Awaiting(Enum):
    """What the client waits for."""

    NOTHING = "nothing"
    STOP = "a stop reply"
    QUERY = "the reply to ?"
    LAUNCH = "the reply to vRun"
    ATTACH = "the reply to vAttach"
    KILL = "the reply to vKill"
    #: A Ctrl-C in non-stop: one thread is to stop with SIGINT.
    INTERRUPT = "a Ctrl-C's stop"


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
        self.awaiting = Awaiting.NOTHING
        self.chosen: TraceEvent | None = None
        self.pending: dict[Tid, TraceEvent] = {}
        self.exits: deque[ProcessExited] = deque()
        self.interrupted = False
        #: Processes that are being killed at this client's wish.
        self.killing: set[Pid] = set()
        #: What ``qsThreadInfo`` still has to give.
        self.thread_list: list[str] = []
        #: ``qXfer`` objects that are being read, by object and annex.
        self.snapshots: dict[str, bytes] = {}
        #: Threads whose reported signal the client has not decided yet.
        self.signalled: set[Tid] = set()
        #: The process whose ``vAttach`` or ``vRun`` is awaited.
        self.attaching = Pid(0)
        self.starting = Pid(0)
        #: The awaited start is ``R``'s, which has no reply.
        self.restarting = False
        self._framer = Framer()
        self._out: list[bytes] = []
        self._last_reply = b""
        self._kept_payload = self._kept_packet = b""
        self._notifications: deque[bytes] = deque()
        self._postponed: list[bytes] = []
        #: A reply that takes long: the generator returns it.
        self._job: Generator[None, None, bytes] | None = None
        self._notifying = False
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
                self.interrupt()
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
        if self.restarting or self._job is not None:
            # ``R`` has no reply: what the client asks next is about the new program.
            self._postponed.append(payload)
            return
        found = registry.find(payload)
        if not self.spoken:
            self.spoken = True
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
            if row.name in self.denied:
                raise TargetError(1, f"QAllow forbids {row.name.decode()}")
            reply = handler(self, row.parse(args))
        except StubError as failure:
            reply = error_reply(failure, texts=self.features.error_texts)
        if reply is not LATER:
            self.send(reply)
            if self._acks_end:
                self.acks = self._acks_end = False

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
        self._serve_postponed()

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

    def notify(self, payload: bytes) -> None:
        """Send a stop notification, or queue it while the client has not acknowledged the last one."""
        self._notifications.append(payload)
        if not self._notifying:
            self._notifying = True
            if self.watch is not None:
                self.watch(">", b"%Stop:" + payload)
            self._out.append(frame_notification(b"Stop:" + payload))

    def next_notification(self) -> bytes:
        """Answer ``vStopped``: the next stop that was not reported yet, or OK."""
        if self._notifying and self._notifications:
            self._notifications.popleft()
        if self._notifications:
            return self._notifications[0]
        self._notifying = False
        return OK

    def requeue_notifications(self, payloads: Iterable[bytes]) -> None:
        """Start the sequence of stops that answers ``?`` in non-stop; the first one is being sent as the reply."""
        self._notifications = deque(payloads)
        self._notifying = bool(self._notifications)

    # ------------------------------------------------------------ processes and threads

    def _join_all(self) -> None:
        for pid in self.target.pids():
            self.join(pid)

    def join(self, pid: Pid) -> None:
        """Take part in a process that is there already."""
        self.target.join(self.engine_id, pid)
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

    def announced(self) -> None:
        """Act on what the client announced."""
        self._wish_forks()

    def pids(self) -> list[Pid]:
        """Return the processes this client takes part in and has been told of."""
        pids = self.target.joined(self.engine_id)
        untold = {event.child for event in (self.chosen, *self.pending.values()) if isinstance(event, Forked)}
        return [pid for pid in pids if pid not in untold] if untold else pids

    def untold_threads(self) -> set[Tid]:
        """Return the threads whose beginning is still to be reported: they are not to be listed."""
        return {event.child for event in (self.chosen, *self.pending.values()) if isinstance(event, Cloned)}

    def others_on(self, pid: Pid) -> bool:
        """Tell whether another client takes part in a process."""
        mine = (self.engine_id, self.host.keeper_id)
        return any(engine not in mine for engine in self.target.engines_of(pid))

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

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Tell whether a signal may be delivered without a report."""
        return signal in self.pass_signals

    def catches(self, pid: Pid, number: int) -> bool:
        """Tell whether a syscall is to be reported; -1 asks whether any is."""
        caught = self.catches_by_pid.get(pid)
        return caught is not None and (not caught or number < 0 or number in caught)

    def on_event(self, event: TraceEvent) -> Vote:
        """Answer an event."""
        match event:
            case ThreadStarted():
                if not self.thread_events:
                    return Vote.CONTINUE
            case ThreadExited():
                self._thread_exited(event)
                return Vote.CONTINUE
            case ProcessExited():
                self._process_exited(event)
                return Vote.CONTINUE
            case LaunchFailed():
                self._launch_failed(event)
                return Vote.CONTINUE
            case Launched():
                self.host.created(event.pid, self.last_program[0] if self.last_program else "")
                if self.nonstop:
                    self._launched_nonstop(event)
                    return Vote.STOP
            case Execed():
                self.pending.clear()
                self._forget_options(event.pid, event.former_tid)
                if not self.features.exec_events:
                    return Vote.CONTINUE
            case Cloned():
                if not self.thread_options.get(event.tid, 0) & OPTION_CLONE:
                    return Vote.CONTINUE
            case Forked() | VforkDone():
                pass
            case Interrupted():
                if self.awaiting is Awaiting.INTERRUPT:
                    self.awaiting = Awaiting.NOTHING
                    self.notify(stop_reply(self, event, GDB_SIGNAL_INT))
                    return Vote.STOP
            case _:
                pass
        if self.nonstop:
            if isinstance(event, SignalStop):
                self.signalled.add(event.tid)
            self.host.note_stop(event.pid, event)
            self.notify(stop_reply(self, event))
            return Vote.STOP
        resumed = (
            self.awaiting is not Awaiting.STOP or self.target.vote_of(self.engine_id, event.tid) is not Vote.STOP
        )
        if self.chosen is None and self.awaiting is not Awaiting.NOTHING and resumed:
            self.chosen = event
            self.target.hold_all(self.engine_id)
        else:
            self.pending[event.tid] = event
        return Vote.STOP

    def on_quiet(self) -> None:
        """Report: everything stands."""
        match self.awaiting:
            case Awaiting.NOTHING | Awaiting.KILL | Awaiting.INTERRUPT:
                return
            case Awaiting.QUERY:
                self._report_query()
            case Awaiting.ATTACH:
                self._report_attach()
            case Awaiting.STOP | Awaiting.LAUNCH:
                self._report()

    def _report(self) -> None:
        event, sig = self.chosen, None
        if self.restarting and event is not None:
            if not isinstance(event, ProcessExited):
                self.general = event.tid
                self.host.note_stop(event.pid, event)
            self._restarted()
            return
        if self.interrupted and not isinstance(event, ProcessExited):
            try:
                tid = self.thread()
            except TargetError:
                # Only a leader that ended first is left: the process's end is on its way and is the answer.
                return
            # A start is told once, by whatever stop it is told.
            if event is not None and not isinstance(event, Launched):
                self.pending[event.tid] = event
            self.interrupted = False
            event = Interrupted(self.target.pid_of(tid), tid)
            sig = GDB_SIGNAL_INT
        if event is None:
            return
        self.interrupted = False
        self.chosen = None
        self.awaiting = Awaiting.NOTHING
        self._send_stop(event, sig)

    def _send_stop(self, event: TraceEvent, sig: int | None = None) -> None:
        if isinstance(event, ProcessExited | ThreadExited):
            self.general = Tid(0)
        else:
            if isinstance(event, SignalStop):
                self.signalled.add(event.tid)
            self.general = event.tid
            self.resuming = ThreadSpec(None, event.tid)
            if sig is None:
                self.host.note_stop(event.pid, event)
        self.send(stop_reply(self, event, sig))

    def _report_query(self) -> None:
        self.awaiting = Awaiting.NOTHING
        chosen, self.chosen = self.chosen, None
        self.interrupted = False
        event: TraceEvent | None = chosen
        if event is None:
            for pid in self.pids():
                event = self.host.last_stop(pid)
                if event is not None and self.target.has_thread(event.tid):
                    break
                event = None
        if event is not None:
            self._send_stop(event)
            return
        try:
            tid = self.thread()
        except TargetError:
            self.send(b"W00")
            return
        pid = self.target.pid_of(tid)
        sig = GDB_SIGNAL_0 if self.target.is_attached(pid) else GDB_SIGNAL_TRAP
        self._send_stop(Interrupted(pid, tid), sig)

    def _report_attach(self) -> None:
        pid = self.attaching
        self.awaiting = Awaiting.NOTHING
        chosen, self.chosen = self.chosen, None
        if chosen is not None:
            self._send_stop(chosen)
            return
        threads = self.target.threads(pid)
        tid = next((each.tid for each in threads if each.tid == Tid(pid)), threads[0].tid if threads else Tid(pid))
        self._send_stop(Interrupted(pid, tid), GDB_SIGNAL_0)

    def _thread_exited(self, event: ThreadExited) -> None:
        """Report a thread's end to a client that wishes it, or whose last resumed thread it was."""
        self.pending.pop(event.tid, None)
        wished = self.thread_events or self.thread_options.get(event.tid, 0) & OPTION_EXIT
        self.thread_options.pop(event.tid, None)
        if wished and self.nonstop:
            self.notify(thread_exit_reply(self, event))
            return
        if self.awaiting is not Awaiting.STOP or self.chosen is not None or self.interrupted or self.nonstop:
            return
        if not any(self.target.threads(pid) for pid in self.pids()):
            # The rest is a leader that ended before: the process's exit is on its way.
            return
        if wished:
            self.chosen = event
            self.target.hold_all(self.engine_id)
            return
        if not self.target.any_resumed(self.engine_id):
            self.awaiting = Awaiting.NOTHING
            if self.features.no_resumed:
                self.send(b"N")
            else:
                tid = self.thread()
                self._send_stop(Interrupted(event.pid, tid), GDB_SIGNAL_0)

    def _forget_options(self, pid: Pid, former: Tid) -> None:
        """Forget the options of threads that exec has ended; the one that called it keeps its own."""
        kept = self.thread_options.pop(former, 0)
        alive = {each.tid for each in self.target.threads()}
        self.thread_options = {tid: each for tid, each in self.thread_options.items() if tid in alive - {Tid(pid)}}
        if kept:
            self.thread_options[Tid(pid)] = kept

    def _process_exited(self, event: ProcessExited) -> None:
        for tid in [tid for tid, each in self.pending.items() if each.pid == event.pid]:
            del self.pending[tid]
        self.catches_by_pid.pop(event.pid, None)
        self.host.note_stop(event.pid, None)
        if self.awaiting is Awaiting.KILL and event.pid in self.killing:
            self.killing.discard(event.pid)
            self.awaiting = Awaiting.NOTHING
            self.send(OK)
            return
        if event.pid in self.killing:
            self.killing.discard(event.pid)
            return
        if self.nonstop:
            self.notify(exit_reply(self, event))
            return
        if self.awaiting in (Awaiting.STOP, Awaiting.LAUNCH, Awaiting.ATTACH, Awaiting.QUERY) and (
            self.chosen is None or self.chosen.pid == event.pid
        ):
            self.awaiting = Awaiting.STOP
            self.chosen = event
            self.target.hold_all(self.engine_id)
        else:
            self.exits.append(event)

    def _launch_failed(self, event: LaunchFailed) -> None:
        if self.restarting:
            self._restarted()
        elif self.awaiting is Awaiting.LAUNCH:
            self.awaiting = Awaiting.NOTHING
            self.send(error_reply(TargetError(1, event.text), texts=self.features.error_texts))

    def _restarted(self) -> None:
        self.restarting = False
        self.awaiting = Awaiting.NOTHING
        self.chosen = None
        self._serve_postponed()

    def _serve_postponed(self) -> None:
        postponed, self._postponed = self._postponed, []
        for payload in postponed:
            self._packet(payload)

    def _launched_nonstop(self, event: Launched) -> None:
        self.awaiting = Awaiting.NOTHING
        self.host.note_stop(event.pid, event)
        self.send(stop_reply(self, event))

    def on_lost(self, pid: Pid) -> None:
        """Learn that another client ended the tracing of a process: for this one it is gone."""
        self._process_exited(ProcessExited(pid, Tid(pid), 0, None))

    # ------------------------------------------------------------ stopping and resuming

    def interrupt(self) -> None:
        """Act on the interrupt byte or ``vCtrlC``."""
        if not self.may_stop:
            return
        if self.nonstop:
            for pid in self.pids():
                for thread in self.target.threads(pid):
                    if not self.target.is_stopped(thread.tid):
                        self.awaiting = Awaiting.INTERRUPT
                        self.target.hold(self.engine_id, [thread.tid])
                        return
            return
        # SPEC(Interrupts): one that comes while the program stands is queued for the next resume.  It has
        # crossed a stop reply, maybe that of a breakpoint whose condition the client finds false.
        self.interrupted = True
        if self.awaiting in (Awaiting.STOP, Awaiting.LAUNCH):
            self.target.hold_all(self.engine_id)

    def pending_for(self, tids: Sequence[Tid], votes: dict[Tid, Vote]) -> TraceEvent | None:
        """Take the first pending event that is still true of a thread which is to run now."""
        chosen: TraceEvent | None = None
        wanted = set(tids)
        for tid, event in list(self.pending.items()):
            if tid not in wanted:
                continue
            if not self._still_true(event, votes.get(tid, Vote.CONTINUE)):
                del self.pending[tid]
            elif chosen is None:
                chosen = self.pending.pop(tid)
        return chosen

    def _still_true(self, event: TraceEvent, vote: Vote) -> bool:
        target = self.target
        try:
            match event:
                case SiteHit(hardware=False):
                    return (
                        target.has_site(event.pid, event.address, self.engine_id)
                        and target.pc(event.tid) == event.address
                    )
                case SiteHit():
                    return target.pc(event.tid) == event.address
                case StepDone():
                    return vote is Vote.STEP
                case Interrupted():
                    return False
                case _:
                    return target.has_thread(event.tid)
        except StubError:
            return False

    def stop_threads(self, tids: Iterable[Tid]) -> None:
        """Hold threads in non-stop; those that stand already are reported as if they had just stopped."""
        if not self.may_stop:
            raise TargetError(1, "QAllow forbids to stop threads")
        running: list[Tid] = []
        for tid in tids:
            if self.target.is_stopped(tid):
                running_vote = self.target.vote_of(self.engine_id, tid)
                self.target.hold(self.engine_id, [tid])
                if running_vote is not Vote.STOP:
                    self.notify(stop_reply(self, Interrupted(self.target.pid_of(tid), tid)))
            else:
                running.append(tid)
        self.target.hold(self.engine_id, running)

    def may_deliver(self, tid: Tid) -> bool:
        """Tell whether a detach may deliver a thread's signal (``QProgramSignals``)."""
        if self.program_signals is None:
            return True
        try:
            sig = Signo(int.from_bytes(self.target.read_siginfo(tid)[:4], "little"))
        except StubError:
            return True
        return sig in self.program_signals

    def is_pending_signal(self, tid: Tid) -> bool:
        """Tell whether a thread's signal has not been reported to the client yet."""
        return isinstance(self.pending.get(tid), SignalStop)

    # ------------------------------------------------------------ starting and attaching

    def remember_program(self, argv: Sequence[str]) -> None:
        """Keep a command line for a ``vRun`` without a name and for ``R``."""
        self._last_program = tuple(argv)

    @property
    def last_program(self) -> tuple[str, ...]:
        """The last command line that was run, or that the server was started with."""
        return self._last_program or tuple(self.launch_spec.argv)

    def stop_waiting_for(self, pid: Pid) -> None:
        """Expect nothing more of a process that this client leaves."""
        if self.chosen is not None and self.chosen.pid == pid:
            self.chosen = None
        if self.awaiting is Awaiting.STOP and self.pids() == [pid]:
            self.awaiting = Awaiting.NOTHING
            self.interrupted = False

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """Give back what the connection holds; its votes are withdrawn by the server."""
        self.files.close_all()


def require_stopped(session: Session) -> None:
    """Refuse a packet that needs the target to stand still.

    Raises:
        PacketError: The client resumed it and has not been told of a stop.
    """
    if session.awaiting is not Awaiting.NOTHING:
        raise PacketError("the target is running")
