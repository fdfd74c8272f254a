"""Clients that drop: noticed at once, the process stays as it was, the port accepts again."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct

import pytest

from tests.support import proc
from tests.support.dialogue import at_ready, attached, extended, finish, order
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient, encode
from tests.support.stub import launch
from tests.support.tracees import TraceeBuilder


def reset(client: RspClient) -> None:
    """Drop the connection with a TCP reset."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("holder_goes_first", [True, False])
def test_what_one_of_two_held_stays_stopped_when_both_are_lost_at_once(
    build: TraceeBuilder, *, holder_goes_first: bool
) -> None:
    program = build("spin")
    with at_ready(program, 1) as (stub, holder):
        counted = holder.read_word(program.address("counters"))
        with stub.connect() as looker:
            os.kill(stub.server_pid, signal.SIGSTOP)
            for client in (holder, looker) if holder_goes_first else (looker, holder):
                client.close()
            os.kill(stub.server_pid, signal.SIGCONT)
        with stub.connect() as third:
            assert third.current_stop().kind == "T"
            assert third.read_word(program.address("counters")) == counted
            finish(stub, third)


def connected(client: RspClient) -> int:
    """Return how many clients the server has."""
    count = 0
    reply = client.ask("qRcmd," + b"clients".hex())
    while reply != "OK":
        count += 1
        reply = client.receive()
    return count


def test_a_client_that_comes_before_the_last_ones_end_is_noticed_finds_what_it_left(build: TraceeBuilder) -> None:
    program = build("spin")
    with at_ready(program, 1) as (stub, holder):
        counted = holder.read_word(program.address("counters"))
        with stub.connect() as second:
            holder.close()
            proc.wait_until(lambda: connected(second) == 1, "the other client's end has been noticed")
            assert second.current_stop().kind == "T"
            assert second.read_word(program.address("counters")) == counted
            finish(stub, second)


def test_what_a_lost_client_held_runs_on_for_one_that_has_resumed(build: TraceeBuilder) -> None:
    with at_ready(build("spin"), 1) as (stub, holder), stub.connect() as second:
        second.current_stop()
        second.resume()
        holder.close()
        stub.tell("c")
        assert stub.line().startswith("sum ")
        assert second.interrupt().is_signal(GdbSignal.INT)
        finish(stub, second)


@pytest.mark.parametrize("drop", [RspClient.close, reset], ids=["close", "reset"])
def test_a_stopped_process_stays_stopped_for_the_next_client(build: TraceeBuilder, drop: object) -> None:
    assert callable(drop)
    program = build("spin")
    with at_ready(program, 1) as (stub, client):
        counted = client.read_word(program.address("counters"))
        drop(client)
        stub.wait_for_words(r"Remote side has terminated connection", seconds=1.0)
        with stub.connect() as second:
            assert second.current_stop().kind == "T"
            assert second.read_word(program.address("counters")) == counted
            finish(stub, second)


@pytest.mark.parametrize("drop", [RspClient.close, reset], ids=["close", "reset"])
def test_a_drop_while_the_process_runs_is_noticed_at_once(build: TraceeBuilder, drop: object) -> None:
    assert callable(drop)
    with at_ready(build("spin"), 2) as (stub, client):
        client.resume()
        stub.ping()
        drop(client)
        stub.wait_for_words(r"Remote side has terminated connection", seconds=1.0)
        # Nobody stopped it: it runs on.
        stub.ping()
        with stub.connect() as second:
            assert second.current_stop().kind == "T"
            assert len(second.threads()) == 3
            finish(stub, second)


def test_breakpoints_leave_with_the_client_that_set_them(build: TraceeBuilder) -> None:
    program = build("obey")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("spot"))
        client.insert(2, program.address("counter"), 8)
        client.resume()
        stub.ping()
        client.close()
        stub.wait_for_words(r"Remote side has terminated connection")
        stub.tell("g")
        assert stub.line() == "spot 42"
        with stub.connect() as second:
            second.current_stop()
            finish(stub, second)


def test_a_drop_at_a_breakpoint_lets_the_next_client_continue(build: TraceeBuilder) -> None:
    program = build("obey")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("spot"))
        assert "swbreak" in order(stub, client, "g").fields
        client.close()
        with stub.connect() as second:
            assert second.current_stop().kind == "T"
            assert second.register("rip") == program.address("spot")
            second.resume()
            assert stub.line() == "spot 42"


@pytest.mark.parametrize("tail", [b"$m", b"$m401000,4#", b"$m401000,4#0", b"\x03", b"$vCont;s", b"+", b"$"])
def test_a_drop_in_the_middle_of_a_packet_is_only_a_drop(build: TraceeBuilder, tail: bytes) -> None:
    with at_ready(build("obey")) as (stub, client):
        client.send_raw(tail)
        client.close()
        with stub.connect() as second:
            assert second.current_stop().kind == "T"
            second.resume()
            stub.ping()


def test_a_connection_that_says_nothing_is_not_the_client(build: TraceeBuilder) -> None:
    with launch(build("obey")) as stub:
        with socket.create_connection(("127.0.0.1", stub.port)), stub.connect() as client:
            assert client.current_stop().kind == "T"
        for _ in range(5):
            socket.create_connection(("127.0.0.1", stub.port)).close()
        with stub.connect() as client:
            assert client.current_stop().kind == "T"
            client.resume()
            assert stub.line().startswith("ready")


def test_drops_at_any_moment_never_harm_the_process(build: TraceeBuilder) -> None:
    program = build("spin")
    dice = random.Random(7)
    at, data = program.address("tick"), program.address("counters")
    packets = [
        "g",
        "vCont;c",
        "?",
        f"m{data:x},100",
        f"Z0,{at:x},1",
        f"Z1,{at:x},1",
        f"Z2,{data + 256:x},8",
        "vCont;s",
        "qfThreadInfo",
        "qXfer:features:read:target.xml:0,1000",
        "qXfer:auxv:read::0,1000",
    ]
    with attached(program, 2) as (tracee, stub, first):
        first.close()
        for _ in range(60):
            with RspClient(stub.port) as client:
                for _ in range(dice.randrange(6)):
                    client.send(dice.choice(packets))
                    if dice.random() < 0.3:
                        client.send_interrupt()
                if dice.random() < 0.5:
                    client.send_raw(encode(b"vCont;c")[: dice.randrange(8)])
                if dice.random() < 0.5:
                    reset(client)
        with stub.connect() as last:
            assert last.current_stop().kind == "T"
            assert len(last.threads()) == 3
            last.resume()
            tracee.ping()
            last.interrupt()
            last.detach()
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        assert tracee.finish() == 0


def test_a_program_that_ends_without_a_client_is_reported_to_the_next(build: TraceeBuilder) -> None:
    with extended() as (stub, client):
        words = [str(build("obey"))]
        client.stop_of(client.ask("vRun;" + ";".join(word.encode().hex() for word in words)))
        client.resume()
        assert stub.line().startswith("ready")
        client.close()
        stub.wait_for_words(r"Remote side has terminated connection")
        stub.tell("x")
        stub.wait_for_words(r"Child exited with status 7")
        assert stub.is_alive()


def test_once_ends_the_server_and_what_it_launched(build: TraceeBuilder) -> None:
    with launch(build("obey"), options=["--once"]) as stub:
        pid = stub.pid
        with stub.connect() as client:
            assert client.current_stop().kind == "T"
        assert stub.exit_status() == 0
        proc.wait_gone(pid)
        assert f"Killing process(es): {pid}" in stub.stderr


def test_the_kill_packet_ends_program_and_server(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        pid = stub.pid
        client.send("k")
        assert stub.exit_status() == 0
        proc.wait_gone(pid)


def test_vkill_is_answered_and_the_server_ends_with_its_client(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        pid = stub.pid
        client.ok(f"vKill;{pid:x}")
        proc.wait_gone(pid)
        client.close()
        assert stub.exit_status() == 0


def test_an_exit_ends_the_server_with_its_client(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        finish(stub, client)
        assert stub.is_alive()
        client.close()
        assert stub.exit_status() == 0
        assert "Child exited with status 0" in stub.stderr


def test_an_interrupt_right_after_the_resume_stops_the_process(build: TraceeBuilder) -> None:
    with at_ready(build("spin"), 2) as (_stub, client):
        for _ in range(100):
            client.send_raw(encode(b"vCont;c") + b"\x03")
            assert client.expect_stop().is_signal(GdbSignal.INT)


def test_a_server_that_is_stopped_by_job_control_goes_on(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        os.kill(stub.server_pid, signal.SIGSTOP)
        proc.wait_until(lambda: proc.state(stub.server_pid) == "T", "the server is stopped")
        client.send("qAttached")
        os.kill(stub.server_pid, signal.SIGCONT)
        assert client.receive() == "0"
