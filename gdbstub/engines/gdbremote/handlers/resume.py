"""Handlers of ``c C s S vCont vCtrlC vStopped``.

Layer: engines.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote import faults
from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.observations import Observations
from gdbstub.engines.gdbremote.reports import Awaiting, Resumption
from gdbstub.rsp.commands.resume import (
    Action,
    Continue,
    ContinueSignal,
    CtrlC,
    Step,
    StepSignal,
    Stopped,
    VCont,
    VContQuery,
)
from gdbstub.rsp.replies import EMPTY, LATER, OK, Reply
from gdbstub.target.engine import CONTINUE, STEP, STOP, Vote
from gdbstub.target.ops import ThreadAction
from gdbstub.vocab.errors import PacketError, TargetError
from gdbstub.vocab.ids import ALL, ANY, NO_SIGNAL, Pid, Signo, ThreadSpec, Tid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

#: How many meanings of ``c`` and ``s`` are kept.
_ONES_KEPT = 64

_VOTE = {"c": CONTINUE, "s": STEP, "r": STEP, "t": STOP}


def _signal(session: Session, number: int | None) -> Signo:
    if not number:
        return NO_SIGNAL
    sig = session.dialect.signal_named(number)
    if sig is None:
        raise PacketError(f"Linux has no signal of the number {number:#x}")
    return sig


class _Plan:
    """What one vCont means for each process."""

    def __init__(self, session: Session, actions: tuple[Action, ...], pids: Sequence[Pid]) -> None:
        target = session.target
        self.named: dict[Pid, dict[Tid, ThreadAction]] = {}
        self.others: dict[Pid, Vote] = {}
        #: Threads whose signal the client has decided, NO_SIGNAL included.
        self.signals: dict[Tid, Signo] = {}
        #: The processes of which something is to run.
        self.processes: list[Pid] = []
        #: A thread is named that is to stop.
        self.stops = False
        current = Tid(0)
        for pid in pids:
            named = self.named[pid] = {}
            runs = False
            default: Action | None = None
            for action in actions:
                spec = action.threads
                if spec is not None and spec.pid not in (None, ALL, ANY) and spec.pid != pid:
                    continue
                if spec is None or spec.tid == ALL or (spec.pid is not None and spec.tid == ANY):
                    default = action
                    break
                tid = Tid(spec.tid) if spec.tid != ANY else session.thread()
                if tid not in named and target.process_of(tid) == pid:
                    sig = _signal(session, action.signal) if action.signal else NO_SIGNAL
                    vote = _VOTE[action.kind]
                    named[tid] = ThreadAction(tid, vote, sig, action.range)
                    self.signals[tid] = sig
                    if vote is STOP:
                        self.stops = True
                    else:
                        runs = True
            if default is None:
                self.others[pid] = STOP
                if runs:
                    self.processes.append(pid)
                continue
            vote = _VOTE[default.kind]
            if vote is STEP or default.signal:
                # A step or a signal for everybody: name them, so that each has its own.
                current = current or session.thread()
                for thread in target.threads(pid):
                    if thread.tid not in named:
                        each = session.dialect.signals_each or thread.tid == current
                        sig = _signal(session, default.signal) if each else NO_SIGNAL
                        named[thread.tid] = ThreadAction(thread.tid, vote, sig, default.range)
                        self.signals[thread.tid] = sig
                vote = CONTINUE
            self.others[pid] = vote
            if runs or vote is not STOP:
                self.processes.append(pid)

    def moving(self, session: Session) -> list[Tid]:
        """Return the threads that are to run."""
        tids: list[Tid] = []
        for pid, others in self.others.items():
            named = self.named[pid]
            tids += [tid for tid, action in named.items() if action.vote is not STOP]
            if others is not STOP:
                tids += [
                    tid for tid, event in session.reports.pending.items() if tid not in named and event.pid == pid
                ]
                tids += [tid for tid in session.reports.signalled if tid not in named]
        return tids


def _resume(session: Session, actions: tuple[Action, ...]) -> Reply:
    reports = session.reports
    reports.require_stopped()
    session.trace_frame = None
    end = reports.next_end()
    if end is not None:
        # It ended while the client believed it stopped: this is the first chance to say so.
        reports.awaiting = Awaiting.STOP
        reports.chosen = end
        session.target.hold_all(session.engine_id)
        return LATER
    pids = session.pids()
    if not pids:
        raise faults.no_process()
    plan = _Plan(session, actions, pids)
    if plan.stops:
        raise PacketError("vCont;t needs non-stop")
    if not plan.processes:
        raise TargetError(errno.ESRCH, "no such thread")
    if session.dialect.whole_processes and len(plan.processes) > 1:
        raise faults.not_together("processes are resumed one at a time")
    reports.awaiting = Awaiting.STOP
    reports.chosen = None
    session.stale = False
    reports.accounts.forget(plan.processes)
    session.show_output()
    if reports.signalled or any(plan.signals.values()):
        _decide_signals(session, plan, plan.moving(session))
    if reports.pending or reports.ends:
        votes = {tid: action.vote for named in plan.named.values() for tid, action in named.items()}
        reports.chosen = reports.pending_for(plan.moving(session), votes)
    if reports.chosen is not None or reports.interrupted:
        session.target.hold_all(session.engine_id)
        return LATER
    for pid in plan.others:
        session.host.note_stop(pid, None)
    actions_by_pid = {pid: tuple(named.values()) for pid, named in plan.named.items()}
    reports.resumed = Resumption(actions_by_pid, plan.others)
    session.target.resume(session.engine_id, actions_by_pid, plan.others, reports.pending)
    return LATER


def _decide_signals(session: Session, plan: _Plan, moving: list[Tid]) -> None:
    """Settle what becomes of the signals of threads that are to run, and send those that the client adds."""
    for tid in [*plan.signals, *(tid for tid in session.reports.signalled if tid in moving)]:
        if not session.reports.is_pending_signal(tid):
            sig = plan.signals.get(tid, NO_SIGNAL)
            if sig or tid in session.reports.signalled:
                session.target.decide_signal(session.engine_id, tid, sig)
                session.reports.signalled.discard(tid)


def _resume_processes(session: Session, actions: tuple[Action, ...]) -> Reply:
    """Resume and stop whole processes, apart from each other."""
    reports = session.reports
    stops = [action for action in actions if action.kind == "t"]
    if any(action.threads is not None and action.threads.tid > 0 for action in stops):
        raise faults.not_together("a thread cannot be stopped without its process")
    pids = session.pids()
    if not pids:
        raise TargetError(errno.ESRCH, "no process")
    plan = _Plan(session, actions, pids)
    moved = plan.processes
    if any(map(reports.processes.runs, moved)):
        raise faults.running()
    if not moved and not stops:
        raise TargetError(errno.ESRCH, "no such thread")
    _decide_signals(session, plan, plan.moving(session))
    reports.accounts.forget(moved)
    for pid in moved:
        reports.processes.resumed(pid)
        session.host.note_stop(pid, None)
    votes = {pid: plan.others[pid] for pid in moved}
    session.target.resume(session.engine_id, {pid: tuple(plan.named[pid].values()) for pid in moved}, votes)
    halted = [pid for pid in session.pids() if pid not in moved and any(_covers(each, pid) for each in stops)]
    reports.processes.interrupt(halted, session.dialect.interrupt_signal)
    return OK


def _resume_nonstop(session: Session, actions: tuple[Action, ...]) -> Reply:
    session.trace_frame = None
    plan = _Plan(session, actions, session.pids())
    hold: list[Tid] = []
    amend: list[ThreadAction] = []
    for pid, named in plan.named.items():
        others = plan.others[pid]
        explicit_stop = any(action.kind == "t" and _covers(action, pid) for action in actions)
        every = list(named.values())
        if others is not STOP or explicit_stop:
            every += [
                ThreadAction(thread.tid, others) for thread in session.target.threads(pid) if thread.tid not in named
            ]
        for action in every:
            if action.vote is STOP:
                if not session.target.is_stopped(action.tid) or not _held(session, action.tid):
                    hold.append(action.tid)
                continue
            if not _held(session, action.tid):
                # SPEC(vCont): it runs already; a step that is under way stays one.
                continue
            sig = plan.signals.get(action.tid, NO_SIGNAL)
            if sig or action.tid in session.reports.signalled:
                session.target.decide_signal(session.engine_id, action.tid, sig)
                session.reports.signalled.discard(action.tid)
            amend.append(action)
        if others is not STOP:
            session.host.note_stop(pid, None)
    if amend:
        session.target.amend(session.engine_id, amend)
    if hold:
        session.reports.stop_threads(hold)
    return OK


def _covers(action: Action, pid: Pid) -> bool:
    spec = action.threads
    return spec is None or (spec.pid in (None, ALL, ANY, pid) and spec.tid <= 0)


def _held(session: Session, tid: Tid) -> bool:
    return session.target.vote_of(session.engine_id, tid) is STOP


@handles(VContQuery)
def vcont_query(session: Session, cmd: VContQuery) -> Reply:
    """Name the actions."""
    if "vCont" in session.disabled:
        return EMPTY
    return b"vCont;c;C;s;S;t" if "vConts" in session.disabled else b"vCont;c;C;s;S;t;r"


@handles(VCont)
def vcont(session: Session, cmd: VCont) -> Reply:
    """Resume threads."""
    return EMPTY if "vCont" in session.disabled else _run(session, cmd.actions)


def _legacy(session: Session, kind: str, cmd: Continue | ContinueSignal | Step | StepSignal) -> Reply:
    if cmd.address is not None:
        if session.role.observes:
            raise TargetError(errno.EPERM, "an observer changes nothing: it cannot move a thread")
        tid = session.thread()
        arch = session.target.arch(session.target.pid_of(tid))
        session.target.write_register(tid, arch.pc, cmd.address.to_bytes(8, "little")[: arch.pointer_size])
    whole = session.dialect.whole_processes
    tid = Tid(session.resuming.tid)
    if tid <= 0 and kind == "c" and cmd.signal is None and not (whole and session.pids()):
        return _run(session, (Action("c", None, None, None),))
    pid = session.target.process_of(tid) if tid > 0 else None
    if pid is None:
        tid = session.thread()
        pid = session.target.pid_of(tid)
    return _run(session, _one_first(kind, cmd.signal, pid, tid, whole=whole))


@lru_cache(_ONES_KEPT)
def _one_first(kind: str, sig: int | None, pid: Pid, tid: Tid, *, whole: bool) -> tuple[Action, ...]:
    """Say what is done to one thread, and that the others go on: ``c`` and ``s`` mean that, as gdbserver has it."""
    others = ThreadSpec(pid, ALL) if whole else None
    return (Action(kind, sig, None, ThreadSpec(pid, tid)), Action("c", None, None, others))


def _run(session: Session, actions: tuple[Action, ...]) -> Reply:
    if isinstance(session.reports, Observations):
        return _look_on(session, session.reports, actions)
    session.settled = True
    if not session.nonstop:
        return _resume(session, actions)
    return (
        _resume_processes(session, actions) if session.dialect.whole_processes else _resume_nonstop(session, actions)
    )


def _look_on(session: Session, reports: Observations, actions: tuple[Action, ...]) -> Reply:
    """Let an observer believe that it has resumed what goes on anyway."""
    reports.require_stopped()
    if any(action.kind != "c" or action.signal for action in actions):
        raise TargetError(errno.EPERM, "an observer changes nothing: it cannot step, stop or signal")
    if session.nonstop:
        return OK
    if not session.pids() and not reports.exits:
        raise faults.no_process()
    reports.wait()
    return LATER


@handles(Continue)
def continue_(session: Session, cmd: Continue) -> Reply:
    """Resume."""
    return _legacy(session, "c", cmd)


@handles(ContinueSignal)
def continue_signal(session: Session, cmd: ContinueSignal) -> Reply:
    """Resume with a signal."""
    return _legacy(session, "c", cmd)


@handles(Step)
def step(session: Session, cmd: Step) -> Reply:
    """Step."""
    return _legacy(session, "s", cmd)


@handles(StepSignal)
def step_signal(session: Session, cmd: StepSignal) -> Reply:
    """Step with a signal."""
    return _legacy(session, "s", cmd)


@handles(CtrlC)
def ctrl_c(session: Session, cmd: CtrlC) -> Reply:
    """Interrupt."""
    session.reports.interrupt()
    return OK


@handles(Stopped)
def stopped(session: Session, cmd: Stopped) -> Reply:
    """Give the next stop of the queue."""
    if session.dialect.strict and not session.reports.stops.telling:
        raise faults.nothing_to_acknowledge()
    return session.reports.stops.acknowledged()
