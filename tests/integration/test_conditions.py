"""Conditions and commands of breakpoints, decided at the target."""

from __future__ import annotations

import pytest

from tests.integration.test_two_clients import Counter, two_clients
from tests.support.dialogue import at_ready, expect_exit
from tests.support.rsp_client import RspClient
from tests.support.tracees import TraceeBuilder


def fetch(address: int) -> bytes:
    """Push 8 bytes of memory."""
    return b"\x25" + address.to_bytes(8, "big") + b"\x1a"


def equals(address: int, value: int) -> bytes:
    return fetch(address) + b"\x24" + value.to_bytes(4, "big") + b"\x13\x27"


def prints(address: int, text: bytes) -> bytes:
    text += b"\0"
    return fetch(address) + b"\x22\x00\x22\x00\x34\x01" + len(text).to_bytes(2, "big") + text + b"\x27"


def insert(
    client: RspClient,
    kind: int,
    address: int,
    *,
    conditions: tuple[bytes, ...] = (),
    commands: tuple[bytes, ...] = (),
) -> None:
    packet = f"Z{kind},{address:x},1"
    if conditions:
        packet += ";" + "".join(f"X{len(each):x},{each.hex()}" for each in conditions)
    if commands:
        packet += ";cmds:1," + "".join(f"X{len(each):x},{each.hex()}" for each in commands)
    client.ok(packet)


def test_a_false_condition_on_a_trap_instruction_of_the_program(build: TraceeBuilder) -> None:
    """gdb skips such an instruction by itself, but only where it was told of it."""
    program = build("own_trap")
    with at_ready(program) as (stub, client):
        insert(client, 0, program.address("own_trap"), conditions=(b"\x22\x00\x27",))
        client.resume()
        stub.tell("gg")
        assert (stub.line(), stub.line()) == ("passed 1", "passed 2")
        client.interrupt()
        client.remove(0, program.address("own_trap"))
        client.resume()
        stub.tell("q")
        expect_exit(client)


@pytest.mark.parametrize("kind", [0, 1])
def test_only_a_true_condition_stops(build: TraceeBuilder, kind: int) -> None:
    program = build("hot")
    hot, total = program.address("hot"), program.address("total")
    with at_ready(program, 1, 300) as (stub, client):
        client.require("ConditionalBreakpoints")
        insert(client, kind, hot, conditions=(equals(total, 100), equals(total, 200)))
        client.resume()
        stub.tell("g")
        for value in (100, 200):
            stop = client.expect_stop()
            assert client.pc(stop) == hot
            assert client.read_word(total) == value
            client.resume()
        assert stub.line() == "total 300"
        stub.tell("q")
        expect_exit(client)


def test_a_second_insertion_replaces_the_conditions(build: TraceeBuilder) -> None:
    program = build("hot")
    hot, total = program.address("hot"), program.address("total")
    with at_ready(program, 1, 50) as (stub, client):
        insert(client, 0, hot, conditions=(equals(total, 1000),))
        insert(client, 0, hot, conditions=(equals(total, 10),))
        client.resume()
        stub.tell("g")
        client.expect_stop()
        assert client.read_word(total) == 10
        insert(client, 0, hot)
        client.cont()
        assert client.read_word(total) == 11
        client.remove(0, hot)
        client.resume()
        assert stub.line() == "total 50"
        stub.tell("q")
        expect_exit(client)


def test_a_condition_that_fails_stops(build: TraceeBuilder) -> None:
    program = build("hot")
    with at_ready(program, 1, 50) as (stub, client):
        insert(client, 0, program.address("hot"), conditions=(fetch(8) + b"\x27",))
        client.resume()
        stub.tell("g")
        assert client.pc(client.expect_stop()) == program.address("hot")
        assert client.read_word(program.address("total")) == 0


def test_no_thread_slips_through(build: TraceeBuilder) -> None:
    program = build("hot")
    even, total = program.address("hot_even"), program.address("total")
    with at_ready(program, 8, 50) as (stub, client):
        insert(client, 0, program.address("hot"), conditions=(equals(total, 1 << 30),))
        insert(client, 0, even, commands=(prints(total, b"even %ld\n"),))
        client.resume()
        stub.tell("g")
        lines = [stub.line() for _ in range(4 * 50 + 1)]
        assert lines[-1] == "total 400"
        assert all(line.startswith("even ") for line in lines[:-1])
        stub.tell("q")
        expect_exit(client)


def test_commands_run_in_place_of_the_stop(build: TraceeBuilder) -> None:
    program = build("hot")
    hot, total = program.address("hot"), program.address("total")
    with at_ready(program, 1, 5) as (stub, client):
        client.require("BreakpointCommands")
        insert(
            client, 0, hot, conditions=(equals(total, 2), equals(total, 4)), commands=(prints(total, b"at %ld\n"),)
        )
        client.resume()
        stub.tell("g")
        assert [stub.line() for _ in range(3)] == ["at 2", "at 4", "total 5"]
        stub.tell("q")
        expect_exit(client)


def test_another_client_is_told_of_every_hit(build: TraceeBuilder) -> None:
    program = build("hot")
    hot, total = program.address("hot"), program.address("total")
    with two_clients(program, 1, 40) as (stub, first, second):
        insert(first, 0, hot, conditions=(equals(total, 30),))
        second.insert(0, hot)
        counter = Counter(second, hot)
        counter.start()
        first.resume()
        stub.tell("g")
        assert first.pc(first.expect_stop()) == hot
        assert first.read_word(total) == 30
        first.resume()
        assert stub.line() == "total 40"
        stub.tell("q")
        expect_exit(first)
        counter.join(10)
        assert (counter.hits, counter.problem) == (40, None)


def test_persistent_commands_outlive_their_client(build: TraceeBuilder) -> None:
    program = build("hot")
    hot, total = program.address("hot"), program.address("total")
    with at_ready(program, 1, 3) as (stub, client):
        insert(client, 0, hot, commands=(prints(total, b"at %ld\n"),))
        client.close()
        with stub.connect() as other:
            assert other.read_memory(hot, 1) != b"\xcc"
            other.resume()
            stub.tell("g")
            assert [stub.line() for _ in range(4)] == ["at 0", "at 1", "at 2", "total 3"]
            stub.tell("q")
            expect_exit(other)


def test_who_removes_a_breakpoint_ends_what_was_left_behind(build: TraceeBuilder) -> None:
    program = build("hot")
    hot, total = program.address("hot"), program.address("total")
    with at_ready(program, 1, 3) as (stub, client):
        insert(client, 0, hot, commands=(prints(total, b"at %ld\n"),))
        client.close()
        with stub.connect() as other:
            other.remove(0, hot)
            other.resume()
            stub.tell("g")
            assert stub.line() == "total 3"
            stub.tell("q")
            expect_exit(other)


def test_an_interrupt_is_seen_while_conditions_are_false(build: TraceeBuilder) -> None:
    program = build("hot")
    hot, total = program.address("hot"), program.address("total")
    with at_ready(program, 1, 100_000_000) as (stub, client):
        insert(client, 0, hot, conditions=(equals(total, 1 << 30),))
        client.resume()
        stub.tell("g")
        client.interrupt()
        before = client.read_word(total)
        client.resume()
        client.interrupt()
        assert client.read_word(total) >= before
