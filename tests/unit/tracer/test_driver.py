"""The event loop's side of the tracer: no status is left without a wake-up."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from typing import cast

import pytest
import trio

from gdbstub.tracer.driver import Driver
from gdbstub.tracer.errands import Errands
from gdbstub.tracer.tracer import Tracer


class FakeTracer:
    """Statuses that come with SIGCHLD, as the kernel's do."""

    waiting = lonely = False
    stirs = 0

    def __init__(self) -> None:
        self.errands = Errands()
        self.ready = 0
        #: How many more come while one is handled.
        self.to_come = 0
        self.handled = 0

    def handle(self, tid: int, raw: int) -> None:
        """Take a status."""

    def arrive(self) -> None:
        """Let a thread stop."""
        self.ready += 1
        os.kill(os.getpid(), signal.SIGCHLD)

    def take(self) -> bool:
        """Handle one; the thread that is resumed meanwhile stops only afterwards."""
        if not self.ready:
            return False
        self.ready -= 1
        self.handled += 1
        if self.to_come:
            self.to_come -= 1
            self.arrive()
        return True

    def drain(self) -> bool:
        """Handle what is there."""
        found = False
        while self.take():
            found = True
        return found


@pytest.fixture
def tracer() -> FakeTracer:
    return FakeTracer()


@pytest.fixture
def driver(tracer: FakeTracer) -> Iterator[Driver]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    on_alarm = signal.getsignal(signal.SIGALRM)
    driver = Driver(cast(Tracer, tracer), lambda: None, lambda: False)
    yield driver
    driver.serve()
    os.close(driver.signalfd)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wakes(driver: Driver) -> bool:
    return bool(select.select([driver.signalfd], [], [], 0)[0])


def test_what_has_been_handled_does_not_wake(driver: Driver, tracer: FakeTracer) -> None:
    tracer.arrive()
    assert driver.poll(lambda: tracer.handled > 0)
    driver.tidy()
    assert tracer.handled == 1
    assert not wakes(driver)


def test_who_waits_for_one_stop_does_not_wait_for_the_next(driver: Driver, tracer: FakeTracer) -> None:
    tracer.to_come = 1
    tracer.arrive()
    assert driver.poll(lambda: tracer.handled > 0)
    assert (tracer.handled, tracer.ready) == (1, 1)


def test_what_was_waited_for_is_handed_on_before_the_rest_is_handled(tracer: FakeTracer) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    seen: list[tuple[int, int]] = []
    driver = Driver(cast(Tracer, tracer), lambda: seen.append((tracer.handled, tracer.ready)), lambda: False)
    tracer.arrive()
    tracer.arrive()
    driver.serve()
    assert seen == [(1, 1), (2, 0)]
    assert not wakes(driver)
    os.close(driver.signalfd)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_patience_that_runs_out_leaves_the_wake_up(driver: Driver, tracer: FakeTracer) -> None:
    assert not driver.poll(lambda: True)
    tracer.arrive()
    assert wakes(driver)


@pytest.mark.parametrize("to_come", [1, 2, 3])
def test_a_stop_that_comes_while_another_one_is_handled_is_not_lost(
    driver: Driver, tracer: FakeTracer, to_come: int
) -> None:
    tracer.to_come = to_come
    tracer.arrive()
    assert driver.poll(lambda: tracer.handled > 0)
    driver.tidy()
    while wakes(driver):
        driver.serve()
    assert (tracer.handled, tracer.ready) == (1 + to_come, 0)


def test_alone_statuses_are_waited_for_in_place(
    driver: Driver, tracer: FakeTracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def handle(tid: int, raw: int) -> None:
        ended.append(tid)
        if len(ended) < 3:
            children.append(_short_lived())

    monkeypatch.setattr(tracer, "handle", handle)
    driver.alone = True

    async def run() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(driver.run)
                children.append(_short_lived())
                while len(ended) < 3:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()

    children: list[int] = []
    trio.run(run)
    assert ended == children
    # The timer that ends a wait does not go on.
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def _short_lived() -> int:
    child = os.fork()
    if not child:
        os._exit(0)
    return child
