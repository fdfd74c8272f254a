"""Handlers of ``? D k vKill vRun A qLaunchSuccess vAttach R``.

Layer: engines.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote import faults
from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.observations import Observations
from gdbstub.engines.gdbremote.reports import Awaiting
from gdbstub.engines.gdbremote.stops import exit_reply, stop_reply
from gdbstub.rsp.commands.lifecycle import (
    Attach,
    AttachByName,
    AttachName,
    AttachOrWait,
    AttachWait,
    CanAttachOrWait,
    Detach,
    Kill,
    KillAll,
    LaunchArguments,
    LaunchSuccess,
    Restart,
    Run,
    WhyStopped,
)
from gdbstub.rsp.replies import EMPTY, LATER, OK, Reply, plain_text
from gdbstub.target.engine import Vote
from gdbstub.target.events import Forked, Interrupted
from gdbstub.vocab.errors import PacketError, TargetError, TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Pid, Tid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(WhyStopped)
def why_stopped(session: Session, cmd: WhyStopped) -> Reply:
    """Stop everything and say why it stands."""
    if isinstance(session.reports, Observations):
        return session.reports.look()
    session.settled = True
    if session.reports.awaiting is not Awaiting.NOTHING and not session.nonstop:
        raise PacketError("the target is running")
    if session.reports.exits and not session.nonstop:
        return exit_reply(session, session.reports.exits.popleft())
    if not session.pids() and not session.nonstop:
        return session.dialect.no_process
    if session.nonstop:
        return _all_stops(session)
    session.reports.awaiting = Awaiting.QUERY
    session.target.hold_all(session.engine_id)
    return LATER


def _all_stops(session: Session) -> Reply:
    """Start the sequence of stop replies, one for each thread that this client holds, behind untold ends."""
    reports = session.reports
    replies = [each for each in reports.stops.waiting if each[:1] in (b"W", b"X")]
    if session.dialect.whole_processes:
        replies += reports.processes.sequence()
    else:
        # QUIRK(gdb, 13 to 18): a second stop in this sequence fails an assertion of its own, and so does one that
        # it reads before it is done with the first.  gdbserver never has one.
        # Test: e2e/test_threads.py, connects_to_threads_that_stand.
        standing = _standing(session)
        replies += [_why_stands(session, tid) for tid in standing[:1]]
        if standing[1:]:
            session.afterwards = partial(_tell_of_others, session, standing[1:])
    reports.stops.restart(replies)
    return replies[0] if replies else OK


def _standing(session: Session) -> list[Tid]:
    """Return the threads that stand and that this client holds."""
    target = session.target
    return [
        thread.tid
        for pid in session.pids()
        for thread in target.threads(pid)
        if target.vote_of(session.engine_id, thread.tid) is Vote.STOP and target.is_stopped(thread.tid)
    ]


def _why_stands(session: Session, tid: Tid) -> bytes:
    pid = session.target.pid_of(tid)
    last = session.host.last_stop(pid)
    if last is not None and last.tid == tid:
        return stop_reply(session, last)
    return stop_reply(session, Interrupted(pid, tid), session.standing_signal(pid))


#: What gdb asks before it has taken the first stop in.
_BEFORE = frozenset({b"?", b"vStopped", b"QPassSignals"})


def _tell_of_others(session: Session, others: Sequence[Tid], name: bytes) -> None:
    """Tell of the other threads that stood, and still do, once the client asks for something else."""
    if name in _BEFORE:
        return
    session.afterwards = None
    standing = _standing(session)
    for tid in others:
        if tid in standing:
            session.reports.notify(_why_stands(session, tid))


@handles(Detach)
def detach(session: Session, cmd: Detach) -> Reply:
    """Leave one process, or all of them."""
    pids = [cmd.pid] if cmd.pid is not None else [*session.pids(), *(each.pid for each in session.reports.exits)]
    if not pids:
        raise faults.no_process()
    for pid in pids:
        leave(session, pid, stays_stopped=cmd.stays_stopped)
    return OK


def leave(session: Session, pid: Pid, *, stays_stopped: bool = False) -> None:
    """Leave one process; the last client to leave ends its tracing.

    Args:
        session: Who leaves.
        pid: Which.
        stays_stopped: It is to stand when nobody traces it any more, until somebody sends SIGCONT.
    """
    if _forget_exit(session, pid):
        # It died while the client believed it stopped: to leave it is all that was wanted.
        session.host.detached(pid, launched=False, extended=session.extended)
        return
    if pid not in session.pids():
        raise TargetError(errno.ESRCH, f"process {pid} is not yours")
    for event in (session.reports.chosen, *session.reports.pending.values()):
        if isinstance(event, Forked) and event.pid == pid:
            # The client was not told of the child: nobody would ever resume it.
            _give_up(session, event.child)
    for tid in list(session.reports.signalled):
        if session.target.has_thread(tid) and session.target.pid_of(tid) == pid:
            if not session.reports.may_deliver(tid):
                session.target.decide_signal(session.engine_id, tid, NO_SIGNAL)
            session.reports.signalled.discard(tid)
    session.reports.forget_threads(pid)
    session.catches_by_pid.pop(pid, None)
    session.reports.stop_waiting_for(pid)
    _give_up(session, pid, stays_stopped=stays_stopped)
    if session.general and not session.target.has_thread(session.general):
        session.general = Tid(0)


def _forget_exit(session: Session, pid: Pid) -> bool:
    """Drop the end of a process that the client believes alive; tell whether there was one."""
    for event in session.reports.exits:
        if event.pid == pid:
            session.reports.exits.remove(event)
            return True
    return False


def _give_up(session: Session, pid: Pid, *, stays_stopped: bool = False) -> None:
    if session.role.observes or session.others_on(pid):
        session.target.detach(pid, session.engine_id)
        if not any(session.target.holders(each.tid) for each in session.target.threads(pid)):
            # It runs on for the others' sake.
            session.host.note_stop(pid, None)
    else:
        session.host.say(f"Detaching from process {pid}")
        launched = not session.target.is_attached(pid)
        session.target.detach(pid, session.engine_id, stopped=stays_stopped)
        session.host.detached(pid, launched=launched, extended=session.extended)


@handles(KillAll)
def kill_all(session: Session, cmd: KillAll) -> Reply:
    """Kill everything this client debugs; without extended mode the server ends too, once that has been told."""
    session.host.say("Killing all inferiors")
    pids = session.pids()
    told = session.dialect.tells_kills
    if not (told and session.nonstop):
        session.reports.killing.update(pids)
    for pid in pids:
        # One that has just died is on its way to be told of.
        with suppress(TraceeGone):
            session.target.kill(pid)
    if told and session.nonstop:
        return OK
    if told and pids:
        session.reports.awaiting = Awaiting.KILL_ALL
        return LATER
    if session.host.ends_with_k() or not session.extended:
        session.host.end("k")
    return LATER


@handles(Kill)
def kill(session: Session, cmd: Kill) -> Reply:
    """Kill one process and answer when it is dead."""
    if _forget_exit(session, cmd.pid):
        return OK
    if cmd.pid not in session.pids():
        raise TargetError(errno.ESRCH, f"process {cmd.pid} is not yours")
    session.reports.killing.add(cmd.pid)
    session.reports.awaiting = Awaiting.KILL
    session.target.kill(cmd.pid)
    return LATER


@handles(Run)
def run(session: Session, cmd: Run) -> Reply:
    """Start a program."""
    last = session.last_program
    if cmd.program:
        argv = [cmd.program, *cmd.arguments]
    elif last:
        argv = [last[0], *cmd.arguments] if cmd.arguments else list(last)
    else:
        raise TargetError(errno.EINVAL, "no program given: set remote exec-file FILE")
    if cmd.program or cmd.arguments:
        session.launch_spec = session.launch_spec._replace(raw_arguments=session.features.single_argument)
    return start(session, argv)


@handles(LaunchArguments)
def launch_arguments(session: Session, cmd: LaunchArguments) -> Reply:
    """Start a program and answer OK once it stands."""
    if not cmd.words:
        raise TargetError(errno.EINVAL, "no program given")
    session.launch_spec = session.launch_spec._replace(raw_arguments=False)
    return start(session, list(cmd.words), Awaiting.ARGUMENTS)


@handles(LaunchSuccess)
def launch_success(session: Session, cmd: LaunchSuccess) -> Reply:
    """Say how the last start went."""
    failure = session.reports.launch_failure
    return OK if failure is None else b"E" + plain_text(failure)


def start(session: Session, argv: list[str], awaiting: Awaiting = Awaiting.LAUNCH) -> Reply:
    """Start a command line with what the client chose for it.

    Args:
        session: Whose client asked.
        argv: The program and its arguments.
        awaiting: What the client expects as the reply.
    """
    session.remember_program(argv)
    dialect = session.dialect
    spec = session.launch_spec._replace(
        argv=argv,
        environment=session.program_environment(),
        with_shell=session.launch_spec.with_shell and dialect.shell,
    )
    session.launch_spec = spec
    terminal = session.host.terminals.open() if dialect.takes_output and None in spec.streams else None
    if terminal is not None:
        streams = [terminal if path is None else path for path in spec.streams]
        spec = spec._replace(streams=(streams[0], streams[1], streams[2]))
    session.reports.awaiting = awaiting
    session.reports.launch_failure = None
    # What is left of the last program does not concern this one.
    session.reports.exits.clear()
    session.reports.interrupted = False
    session.general = Tid(0)
    try:
        pid = session.target.launch(session.engine_id, spec)
    except TargetError as failure:
        if terminal is not None:
            session.host.terminals.drop(terminal)
        session.reports.awaiting = Awaiting.NOTHING
        session.reports.launch_failure = failure.text
        session.host.not_created(argv[0], failure.text)
        raise
    if terminal is not None:
        session.host.terminals.give(session.engine_id, pid, terminal)
    session.reports.newest = pid
    return LATER


@handles(Attach)
def attach(session: Session, cmd: Attach) -> Reply:
    """Attach to a process; one that this server traces already is shared."""
    return take(session, cmd.pid)


def take(session: Session, pid: Pid) -> Reply:
    """Attach to a process; one that this server traces already is shared."""
    if pid in session.pids():
        raise TargetError(errno.EBUSY, f"process {pid} is attached already")
    if pid in session.target.pids():
        session.join(pid)
    else:
        session.target.seize(session.engine_id, pid)
        session.host.attached(pid)
    session.reports.attaching = session.reports.newest = pid
    session.reports.interrupted = False
    session.general = Tid(0)
    if session.nonstop and session.dialect.whole_processes:
        session.reports.processes.resumed(pid)
        session.reports.processes.interrupt([pid], session.dialect.attach_signal)
        return OK
    if session.nonstop:
        # QUIRK(gdb, all): it stops the threads itself once it knows the registers; a stop reported before that
        # cannot be read.  Test: e2e/test_processes.py, non-stop attach.
        session.target.resume(session.engine_id, {}, {pid: Vote.CONTINUE})
        return OK
    session.reports.awaiting = Awaiting.ATTACH
    session.target.hold_all(session.engine_id)
    return LATER


@handles(AttachName)
def attach_name(session: Session, cmd: AttachName) -> Reply:
    """Attach to the one process with a name."""
    pids = session.host.appearances.named(cmd.name)
    if len(pids) == 1:
        return take(session, pids[0])
    if not pids:
        raise TargetError(errno.ESRCH, f"no process is called {cmd.name}")
    raise TargetError(errno.EBUSY, f"several processes are called {cmd.name}: {', '.join(map(str, pids))}")


@handles(AttachWait)
def attach_wait(session: Session, cmd: AttachWait) -> Reply:
    """Wait for a new process and attach to it."""
    return _await_process(session, cmd, existing=False)


@handles(AttachOrWait)
def attach_or_wait(session: Session, cmd: AttachOrWait) -> Reply:
    """Attach to a process that is there, or wait for one."""
    return _await_process(session, cmd, existing=True)


def _await_process(session: Session, cmd: AttachByName, *, existing: bool) -> Reply:
    session.reports.awaiting = Awaiting.PROCESS
    session.reports.interrupted = False
    session.host.appearances.wait(session.engine_id, cmd.name, existing=existing)
    return LATER


@handles(CanAttachOrWait)
def can_attach_or_wait(session: Session, cmd: CanAttachOrWait) -> Reply:
    """Say yes."""
    return OK


@handles(Restart)
def restart(session: Session, cmd: Restart) -> Reply:
    """Kill what runs and start the last program anew."""
    argv = list(session.last_program)
    if not session.extended or not argv:
        return EMPTY
    for pid in session.pids():
        session.reports.killing.add(pid)
        session.target.kill(pid)
    start(session, argv)
    session.reports.restarting = True
    return LATER
