"""The server: listeners, clients, and when it all ends.

Layer: server.  Used by: cli.

Everything runs on one OS thread, which is trio's main thread and the tracer.
"""

from __future__ import annotations

import os
import select
import signal
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic_ns
from typing import TYPE_CHECKING

import trio

from gdbstub.engines.gdbremote.host import SessionDefaults
from gdbstub.engines.gdbremote.numbering import listed_numbering
from gdbstub.engines.gdbremote.reports import Awaiting
from gdbstub.engines.gdbremote.role import Role
from gdbstub.engines.gdbremote.session import Session
from gdbstub.linux.hostfs import LinuxFiles
from gdbstub.linux.spawn import restore_terminal
from gdbstub.linux.wait import is_child
from gdbstub.rsp.commands import logs
from gdbstub.server.awaited import AwaitedProcesses, process_named
from gdbstub.server.clients import Client, Clients
from gdbstub.server.connection import Channel, Connection
from gdbstub.server.console import Console
from gdbstub.server.debuglog import DebugLog
from gdbstub.server.doors import Doors
from gdbstub.server.keeper import KEEPER, Keeper
from gdbstub.server.listen import Listener, announce
from gdbstub.server.logs import LogKey, Logs
from gdbstub.server.lookout import Lookout
from gdbstub.server.policy import OnDisconnect
from gdbstub.server.portpipe import tell_descriptor, tell_fifo
from gdbstub.server.preparation import prepare
from gdbstub.server.serial import FdPair
from gdbstub.server.settings import ServerSettings
from gdbstub.server.terminal import Terminals
from gdbstub.server.wording import say
from gdbstub.target.engine import Vote
from gdbstub.target.events import TraceEvent
from gdbstub.tracer.driver import Driver
from gdbstub.tracer.tracer import Tracer
from gdbstub.vocab.errors import StartupError, StubError, TargetError
from gdbstub.vocab.ids import EngineId, Pid

if TYPE_CHECKING:
    from gdbstub.engines.follower import MakeLog
    from gdbstub.engines.tracing.tracing import Tracing

#: How long the next packet is waited for in place before trio is asked, milliseconds: with one client
#: that nothing else hangs on, and with several.
_READ_PATIENCE_ALONE = 25
_READ_PATIENCE = 1

#: Clients count up from 1; the engines of the command line count down from here, below those of our own making.
_FIRST_OF_OURS = -1000

_DEBUG_KINDS = {"debug": "threads", "remote-debug": "remote", "event-loop-debug": "event-loop"}


class Server:
    """One run.  Implements ``engines.gdbremote.host.Host``."""

    def __init__(self, settings: ServerSettings, log: DebugLog) -> None:
        self._settings = settings
        self._wording = settings.wording
        self._log = log
        self._defaults = SessionDefaults(
            settings.disabled_packets,
            settings.launch,
            dialect=settings.dialect,
            bare_environment=settings.bare_environment,
        )
        self._console = Console()
        self._clients = Clients(self._console.write)
        self.keeper = Keeper(say, self._changed, self._ended)
        self.terminals = Terminals(self._clients.show, self._clients.wait_for_room)
        self.appearances = AwaitedProcesses(self._appeared)
        self._nursery: trio.Nursery | None = None
        self._tracer = Tracer(KEEPER, self._engine_failed, self._child_ended)
        self._tracer.attach_engine(self.keeper)
        self._tracing: Tracing | None = None
        self._logs = Logs(self._tracer, self._new_engine_id, self._run_later)
        self._next_engine = 1
        #: The engines that are no clients, as messages call them.
        self._engine_names: dict[EngineId, str] = {}
        self._doors = Doors(None, (), select.poll(), self._serve, allow_any_user=False)
        self._change = trio.Event()
        self._end = trio.Event()
        self._status = 0
        #: Launched programs that were let go: the server stays until they end.
        self._let_go: set[Pid] = set()
        self._served = False
        self._extended = False
        #: The clients' descriptors, and the same with the tracer's signalfd.
        self._clients_poll = select.poll()
        self._all_poll = select.poll()
        self._driver = Driver(self._tracer, self._flush_all, self._urgent)
        self._all_poll.register(self._driver.signalfd, select.POLLIN)
        self._lookout = Lookout(self._all_poll.poll)
        if log.wants("threads"):
            self._tracer.log_to(partial(log.write, "threads"))

    # ------------------------------------------------------------ running

    async def run(
        self,
        listener: Listener | None,
        open_pair: Callable[[], FdPair] | None,
        side_doors: Sequence[tuple[Listener, Role]] = (),
    ) -> int:
        """Serve until the end; return the exit status.

        Args:
            listener: Where clients connect.
            open_pair: Opens stdio or a terminal instead; called when the program has started.
            side_doors: Where else clients connect, and what they may do.
        """
        allow_any_user = self._settings.allow_any_user
        self._doors = Doors(listener, side_doors, self._all_poll, self._serve, allow_any_user=allow_any_user)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._driver.run)
                nursery.start_soon(self._driver.watch_leaders)
                nursery.start_soon(self._driver.run_errands)
                nursery.start_soon(self._watch_signals)
                await nursery.start(self.terminals.run)
                await nursery.start(self.appearances.run)
                self._nursery = nursery
                try:
                    self._attach_engines()
                    pid = await self._start()
                    pair = open_pair() if open_pair is not None else None
                except StartupError as failure:
                    self._report_kills()
                    say(self._wording.failed.format(reason=failure))
                    self._status = 1
                    nursery.cancel_scope.cancel()
                else:
                    self._open(nursery, pid, pair)
                    await self._end.wait()
                    self._flush_all()
                    nursery.cancel_scope.cancel()
        finally:
            # Also after a bug of ours: nothing may be left in a process that is not ours.
            self._clean_up()
            self._console.flush()
            restore_terminal()
            self._doors.close()
        say(self._wording.ended)
        return self._status

    def _attach_engines(self) -> None:
        """Let the engines of the command line take part in every process.

        Raises:
            StartupError: One of them could not be made.
        """
        for number, make in enumerate(self._settings.engines):
            engine = make(EngineId(_FIRST_OF_OURS - number), self._tracer)
            self._engine_names[engine.engine_id] = f"engine {type(engine).__name__}"
            self._tracer.attach_engine(engine, everywhere=True)

    def _learn(self) -> None:
        """Find out how registers are counted, which every client asks."""
        for pid in self._tracer.pids():
            listed_numbering(self._tracer.arch(pid))

    def _open(self, nursery: trio.Nursery, pid: Pid | None, pair: FdPair | None) -> None:
        """Let clients in, and say so."""
        settings = self._settings
        listener = self._doors.main
        if listener is not None:
            say(listener.message)
            if listener.warning:
                say(listener.warning)
            listener.announce(pid, settings.ready_fd, settings.ready_file)
            socket_id = listener.socket_id
            if settings.named_pipe is not None:
                nursery.start_soon(tell_fifo, settings.named_pipe, socket_id)
            elif settings.pipe_fd is not None:
                tell_descriptor(settings.pipe_fd, socket_id)
            self._doors.open_main(nursery)
        elif pair is not None:
            say(pair.message)
            announce(pair.name, None, pid, settings.ready_fd, settings.ready_file)
            nursery.start_soon(self._serve_pair, pair)
        self._doors.open_others(nursery)
        nursery.start_soon(prepare, lambda: len(self._clients) > 0, self._learn)

    async def _start(self) -> Pid | None:
        """Launch or attach what the command line names, and wait until it stands.

        Raises:
            StartupError: It cannot be.
        """
        settings = self._settings
        attach_pid = settings.attach_pid
        if settings.strace is not None:
            self._logs.start_file(settings.strace)
        try:
            if settings.attach_name is not None:
                say(f"Waiting to attach to process {settings.attach_name}...")
                attach_pid = await process_named(settings.attach_name, existing=True)
            if attach_pid is not None:
                pid = Pid(attach_pid)
                self._tracer.seize(KEEPER, pid)
                self._tracer.hold_all(KEEPER)
                while not self.keeper.quiet:
                    await self._wait_change()
                self.attached(pid)
                return pid
            if not settings.launch.argv:
                return None
            pid = self._launch(settings)
        except TargetError as failure:
            if attach_pid is not None:
                raise StartupError(
                    f"{failure.text}\n"
                    f"Cannot attach to process {attach_pid}: {os.strerror(failure.errno)} ({failure.errno})"
                ) from None
            raise self._not_launched(failure.text) from None
        while self.keeper.launched is None:
            if self.keeper.launch_failure is not None:
                raise self._not_launched(self.keeper.launch_failure)
            await self._wait_change()
        self.created(pid, settings.launch.argv[0])
        return pid

    def _launch(self, settings: ServerSettings) -> Pid:
        spec = settings.launch
        if not settings.dialect.takes_output:
            return self._tracer.launch(KEEPER, spec)
        terminal = self.terminals.open()
        pid = self._tracer.launch(KEEPER, spec._replace(streams=(terminal, terminal, terminal)))
        self.terminals.give(KEEPER, pid, terminal)
        return pid

    def _not_launched(self, reason: str) -> StartupError:
        return StartupError(self._wording.not_launched.format(program=self._settings.launch.argv[0], reason=reason))

    async def _wait_change(self) -> None:
        await self._change.wait()
        self._change = trio.Event()

    def _changed(self) -> None:
        self._change.set()

    def _ended(self, pid: Pid) -> None:
        self.terminals.ended(pid)

    def _report_kills(self) -> None:
        for pid in self._tracer.pids():
            if not self._tracer.is_attached(pid):
                say(f"Killing process(es): {pid}")

    def _clean_up(self) -> None:
        self._logs.stop_all()
        self._tracer.clean_up(spare=self._settings.lives_with_client)

    async def _watch_signals(self) -> None:
        """Leave nothing of ours in any process, then end by the signal."""
        hangups = self._settings.hangups
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for number in signals:
                if number == signal.SIGHUP and self._settings.hangups:
                    # A terminal's end need not be the client's.
                    if hangups:
                        hangups -= 1
                    else:
                        self._end.set()
                    continue
                self._clean_up()
                restore_terminal()
                self._doors.close()
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

    # ------------------------------------------------------------ clients

    async def _serve_pair(self, pair: FdPair) -> None:
        channel = Channel(pair.read_fd, pair.write_fd, pair.close, pair.sock)
        try:
            await self._serve(channel, "")
        finally:
            pair.close()
        self.end("the stream ended")

    def _new_engine_id(self) -> EngineId:
        engine_id = EngineId(self._next_engine)
        self._next_engine += 1
        return engine_id

    async def _serve(self, channel: Channel, peer: str, role: Role = Role.DEBUGGER) -> None:
        engine_id = self._new_engine_id()
        defaults = self._defaults._replace(role=role)
        session = Session(engine_id, self._tracer, self, LinuxFiles(), defaults)
        session.watch = self._watcher(engine_id)
        connection = Connection(channel, session, peer, self._work, self._wait_here)

        def first_bytes(data: bytes) -> bool:
            if logs.is_opening(data):
                session.only_look()
            if self._settings.once and self._doors.main is not None and not session.role.observes:
                if self._served:
                    return False
                self._served = True
                self._doors.close_main()
            self._see_off(self._clients.lost())
            if self._end.is_set():
                return False
            self._tracer.attach_engine(session)
            self._logs.tell_of_client("client-attach", engine_id, peer)
            self._clients.enter(connection)
            if peer:
                say(self._wording.connected.format(peer=peer))
            return True

        self._clients_poll.register(channel.read_fd, select.POLLIN)
        self._all_poll.register(channel.read_fd, select.POLLIN)
        try:
            await connection.serve(first_bytes)
        finally:
            self._clients_poll.unregister(channel.read_fd)
            self._all_poll.unregister(channel.read_fd)
            if connection in self._clients:
                self._see_off([connection, *(each for each in self._clients.lost() if each is not connection)])
            session.close()
            self._flush_all()

    def _see_off(self, lost: Sequence[Client]) -> None:
        """See off clients that have gone, before another one looks at what they left behind.

        Those that hold something go last: what was stopped when they were lost stays stopped, whatever the order in
        which their ends were noticed.
        """
        for connection in sorted(lost, key=lambda each: self._holds(each.session)):
            self._clients.remove(connection)
            connection.scope.cancel()
            self._gone(connection.session)
            self._logs.tell_of_client("client-detach", connection.session.engine_id, connection.peer)

    def _holds(self, session: Session) -> bool:
        tracer = self._tracer
        threads = (thread for pid in tracer.joined(session.engine_id) for thread in tracer.threads(pid))
        return any(tracer.vote_of(session.engine_id, thread.tid) is Vote.STOP for thread in threads)

    def _watcher(self, engine_id: EngineId) -> Callable[[str, bytes], None] | None:
        if not self._log.wants("remote"):
            return None

        def watch(direction: str, payload: bytes) -> None:
            text = payload[:512].decode("latin-1").encode("unicode_escape").decode()
            self._log.write("remote", f"client {engine_id} {direction} {text}")

        return watch

    def _gone(self, session: Session) -> None:
        """Keep, or end, what a client leaves behind."""
        tracer, engine_id = self._tracer, session.engine_id
        self.terminals.unwatch(engine_id)
        self.appearances.cancel(engine_id)
        self._logs.stop_of(engine_id)
        self._extended = self._extended or session.extended
        once = self._settings.once or self._doors.main is None
        tracing = self._tracing
        if tracing is not None:
            tracing.client_left(engine_id)
        for pid in tracer.joined(engine_id):
            if not session.keeps_traced or session.others_on(pid):
                heir = self._clients.heir(pid) if session.keeps_traced else None
                if heir is not None:
                    # It came before the end of this one was noticed, and is to find what this one left.
                    tracer.transfer(engine_id, heir.session.engine_id, pid)
                if tracing is not None and tracing.keeps_traced and not len(self._clients):
                    # It runs on for the trace's sake.
                    self.note_stop(pid, None)
                continue
            try:
                self._leave_behind(pid, engine_id, once)
            except StubError:
                continue
        tracer.detach_engine(engine_id)
        if self._end.is_set():
            return
        if once and session.keeps_traced:
            self._end.set()
            return
        if once or self._clients.any_debugger:
            return
        stays = session.extended or not session.keeps_traced
        if not tracer.pids() and not (self._settings.multi and stays):
            if not self._let_go:
                self._end.set()
            return
        if not session.keeps_traced:
            return
        assert self._doors.main is not None
        say("Remote side has terminated connection.  GDBserver will reopen the connection.")
        say(self._doors.main.message)

    def _leave_behind(self, pid: Pid, engine_id: EngineId, once: bool) -> None:
        tracer = self._tracer
        policy = self._settings.on_disconnect
        if once and policy is OnDisconnect.KEEP:
            attached = tracer.is_attached(pid)
            say(f"{'Detaching' if attached else 'Killing'} process(es): {pid}")
            policy = OnDisconnect.DETACH if attached else OnDisconnect.KILL
        match policy:
            case OnDisconnect.KEEP:
                tracer.transfer(engine_id, KEEPER, pid)
            case OnDisconnect.STOP:
                tracer.hold_all(KEEPER)
            case OnDisconnect.DETACH:
                tracer.detach(pid)
            case OnDisconnect.KILL:
                tracer.kill(pid)
            case OnDisconnect.CONTINUE:
                self.note_stop(pid, None)

    # ------------------------------------------------------------ work

    def _work(self, session: Session) -> None:
        """Send the replies; after something was stirred up wait a little for what it brings."""
        tracer = self._tracer
        if session.has_output:
            self._flush_all()
        if tracer.stirs != self._stirs_seen:
            come = self._driver.poll(lambda: session.has_output)
            self._stirs_seen = tracer.stirs
            self._flush_all()
            if come:
                self._driver.tidy()

    _stirs_seen = 0

    def _run_later(self, seconds: float, action: Callable[[], None]) -> None:
        assert self._nursery is not None

        async def wait() -> None:
            await trio.sleep(seconds)
            action()
            self._driver.poll(lambda: False)
            self._flush_all()

        self._nursery.start_soon(wait)

    def _flush_all(self) -> None:
        self._logs.flush()
        self._clients.flush()

    def _wait_here(self, fd: int) -> bool:
        """Wait a little for a client's next packet; anything else that happens ends the wait.

        It saves the way through trio's scheduler, which is long when the processor's caches have gone cold.
        """
        only = self._clients.only
        alone = only is not None and not self._tracer.waiting and not only.has_backlog
        patience = _READ_PATIENCE_ALONE if alone else _READ_PATIENCE
        if only is not None and only.session.reports.awaiting is not Awaiting.NOTHING:
            # What it waits for was looked for while that could be soon.
            ready = self._all_poll.poll(patience)
        else:
            ready = self._lookout.wait(patience)
        if alone and len(ready) == 1 and ready[0][0] == self._driver.signalfd:
            # A stop that the client waits for, or only the trace of one that has been handled.
            if self._driver.serve():
                return False
            ready = self._lookout.wait(_READ_PATIENCE_ALONE)
        return len(ready) == 1 and ready[0][0] == fd

    def _urgent(self) -> bool:
        return bool(self._clients_poll.poll(0))

    def _engine_failed(self, engine_id: EngineId, failure: Exception) -> None:
        """Drop a client whose session has a bug; the process and the other clients go on."""
        if self._tracing is not None and engine_id == self._tracing.engine_id:
            # What it has collected cannot be trusted; the next one begins with nothing.
            self._tracing = None
            who = "the trace"
        elif self._logs.failed(engine_id):
            who = "a log of system calls"
        else:
            who = self._engine_names.get(engine_id, f"client {engine_id}")
        say(f"{who} is dropped after an internal error; please report this:")
        traceback.print_exception(failure)
        client = self._clients.of(engine_id)
        if client is not None:
            client.failed = True
            client.scope.cancel()

    def _child_ended(self, pid: Pid) -> None:
        if pid in self._let_go:
            self._let_go.discard(pid)
            if not self._clients.any_extended and not self._tracer.pids() and not self._let_go:
                self._end.set()

    def _appeared(self, engine_id: EngineId, pid: Pid) -> None:
        client = self._clients.of(engine_id)
        if client is not None:
            client.session.process_appeared(pid)
            self._work(client.session)

    # ------------------------------------------------------------ Host

    @property
    def keeper_id(self) -> EngineId:
        """The engine that stands for the server itself."""
        return KEEPER

    def tracing(self) -> Tracing:
        """Return the engine behind tracepoints, which all clients share."""
        if self._tracing is None:
            # Imported on first use: most sessions have no tracepoints.
            from gdbstub.engines.tracing.tracing import Tracing

            self._tracing = Tracing(self._tracer, lambda: monotonic_ns() // 1000, self.print)
        return self._tracing

    def say(self, text: str) -> None:
        """Print one of the messages that tools parse."""
        say(text)

    def print(self, text: bytes) -> None:
        """Print what a breakpoint's commands print: on stdout."""
        self._console.write(text)

    def refusal(self, engine_id: EngineId) -> str | None:
        """Say why a client cannot take part now, or None where it can."""
        return self._clients.refusal(engine_id)

    def changed(self, engine_id: EngineId, pid: Pid) -> None:
        """Learn that a client has written registers or memory: what others were told of it is stale."""
        self._clients.changed(engine_id, pid)

    def joined(self, engine_id: EngineId, pid: Pid) -> bool:
        """Hand an inferior to a client that has just come; tell whether it stands still."""
        self.terminals.watch(engine_id, pid)
        return self._tracer.transfer(KEEPER, engine_id, pid)

    def note_stop(self, pid: Pid, event: TraceEvent | None) -> None:
        """Remember why a process stands still, for a later client; None: it runs."""
        if event is None:
            self.keeper.last_stops.pop(pid, None)
        else:
            self.keeper.last_stops[pid] = event

    def last_stop(self, pid: Pid) -> TraceEvent | None:
        """Return why a process stands still, as it was last reported."""
        return self.keeper.last_stops.get(pid)

    def created(self, pid: Pid, program: str) -> None:
        """Learn that a program has started."""
        say(self._wording.created.format(program=program, pid=pid))

    def not_created(self, program: str, reason: str) -> None:
        """Learn that a program that a client wanted has not started."""
        say(self._wording.not_launched.format(program=program, reason=reason))

    def attached(self, pid: Pid) -> None:
        """Learn that a process is traced now."""
        say(self._wording.attached.format(pid=pid))

    def detached(self, pid: Pid, *, launched: bool, extended: bool) -> None:
        """Learn that a process is no longer traced: for one that was launched, the server stays until it ends."""
        self.keeper.last_stops.pop(pid, None)
        if self._settings.lives_with_client:
            return
        if launched and is_child(pid):
            self._let_go.add(pid)
        elif not extended and len(self._clients) <= 1 and not self._tracer.pids():
            self._end.set()

    def clients(self) -> Sequence[str]:
        """Describe each client in one line."""
        return self._clients.describe()

    def set_debug(self, kind: str, on: bool) -> bool:
        """Switch a kind of debug output; tell whether there is such a kind."""
        if kind == "timestamps":
            self._log.timestamps = on
            return True
        name = _DEBUG_KINDS.get(kind)
        if name is None:
            return False
        self._log.switch(name, on)
        self._tracer.log_to(partial(self._log.write, "threads") if self._log.wants("threads") else None)
        for connection in self._clients:
            connection.session.watch = self._watcher(connection.session.engine_id)
        return True

    def start_log(
        self, engine_id: EngineId, what: str, make: MakeLog, put: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        """Keep a log for a client."""
        self._logs.start(LogKey(what, engine_id), make, put, on_end=on_end)

    def stop_log(self, engine_id: EngineId, what: str) -> None:
        """End a client's log."""
        self._logs.stop(LogKey(what, engine_id))

    def log_to_file(self, words: str | None) -> str:
        """Log system calls to a file, or end that."""
        if words is not None:
            return f"System calls are logged to {self._logs.start_file(words)}."
        ended = self._logs.in_file
        self._logs.stop_file()
        return "The log of system calls has ended." if ended else "There is no log of system calls."

    def ends_with_k(self) -> bool:
        """Tell whether ``k`` ends the server."""
        return not self._settings.multi

    def end(self, reason: str) -> None:
        """End the server once the replies are sent: programs are killed, attached processes let go."""
        self._end.set()
