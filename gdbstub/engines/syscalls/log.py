"""The engine that logs system calls.

Layer: engines.  Used by: server, cli.  Implements: target.engine.Engine.

It takes part in every process that is traced and in the children of those, catches
the calls that its options name, and never holds a thread but for a delay that it is to
inject.  A child that only it keeps is let go when it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns, time

from gdbstub.abi import signals
from gdbstub.abi.call import Call
from gdbstub.abi.decoder import decoder_of, entry_text, exit_text, result_text
from gdbstub.engines.follower import Follower, Later, MakeLog
from gdbstub.engines.syscalls.causes import holder, reason
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
    Held,
    JobStopped,
    Joined,
    Launched,
    LaunchFailed,
    LetGo,
    ProcessExited,
    SignalStop,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
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


class SyscallLog(Follower):
    """A log of system calls, as an engine.  A process that is traced for others is not kept for it.

    Args:
        engine_id: Its identity.
        target: The tracer.
        options: What is logged and how.
        write: Takes the log's text; must not block.
        later: Runs something after a time.
        on_end: Called when no process is left.
        view: A form of its own; None: what the options say.
    """

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
        super().__init__(engine_id, target, on_end, follow=True)
        self._options = options
        self._later = later
        self._view = view_of(options, write) if view is None else view
        self._shows_text = self._view.shows_text
        self._threads: dict[Tid, ThreadRecord] = {}
        self._readers: dict[Pid, Callable[[int, int], bytes]] = {}
        caught = options.caught
        self._numbers = None if caught is None else frozenset().union(*caught.values())
        self._finished = False
        self.listen(
            {
                SyscallStop: self._stopped_at_call,
                SignalStop: self._signal,
                JobStopped: self._job_stopped,
                ThreadStarted: self._started,
                ThreadExited: self._thread_exited,
                Execed: self._execed,
            }
        )

        if self._view.shows_holds:
            self.listen({Held: self._held, LetGo: self._let_go})

    def finish(self) -> None:
        """Show what comes at the end, once."""
        if not self._finished:
            self._finished = True
            self._view.finish()

    # ------------------------------------------------------------ processes

    def joined(self, event: Joined) -> None:
        """Note the threads of a process that this log has not seen come about."""
        super().joined(event)
        if event.pid in self.children or event.tid in self._threads:
            return
        threads = self.target.threads(event.pid)
        for thread in threads:
            self._thread(event.pid, thread.tid)
        if self.target.is_attached(event.pid):
            others = f" with {len(threads)} threads" if len(threads) > 1 else ""
            self._view.noticed(f"Process {event.pid} attached{others}")

    def launched(self, event: Launched) -> None:
        """Note the program's first thread."""
        super().launched(event)
        self._thread(event.pid, event.tid)

    def launch_failed(self, event: LaunchFailed) -> None:
        """Forget a program that could not be started."""
        self._forget_all(event.pid)
        super().launch_failed(event)

    def forked(self, event: Forked) -> None:
        """Follow a child."""
        self._thread(event.child, Tid(event.child))
        self._view.noticed(f"Process {event.child} attached")
        super().forked(event)

    def exited(self, event: ProcessExited) -> None:
        """Show a process's end."""
        for thread in self._threads_of(event.pid):
            if thread.tid != Tid(event.pid):
                self._forget(thread)
        leader = self._thread(event.pid, Tid(event.pid))
        self._ended(leader, event.code, event.signal, dumped_core=event.dumped_core)
        super().exited(event)

    def on_lost(self, pid: Pid) -> None:
        """Forget a process that is traced no more."""
        self._forget_all(pid)
        self._view.noticed(f"Process {pid} detached")
        super().on_lost(pid)

    def gone(self, pid: Pid) -> None:
        """Forget a process; after the last one it is over."""
        self._readers.pop(pid, None)
        super().gone(pid)

    # ------------------------------------------------------------ as an engine

    def passes(self, pid: Pid, signal: Signo) -> bool:
        """Let signals through unseen that are not to be shown."""
        return signal not in self._options.signals

    def catches(self, pid: Pid, number: int) -> bool:
        """Catch what is to be shown or changed; a number means other calls in another interface: checked later."""
        return self._numbers is None or number < 0 or number in self._numbers

    # ------------------------------------------------------------ threads

    def _thread(self, pid: Pid, tid: Tid) -> ThreadRecord:
        thread = self._threads.get(tid)
        if thread is None:
            thread = self._threads[tid] = ThreadRecord(pid, tid)
            self._view.threads_changed(len(self._threads))
        return thread

    def _threads_of(self, pid: Pid) -> list[ThreadRecord]:
        return [each for each in self._threads.values() if each.pid == pid]

    def _forget(self, thread: ThreadRecord) -> None:
        self._threads.pop(thread.tid, None)
        self._view.threads_changed(len(self._threads))

    def _forget_all(self, pid: Pid) -> None:
        for thread in self._threads_of(pid):
            self._forget(thread)

    # ------------------------------------------------------------ calls

    def _stopped_at_call(self, event: SyscallStop) -> Vote:
        tid = event.tid
        info = self.target.syscall(tid)
        if info is None:
            return CONTINUE
        thread = self._threads.get(tid) or self._thread(event.pid, tid)
        return self._enter(thread, info) if info.entry else self._return(thread, info)

    def _enter(self, thread: ThreadRecord, info: SyscallInfo) -> Vote:
        calls = self._options.calls
        injections = self._options.injections
        if calls is None or info.number in calls.get(info.arch, ()):
            opened = self._open(thread, info)
            self._view.entered(thread, opened)
        elif any(each.concerns(info.arch, info.number) for each in injections):
            opened = self._open(thread, info)
            opened.quiet = True
        else:
            thread.open = None
            return CONTINUE
        return self._inject(thread, opened, info) if injections else CONTINUE

    def _open(self, thread: ThreadRecord, info: SyscallInfo) -> OpenCall:
        decoder = decoder_of(info.arch)
        number = info.number
        args = info.args if decoder.wide else tuple([each & 0xFFFFFFFF for each in info.args])
        options = self._options
        paths = self._paths(thread.tid) if options.paths else None
        reader = self._readers.get(thread.pid) or self._reader(thread.pid)
        call = Call(decoder.wide, args, reader, options.style, paths, info.stack)
        signature = decoder.signature(number, args)
        name = decoder.name(number)
        opened = thread.open = OpenCall(name, number, call, signature, time(), perf_counter_ns())
        if name == _RESTART:
            opened.shown = f"<... resuming interrupted {thread.last_name or 'system call'} ...>"
        else:
            thread.last_name = name
            if self._shows_text:
                opened.shown = entry_text(call, signature)
        return opened

    def _return(self, thread: ThreadRecord, info: SyscallInfo) -> Vote:
        opened, thread.open = thread.open, None
        if opened is None:
            return CONTINUE
        if not opened.quiet:
            self._show_return(thread, opened, info)
        if not opened.injections:
            return CONTINUE
        delay = max(each.delay_after for each in opened.injections)
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
        arguments = result = ""
        if self._shows_text:
            signature = opened.signature
            result = result_text(call, signature)
            if opened.tampered:
                result += " (INJECTED)"
            if signature.exit:
                arguments = exit_text(call, signature)
        self._view.returned(thread, opened, Returned(arguments, result, now - opened.began))

    def _reader(self, pid: Pid) -> Callable[[int, int], bytes]:
        reader = self._readers.get(pid)
        if reader is None:
            target = self.target

            def read(address: int, length: int) -> bytes:
                try:
                    return target.read_memory(pid, Addr(address), length)
                except StubError:
                    return b""

            reader = self._readers[pid] = read
        return reader

    def _paths(self, tid: Tid) -> Callable[[int | None], str | None]:
        def path_of(fd: int | None) -> str | None:
            found = self.target.descriptor_path(tid, fd)
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
                self.target.skip_syscall(thread.tid, injection.result)
                opened.tampered = True
            if injection.signal != NO_SIGNAL:
                self.target.send_at_syscall(thread.tid, injection.signal)
        delay = max((each.delay_before for each in chosen), default=0.0)
        return self._hold(thread, delay) if delay else CONTINUE

    def _hold(self, thread: ThreadRecord, seconds: float) -> Vote:
        """Hold a thread for a time."""
        tid = thread.tid
        self._later(seconds, lambda: self.target.amend(self.engine_id, [ThreadAction(tid, CONTINUE)]))
        return STOP

    # ------------------------------------------------------------ other events

    def _signal(self, event: SignalStop) -> None:
        thread = self._thread(event.pid, event.tid)
        try:
            data = self.target.read_siginfo(event.tid)
            wide = self.target.arch(event.pid).pointer_size == 8
            info = signals.info_text(data, wide=wide)
        except StubError:
            info = "{}"
        name = signals.name_of(event.signal)
        self._view.said(thread, "---", f"{name} {info}", signal=name)

    def _job_stopped(self, event: JobStopped) -> None:
        name = signals.name_of(event.signal)
        self._view.said(self._thread(event.pid, event.tid), "---", f"stopped by {name}", stopped=name)

    def _held(self, event: Held) -> None:
        # A delay of this log's own is none of a client's.
        by = [holder(each) for each in event.engines if each != self.engine_id]
        if by:
            why = reason(event.cause)
            thread = self._thread(event.pid, event.tid)
            self._view.said(thread, "===", f"held by {', '.join(by)}: {why}", held_by=by, why=why)

    def _let_go(self, event: LetGo) -> None:
        self._view.said(self._thread(event.pid, event.tid), "===", "let go", let_go=True)

    def _started(self, event: ThreadStarted) -> None:
        if event.tid not in self._threads:
            self._thread(event.pid, event.tid)
            self._view.noticed(f"Process {event.tid} attached")

    def _execed(self, event: Execed) -> None:
        if event.former_tid != event.tid:
            self._superseded(event)
        leader = self._thread(event.pid, event.tid)
        for other in self._threads_of(event.pid):
            if other is not leader:
                self._forget(other)

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

    def _thread_exited(self, event: ThreadExited) -> None:
        if event.tid != Tid(event.pid):
            self._ended(self._thread(event.pid, event.tid), event.status, event.signal, dumped_core=False)

    def _ended(self, thread: ThreadRecord, status: int, killer: Signo | None, *, dumped_core: bool) -> None:
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


def log_with(options: LogOptions, form: Callable[[Callable[[str], None], Target], View] | None = None) -> MakeLog:
    """Return what makes a log with these options, or in a form of its own."""

    def make(
        engine_id: EngineId, target: Target, write: Callable[[str], None], later: Later, on_end: Callable[[], None]
    ) -> SyscallLog:
        view = None if form is None else form(write, target)
        return SyscallLog(engine_id, target, options, write, later, on_end, view)

    return make
