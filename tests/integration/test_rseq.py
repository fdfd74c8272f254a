"""Restartable sequences under stops and steps: ptrace gotcha G65."""

from __future__ import annotations

from tests.support.dialogue import at_ready, order
from tests.support.gdb_signals import GdbSignal
from tests.support.tracees import TraceeBuilder


def test_g65_a_step_in_a_sequence_ends_at_its_abort_and_the_program_is_right(build: TraceeBuilder) -> None:
    program = build("restartable")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("rseq_middle"))
        stop = order(stub, client, "c")
        assert stop.is_breakpoint
        client.remove(0, program.address("rseq_middle"))
        stop = client.step(stop.tid)
        # A thread that was stopped in a sequence goes on at its abort, and that is where the step tells it is.
        assert stop.is_signal(GdbSignal.TRAP)
        assert client.pc(stop) > program.address("rseq_abort")
        assert client.read_word(program.address("counter")) == 0
        client.resume()
        assert stub.line() == "counter 1 aborts 1"


def test_g65_a_sequence_that_is_always_stopped_never_ends_and_is_freed_by_removing(build: TraceeBuilder) -> None:
    program = build("restartable")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("rseq_commit"))
        stop = order(stub, client, "c")
        for _ in range(5):
            assert stop.is_breakpoint
            assert client.read_word(program.address("counter")) == 0
            stop = client.cont()
        client.remove(0, program.address("rseq_commit"))
        client.resume()
        assert stub.line().startswith("counter 1 aborts ")
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert client.read_word(program.address("aborts")) >= 5


def test_g65_a_program_with_sequences_is_stopped_at_will(build: TraceeBuilder) -> None:
    program = build("restartable")
    with at_ready(program) as (stub, client):
        client.resume()
        stub.tell("s")
        assert stub.line() == "registered 1"
        for _ in range(20):
            stub.tell("r")
            assert client.interrupt().is_signal(GdbSignal.INT)
            client.resume()
            stub.line()
        stub.tell("r")
        assert stub.line() == f"counter {21 * 1000}"
