"""The event loop's side of the tracer: when to look for wait statuses.

Layer: tracer.  Used by: server.

One OS thread is trio's main thread and the tracer.  SIGCHLD is blocked and read
from a signalfd; each wake-up drains every status.  After a resume or an interrupt the loop polls
for a bounded time before it parks in trio, because the next stop is often some
microseconds away: one step then costs no round trip through epoll.  The time
adapts: it shrinks while runs are long and grows again when a stop comes soon.

What runs on by itself (range steps, signals that are passed on) is served in
slices of about a millisecond with a checkpoint between them, so that another
client's packet or a Ctrl-C is seen at once.

Where there are no clients (``alone``), statuses are waited for in place: a program whose
calls are logged stops tens of thousands of times in a second, and each way through the event loop,
or each look that finds nothing, would cost as much as the stop itself.  A timer ends the wait, so that timers and
signals are seen to; a signal that comes just before the wait begins is seen at the timer's next tick.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from time import perf_counter_ns

import trio

from gdbstub.linux.ptrace_calls import claim_thread
from gdbstub.linux.signalfd import open_signalfd
from gdbstub.linux.wait import wait_one
from gdbstub.tracer.tracer import Tracer

#: The longest time to poll after a resume, nanoseconds.
_PATIENCE_MAX = 200_000
#: One slice of work that goes on by itself, nanoseconds.
_SLICE = 1_000_000
#: Polls between two looks at the other sockets.
_LOOK_EVERY = 16
#: One read of the signalfd, bytes.  Of a standard signal one is kept for the thread and one for the process, no more.
_SIGNALS = 256
#: How often leaders that exited silently are looked for while something is waited for, seconds.
_LEADER_PERIOD = 0.02
#: For how long statuses are waited for in place at most, seconds.
_VIGIL = 0.02


class Driver:
    """Feeds wait statuses to the tracer.

    Args:
        tracer: The tracer.
        after: Called when events were handled: output may be waiting.
        urgent: Tells whether another socket has something to be read.
    """

    def __init__(self, tracer: Tracer, after: Callable[[], None], urgent: Callable[[], bool]) -> None:
        self._tracer = tracer
        self._after = after
        self._urgent = urgent
        self._signalfd = open_signalfd([signal.SIGCHLD])
        self._patience = _PATIENCE_MAX
        self._parked_at = 0
        #: Nothing but statuses and signals is waited for.
        self.alone = False
        self._ticked = False
        self._concern = trio.Event()
        self._errand = trio.Event()
        tracer.errands.wake = self._wake_for_errands
        claim_thread()

    @property
    def signalfd(self) -> int:
        """The descriptor that becomes readable when a status is there."""
        return self._signalfd

    def poll(self, done: Callable[[], bool]) -> bool:
        """Handle statuses for a bounded time after a resume.

        Args:
            done: Tells that what the caller waits for has come; looked at after each status.

        Returns:
            True where it has come: once it has been sent, ``tidy`` is due.
        """
        tracer = self._tracer
        start = now = perf_counter_ns()
        # An interrupt is answered soon, however long the runs have been.
        deadline = start + (_PATIENCE_MAX if tracer.waiting else self._patience)
        count = 0
        while True:
            if tracer.take():
                if done():
                    self._patience = min(_PATIENCE_MAX, self._patience * 2 + 10_000)
                    return True
                now = perf_counter_ns()
                deadline = now + self._patience
                if now - start > _SLICE:
                    break
            count += 1
            if not count % _LOOK_EVERY:
                now = perf_counter_ns()
                if now > deadline:
                    self._patience >>= 1
                    self._parked_at = now
                    break
                if self._urgent():
                    break
        if tracer.waiting or tracer.lonely:
            self._concern.set()
        return False

    def tidy(self) -> None:
        """Clear the wake-up for a status that was polled for, which would find nothing.

        It may be that of a thread which has stopped since, so a look follows.
        """
        self._clear_signalfd()
        if self._tracer.drain():
            self._after()

    def _clear_signalfd(self) -> None:
        try:
            os.read(self._signalfd, _SIGNALS)
        except BlockingIOError:
            return

    async def watch_leaders(self) -> None:
        """Look for leaders that exited silently while something waits for all threads to stand, or for them alone."""
        while True:
            await self._concern.wait()
            self._concern = trio.Event()
            if not self._tracer.waiting:
                # It has most likely just been resumed.
                await trio.sleep(_LEADER_PERIOD)
            while self._tracer.check_zombie_leaders():
                self._after()
                await trio.sleep(_LEADER_PERIOD)
            self._after()

    def _wake_for_errands(self) -> None:
        self._errand.set()

    async def run_errands(self) -> None:
        """Do what takes long in slices, until cancelled."""
        tracer = self._tracer
        while True:
            await self._errand.wait()
            self._errand = trio.Event()
            while tracer.errands:
                stirs = tracer.stirs
                end = perf_counter_ns() + _SLICE
                while tracer.errands and perf_counter_ns() < end and tracer.stirs == stirs:
                    tracer.errands.advance()
                if tracer.stirs != stirs:
                    self.poll(lambda: False)
                self._after()
                await trio.lowlevel.checkpoint()

    def serve(self) -> bool:
        """Handle the statuses that a wake-up announced; tell whether the slice was too short for all."""
        tracer = self._tracer
        start = perf_counter_ns()
        if start - self._parked_at < _PATIENCE_MAX:
            # It came soon after all: polling would have caught it.
            self._patience = _PATIENCE_MAX
        stirs = tracer.stirs
        if tracer.take():
            # Most often this is all there is: who waits for it need not wait for the tidying up.
            self._after()
        self._clear_signalfd()
        more = False
        while tracer.drain():
            if perf_counter_ns() - start > _SLICE:
                more = True
                break
        if tracer.stirs != stirs and self._patience and not more:
            self.poll(lambda: False)
        self._after()
        return more

    async def run(self) -> None:
        """Drain statuses until cancelled."""
        tracer = self._tracer
        fd = self._signalfd
        while True:
            if tracer.waiting or tracer.lonely:
                self._concern.set()
            await trio.lowlevel.wait_readable(fd)
            while self._keep_vigil() if self._can_keep_vigil() else self.serve():
                await trio.lowlevel.checkpoint()

    def _can_keep_vigil(self) -> bool:
        tracer = self._tracer
        return self.alone and not (tracer.waiting or tracer.lonely or tracer.errands)

    def _tick(self, *_: object) -> None:
        self._ticked = True

    def _keep_vigil(self) -> bool:
        """Wait for statuses in place for a while and handle them; tell whether there were any."""
        handle = self._tracer.handle
        count = 0
        self._ticked = False
        signal.signal(signal.SIGALRM, self._tick)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGALRM,))
        signal.setitimer(signal.ITIMER_REAL, _VIGIL, _VIGIL)
        try:
            while not self._ticked and self.alone:
                status = wait_one()
                if status is None:
                    break
                handle(*status)
                count += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._clear_signalfd()
        count += self._tracer.drain()
        self._after()
        return count > 0
