"""Observers, exclusive debuggers, and several places to listen."""

from __future__ import annotations

import pytest

from tests.support import proc
from tests.support.dialogue import at_ready, finish
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient
from tests.support.stub import Stub
from tests.support.tracees import TraceeBuilder

OBSERVERS = "--listen=localhost:0,role=observer"
EXCLUSIVE = "--listen=localhost:0,role=exclusive"
READS = 100


def side_client(stub: Stub, role: str) -> RspClient:
    """Connect where a role is given."""
    port = int(stub.wait_for_words(rf"Listening on port (\d+) as {role}").group(1))
    client = RspClient(port)
    client.handshake()
    return client


def trace_lines(stub: Stub, *, clients: int) -> int:
    """Count what the tracer said of its threads before the last client came: each stop and resume is a line."""
    stub.wait_for_words("Remote debugging from", clients)
    return stub.stderr.count("thread ")


def given_up(pid: int) -> dict[int, str | None]:
    """Return how often each thread but the leader has given up the processor by itself, as it does at every stop."""
    return {tid: proc.status_field(pid, "voluntary_ctxt_switches", tid) for tid in proc.tids(pid) if tid != pid}


def test_an_observer_reads_a_process_that_never_stops(build: TraceeBuilder) -> None:
    program = build("spin")
    with at_ready(program, 2, options=[OBSERVERS, "--debug=threads"]) as (stub, client):
        client.resume()
        stub.tell("c")
        assert stub.line().startswith("sum ")
        with side_client(stub, "observer") as observer:
            before = trace_lines(stub, clients=2)
            assert observer.current_stop().value == 0
            switches = given_up(stub.pid)
            counter = program.address("counters")
            counts = [observer.read_word(counter) for _ in range(READS)]
            # Where others keep the processors, the reads are faster than the thread gets its turn.
            proc.wait_until(lambda: observer.read_word(counter) > counts[0], "the counter goes up")
            assert observer.read_object("threads").count(b"<thread id=") == 3
            assert observer.ask("g").strip("x") == ""
            # Threads that never wait.
            assert len(switches) == 2 and given_up(stub.pid) == switches
            with side_client(stub, "observer") as another:
                assert another.current_stop().value == 0
                assert trace_lines(stub, clients=3) == before, stub.stderr
        assert counts == sorted(counts)
        assert client.interrupt().is_signal(GdbSignal.INT)
        finish(stub, client)


def test_an_observer_sees_what_a_debugger_holds_and_its_leaving_changes_nothing(build: TraceeBuilder) -> None:
    program = build("obey")
    with at_ready(program, options=[OBSERVERS]) as (stub, client):
        with side_client(stub, "observer") as observer:
            assert observer.current_stop().kind == "T"
            assert observer.register("rip") == client.register("rip")
            address = program.address("counter")
            refusal = observer.ask(f"M{address:x},1:00")
            assert refusal.startswith("E"), refusal
            assert observer.ask(f"Z0,{program.address('spot'):x},1").startswith("E")
            assert client.ask("qAttached").endswith("0")
            observer.resume()
            observer.send_interrupt()
            assert observer.expect_stop().is_signal(GdbSignal.INT)
            observer.ok("D")
        assert client.read_word(address) == 41
        finish(stub, client)


def test_an_observer_is_told_of_the_end(build: TraceeBuilder) -> None:
    with (
        at_ready(build("obey"), options=[OBSERVERS]) as (stub, client),
        side_client(stub, "observer") as observer,
    ):
        observer.current_stop()
        observer.resume()
        client.resume()
        stub.tell("x")
        for each in (client, observer):
            stop = each.expect_stop()
            assert (stop.kind, stop.value) == ("W", 7)


def test_the_last_debugger_that_detaches_takes_the_process_from_the_observer(build: TraceeBuilder) -> None:
    with (
        at_ready(build("obey"), options=[OBSERVERS]) as (stub, client),
        side_client(stub, "observer") as observer,
    ):
        observer.current_stop()
        client.detach()
        proc.wait_untraced(stub.pid)
        assert observer.ask("?").startswith("W00")
        stub.tell("q")


@pytest.mark.parametrize("first", ["exclusive", "debugger"])
def test_e04_an_exclusive_debugger_is_alone(build: TraceeBuilder, first: str) -> None:
    with at_ready(build("obey"), options=[EXCLUSIVE, OBSERVERS]) as (stub, client):
        if first == "exclusive":
            client.close()
            stub.wait_for_words("Remote side has terminated connection")
            client = side_client(stub, "exclusive")
            client.current_stop()
            port, which = stub.port, "an exclusive"
        else:
            port = int(stub.wait_for_words(r"Listening on port (\d+) as exclusive").group(1))
            which = "another"
        with client:
            with RspClient(port) as second:
                answer = second.ask("qSupported:multiprocess+")
                assert answer.startswith(f"E.{which} debugger (client "), answer
                assert second.ask("?").startswith("E")
            with side_client(stub, "observer") as observer:
                assert observer.current_stop().kind == "T"
            finish(stub, client)


def test_e21_a_debugger_is_told_that_another_has_changed_what_it_saw(build: TraceeBuilder) -> None:
    program = build("obey")
    with at_ready(program) as (stub, first), stub.connect() as second:
        second.current_stop()
        second.write_memory(program.address("counter"), b"\x07")
        assert first.read_memory(program.address("counter"), 1) == b"\x07"
        clients = bytes.fromhex(first.ask("qRcmd," + b"clients".hex()).removeprefix("O")).decode()
        other = bytes.fromhex(first.receive().removeprefix("O")).decode()
        assert "stale" in clients and "stale" not in other, (clients, other)
        assert first.receive() == "OK"
        second.detach()
        finish(stub, first)
