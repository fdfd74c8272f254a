"""The platform server: what ``platform connect`` talks to.

Layer: server.  Used by: cli.platform.  Implements: engines.gdbremote.platform.PlatformHost.

Nothing is traced here.  Each debugging session is a process of its own, ``gdbstub gdbserver``, which ends with
its client; this server starts it, says where it listens and reaps it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

import gdbstub
from gdbstub.engines.gdbremote.faults import Fault
from gdbstub.engines.gdbremote.platform import PlatformSession, ShellCommand
from gdbstub.linux.hostfs import LinuxFiles
from gdbstub.linux.processes import LinuxProcesses
from gdbstub.linux.spawn import Spawned, restore_terminal, spawn
from gdbstub.rsp.hexcodec import escape
from gdbstub.server.access import peer_refusal
from gdbstub.server.connection import Channel, Connection
from gdbstub.server.listen import Listener
from gdbstub.server.wording import say
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

#: How long a debugging server may take to say where it listens, seconds.
_START_PATIENCE = 20.0
#: The most of a command's output that is sent, bytes.
_OUTPUT_LIMIT = 16 << 20
#: What a shell's command is reported with when its time is over: the exit status of timeout(1), and no signal.
_TIMED_OUT = 124

#: Starts a module of this very package, wherever it lies and whatever the working directory holds.
_RUN_US = "import sys; sys.path.insert(0, sys.argv.pop(1)); from gdbstub.__main__ import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """One run of the platform server."""

    #: Serve any number of clients, one after the other and at once; else one.
    many: bool = False
    #: Where debugging servers may listen; empty: where there is room.
    ports: Sequence[int] = ()
    allow_any_user: bool = False


class PlatformServer:
    """Serves platform clients.

    Args:
        settings: What the command line decided.
        listener: Where they connect.
    """

    def __init__(self, settings: PlatformSettings, listener: Listener) -> None:
        self._settings = settings
        self._listener = listener
        self._nursery: trio.Nursery | None = None
        self._end = trio.Event()
        #: Debugging servers that run, and the port of each.
        self._servers: dict[Pid, int] = {}
        self._sockets: dict[PlatformSession, socket.socket] = {}
        self._connections: dict[PlatformSession, Connection[PlatformSession]] = {}

    async def run(self) -> int:
        """Serve until the end; return the exit status."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._watch_signals)
                for sock in self._listener.sockets:
                    nursery.start_soon(self._accept, sock)
                await self._end.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._listener.close()
            restore_terminal()
        return 0

    async def _watch_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                for pid in self._servers:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
                self._end.set()

    # ------------------------------------------------------------ clients

    async def _accept(self, listening: socket.socket) -> None:
        assert self._nursery is not None
        while True:
            try:
                await trio.lowlevel.wait_readable(listening)
                sock, _ = listening.accept()
            except trio.ClosedResourceError:
                return
            except OSError as failure:
                if failure.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR):
                    # Out of descriptors: the listener itself is fine.
                    await trio.sleep(0.05)
                continue
            sock.setblocking(False)
            refusal = peer_refusal(sock, allow_any_user=self._settings.allow_any_user)
            if refusal is not None:
                say(f"Refused a connection: {refusal}")
                sock.close()
                continue
            say("Connection established.")
            self._nursery.start_soon(self._serve, sock)
            if not self._settings.many:
                self._close_listener()
                return

    def _close_listener(self) -> None:
        for each in self._listener.sockets:
            trio.lowlevel.notify_closing(each)
        self._listener.close()

    async def _serve(self, sock: socket.socket) -> None:
        with sock:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            channel = Channel(sock.fileno(), sock.fileno(), sock.close, sock)
            session = PlatformSession(LinuxFiles(), LinuxProcesses(), self)
            connection = Connection(channel, session, "", lambda _: connection.flush(), lambda _: False)
            self._sockets[session] = sock
            self._connections[session] = connection
            try:
                await connection.serve(lambda _: True)
            finally:
                del self._sockets[session], self._connections[session]
                session.close()
        if not self._settings.many:
            self._end.set()

    def _answer(self, session: PlatformSession, payload: bytes) -> None:
        connection = self._connections.get(session)
        if connection is not None:
            session.answer(payload)
            connection.flush()

    # ------------------------------------------------------------ PlatformHost

    def start_server(self, session: PlatformSession, port: int | None) -> None:
        """Start a server for one debugging session, and answer where it listens."""
        assert self._nursery is not None
        self._nursery.start_soon(self._start_server, session, port)

    def start_program(self, session: PlatformSession, spec: LaunchSpec) -> None:
        """Start a program that nobody traces, and answer whether it did."""
        assert self._nursery is not None
        self._nursery.start_soon(self._start_program, session, spec)

    def start_command(self, session: PlatformSession, command: ShellCommand) -> None:
        """Run a command line, and answer its output."""
        assert self._nursery is not None
        self._nursery.start_soon(self._run_command, session, command)

    def kill_spawned(self, pid: Pid) -> None:
        """End a server that was started here."""
        if pid not in self._servers:
            raise Fault(errno.ESRCH, 0x0A, f"{pid} is no server of this platform")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    # ------------------------------------------------------------ debugging servers

    def _addresses(self, session: PlatformSession, port: int | None) -> list[str]:
        """Return where to try to listen: on the address that the client has reached us by."""
        sock = self._sockets[session]
        if sock.family == socket.AF_UNIX:
            return [f"unix-accept://{self._listener.address}.{os.getpid()}.{len(self._servers)}"]
        host = sock.getsockname()[0]
        if port is not None:
            ports: Sequence[int] = [port]
        else:
            used = set(self._servers.values())
            ports = [each for each in self._settings.ports if each not in used] if self._settings.ports else [0]
        return [f"[{host}]:{each}" for each in ports]

    async def _start_server(self, session: PlatformSession, port: int | None) -> None:
        for address in self._addresses(session, port):
            started = await self._try_server(address)
            if started is not None:
                pid, socket_id = started
                # A number is a port; a path is told by its name.
                name = "" if socket_id.isdigit() else f"socket_name:{socket_id.encode().hex()};"
                taken = int(socket_id) if socket_id.isdigit() else 0
                if pid in self._servers:
                    self._servers[pid] = taken
                self._answer(session, f"pid:{pid};port:{taken};{name}".encode())
                return
        failure = TargetError(errno.EADDRINUSE, "no debugging server could be started: every port is taken")
        self._answer(session, session.refusal(failure))

    async def _try_server(self, address: str) -> tuple[Pid, str] | None:
        """Start a server; return its pid and where it listens, or None where it could not listen there."""
        assert self._nursery is not None
        read_fd, write_fd = os.pipe()
        package = str(Path(gdbstub.__file__).parent.parent)
        words = [sys.executable, "-P", "-c", _RUN_US, package, "gdbserver", address, "--pipe", str(write_fd)]
        try:
            process = await trio.lowlevel.open_process(words, pass_fds=[write_fd], stdin=subprocess.DEVNULL)
        finally:
            os.close(write_fd)
        pid = Pid(process.pid)
        self._servers[pid] = 0
        self._nursery.start_soon(self._reap_server, process)
        socket_id = b""
        try:
            os.set_blocking(read_fd, False)
            with trio.move_on_after(_START_PATIENCE):
                while not socket_id.endswith(b"\0"):
                    await trio.lowlevel.wait_readable(read_fd)
                    part = os.read(read_fd, 4096)
                    if not part:
                        return None
                    socket_id += part
                return pid, socket_id[:-1].decode("utf-8", "surrogateescape")
            process.terminate()
            return None
        finally:
            os.close(read_fd)

    async def _reap_server(self, process: trio.Process) -> None:
        await process.wait()
        self._servers.pop(Pid(process.pid), None)

    # ------------------------------------------------------------ programs and commands

    async def _start_program(self, session: PlatformSession, spec: LaunchSpec) -> None:
        session.launched = Pid(0)
        try:
            child = spawn(spec)
        except TargetError as failure:
            session.launch_failure = failure.text
            self._answer(session, session.refusal(failure))
            return
        child.release()
        await trio.lowlevel.wait_readable(child.report_fd)
        text = child.failure()
        session.launch_failure = None if text is None else child.cause()
        if text is None:
            session.launched = child.pid
            say(f"Launched '{spec.argv[0]}' as process {child.pid}...")
        reply = b"OK" if text is None else session.refusal(TargetError(errno.ENOENT, child.cause()))
        assert self._nursery is not None
        self._nursery.start_soon(self._reap_program, child)
        self._answer(session, reply)

    async def _reap_program(self, child: Spawned) -> None:
        fd = os.pidfd_open(child.pid)
        try:
            await trio.lowlevel.wait_readable(fd)
        finally:
            os.close(fd)
            child.close()
        child.reap()

    async def _run_command(self, session: PlatformSession, command: ShellCommand) -> None:
        try:
            status, sig, output = await _run_shell(command)
        except OSError as failure:
            self._answer(session, session.refusal(TargetError(failure.errno or errno.EIO)))
            return
        self._answer(session, b"F,%08x,%08x,%b" % (status, sig, escape(output)))


async def _run_shell(command: ShellCommand) -> tuple[int, int, bytes]:
    """Run a command line in a group of its own; return exit status, signal, and what it wrote."""
    process = await trio.lowlevel.open_process(
        ["/bin/sh", "-c", command.line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=command.directory,
        start_new_session=True,
    )
    assert process.stdout is not None
    output = bytearray()
    timed_out = True
    try:
        with trio.move_on_after(float("inf") if command.timeout is None else command.timeout):
            async for part in process.stdout:
                output += part[: _OUTPUT_LIMIT - len(output)]
            await process.wait()
            timed_out = False
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()
    if timed_out:
        return _TIMED_OUT, 0, bytes(output)
    code = process.returncode or 0
    return (0, -code, bytes(output)) if code < 0 else (code, 0, bytes(output))
