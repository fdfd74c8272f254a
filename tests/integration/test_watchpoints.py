"""Hardware watchpoints: ptrace gotchas G45 to G47."""

from __future__ import annotations

import pytest

from tests.support.dialogue import at_entry, at_ready, finish, order, run_to_ready
from tests.support.gdb_signals import GdbSignal
from tests.support.offers import not_offered
from tests.support.rsp_client import RspClient, StopReply
from tests.support.stub import Stub
from tests.support.tracees import TraceeBuilder

WRITE, READ, ACCESS = 2, 3, 4


def back_to_orders(stub: Stub, client: RspClient) -> str:
    """Continue from a hit to the program's line, and stop it again."""
    client.resume()
    line = stub.line()
    assert client.interrupt().is_signal(GdbSignal.INT)
    return line


def check_hit(stop: StopReply, tag: str, address: int) -> None:
    assert tag in stop.fields and stop.watch_address == address, stop


def test_g45_a_thread_born_after_the_watchpoint_hits_it(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        old = {tid for _, tid in client.threads()}
        client.insert(WRITE, program.address("first"), 8)
        for _ in range(3):
            stop = order(stub, client, "t")
            check_hit(stop, "watch", program.address("first"))
            assert stop.tid not in old
            back_to_orders(stub, client)


def test_g45_a_thread_that_existed_before_the_watchpoint_hits_it(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        client.insert(WRITE, program.address("first"), 8)
        stop = order(stub, client, "T")
        check_hit(stop, "watch", program.address("first"))
        assert stop.tid != stub.pid


def test_g45_a_watchpoint_set_before_the_program_starts_is_hit(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_entry(program) as (stub, client):
        client.insert(WRITE, program.address("second"), 8)
        run_to_ready(stub, client)
        check_hit(order(stub, client, "b"), "watch", program.address("second"))


def test_g45_a_removed_watchpoint_is_gone_from_every_thread(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        client.insert(WRITE, program.address("first"), 8)
        check_hit(order(stub, client, "T"), "watch", program.address("first"))
        client.remove(WRITE, program.address("first"), 8)
        client.resume()
        assert stub.line() == "first 1 second 0"
        for letter in "aTt":
            stub.tell(letter)
            stub.line()
        assert client.is_quiet(0.05)


def test_g46_two_watchpoints_in_turn_report_their_own_addresses(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        client.insert(WRITE, program.address("first"), 8)
        client.insert(WRITE, program.address("second"), 8)
        for letter, name in [("a", "first"), ("b", "second")] * 3:
            check_hit(order(stub, client, letter), "watch", program.address(name))
            back_to_orders(stub, client)


def test_g46_a_step_after_a_watchpoint_hit_is_only_a_step(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        client.insert(WRITE, program.address("first"), 8)
        stop = order(stub, client, "a")
        check_hit(stop, "watch", program.address("first"))
        stop = client.step(stop.tid)
        assert stop.is_signal(GdbSignal.TRAP) and stop.watch_address is None, stop


def test_g47_eight_bytes_are_watched_whole(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        client.insert(WRITE, program.address("wide"), 8)
        stop = order(stub, client, "l")
        assert "watch" in stop.fields
        assert stop.watch_address is not None
        assert program.address("wide") <= stop.watch_address < program.address("wide") + 8


def test_g47_an_unaligned_region_is_watched(build: TraceeBuilder) -> None:
    program = build("watch")
    at = program.address("odd") + 1
    with at_ready(program) as (stub, client):
        client.insert(WRITE, at, 4)
        stop = order(stub, client, "u")
        assert stop.watch_address is not None and at <= stop.watch_address < at + 4, stop
        client.remove(WRITE, at, 4)
        client.resume()
        stub.line()
        stub.tell("u")
        stub.line()
        assert client.is_quiet(0.05)


def test_g47_neighbours_of_a_watched_region_do_not_stop(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        client.insert(WRITE, program.address("odd") + 8, 8)
        client.resume()
        stub.tell("u")
        stub.line()
        assert client.is_quiet(0.05)


@pytest.mark.parametrize(("kind", "tag"), [(READ, "rwatch"), (ACCESS, "awatch")])
def test_g47_reads_are_seen_by_read_and_access_watchpoints(build: TraceeBuilder, kind: int, tag: str) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        if client.ask(f"Z{kind},{program.address('first'):x},8") == "":
            not_offered(f"Z{kind}")
        check_hit(order(stub, client, "r"), tag, program.address("first"))


def test_g47_a_watchpoint_too_many_is_refused_and_spoils_nothing(build: TraceeBuilder) -> None:
    program = build("watch")
    with at_ready(program) as (stub, client):
        odd = program.address("odd")
        client.insert(WRITE, program.address("first"), 8)
        replies = [client.ask(f"Z2,{odd + index:x},1") for index in range(0, 12, 2)]
        assert replies[:3] == ["OK"] * 3
        assert all(reply.startswith("E") for reply in replies[3:]), replies
        check_hit(order(stub, client, "a"), "watch", program.address("first"))
        for index in range(0, 6, 2):
            client.remove(WRITE, odd + index, 1)
        client.insert(WRITE, program.address("second"), 8)
        back_to_orders(stub, client)
        check_hit(order(stub, client, "b"), "watch", program.address("second"))


def test_g47_impossible_addresses_are_refused(build: TraceeBuilder) -> None:
    with at_ready(build("watch")) as (stub, client):
        for address in (0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF80000000):
            assert client.ask(f"Z2,{address:x},8").startswith("E")
        finish(stub, client)
