"""System calls that stops cut short, which the program never notices: ptrace gotchas G17, G19, G20."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support import proc
from tests.support.dialogue import at_ready, attached, extended, finish
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient
from tests.support.tracees import Conversation, TraceeBuilder, running

EINTR = 4
ETIMEDOUT = 110

#: The letter, the call, what it returns when what it waits for comes, and what that is.
CALLS = [
    pytest.param("e", "byte", "1 errno 0", id="epoll_wait"),
    pytest.param("w", "byte", "1 errno 0", id="epoll_pwait"),
    pytest.param("2", "byte", "1 errno 0", id="epoll_pwait2"),
    pytest.param("o", "byte", "1 errno 0", id="poll"),
    pytest.param("s", "byte", "1 errno 0", id="select"),
    pytest.param("r", "byte", "1 errno 0", id="read"),
    pytest.param("t", "signal", "1 errno 0", id="sigtimedwait"),
    pytest.param("m", "byte", "0 errno 0", id="semop"),
    pytest.param("d", "byte", "0 errno 0", id="semtimedop"),
    pytest.param("f", "time", f"-1 errno {ETIMEDOUT}", id="futex"),
    pytest.param("n", "time", "0 errno 0", id="nanosleep"),
    pytest.param("c", "time", "0 errno 0", id="clock_nanosleep"),
]


def begin(program: Conversation, pid: int, letter: str) -> None:
    """Bring the program into a call, where it sleeps."""
    program.tell(letter)
    assert program.line() == "waiting"
    proc.wait_until(lambda: proc.state(pid) == "S", "the program waits")


def end(program: Conversation, pid: int, what: str) -> str:
    """Let the call end, and return what the program says of it."""
    if what == "byte":
        program.tell("z")
    elif what == "signal":
        os.kill(pid, signal.SIGUSR2)
    return program.line().partition(" handled")[0]


def stop_and_go_on(client: RspClient, pid: int, times: int = 3) -> None:
    for _ in range(times):
        assert client.interrupt().is_signal(GdbSignal.INT)
        client.resume()
        proc.wait_until(lambda: proc.state(pid) == "S", "the program waits on")


@pytest.mark.parametrize(("letter", "what", "result"), CALLS)
@pytest.mark.parametrize("variant", ["no-pie", "m32"])
def test_g17_a_call_that_is_stopped_again_and_again_returns_what_it_would(
    build: TraceeBuilder, letter: str, what: str, result: str, variant: str
) -> None:
    program = build("cut_short", variant=variant)
    with attached(program) as (tracee, _, client):
        client.current_stop()
        client.resume()
        begin(tracee, tracee.pid, letter)
        stop_and_go_on(client, tracee.pid)
        assert end(tracee, tracee.pid, what) == result
        tracee.ping()
        client.interrupt()
        client.detach()
        assert tracee.finish() == 0


@pytest.mark.parametrize(("letter", "what", "result"), CALLS)
def test_g17_attaching_and_detaching_is_not_noticed(
    build: TraceeBuilder, letter: str, what: str, result: str
) -> None:
    with running(build("cut_short")) as tracee, extended() as (_, client):
        begin(tracee, tracee.pid, letter)
        for _ in range(2):
            assert client.attach(tracee.pid).kind in "ST"
            client.detach()
            proc.wait_untraced(tracee.pid)
        assert end(tracee, tracee.pid, what) == result
        assert tracee.finish() == 0


def test_g17_a_signal_that_the_program_handles_interrupts_as_ever(build: TraceeBuilder) -> None:
    with attached(build("cut_short")) as (tracee, _, client):
        client.pass_signals(GdbSignal.USR1)
        client.current_stop()
        client.resume()
        tracee.tell("h")
        begin(tracee, tracee.pid, "e")
        stop_and_go_on(client, tracee.pid)
        os.kill(tracee.pid, signal.SIGUSR1)
        assert tracee.line() == f"-1 errno {EINTR} handled 1"
        tracee.tell("z")
        # One that is sent while the thread stands interrupts too: its handler runs, and the call must not go on.
        begin(tracee, tracee.pid, "e")
        client.interrupt()
        os.kill(tracee.pid, signal.SIGUSR1)
        client.resume()
        assert tracee.line() == f"-1 errno {EINTR} handled 2"


@pytest.mark.parametrize("passed", [True, False], ids=["passed", "reported"])
def test_g17_g28_a_signal_that_does_nothing_interrupts_nothing(build: TraceeBuilder, passed: bool) -> None:
    with attached(build("cut_short")) as (tracee, _, client):
        client.current_stop()
        if passed:
            client.pass_signals(GdbSignal.USR1, GdbSignal.URG)
        client.resume()
        tracee.tell("u")
        begin(tracee, tracee.pid, "e")
        for number in (signal.SIGUSR1, signal.SIGURG):
            os.kill(tracee.pid, number)
            if not passed:
                stop = client.expect_stop()
                client.resume(f"vCont;C{stop.value:02x}")
            proc.wait_until(lambda: proc.state(tracee.pid) == "S", "the program waits on")
        tracee.tell("z")
        assert tracee.line() == "1 errno 0 handled 0"


def test_g17_g28_a_signal_that_the_client_drops_interrupts_nothing(build: TraceeBuilder) -> None:
    with attached(build("cut_short")) as (tracee, _, client):
        client.current_stop()
        client.resume()
        tracee.tell("h")
        begin(tracee, tracee.pid, "e")
        os.kill(tracee.pid, signal.SIGUSR1)
        assert client.expect_stop().is_signal(GdbSignal.USR1)
        client.resume("vCont;c")
        proc.wait_until(lambda: proc.state(tracee.pid) == "S", "the program waits on")
        tracee.tell("z")
        assert tracee.line() == "1 errno 0 handled 0"


def test_g17_a_wait_with_a_timeout_ends_however_often_it_is_stopped(build: TraceeBuilder) -> None:
    with attached(build("cut_short")) as (tracee, _, client):
        client.current_stop()
        client.resume()
        tracee.tell("E")
        assert tracee.line() == "waiting"
        deadline = time.monotonic() + 5
        while tracee.says_nothing(0.01):
            assert client.interrupt().is_signal(GdbSignal.INT)
            client.resume()
            assert time.monotonic() < deadline
        assert tracee.line() in ("0 errno 0 handled 0", f"-1 errno {EINTR} handled 0")


def test_g17_a_wait_with_a_timeout_that_is_stopped_once_times_out(build: TraceeBuilder) -> None:
    with attached(build("cut_short")) as (tracee, _, client):
        client.current_stop()
        client.resume()
        begin(tracee, tracee.pid, "E")
        stop_and_go_on(client, tracee.pid, 1)
        assert tracee.line() == "0 errno 0 handled 0"


def run_code_inside(client: RspClient, code: int, end_of_code: int) -> None:
    """Run code of the program in the stopped thread, as a debugger's call does, and put everything back."""
    saved = client.ask("g")
    client.write_register("orig_rax", -1)
    client.write_register("rip", code)
    client.insert(0, end_of_code)
    stop = client.cont()
    assert stop.is_breakpoint and client.pc(stop) == end_of_code, stop
    client.remove(0, end_of_code)
    client.ok("G" + saved)


@pytest.mark.parametrize(("letter", "what", "result"), CALLS)
def test_g17_g19_code_run_inside_a_call_is_not_noticed(
    build: TraceeBuilder, letter: str, what: str, result: str
) -> None:
    program = build("cut_short")
    with attached(program) as (tracee, _, client):
        client.current_stop()
        client.resume()
        begin(tracee, tracee.pid, letter)
        client.interrupt()
        client.select_thread(tracee.pid)
        run_code_inside(client, program.address("trap_pad"), program.address("trap_at"))
        client.resume()
        assert end(tracee, tracee.pid, what) == result


def test_g17_a_new_pc_in_an_interrupted_wait_is_the_one_that_runs(build: TraceeBuilder) -> None:
    program = build("cut_short")
    with attached(program) as (tracee, _, client):
        client.current_stop()
        client.resume()
        begin(tracee, tracee.pid, "e")
        client.interrupt()
        client.write_register("rip", program.address("trap_pad"))
        client.insert(0, program.address("trap_at"))
        stop = client.cont()
        assert client.pc(stop) == program.address("trap_at")
        client.detach()
        tracee.process.kill()


def test_g20_an_interrupted_call_shows_what_the_kernel_says_of_it(build: TraceeBuilder) -> None:
    with at_ready(build("cut_short")) as (stub, client):
        for letter, result in (("n", -516), ("o", -516), ("s", -514), ("r", -512), ("e", -EINTR)):
            client.resume()
            begin(stub, stub.pid, letter)
            assert client.interrupt().is_signal(GdbSignal.INT)
            value, number = client.registers("rax", "orig_rax")
            assert value == result & (1 << 64) - 1
            assert number < 500
            client.resume()
            if letter != "n":
                stub.tell("z")
            stub.line()
            client.interrupt()
        finish(stub, client)
