"""Two clients on one process: each sees its own breakpoints only, and neither disturbs the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.dialogue import at_ready
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient, StopReply
from tests.support.stub import Stub
from tests.support.tracees import Program, TraceeBuilder

THREADS = 8


@contextmanager
def two_clients(program: Program, *arguments: object) -> Iterator[tuple[Stub, RspClient, RspClient]]:
    """Launch a program and connect twice; it is stopped after its ``ready``."""
    with at_ready(program, *arguments) as (stub, first), stub.connect() as second:
        assert second.current_stop().kind == "T"
        yield stub, first, second


class Counter(threading.Thread):
    """One client that continues from each hit of its breakpoint and counts them, to the program's end."""

    def __init__(self, client: RspClient, address: int) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.address = address
        self.hits = 0
        self.last: StopReply | None = None
        self.problem: str | None = None

    def run(self) -> None:
        self.client.resume()
        while True:
            try:
                stop = self.client.expect_stop(timeout=30)
            except (TimeoutError, AssertionError) as failure:
                self.problem = repr(failure)
                return
            self.last = stop
            if stop.exited:
                return
            if "swbreak" not in stop.fields or self.client.pc(stop) != self.address:
                self.problem = f"not my breakpoint: {stop}"
                return
            self.hits += 1
            self.client.resume()

    def result(self) -> int:
        """Wait for the end and return the number of hits."""
        self.join(60)
        assert not self.is_alive(), f"{self.hits} hits, then nothing"
        assert self.problem is None, self.problem
        assert self.last is not None and (self.last.kind, self.last.value) == ("W", 0)
        return self.hits


def run_to_end(stub: Stub, *counters: Counter, total: int) -> None:
    """Start the counters and the program's threads, and end the program when they are done."""
    for counter in counters:
        counter.client.register_places()
        counter.start()
    stub.tell("g")
    assert stub.line(60) == f"total {total}"
    stub.tell("q")


def test_each_client_sees_its_own_breakpoint_and_every_hit_once(build: TraceeBuilder) -> None:
    program = build("hot")
    rounds = 30
    with two_clients(program, THREADS, rounds) as (stub, first, second):
        odd, even = program.address("hot_odd"), program.address("hot_even")
        first.insert(0, odd)
        second.insert(0, even)
        one, two = Counter(first, odd), Counter(second, even)
        run_to_end(stub, one, two, total=THREADS * rounds)
        assert one.result() == THREADS // 2 * rounds
        assert two.result() == THREADS // 2 * rounds


def test_both_clients_see_a_breakpoint_that_both_have_set(build: TraceeBuilder) -> None:
    program = build("hot")
    rounds = 15
    with two_clients(program, 4, rounds) as (stub, first, second):
        at = program.address("hot")
        first.insert(0, at)
        second.insert(0, at)
        one, two = Counter(first, at), Counter(second, at)
        run_to_end(stub, one, two, total=4 * rounds)
        assert one.result() == two.result() == 4 * rounds


def test_neither_reads_the_others_trap_instruction(build: TraceeBuilder) -> None:
    program = build("hot")
    odd, even = program.address("hot_odd"), program.address("hot_even")
    with two_clients(program, 1, 1) as (_stub, first, second):
        clean = {at: first.read_memory(at, 16) for at in (odd, even)}
        first.insert(0, odd)
        second.insert(0, even)
        second.insert(0, odd + 1)
        for client in (first, second):
            for at, expected in clean.items():
                assert client.read_memory(at, 16) == expected
        second.write_memory(odd, clean[odd])
        first.remove(0, odd)
        for client in (first, second):
            assert client.read_memory(odd, 16) == clean[odd]


def test_one_leaves_and_the_other_goes_on(build: TraceeBuilder) -> None:
    program = build("hot")
    rounds = 20
    with two_clients(program, THREADS, rounds) as (stub, first, second):
        odd, even = program.address("hot_odd"), program.address("hot_even")
        first.insert(0, odd)
        second.insert(0, even)
        second.detach()
        second.close()
        one = Counter(first, odd)
        run_to_end(stub, one, total=THREADS * rounds)
        assert one.result() == THREADS // 2 * rounds


def test_one_drops_while_the_process_runs_and_the_other_goes_on(build: TraceeBuilder) -> None:
    program = build("hot")
    rounds = 20
    with two_clients(program, THREADS, rounds) as (stub, first, second):
        odd, even = program.address("hot_odd"), program.address("hot_even")
        first.insert(0, odd)
        second.insert(0, even)
        second.resume()
        one = Counter(first, odd)
        first.register_places()
        one.start()
        stub.tell("g")
        assert "swbreak" in second.expect_stop().fields
        second.close()
        assert stub.line(60) == f"total {THREADS * rounds}"
        stub.tell("q")
        assert one.result() == THREADS // 2 * rounds


def test_an_interrupt_of_one_is_no_stop_of_the_other(build: TraceeBuilder) -> None:
    with two_clients(build("spin"), 2) as (stub, first, second):
        first.resume()
        second.resume()
        stub.ping()
        for _ in range(20):
            assert first.interrupt().is_signal(GdbSignal.INT)
            first.resume()
        assert second.is_quiet(0.05)
        stub.ping()
        assert second.interrupt().is_signal(GdbSignal.INT)


def test_e15_what_one_holds_does_not_run_for_the_other(build: TraceeBuilder) -> None:
    program = build("spin")
    with two_clients(program, 2) as (stub, first, second):
        second.resume()
        assert second.is_quiet(0.05)
        counters = first.read_memory(program.address("counters"), 16)
        assert first.read_memory(program.address("counters"), 16) == counters
        # Its interrupt is answered at once, though nothing ran.
        assert second.interrupt().is_signal(GdbSignal.INT)
        second.resume()
        first.resume()
        stub.ping()


def test_a_step_of_one_is_reported_to_it_alone(build: TraceeBuilder) -> None:
    with two_clients(build("spin"), 1) as (stub, first, second):
        spinner = next(tid for _, tid in first.threads() if tid != stub.pid)
        second.resume()
        for _ in range(10):
            stop = first.step(spinner)
            assert stop.is_signal(GdbSignal.TRAP) and stop.tid == spinner
        assert second.is_quiet(0.05)


def test_both_are_told_of_the_end(build: TraceeBuilder) -> None:
    with two_clients(build("obey")) as (stub, first, second):
        first.resume()
        second.resume()
        stub.tell("x")
        for client in (first, second):
            stop = client.expect_stop()
            assert (stop.kind, stop.value) == ("W", 7)


def test_watchpoints_of_two_clients_are_their_own(build: TraceeBuilder) -> None:
    program = build("watch")
    with two_clients(program) as (stub, first, second):
        first.insert(2, program.address("first"), 8)
        second.insert(2, program.address("second"), 8)
        first.resume()
        second.resume()
        stub.tell("a")
        assert first.expect_stop().watch_address == program.address("first")
        assert second.is_quiet(0.05)
        first.resume()
        stub.line()
        stub.tell("b")
        assert second.expect_stop().watch_address == program.address("second")
        assert first.is_quiet(0.05)
        second.resume()
        stub.line()


def test_e11_a_client_that_reads_nothing_delays_nobody(build: TraceeBuilder) -> None:
    program = build("hot")
    rounds = 20
    with two_clients(program, THREADS, rounds) as (stub, first, stalled):
        # Its answers fill the socket, and it never takes one.
        for _ in range(300):
            stalled.send("qXfer:features:read:target.xml:0,ffff")
        stalled.resume()
        odd = program.address("hot_odd")
        first.insert(0, odd)
        one = Counter(first, odd)
        run_to_end(stub, one, total=THREADS * rounds)
        assert one.result() == THREADS // 2 * rounds
