"""The server under test, as a subprocess.

Used by: the integration and end-to-end tests.

``GDBSTUB_SERVER`` (split as a shell would) replaces the command, so that the same tests run against
another server: ``GDBSTUB_SERVER=gdbserver``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.support.offers import not_offered
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient
from tests.support.tracees import DEADLINE, Conversation, Program, environment


def server_command() -> list[str]:
    """Return the words that start the server."""
    override = os.environ.get("GDBSTUB_SERVER")
    return shlex.split(override) if override else [sys.executable, "-m", "gdbstub"]


def _import_path() -> str:
    # Python's packages may lie where only root can look: hand the import path over.
    return os.pathsep.join(entry for entry in sys.path if entry)


def command_of(user: int) -> list[str]:
    """Return the words with which another user starts the server; end the test where that cannot be."""
    if os.getuid() != 0:
        pytest.skip("[needs-root] the test starts a server as another user")
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    with contextlib.suppress(OSError):
        done = subprocess.run(
            [python, "-c", "import gdbstub, trio, ptrace"],
            user=user,
            group=user,
            extra_groups=[],
            capture_output=True,
            env={**environment(), "PYTHONPATH": _import_path()},
            check=False,
            timeout=20,
        )
        if done.returncode == 0:
            return [python, "-m", "gdbstub"]
    pytest.skip("[unreadable-installation] another user cannot run the server from here")


class Stub(Conversation):
    """One running server.  Its stdin and stdout are the launched program's; it speaks on stderr itself."""

    def __init__(self, process: subprocess.Popen[bytes], stderr_fd: int) -> None:
        super().__init__(process)
        # The collector alone owns this descriptor and closes it at the end of the pipe, so that its number
        # is never reused while a read of it is under way.
        self._stderr_fd = stderr_fd
        self._said = ""
        self._ended = False
        self._changed = threading.Condition()
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._collector.start()

    def _collect(self) -> None:
        while True:
            chunk = os.read(self._stderr_fd, 65536)
            with self._changed:
                self._said += chunk.decode(errors="replace")
                self._ended = not chunk
                self._changed.notify_all()
            if not chunk:
                os.close(self._stderr_fd)
                return

    @property
    def stderr(self) -> str:
        """What the server has said so far."""
        with self._changed:
            return self._said

    def wait_for_words(self, pattern: str, count: int = 1, seconds: float = DEADLINE) -> re.Match[str]:
        """Return the ``count``-th match of a pattern in the server's stderr."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                matches = list(re.finditer(pattern, self._said))
                if len(matches) >= count:
                    return matches[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(f"{pattern!r} not on stderr: {self._said!r}")
                self._changed.wait(left)

    @property
    def server_pid(self) -> int:
        """The server's own process id."""
        return self.process.pid

    @property
    def port(self) -> int:
        """The port that the server says it listens on."""
        return int(self.wait_for_words(r"Listening on port (\d+)").group(1))

    @property
    def pid(self) -> int:
        """The traced process's id, as the server announced it."""
        return int(self.wait_for_words(r"(?:created|Attached); pid = (\d+)").group(1))

    def connect(self, features: str = DEFAULT_FEATURES, *, timeout: float = DEADLINE) -> RspClient:
        """Return a client that has done its handshake."""
        client = RspClient(self.port, timeout=timeout)
        try:
            client.handshake(features)
        except BaseException:
            client.close()
            raise
        return client

    def exit_status(self, seconds: float = DEADLINE) -> int:
        """Wait for the server to end by itself and return its status."""
        status = self.process.wait(seconds)
        self._collector.join(seconds)
        return status

    def is_alive(self) -> bool:
        """Tell whether the server still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the server, kindly first."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # An inferior that outlives its server may hold the other end.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()


@contextmanager
def server(
    *words: object,
    options: Sequence[str] = (),
    wrapper: Sequence[str] = (),
    user: int | None = None,
    inherited: Sequence[int] = (),
    own_group: bool = True,
) -> Iterator[Stub]:
    """Start the server.

    Args:
        words: Its command line after the options.
        options: Its options.
        wrapper: The words of a program that executes it.
        user: Who runs it, in place of ourselves; ends the test where that user cannot.
        inherited: Descriptors that it is to have.
        own_group: Make it the leader of a process group.
    """
    reading, writing = os.pipe()
    with subprocess.Popen(
        [*wrapper, *(server_command() if user is None else command_of(user)), *options, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=writing,
        env=environment() if user is None else {**environment(), "PYTHONPATH": _import_path()},
        process_group=0 if own_group else None,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        pass_fds=inherited,
    ) as process:
        os.close(writing)
        stub = Stub(process, reading)
        try:
            yield stub
        finally:
            stub.stop()


@contextmanager
def launch(program: Program, *arguments: object, options: Sequence[str] = ()) -> Iterator[Stub]:
    """Let the server start a program; it is stopped before its first instruction."""
    with server("localhost:0", program, *arguments, options=options) as stub:
        assert stub.port
        yield stub


@contextmanager
def attach(pid: int, options: Sequence[str] = ()) -> Iterator[Stub]:
    """Let the server attach to a process that runs."""
    with server("--attach", "localhost:0", pid, options=options) as stub:
        assert stub.port
        yield stub


@contextmanager
def multi(options: Sequence[str] = ()) -> Iterator[Stub]:
    """Start a server without a process; the client says what to do."""
    with server("--multi", "localhost:0", options=options) as stub:
        assert stub.port
        yield stub


@contextmanager
def lldb_server(*words: object, inherited: Sequence[int] = ()) -> Iterator[Stub]:
    """Start the server with lldb-server's command line, the words after ``gdbserver``."""
    if os.environ.get("GDBSTUB_SERVER"):
        not_offered("lldb-server's command line")
    # The leader of a group could not begin a session.
    with server("gdbserver", *words, inherited=inherited, own_group=False) as stub:
        yield stub


@contextmanager
def platform(*words: object) -> Iterator[Stub]:
    """Start a platform server on a free port of loopback."""
    if os.environ.get("GDBSTUB_SERVER"):
        not_offered("a platform server")
    with server("platform", "--listen", "localhost:0", *words) as stub:
        assert stub.port
        yield stub
