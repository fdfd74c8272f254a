"""A run that only keeps a log: ``gdbstub strace PROG``, ``gdbstub events -p PID`` and their like.

Layer: server.  Used by: cli.strace, cli.events.

Everything runs on one OS thread, which is trio's main thread and the tracer.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

import trio

from gdbstub.engines.follower import MakeLog
from gdbstub.linux.siginfo import SI_KERNEL
from gdbstub.linux.signalfd import open_signalfd, read_arrivals
from gdbstub.server.keeper import KEEPER, Keeper
from gdbstub.server.sink import Sink
from gdbstub.target.engine import Vote
from gdbstub.target.ops import LaunchSpec
from gdbstub.tracer.driver import Driver
from gdbstub.tracer.tracer import Tracer
from gdbstub.vocab.errors import StartupError, TargetError
from gdbstub.vocab.ids import EngineId, Pid, Signo

_LOG = EngineId(1)

#: What ends a log.
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
#: What a terminal sends to its whole foreground group: to us, and to a program that we have started.
_KEYS = (signal.SIGINT, signal.SIGQUIT)


class LogRun:
    """One run.

    Args:
        make: Makes the engine that writes the log.
        sink: Where the log goes.
        launch: The program to start; None for processes that run already.
        pids: Those.
    """

    def __init__(self, make: MakeLog, sink: Sink, launch: LaunchSpec | None, pids: Sequence[Pid]) -> None:
        self._sink = sink
        self._launch = launch
        self._pids = pids
        self._tracer = Tracer(KEEPER, self._failed, lambda pid: None)
        self._tracer.attach_engine(Keeper(lambda text: None, lambda: None, lambda pid: None))
        self._driver = Driver(self._tracer, sink.flush, lambda: False)
        self._driver.alone = True
        self._end = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._log = make(_LOG, self._tracer, sink.write, self._run_later, self._end.set)
        self._broken = False

    async def run(self) -> tuple[int, Signo | None]:
        """Log until nothing is left; return the first program's exit status, or what killed it.

        Raises:
            StartupError: The program cannot be started, or no process attached to.
        """
        # Before anything runs: none may end us in between.
        arrivals = open_signalfd(_ENDING)
        self._log.begin()
        first: Pid | None = None
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._watch_signals, arrivals)
                first = self._start()
                # What start-up has made lives as long as the run: no collection need look at it again.
                gc.freeze()
                nursery.start_soon(self._driver.run)
                nursery.start_soon(self._driver.watch_leaders)
                nursery.start_soon(self._driver.run_errands)
                await self._end.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._log.end()
            self._let_all_go()
            self._sink.close()
        if self._log.launch_failure is not None:
            raise StartupError(self._log.launch_failure)
        if self._broken:
            return 1, None
        return self._status(first)

    def _status(self, first: Pid | None) -> tuple[int, Signo | None]:
        ended = self._log.exits.get(first) if first is not None else None
        return (0, None) if ended is None else (ended.code, ended.signal)

    def _start(self) -> Pid | None:
        try:
            if self._launch is not None:
                return self._tracer.launch(_LOG, self._launch)
            for pid in self._pids:
                self._tracer.seize(_LOG, pid)
                self._tracer.resume(_LOG, {pid: []}, {pid: Vote.CONTINUE})
        except TargetError as failure:
            raise StartupError(failure.text) from None
        return None

    def _run_later(self, seconds: float, action: Callable[[], None]) -> None:
        assert self._nursery is not None
        # A delay is to be as long as it was said to be.
        self._driver.alone = False

        async def wait() -> None:
            await trio.sleep(seconds)
            action()
            self._driver.poll(lambda: False)
            self._sink.flush()

        self._nursery.start_soon(wait)

    def _failed(self, engine_id: EngineId, failure: Exception) -> None:
        sys.stderr.write("the log ends after an internal error; please report this:\n")
        traceback.print_exception(failure)
        self._broken = True
        self._end.set()

    async def _watch_signals(self, fd: int) -> None:
        """Let the processes go and end by the signal; a key that reaches the program too is for that to decide on."""
        while True:
            await trio.lowlevel.wait_readable(fd)
            for number, code in read_arrivals(fd):
                if self._launch is not None and code == SI_KERNEL and int(number) in _KEYS:
                    continue
                self._log.end()
                self._let_all_go()
                self._sink.close()
                signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
                os.kill(os.getpid(), number)

    def _let_all_go(self) -> None:
        """Leave nothing traced.  A program whose calls are filtered could not go on without its tracer."""
        filtered = self._launch is not None and self._launch.only_syscalls is not None
        for pid in self._tracer.pids():
            try:
                if filtered or self._broken:
                    self._tracer.kill(pid)
                else:
                    self._tracer.detach(pid)
            except TargetError:
                continue
