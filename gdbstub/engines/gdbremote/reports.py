"""What one client waits for, and what it is still to be told.

Layer: engines.  Used by: session, handlers.

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

import errno
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from gdbstub.engines.gdbremote import faults
from gdbstub.engines.gdbremote.accounts import Account, Accounts, described_stop
from gdbstub.engines.gdbremote.notifications import Notifications
from gdbstub.engines.gdbremote.processstops import ProcessStops
from gdbstub.engines.gdbremote.stops import exit_reply, stop_reply, thread_exit_reply
from gdbstub.rsp.commands.threadevents import OPTION_CLONE, OPTION_EXIT
from gdbstub.rsp.replies import OK
from gdbstub.target.engine import CONTINUE, STEP, STOP, Vote
from gdbstub.target.events import (
    Cloned,
    Execed,
    Forked,
    Interrupted,
    Launched,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SiteHit,
    StepDone,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
    VforkDone,
    WatchHit,
)
from gdbstub.target.ops import ThreadAction
from gdbstub.vocab.errors import StubError, TargetError
from gdbstub.vocab.ids import Pid, Signo, ThreadSpec, Tid
from gdbstub.vocab.signals import GDB_SIGNAL_0

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


class Awaiting(Enum):
    """What the client waits for."""

    NOTHING = "nothing"
    STOP = "a stop reply"
    QUERY = "the reply to ?"
    LAUNCH = "the reply to vRun"
    ARGUMENTS = "the reply to A"
    ATTACH = "the reply to vAttach"
    #: The reply to vAttachWait, while there is no such process.
    PROCESS = "a process to appear"
    KILL = "the reply to vKill"
    KILL_ALL = "the replies to k"
    #: A Ctrl-C in non-stop: one thread is to stop with SIGINT.
    INTERRUPT = "a Ctrl-C's stop"


# By names of their own, like ``target.engine.STOP``.
_NOTHING: Final = Awaiting.NOTHING
_A_STOP: Final = Awaiting.STOP

#: What a process's end answers.
_ENDED_BY_EXIT = frozenset((Awaiting.STOP, Awaiting.LAUNCH, Awaiting.ARGUMENTS, Awaiting.ATTACH, Awaiting.QUERY))


class Resumption(NamedTuple):
    """What a client resumed last, all-stop."""

    actions: Mapping[Pid, Sequence[ThreadAction]] = {}
    others: Mapping[Pid, Vote] = {}

    def moves(self, pid: Pid) -> bool:
        """Tell whether a thread of a process was let run."""
        return self.others.get(pid, STOP) is not STOP or bool(self.actions.get(pid))


#: What may be told of several threads in one stop.
_TOLD_TOGETHER = (SiteHit, WatchHit, StepDone, SignalStop)

#: Events that are told and ask for nothing else.
_PLAIN = frozenset((SiteHit, WatchHit, StepDone, SignalStop, SyscallStop))
_ENDS = (ProcessExited, ThreadExited)


class Reports:
    """The stops, exits and replies that one client waits for or has not been told of.

    Args:
        session: Whose client is told.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._target = session.target
        self._engine_id = session.engine_id
        self.awaiting = _NOTHING
        self.resumed = Resumption()
        self.chosen: TraceEvent | None = None
        self.pending: dict[Tid, TraceEvent] = {}
        self.exits: deque[ProcessExited] = deque()
        #: Ends of threads that the client wishes to hear of, and that came while it was told something else.
        self.ends: deque[ThreadExited] = deque()
        self.interrupted = False
        #: Processes that are being killed at this client's wish.
        self.killing: set[Pid] = set()
        #: Kept where the dialect describes.
        self.accounts = Accounts(session)
        #: Threads whose reported signal the client has not decided yet.
        self.signalled: set[Tid] = set()
        #: The process whose ``vAttach`` is awaited.
        self.attaching = Pid(0)
        #: The process that this client started or attached to last.
        self.newest = Pid(0)
        #: Why the last start failed; None: it did not.
        self.launch_failure: str | None = None
        #: The awaited start is ``R``'s, which has no reply.
        self.restarting = False
        self.stops = Notifications(b"Stop", session.send_notification)
        #: Non-stop, where the dialect has whole processes stop.
        self.processes = ProcessStops(session, self)

    @property
    def _by_process(self) -> bool:
        """Non-stop is that of whole processes."""
        return self._session.nonstop and self._session.dialect.whole_processes

    def require_stopped(self) -> None:
        """Refuse a packet that needs the target to stand still.

        Raises:
            TargetError: The client resumed it and has not been told of a stop.
        """
        if self.awaiting is not _NOTHING:
            raise faults.running()

    def untold_processes(self) -> set[Pid]:
        """Return the children whose beginning is still to be reported."""
        if self.chosen is None and not self.pending:
            return self.processes.untold_processes()
        untold = self.processes.untold_processes()
        if type(self.chosen) is Forked or Forked in map(type, self.pending.values()):
            untold |= {event.child for event in (self.chosen, *self.pending.values()) if isinstance(event, Forked)}
        return untold

    def untold_threads(self) -> set[Tid]:
        """Return the threads whose beginning is still to be reported: they are not to be listed."""
        if self.chosen is None and not self.pending:
            return set()
        return {event.child for event in (self.chosen, *self.pending.values()) if isinstance(event, Cloned)}

    def notify(self, payload: bytes) -> None:
        """Send a stop notification, or queue it while the client has not acknowledged the last one."""
        self.stops.tell(payload)

    # ------------------------------------------------------------ events (called by the tracer)

    def on_event(self, event: TraceEvent) -> Vote:
        """Answer an event."""
        if type(event) not in _PLAIN:
            vote = self._special(event)
            if vote is not None:
                return vote
        session = self._session
        if session.nonstop:
            if session.dialect.whole_processes:
                return self.processes.on_event(event)
            if isinstance(event, SignalStop):
                self.signalled.add(event.tid)
            session.host.note_stop(event.pid, event)
            self.notify(stop_reply(session, event))
            return STOP
        if (
            self.chosen is None
            and self.awaiting is not _NOTHING
            and (self.awaiting is not _A_STOP or self._target.vote_of(self._engine_id, event.tid) is not STOP)
        ):
            self.chosen = event
            self._target.hold_all(self._engine_id)
        else:
            self.pending[event.tid] = event
        return STOP

    def _special(self, event: TraceEvent) -> Vote | None:
        """Do what an event asks for besides being told; None: it is told like any other."""
        match event:
            case ThreadStarted():
                if self._by_process:
                    return self.processes.born(event.pid)
                if not self._session.thread_events:
                    return CONTINUE
            case ThreadExited():
                self._thread_exited(event)
                return CONTINUE
            case ProcessExited():
                self._process_exited(event)
                return CONTINUE
            case LaunchFailed():
                self._launch_failed(event)
                return CONTINUE
            case Launched():
                self._session.host.created(
                    event.pid, self._session.last_program[0] if self._session.last_program else ""
                )
                if self._session.nonstop:
                    self._launched_nonstop(event)
                    return STOP
            case Execed():
                self.pending.clear()
                self._forget_options(event.pid, event.former_tid)
                if not self._session.features.exec_events and not self._session.dialect.describes_stops:
                    return CONTINUE
            case Cloned():
                if not self._session.thread_options.get(event.tid, 0) & OPTION_CLONE:
                    return CONTINUE
            case Forked() | VforkDone():
                pass
            case Interrupted():
                if self.awaiting is Awaiting.INTERRUPT:
                    self.awaiting = _NOTHING
                    self.notify(stop_reply(self._session, event, self._session.dialect.interrupt_signal))
                    return STOP
            case _:
                pass
        return None

    def on_quiet(self) -> None:
        """Report: everything stands."""
        if self.awaiting is _A_STOP:
            self._report()
            return
        match self.awaiting:
            case Awaiting.NOTHING | Awaiting.KILL | Awaiting.KILL_ALL | Awaiting.INTERRUPT | Awaiting.PROCESS:
                return
            case Awaiting.QUERY:
                self._report_query()
            case Awaiting.ATTACH:
                self._report_attach()
            case Awaiting.ARGUMENTS:
                self._report_launched()
            case Awaiting.LAUNCH:
                self._report()

    def _report(self) -> None:
        event, sig = self.chosen, None
        if event is not None and self.awaiting is _A_STOP:
            # What the program has written comes before the news that it does not run.
            self._session.host.terminals.drain(event.pid)
        if self.restarting and event is not None:
            if not isinstance(event, ProcessExited):
                self._session.general = event.tid
                self._session.host.note_stop(event.pid, event)
            self._restarted()
            return
        if self.interrupted and self._session.dialect.one_stop_answers:
            if event is None:
                # What a thread did on its way to the stop that was asked for is news; the stop itself is not.
                event = self.pending_for(list(self.pending), dict.fromkeys(self.pending, STEP))
            self.interrupted = event is None
        if self.interrupted and not isinstance(event, ProcessExited):
            try:
                tid = self._interrupted_thread()
            except TargetError:
                # Only a leader that ended first is left: the process's end is on its way and is the answer.
                return
            # A start is told once, by whatever stop it is told.
            if isinstance(event, ThreadExited):
                self.ends.appendleft(event)
            elif event is not None and not isinstance(event, Launched):
                self.pending[event.tid] = event
            self.interrupted = False
            event = Interrupted(self._target.pid_of(tid), tid)
            sig = self._session.dialect.interrupt_signal
        if event is None:
            return
        self.interrupted = False
        self.chosen = None
        self.awaiting = _NOTHING
        self._send_stop(event, sig)

    def _interrupted_thread(self) -> Tid:
        """Return the thread that a Ctrl-C is reported for: of a process that ran, of the newest one if it did."""
        tid = self._session.thread()
        ran = [pid for pid in self._session.pids() if self.resumed.moves(pid)]
        if self.newest in ran:
            ran = [self.newest]
        if not ran or self._target.pid_of(tid) in ran:
            return tid
        threads = self._target.threads(ran[0])
        return threads[0].tid if threads else tid

    def _send_stop(self, event: TraceEvent, sig: int | None = None) -> None:
        session = self._session
        if isinstance(event, _ENDS):
            session.general = Tid(0)
        else:
            if isinstance(event, SignalStop):
                self.signalled.add(event.tid)
            session.general = event.tid
            session.resuming = ThreadSpec(None, event.tid)
            if sig is None:
                session.host.note_stop(event.pid, event)
            if session.dialect.describes_stops:
                session.send(described_stop(session, event, self._describe(event, sig)))
                return
        session.send(stop_reply(session, event, sig))

    def _describe(self, event: TraceEvent, sig: int | None) -> Account:
        """Note why each thread stands: a client that reads it of all threads is told of none of them again."""
        if not self.pending:
            return self.accounts.note(event, sig, {})
        others: dict[Tid, TraceEvent] = {}
        for tid, other in list(self.pending.items()):
            if not isinstance(other, _TOLD_TOGETHER):
                continue
            del self.pending[tid]
            if tid != event.tid and self._still_true(other, STEP):
                if isinstance(other, SignalStop):
                    self.signalled.add(tid)
                others[tid] = other
        return self.accounts.note(event, sig, others)

    def _report_query(self) -> None:
        self.awaiting = _NOTHING
        chosen, self.chosen = self.chosen, None
        self.interrupted = False
        event: TraceEvent | None = chosen
        if event is None:
            for pid in self._session.pids():
                event = self._session.host.last_stop(pid)
                if event is not None and self._target.has_thread(event.tid):
                    break
                event = None
        if event is not None:
            self._send_stop(event)
            return
        try:
            tid = self._session.thread()
        except TargetError:
            self._session.send(b"W00")
            return
        pid = self._target.pid_of(tid)
        self._send_stop(Interrupted(pid, tid), self._session.standing_signal(pid))

    def _report_attach(self) -> None:
        pid = self.attaching
        self.awaiting = _NOTHING
        chosen, self.chosen = self.chosen, None
        if chosen is not None:
            self._send_stop(chosen)
            return
        threads = self._target.threads(pid)
        tid = next((each.tid for each in threads if each.tid == Tid(pid)), threads[0].tid if threads else Tid(pid))
        self._send_stop(Interrupted(pid, tid), self._session.dialect.attach_signal)

    def _report_launched(self) -> None:
        """Answer ``A``: why the program stands is asked for later."""
        event, self.chosen = self.chosen, None
        self.awaiting = _NOTHING
        if isinstance(event, ProcessExited):
            self.exits.append(event)
        elif event is not None:
            self._session.general = event.tid
            self._session.host.note_stop(event.pid, event)
        self._session.send(OK)

    def _thread_exited(self, event: ThreadExited) -> None:
        """Report a thread's end to a client that wishes it, or whose last resumed thread it was."""
        self.pending.pop(event.tid, None)
        self.accounts.drop(event.pid, event.tid)
        self.processes.look(event.pid)
        wished = self._session.thread_events or self._session.thread_options.get(event.tid, 0) & OPTION_EXIT
        self._session.thread_options.pop(event.tid, None)
        if wished and self._session.nonstop:
            self.notify(thread_exit_reply(self._session, event))
            return
        busy = self.awaiting is not _A_STOP or self.chosen is not None or self.interrupted
        if self._session.nonstop or (busy and not wished):
            return
        if not any(self._target.threads(pid) for pid in self._session.pids()):
            # The rest is a leader that ended before: the process's exit is on its way.
            return
        if busy:
            self.ends.append(event)
            return
        if wished:
            self.chosen = event
            self._target.hold_all(self._engine_id)
            return
        if not self._target.any_resumed(self._engine_id):
            self.awaiting = _NOTHING
            if self._session.features.no_resumed:
                self._session.send(b"N")
            else:
                tid = self._session.thread()
                self._send_stop(Interrupted(event.pid, tid), GDB_SIGNAL_0)

    def _forget_options(self, pid: Pid, former: Tid) -> None:
        """Forget the options of threads that exec has ended; the one that called it keeps its own."""
        kept = self._session.thread_options.pop(former, 0)
        alive = {each.tid for each in self._target.threads()}
        self._session.thread_options = {
            tid: each for tid, each in self._session.thread_options.items() if tid in alive - {Tid(pid)}
        }
        if kept:
            self._session.thread_options[Tid(pid)] = kept

    def forget_threads(self, pid: Pid) -> None:
        """Forget what is still to be told of a process's threads."""
        self._forget_pending(pid)
        self.ends = deque(each for each in self.ends if each.pid != pid)

    def _forget_pending(self, pid: Pid) -> None:
        for tid in [tid for tid, each in self.pending.items() if each.pid == pid]:
            del self.pending[tid]

    def next_end(self) -> TraceEvent | None:
        """Take what is to be told before anything is resumed: a process's end, after those of its threads."""
        if not self.exits:
            return None
        return self.ends.popleft() if self.ends else self.exits.popleft()

    def _process_exited(self, event: ProcessExited) -> None:
        self.accounts.forget([event.pid])
        self._forget_pending(event.pid)
        self.processes.ended(event)
        self._session.catches_by_pid.pop(event.pid, None)
        self._session.host.note_stop(event.pid, None)
        if self.awaiting is Awaiting.KILL and event.pid in self.killing:
            self.killing.discard(event.pid)
            self.awaiting = _NOTHING
            self._session.send(OK)
            return
        if event.pid in self.killing:
            self.killing.discard(event.pid)
            if self.awaiting is Awaiting.KILL_ALL:
                self._session.send(exit_reply(self._session, event))
                if not self.killing:
                    self.awaiting = _NOTHING
                    self._session.host.end("k")
            return
        if self._session.nonstop:
            self.notify(exit_reply(self._session, event))
            return
        if isinstance(self.chosen, ThreadExited):
            self.exits.append(event)
        elif self.awaiting in _ENDED_BY_EXIT and (self.chosen is None or self.chosen.pid == event.pid):
            if self.awaiting is not Awaiting.ARGUMENTS:
                self.awaiting = _A_STOP
            self.chosen = event
            self._target.hold_all(self._engine_id)
        else:
            self.exits.append(event)

    def _launch_failed(self, event: LaunchFailed) -> None:
        if self.restarting:
            self._restarted()
        elif self.awaiting in (Awaiting.LAUNCH, Awaiting.ARGUMENTS):
            self.awaiting = _NOTHING
            text = event.cause if self._session.dialect.own_errors and event.cause else event.text
            self.launch_failure = text
            program = self._session.last_program
            self._session.host.not_created(program[0] if program else "", event.text)
            self._session.send(self._session.refusal(TargetError(1, text)))

    def _restarted(self) -> None:
        self.restarting = False
        self.awaiting = _NOTHING
        self.chosen = None
        self._session.serve_postponed()

    def _launched_nonstop(self, event: Launched) -> None:
        quiet = self.awaiting is Awaiting.ARGUMENTS
        self.awaiting = _NOTHING
        self._session.host.note_stop(event.pid, event)
        self._session.send(OK if quiet else stop_reply(self._session, event))

    def on_lost(self, pid: Pid) -> None:
        """Learn that another client ended the tracing of a process: for this one it is gone."""
        self._process_exited(ProcessExited(pid, Tid(pid), 0, None))

    # ------------------------------------------------------------ stopping and resuming

    def interrupt(self) -> None:
        """Act on the interrupt byte or ``vCtrlC``."""
        if not self._session.may_stop:
            return
        if self.awaiting is Awaiting.PROCESS:
            self._session.host.appearances.cancel(self._engine_id)
            self.awaiting = _NOTHING
            self._session.send(self._session.refusal(TargetError(errno.EINTR, "interrupted")))
            return
        if self._by_process:
            self.processes.interrupt(self._session.pids(), self._session.dialect.interrupt_signal)
            return
        if self._session.nonstop:
            for pid in self._session.pids():
                for thread in self._target.threads(pid):
                    if not self._target.is_stopped(thread.tid):
                        self.awaiting = Awaiting.INTERRUPT
                        self._target.hold(self._engine_id, [thread.tid])
                        return
            return
        if self.awaiting is _NOTHING and self._session.dialect.one_stop_answers:
            return
        # SPEC(Interrupts): one that comes while the program stands is queued for the next resume.  It has
        # crossed a stop reply, maybe that of a breakpoint whose condition the client finds false.
        self.interrupted = True
        if self.awaiting in (_A_STOP, Awaiting.LAUNCH, Awaiting.ARGUMENTS):
            self._target.hold_all(self._engine_id)

    def pending_for(self, tids: Sequence[Tid], votes: dict[Tid, Vote]) -> TraceEvent | None:
        """Take the first pending event that is still true of a thread which is to run now; ends of threads first.

        What comes after it is looked at when it is wanted: until then those threads stand.
        """
        if self.ends:
            return self.ends.popleft()
        wanted = set(tids)
        for tid in [tid for tid in self.pending if tid in wanted]:
            event = self.pending.pop(tid)
            if self._still_true(event, votes.get(tid, CONTINUE)):
                return event
        return None

    def _still_true(self, event: TraceEvent, vote: Vote) -> bool:
        target = self._target
        try:
            match event:
                case SiteHit(hardware=False):
                    return (
                        target.has_site(event.pid, event.address, self._engine_id)
                        and target.pc(event.tid) == event.address
                    )
                case SiteHit():
                    return (
                        target.has_slot(event.pid, event.address, None, self._engine_id)
                        and target.pc(event.tid) == event.address
                    )
                case WatchHit():
                    found = ((event.kind, event.address), *event.more)
                    return target.has_thread(event.tid) and any(
                        target.has_slot(event.pid, address, kind, self._engine_id) for kind, address in found
                    )
                case SyscallStop():
                    return target.has_thread(event.tid) and self._session.catches(event.pid, event.number)
                case SignalStop():
                    wanted = vote is Vote.STEP or not self._session.passes(event.pid, event.signal)
                    return target.has_thread(event.tid) and wanted
                case StepDone():
                    return vote is STEP
                case Interrupted():
                    return False
                case _:
                    return target.has_thread(event.tid)
        except StubError:
            return False

    def stop_threads(self, tids: Iterable[Tid]) -> None:
        """Hold threads in non-stop; those that stand already are reported as if they had just stopped."""
        if not self._session.may_stop:
            raise TargetError(1, "QAllow forbids to stop threads")
        running: list[Tid] = []
        for tid in tids:
            if self._target.is_stopped(tid):
                running_vote = self._target.vote_of(self._engine_id, tid)
                self._target.hold(self._engine_id, [tid])
                if running_vote is not STOP:
                    self.notify(stop_reply(self._session, Interrupted(self._target.pid_of(tid), tid)))
            else:
                running.append(tid)
        self._target.hold(self._engine_id, running)

    def may_deliver(self, tid: Tid) -> bool:
        """Tell whether a detach may deliver a thread's signal (``QProgramSignals``)."""
        if self._session.program_signals is None:
            return True
        try:
            sig = Signo(int.from_bytes(self._target.read_siginfo(tid)[:4], "little"))
        except StubError:
            return True
        return sig in self._session.program_signals

    def is_pending_signal(self, tid: Tid) -> bool:
        """Tell whether a thread's signal has not been reported to the client yet."""
        return isinstance(self.pending.get(tid), SignalStop)

    def stop_waiting_for(self, pid: Pid) -> None:
        """Expect nothing more of a process that this client leaves; what it awaits may come of another one."""
        dropped = self.chosen is not None and self.chosen.pid == pid
        if dropped:
            self.chosen = None
        if self.awaiting is not _A_STOP:
            return
        left = {each: vote for each, vote in self.resumed.others.items() if each != pid}
        if self._session.pids() == [pid]:
            self.awaiting = _NOTHING
            self.interrupted = False
        elif dropped and not self.interrupted:
            # Everything is held for a report that will not come: there is another one, or all goes on.
            actions = {each: named for each, named in self.resumed.actions.items() if each != pid}
            votes = {action.tid: action.vote for named in actions.values() for action in named}
            self.chosen = self.pending_for(list(self.pending), votes)
            if self.chosen is None:
                self._target.resume(self._engine_id, actions, left)
