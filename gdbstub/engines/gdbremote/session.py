"""One connection that speaks the remote serial protocol, as an engine.

Layer: engines.  Used by: server.pump (bytes in, bytes out), tracer (events).

Theory of operation.  Packets come from and replies go to the ``conversation``;
nothing here waits.  What takes time leaves ``awaiting`` set: the client then
believes that the target runs (or starts, or dies), and the reply comes by the
event route.

What the client waits for and is still to be told is kept apart (``reports``).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote import faults
from gdbstub.engines.gdbremote.conversation import Conversation
from gdbstub.engines.gdbremote.dispatch import DEBUGGING
from gdbstub.engines.gdbremote.handlers.lifecycle import take
from gdbstub.engines.gdbremote.host import Host, SessionDefaults
from gdbstub.engines.gdbremote.notifications import Notifications
from gdbstub.engines.gdbremote.numbering import Numbering, PlainNumbering, listed_numbering
from gdbstub.engines.gdbremote.observations import Observations
from gdbstub.engines.gdbremote.reports import Awaiting, Reports
from gdbstub.engines.gdbremote.role import OBSERVER_MAY, Role
from gdbstub.rsp.replies import LATER, error_reply
from gdbstub.target.engine import Vote
from gdbstub.target.events import DEBUGGER_EVENTS, ForkKind, TraceEvent
from gdbstub.target.files import HostFiles
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import StubError, TargetError
from gdbstub.vocab.ids import ALL, EngineId, Pid, Signo, ThreadSpec, Tid

if TYPE_CHECKING:
    from gdbstub.arch.spec import ArchSpec
    from gdbstub.engines.tracing.buffer import Frame

#: The most that one packet of output carries, bytes.
_OUTPUT_PART = 4096
#: How much of it is kept for a client that does not listen, bytes.
_UNSHOWN = 1 << 20


class Session(Conversation):
    """The protocol state of one client."""

    def __init__(
        self, engine_id: EngineId, target: Target, host: Host, files: HostFiles, defaults: SessionDefaults
    ) -> None:
        super().__init__(files, defaults.dialect, DEBUGGING)
        self.engine_id = engine_id
        self.target = target
        self.host = host
        self.disabled = defaults.disabled
        self.launch_spec = defaults.launch
        self.bare_environment = defaults.bare_environment
        self.extended = False
        self.nonstop = False
        #: Linux signals that are delivered without a report.
        self.pass_signals: frozenset[Signo] = frozenset()
        #: Linux signals that a detach may deliver; None: all.
        self.program_signals: frozenset[Signo] | None = None
        #: Every thread's beginning and end are reported (``QThreadEvents``).
        self.thread_events = False
        #: ``OPTION_...`` bits of the threads that have any (``QThreadOptions``).
        self.thread_options: dict[Tid, int] = {}
        self.may_stop = True
        #: Caught syscalls by process: None is none, an empty set is all.
        self.catches_by_pid: dict[Pid, frozenset[int]] = {}
        #: The thread that ``g``, ``m`` and their like mean; 0: whichever is current.
        self.general = Tid(0)
        #: What ``c`` and ``s`` mean.
        self.resuming = ThreadSpec(None, ALL)
        self.role = defaults.role
        #: What it is let in for does not forbid it to change anything.
        self.may_change = not defaults.role.observes
        self.reports: Reports = Observations(self) if defaults.role.observes else Reports(self)
        #: Registers or memory were changed by another client since this one was told of a stop.
        self.stale = False
        #: It has asked why a process stands, or resumed one: until then it goes by what it finds.
        self.settled = False
        #: Why this client takes part in nothing: another debugger shares with nobody.
        self.turned_away: str | None = None
        #: What programs write, in non-stop.
        self.output = Notifications(b"Stdio", self.send_notification)
        #: What they wrote while the client believed that they stand.
        self._unshown = bytearray()
        #: What ``qsThreadInfo`` still has to give.
        self.thread_list: list[str] = []
        #: The trace frame that this client looks at in place of the present, and what ``qTsP`` still has to give.
        self.trace_frame: Frame | None = None
        self.trace_uploads: list[str] = []
        #: What ``QSaveRegisterState`` keeps, by number.
        self.saved_registers: dict[int, bytes] = {}
        #: ``qXfer`` objects that are being read, by object and annex.
        self.snapshots: dict[str, bytes] = {}
        self._last_program: tuple[str, ...] = ()

    # ------------------------------------------------------------ packets

    def only_look(self) -> None:
        """Be an observer, whatever the client may do: it has not said anything yet."""
        self.role = Role.OBSERVER
        self.reports = Observations(self)

    def _interrupt(self) -> None:
        self.reports.interrupt()

    def _must_wait(self) -> bool:
        # ``R`` has no reply: what the client asks next is about the new program.
        return self.reports.restarting or self._job is not None

    def _begin(self) -> None:
        self.turned_away = self.host.refusal(self.engine_id)
        if self.turned_away is None:
            for pid in self.target.pids():
                self.join(pid)

    def _check_allowed(self, name: bytes) -> None:
        if self.turned_away is not None:
            raise TargetError(errno.EBUSY, self.turned_away)
        if self.role is Role.OBSERVER and name not in OBSERVER_MAY:
            raise TargetError(errno.EPERM, f"an observer changes nothing: {name.decode()} is refused")
        if self.denied:
            super()._check_allowed(name)

    def refusal(self, failure: StubError) -> bytes:
        """Write a failure as this client wants to read it."""
        if self.turned_away is not None:
            # It is told why even where it could not announce that it reads texts.
            return error_reply(failure, texts=True)
        return super().refusal(failure)

    # ------------------------------------------------------------ processes and threads

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

    def announced(self) -> None:
        """Act on what the client announced."""
        self._wish_forks()

    def pids(self) -> list[Pid]:
        """Return the processes this client takes part in and has been told of."""
        pids = self.target.joined(self.engine_id)
        untold = self.reports.untold_processes()
        return [pid for pid in pids if pid not in untold] if untold else pids

    def listed_threads(self, pid: Pid) -> list[Tid]:
        """Return the threads of a process that this client has been told of or may find."""
        untold = self.reports.untold_threads()
        return [each.tid for each in self.target.threads(pid) if each.tid not in untold]

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
        raise faults.no_process()

    def numbering(self, tid: Tid) -> Numbering:
        """Return how this client counts the registers of a thread."""
        return self.numbering_of(self.target.arch(self.target.pid_of(tid)))

    def numbering_of(self, spec: ArchSpec) -> Numbering:
        """Return how this client counts the registers of a kind of process."""
        if self.dialect.lists_registers:
            return listed_numbering(spec)
        return PlainNumbering(spec, self.features.descriptions)

    def standing_signal(self, pid: Pid) -> int:
        """Return the signal, as it goes over the wire, of a thread that merely stands."""
        return self.dialect.attach_signal if self.target.is_attached(pid) else self.dialect.launch_signal

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
            raise faults.no_process()
        event_pid = pids[0]
        for pid in pids:
            if self.host.last_stop(pid) is not None:
                event_pid = pid
                break
        return event_pid

    # ------------------------------------------------------------ events (called by the tracer)

    wants = DEBUGGER_EVENTS

    @property
    def keeps_traced(self) -> bool:
        """Tell whether a process stays traced for this client's sake."""
        return not self.role.observes and self.turned_away is None

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

    # ------------------------------------------------------------ the program's terminal

    def show(self, data: bytes) -> None:
        """Tell the client what a program has written, as soon as it listens; of very much, the end."""
        self._unshown += data
        del self._unshown[:-_UNSHOWN]
        self.show_output()

    def show_output(self) -> None:
        """Send what was written, if the client listens: in all-stop only between a resume and its stop reply."""
        if not self._unshown or not (self.nonstop or self.reports.awaiting is Awaiting.STOP):
            return
        for at in range(0, len(self._unshown), _OUTPUT_PART):
            payload = b"O" + self._unshown[at : at + _OUTPUT_PART].hex().encode()
            if self.nonstop:
                self.output.tell(payload)
            else:
                self.send(payload)
        self._unshown.clear()

    # ------------------------------------------------------------ starting and attaching

    def process_appeared(self, pid: Pid) -> None:
        """Attach to the process that was waited for."""
        if self.reports.awaiting is not Awaiting.PROCESS:
            return
        self.reports.awaiting = Awaiting.NOTHING
        try:
            reply = take(self, pid)
        except StubError as failure:
            reply = self.refusal(failure)
        if reply is not LATER:
            self.send(reply)

    def remember_program(self, argv: Sequence[str]) -> None:
        """Keep a command line for a ``vRun`` without a name and for ``R``."""
        self._last_program = tuple(argv)

    @property
    def last_program(self) -> tuple[str, ...]:
        """The last command line that was run, or that the server was started with."""
        return self._last_program or tuple(self.launch_spec.argv)
