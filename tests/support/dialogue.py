"""The openings and endings that most integration tests share.

Used by: the integration tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient, StopReply
from tests.support.stub import Stub, attach, launch, multi
from tests.support.tracees import Program, Tracee, running


@contextmanager
def at_entry(
    program: Program, *arguments: object, features: str = DEFAULT_FEATURES, options: Sequence[str] = ()
) -> Iterator[tuple[Stub, RspClient]]:
    """Launch a program and connect; it is stopped before its first instruction."""
    with launch(program, *arguments, options=options) as stub, stub.connect(features) as client:
        yield stub, client


def run_to_ready(stub: Stub, client: RspClient) -> StopReply:
    """Continue until the program has said ``ready``, then stop it."""
    client.resume()
    line = stub.line()
    assert line.startswith("ready"), line
    stop = client.interrupt()
    assert stop.is_signal(GdbSignal.INT), stop
    return stop


@contextmanager
def at_ready(
    program: Program, *arguments: object, features: str = DEFAULT_FEATURES, options: Sequence[str] = ()
) -> Iterator[tuple[Stub, RspClient]]:
    """Launch a program, connect, and stop it once it has said ``ready``."""
    with at_entry(program, *arguments, features=features, options=options) as (stub, client):
        run_to_ready(stub, client)
        yield stub, client


@contextmanager
def attached(
    program: Program, *arguments: object, features: str = DEFAULT_FEATURES
) -> Iterator[tuple[Tracee, Stub, RspClient]]:
    """Start a program ourselves, let the server attach to it, and connect."""
    with (
        running(program, *arguments) as tracee,
        attach(tracee.pid) as stub,
        stub.connect(features) as client,
    ):
        yield tracee, stub, client


@contextmanager
def extended() -> Iterator[tuple[Stub, RspClient]]:
    """Start a server without a process and a client in extended mode."""
    with multi() as stub, stub.connect() as client:
        client.ok("!")
        yield stub, client


def finish(stub: Stub, client: RspClient, status: int = 0) -> None:
    """Tell the stopped program to end and check that it does so with a status, reported once."""
    client.resume()
    stub.tell("q")
    expect_exit(client, status)


def expect_exit(client: RspClient, status: int = 0) -> None:
    """Check that the next report is the program's exit."""
    stop = client.expect_stop()
    assert (stop.kind, stop.value) == ("W", status), stop


def check_alive(stub: Stub, pid: int) -> None:
    """Check that the server serves a new client, and that the process is there."""
    assert stub.is_alive(), stub.stderr
    with stub.connect() as second:
        assert second.current_stop().kind in "ST"
        assert pid in {process for process, _ in second.threads()}
        assert len(second.ask("g")) > 100


def order(stub: Stub, client: RspClient, letter: str) -> StopReply:
    """Continue, give the program one letter, and return the stop that this leads to."""
    client.resume()
    stub.tell(letter)
    return client.expect_stop()


def run_program(client: RspClient, program: Program | str, *arguments: object) -> StopReply:
    """Have an extended client start a program."""
    words = [str(program), *map(str, arguments)]
    return client.stop_of(client.ask("vRun;" + ";".join(word.encode().hex() for word in words)))
