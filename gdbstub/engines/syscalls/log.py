"""The engine that logs system calls.

Layer: engines.  Used by: server.  Implements: target.engine.Engine.

It takes part in every process that is traced and in the children of those, catches
the calls that its options name, and never holds a thread but for a delay that it is to
inject.  A child that only it keeps is let go when it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns, time

from gdbstub.abi import signals
from gdbstub.abi.call import Call
from gdbstub.abi.decoder import Decoder, decoder_of, entry_text, exit_text, result_text
from gdbstub.engines.follower import Later, MakeLog
from gdbstub.engines.syscalls.lines import Lines
from gdbstub.engines.syscalls.objects import Objects
from gdbstub.engines.syscalls.options import Form, LogOptions
from gdbstub.engines.syscalls.record import OpenCall, Returned, ThreadRecord, View
from gdbstub.engines.syscalls.summary import Summary
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.engine import CONTINUE, STOP, Vote
from gdbstub.target.events import (
    Execed,
    Forked,
    ForkKind,
    JobStopped,
    Joined,
    Launched,
    LaunchFailed,
    ProcessExited,
    SignalStop,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
    TraceEvent,
)
from gdbstub.target.ops import Target, ThreadAction
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Pid, Signo, Tid

_RESTART = "restart_syscall"


def view_of(options: LogOptions, write: Callable[[str], None]) -> View:
    """Return the view that options ask for."""
    match options.form:
        case Form.LINES:
            return Lines(options, write)
        case Form.OBJECTS:
            return Objects(write)
        case Form.SUMMARY:
            return Summary(write, options.sort, None)
        case Form.BOTH:
            return Summary(write, options.sort, Lines(options, write))


class SyscallLog:
    """A log of system calls, as an engine.

    Args:
        engine_id: Its identity.
        target: The tracer.
        options: What is logged and how.
        write: Takes the log's text; must not block.
        later: Runs something after a time.
        on_end: Called when no process is left.
        view: A form of its own; None: what the options say.
    """

    #: A process that is traced for others is not kept for its log.
    keeps_traced = False

    def __init__(
        self,
        engine_id: EngineId,
        target: Target,
        options: LogOptions,
        write: Callable[[str], None],
        later: Later,
        on_end: Callable[[], None],
        view: View | None = None,
    ) -> None:
        self.engine_id = engine_id
        self._target = target
        self._options = options
        self._later = later
        self._on_end = on_end
        self._view = view_of(options, write) if view is None else view
        self._threads: dict[Tid, ThreadRecord] = {}
        #: Children that are kept for the log.
        self.children: set[Pid] = set()
        #: How each process ended.
        self.exits: dict[Pid, ProcessExited] = {}
        self._readers: dict[Pid, Callable[[int, int], bytes]] = {}
        caught = options.caught
        self._numbers = None if caught is None else frozenset().union(*caught.values())
        self._handlers: dict[type[TraceEvent], Callable[..., Vote]] = {
            SyscallStop: self._stopped_at_call,
            Joined: self._joined,
            SignalStop: self._signal,
            JobStopped: self._job_stopped,
            ThreadStarted: self._started,
            ThreadExited: self._thread_exited,
            ProcessExited: self._process_exited,
            Forked: self._forked,
            Execed: self._execed,
            Launched: self._launched,
            LaunchFailed: self._launch_failed,
        }
        self.wants = frozenset(self._handlers)
        self._finished = False
        #: Why a program could not be started.
        self.launch_failure: str | None = None

    def begin(self) -> None:
        """Take part in everything that is traced, those to come included."""
        target = self._target
        target.fork_events(self.engine_id, frozenset(ForkKind))
        target.attach_engine(self, everywhere=True)

    def _joined(self, event: Joined) -> Vote:
        if event.pid in self.children or event.tid in self._threads:
            return CONTINUE
        threads = self._target.threads(event.pid)
        for thread in threads:
            self._thread(event.pid, thread.tid)
        if self._target.is_attached(event.pid):
            others = f" with {len(threads)} threads" if len(threads) > 1 else ""
            self._view.noticed(f"Process {event.pid} attached{others}")
        return CONTINUE

    def tell_of_client(self, kind: str, client: EngineId, peer: str) -> None:
        """Take no note of clients."""

    def finish(self) -> None:
        """Show what comes at the end, once."""
        if not self._finished:
            self._finished = True
            self._view.finish()

    def end(self) -> None:
        """Leave; what only the log kept is let go."""
        self.finish()
        for pid in list(self.children):
            try:
                if self._target.users_of(pid) == [self.engine_id]:
                    self._target.detach(pid)
            except StubError:
                continue
        self._target.detach_engine(self.engine_id)

    # ------------------------------------------------------------ as an engine

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Let signals through unseen that are not to be shown."""
        return signal not in self._options.signals

    def catches(self, pid: Pid, number: int) -> bool:
        """Catch what is to be shown or changed; a number means other calls in another interface: checked later."""
        return self._numbers is None or number < 0 or number in self._numbers

    def on_event(self, event: TraceEvent) -> Vote:
        """Write down what happens."""
        handler = self._handlers.get(type(event))
        return CONTINUE if handler is None else handler(event)

    def on_quiet(self) -> None:
        """Do nothing: a log waits for no stop."""

    def on_lost(self, pid: Pid) -> None:
        """Forget a process that is traced no more."""
        for thread in [each for each in self._threads.values() if each.pid == pid]:
            self._forget(thread)
        self._view.noticed(f"Process {pid} detached")
        self._gone(pid)

    def _thread(self, pid: Pid, tid: Tid) -> ThreadRecord:
        thread = self._threads.get(tid)
        if thread is None:
            thread = self._threads[tid] = ThreadRecord(pid, tid)
            self._view.threads_changed(len(self._threads))
        return thread

    def _forget(self, thread: ThreadRecord) -> None:
        self._threads.pop(thread.tid, None)
        self._view.threads_changed(len(self._threads))

    # ------------------------------------------------------------ calls

    def _stopped_at_call(self, event: SyscallStop) -> Vote:
        info = self._target.syscall(event.tid)
        if info is None:
            return CONTINUE
        thread = self._thread(event.pid, event.tid)
        if info.entry:
            return self._enter(thread, info)
        return self._return(thread, info)

    def _enter(self, thread: ThreadRecord, info: SyscallInfo) -> Vote:
        if self._is_selected(info):
            opened = self._open(thread, info)
            self._view.entered(thread, opened)
        elif any(each.concerns(info.arch, info.number) for each in self._options.injections):
            opened = self._open(thread, info)
            opened.quiet = True
        else:
            thread.open = None
            return CONTINUE
        if self._options.injections:
            return self._inject(thread, opened, info)
        return CONTINUE

    def _is_selected(self, info: SyscallInfo) -> bool:
        calls = self._options.calls
        return calls is None or info.number in calls.get(info.arch, ())

    def _open(self, thread: ThreadRecord, info: SyscallInfo) -> OpenCall:
        decoder = decoder_of(info.arch)
        call = Call(
            wide=decoder.wide,
            args=info.args if decoder.wide else tuple([each & 0xFFFFFFFF for each in info.args]),
            read=self._reader(thread.pid),
            style=self._options.style,
            stack=info.stack,
            path_of=self._paths(thread.tid) if self._options.paths else None,
        )
        opened = self._described(thread, decoder, call, info.number)
        thread.open = opened
        return opened

    def _described(self, thread: ThreadRecord, decoder: Decoder, call: Call, number: int) -> OpenCall:
        signature = decoder.signature(number, call.args)
        name = decoder.name(number)
        opened = OpenCall(name, number, call, signature, time(), perf_counter_ns())
        if name == _RESTART:
            opened.shown = f"<... resuming interrupted {thread.last_name or 'system call'} ...>"
        else:
            thread.last_name = name
            opened.shown = entry_text(call, signature)
        return opened

    def _return(self, thread: ThreadRecord, info: SyscallInfo) -> Vote:
        opened, thread.open = thread.open, None
        if opened is None:
            return CONTINUE
        if not opened.quiet:
            self._show_return(thread, opened, info)
        delay = max((each.delay_after for each in opened.injections), default=0.0)
        return self._hold(thread, delay) if delay else CONTINUE

    def _show_return(self, thread: ThreadRecord, opened: OpenCall, info: SyscallInfo) -> None:
        now = perf_counter_ns()
        call = opened.call
        if info.number != opened.number or (info.args != call.args and call.wide):
            # Another client has made another call of it, or other arguments.
            again = self._open(thread, info)
            thread.open = None
            again.clock, again.began, again.tampered = opened.clock, opened.began, opened.tampered
            self._view.abandoned(thread, opened)
            self._view.entered(thread, again)
            opened, call = again, again.call
        call.returned(info.result, failed=info.is_error)
        result = result_text(call, opened.signature)
        if opened.tampered:
            result += " (INJECTED)"
        how = Returned(exit_text(call, opened.signature), result, now - opened.began)
        self._view.returned(thread, opened, how)

    def _reader(self, pid: Pid) -> Callable[[int, int], bytes]:
        reader = self._readers.get(pid)
        if reader is None:
            target = self._target

            def read(address: int, length: int) -> bytes:
                try:
                    return target.read_memory(pid, Addr(address), length)
                except StubError:
                    return b""

            reader = self._readers[pid] = read
        return reader

    def _paths(self, tid: Tid) -> Callable[[int | None], str | None]:
        def path_of(fd: int | None) -> str | None:
            found = self._target.descriptor_path(tid, fd)
            return None if found is None else found.decode("utf-8", "backslashreplace")

        return path_of

    # ------------------------------------------------------------ injections

    def _inject(self, thread: ThreadRecord, opened: OpenCall, info: SyscallInfo) -> Vote:
        chosen = []
        for place, injection in enumerate(self._options.injections):
            if injection.concerns(info.arch, info.number):
                count = thread.counts[place] = thread.counts.get(place, 0) + 1
                if injection.when.matches(count):
                    chosen.append(injection)
        opened.injections = tuple(chosen)
        for injection in chosen:
            if injection.result is not None:
                self._target.skip_syscall(thread.tid, injection.result)
                opened.tampered = True
            if injection.signal != NO_SIGNAL:
                self._target.send_at_syscall(thread.tid, injection.signal)
        delay = max((each.delay_before for each in chosen), default=0.0)
        return self._hold(thread, delay) if delay else CONTINUE

    def _hold(self, thread: ThreadRecord, seconds: float) -> Vote:
        """Hold a thread for a time."""
        tid = thread.tid
        self._later(seconds, lambda: self._target.amend(self.engine_id, [ThreadAction(tid, CONTINUE)]))
        return STOP

    # ------------------------------------------------------------ other events

    def _signal(self, event: SignalStop) -> Vote:
        thread = self._thread(event.pid, event.tid)
        try:
            data = self._target.read_siginfo(event.tid)
            wide = self._target.arch(event.pid).pointer_size == 8
            info = signals.info_text(data, wide=wide)
        except StubError:
            info = "{}"
        name = signals.name_of(event.signal)
        self._view.said(thread, "---", f"{name} {info}", signal=name)
        return CONTINUE

    def _job_stopped(self, event: JobStopped) -> Vote:
        name = signals.name_of(event.signal)
        self._view.said(self._thread(event.pid, event.tid), "---", f"stopped by {name}", stopped=name)
        return CONTINUE

    def _started(self, event: ThreadStarted) -> Vote:
        if event.tid not in self._threads:
            self._thread(event.pid, event.tid)
            self._view.noticed(f"Process {event.tid} attached")
        return CONTINUE

    def _forked(self, event: Forked) -> Vote:
        self.children.add(event.child)
        self._target.keep(self.engine_id, event.child)
        self._thread(event.child, Tid(event.child))
        self._view.noticed(f"Process {event.child} attached")
        self._target.resume(self.engine_id, {event.child: []}, {event.child: CONTINUE})
        return CONTINUE

    def _execed(self, event: Execed) -> Vote:
        if event.former_tid != event.tid:
            self._superseded(event)
        leader = self._thread(event.pid, event.tid)
        for other in [each for each in self._threads.values() if each.pid == event.pid and each is not leader]:
            self._forget(other)
        return CONTINUE

    def _superseded(self, event: Execed) -> None:
        """Give the leader's place to another thread, whose exec ended the leader."""
        former = self._threads.get(event.former_tid)
        leader = self._threads.get(event.tid)
        if leader is not None:
            if leader.open is not None and not leader.open.quiet:
                self._view.abandoned(leader, leader.open)
            text = f"superseded by execve in pid {event.former_tid}"
            self._view.said(leader, "+++", text, superseded_by=event.former_tid)
            self._forget(leader)
        if former is not None:
            self._forget(former)
            heir = self._thread(event.pid, event.tid)
            heir.open, heir.last_name, heir.counts = former.open, former.last_name, former.counts

    def _launched(self, event: Launched) -> Vote:
        self._thread(event.pid, event.tid)
        return CONTINUE

    def _launch_failed(self, event: LaunchFailed) -> Vote:
        self.launch_failure = event.text
        for thread in [each for each in self._threads.values() if each.pid == event.pid]:
            self._forget(thread)
        self._gone(event.pid)
        return CONTINUE

    def _thread_exited(self, event: ThreadExited) -> Vote:
        if event.tid != Tid(event.pid):
            self._exited(self._thread(event.pid, event.tid), event.status, event.signal, dumped_core=False)
        return CONTINUE

    def _exited(self, thread: ThreadRecord, status: int, killer: Signo | None, *, dumped_core: bool) -> None:
        if thread.open is not None and not thread.open.quiet:
            self._view.abandoned(thread, thread.open)
        thread.open = None
        if killer is not None:
            name = signals.name_of(killer)
            core = " (core dumped)" if dumped_core else ""
            self._view.said(thread, "+++", f"killed by {name}{core}", killed_by=name)
        elif self._options.quiet < 2:
            self._view.said(thread, "+++", f"exited with {status}", exited=status)
        self._forget(thread)

    def _process_exited(self, event: ProcessExited) -> Vote:
        self.exits[event.pid] = event
        for thread in [each for each in self._threads.values() if each.pid == event.pid]:
            if thread.tid != Tid(event.pid):
                self._forget(thread)
        leader = self._thread(event.pid, Tid(event.pid))
        self._exited(leader, event.code, event.signal, dumped_core=event.dumped_core)
        self._gone(event.pid)
        return CONTINUE

    def _gone(self, pid: Pid) -> None:
        self.children.discard(pid)
        self._readers.pop(pid, None)
        if not self._threads:
            self._on_end()


def log_with(options: LogOptions, form: Callable[[Callable[[str], None], Target], View] | None = None) -> MakeLog:
    """Return what makes a log with these options, or in a form of its own."""

    def make(
        engine_id: EngineId, target: Target, write: Callable[[str], None], later: Later, on_end: Callable[[], None]
    ) -> SyscallLog:
        view = None if form is None else form(write, target)
        return SyscallLog(engine_id, target, options, write, later, on_end, view)

    return make
