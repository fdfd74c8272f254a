"""The logs that a server keeps besides its clients: for some of them, and in files.

Layer: server.  Used by: server.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from gdbstub.server.console import Console
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import StartupError
from gdbstub.vocab.ids import EngineId

if TYPE_CHECKING:
    # Most runs keep no log, and its import takes time.
    from gdbstub.engines.follower import Later, LogEngine, MakeLog
    from gdbstub.server.sink import Sink

_STDERR = 2


class LogKey(NamedTuple):
    """Which log: of what, and the client that asked; None: one in a file."""

    what: str
    owner: EngineId | None


#: The log of system calls in a file.
_FILE = LogKey("strace", None)


class _Log(NamedTuple):
    engine: LogEngine
    sink: Sink


class Logs:
    """The logs of one server.

    Args:
        target: The tracer.
        new_id: Gives identities to engines.
        later: Runs something after a time.
    """

    def __init__(self, target: Target, new_id: Callable[[], EngineId], later: Later) -> None:
        self._target = target
        self._new_id = new_id
        self._later = later
        self._logs: dict[LogKey, _Log] = {}

    def start(
        self,
        key: LogKey,
        make: MakeLog,
        put: Callable[[bytes], None],
        *,
        close: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin a log; the one of the same key ends.

        Args:
            key: Which.
            make: Makes its engine.
            put: Takes the log's bytes; must not block.
            close: Called at the end.
            on_end: Called when no process is left.
        """
        from gdbstub.server.sink import Sink

        self.stop(key)
        sink = Sink(put, close)

        def ended() -> None:
            engine.finish()
            sink.flush()
            on_end()

        engine = make(self._new_id(), self._target, sink.write, self._later, ended)
        self._logs[key] = _Log(engine, sink)
        engine.begin()

    def stop(self, key: LogKey) -> None:
        """End a log, where there is one."""
        log = self._logs.pop(key, None)
        if log is not None:
            log.engine.end()
            log.sink.close()

    def stop_of(self, owner: EngineId) -> None:
        """End the logs of a client."""
        for key in [key for key in self._logs if key.owner == owner]:
            self.stop(key)

    def stop_all(self) -> None:
        """End all logs."""
        for key in list(self._logs):
            self.stop(key)

    def tell_of_client(self, kind: str, client: EngineId, peer: str) -> None:
        """Tell the logs that a client has come or gone."""
        for log in self._logs.values():
            log.engine.tell_of_client(kind, client, peer)

    def failed(self, engine_id: EngineId) -> bool:
        """Drop a log whose engine has a bug; tell whether it was one."""
        for key, log in self._logs.items():
            if log.engine.engine_id == engine_id:
                del self._logs[key]
                log.sink.close()
                return True
        return False

    def flush(self) -> None:
        """Hand on what has been logged."""
        for log in self._logs.values():
            log.sink.flush()

    def start_file(self, words: str) -> str:
        """Log to a file, ``-`` meaning stderr, with the options behind its name; return what to call it.

        Raises:
            StartupError: The file cannot be written, or an option makes no sense.
        """
        import shlex
        from dataclasses import replace

        from gdbstub.engines.syscalls import options
        from gdbstub.engines.syscalls.log import log_with
        from gdbstub.server.sink import open_file

        try:
            name, *rest = shlex.split(words)
        except ValueError as failure:
            raise StartupError(f"{words}: {failure}") from None
        wishes = options.parse(rest)
        if name == "-":
            self.start(_FILE, log_with(wishes), Console(_STDERR).write)
            return "stderr"
        # A pipe that nobody reads must not hold the server up.
        fd = open_file(name, os.O_NONBLOCK)
        console = Console(fd)

        def close() -> None:
            console.flush()
            os.close(fd)

        self.start(_FILE, log_with(replace(wishes, name_threads=True)), console.write, close=close)
        return name

    @property
    def in_file(self) -> bool:
        """Tell whether there is a log in a file."""
        return _FILE in self._logs

    def stop_file(self) -> None:
        """End the log of system calls in a file."""
        self.stop(_FILE)

    def follows(self, pid: int) -> bool:
        """Tell whether a process is traced for logs alone."""
        return any(pid in log.engine.children for log in self._logs.values())
