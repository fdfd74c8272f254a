"""What the rest of the system sees of a traced process: ptrace gotchas G6, G13 and G31."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient
from tests.support.stub import attach
from tests.support.tracees import Tracee, TraceeBuilder, running

#: Fields of /proc/PID/status that a debugger's visit must not change.
KEPT = ["State", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Seccomp", "TracerPid"]


def status_of(pid: int) -> dict[str, str | None]:
    return {name: proc.status_field(pid, name) for name in KEPT}


@contextmanager
def under_a_parent_that_logs(build: TraceeBuilder) -> Iterator[tuple[Tracee, int]]:
    """Start a program under a parent that says what wait tells it."""
    with running(build("waitlog"), build("obey"), wait_for_ready=False) as parent:
        yield parent, int(parent.line().split()[1])


def job_control_story(tracee: Tracee, child: int, after_signal: Callable[[int], None]) -> list[str]:
    """Stop and continue the child twice, then let it exit; return what its parent said."""
    story = []
    for _ in range(2):
        os.kill(child, signal.SIGSTOP)
        after_signal(GdbSignal.STOP)
        story.append(tracee.line())
        os.kill(child, signal.SIGCONT)
        after_signal(GdbSignal.CONT)
        story.append(tracee.line())
        tracee.ping()
    tracee.tell("x")
    story.append(tracee.line())
    return story


UNTRACED_STORY = ["wait: stopped 19", "wait: continued"] * 2 + ["wait: exited 7"]


def nothing(_: int) -> None:
    pass


def test_g31_the_story_without_a_tracer(build: TraceeBuilder) -> None:
    with under_a_parent_that_logs(build) as (parent, child):
        assert job_control_story(parent, child, nothing) == UNTRACED_STORY


def test_g06_g31_the_parent_sees_the_same_under_a_client_that_passes_signals(build: TraceeBuilder) -> None:
    with under_a_parent_that_logs(build) as (parent, child), attach(child) as stub, stub.connect() as client:
        client.current_stop()
        client.pass_signals(GdbSignal.STOP, GdbSignal.CONT)
        client.resume()
        assert job_control_story(parent, child, nothing) == UNTRACED_STORY
        assert client.expect_stop().text.startswith("W")


def test_g06_g31_the_parent_sees_the_same_under_a_client_that_is_told_of_signals(build: TraceeBuilder) -> None:
    with under_a_parent_that_logs(build) as (parent, child), attach(child) as stub, stub.connect() as client:
        client.current_stop()

        def pass_it_on(number: int) -> None:
            stop = client.expect_stop()
            assert stop.value == number, stop
            client.resume(f"vCont;C{number:02x}")

        client.resume()
        assert job_control_story(parent, child, pass_it_on) == UNTRACED_STORY


def test_g31_e31_the_parent_sees_the_same_when_the_client_has_dropped(build: TraceeBuilder) -> None:
    with under_a_parent_that_logs(build) as (parent, child), attach(child) as stub:
        with stub.connect() as client:
            client.current_stop()
            client.resume()
            parent.ping()
        stub.wait_for_words("Remote side has terminated connection")
        assert job_control_story(parent, child, nothing) == UNTRACED_STORY


def test_g31_the_parent_sees_the_same_after_detach(build: TraceeBuilder) -> None:
    with under_a_parent_that_logs(build) as (parent, child):
        with attach(child) as stub, stub.connect() as client:
            client.current_stop()
            client.detach()
        assert job_control_story(parent, child, nothing) == UNTRACED_STORY


@pytest.mark.parametrize("running_first", [False, True])
def test_g31_the_parent_learns_of_a_kill_though_the_client_stalls(build: TraceeBuilder, running_first: bool) -> None:
    with under_a_parent_that_logs(build) as (parent, child), attach(child) as stub, stub.connect() as client:
        client.current_stop()
        if running_first:
            client.resume()
        os.kill(child, signal.SIGKILL)
        assert parent.line(2.0) == "wait: killed 9"
        assert stub.is_alive()


def visit(client: RspClient, spot: int, tracee: Tracee) -> None:
    """Do what a debugger does: stop at a breakpoint, step, look around, continue, interrupt."""
    client.insert(0, spot)
    client.resume()
    tracee.tell("g")
    stop = client.expect_stop()
    assert "swbreak" in stop.fields
    client.remove(0, spot)
    client.step(stop.tid)
    client.ask("g")
    client.resume()
    assert tracee.line().startswith("spot")
    client.interrupt()


def test_g13_status_after_a_visit_is_as_before(build: TraceeBuilder) -> None:
    program = build("obey")
    with running(program) as tracee:
        proc.wait_until(lambda: proc.state(tracee.pid) == "S", "it sleeps in its read")
        before = status_of(tracee.pid)
        with attach(tracee.pid) as stub, stub.connect() as client:
            client.current_stop()
            visit(client, program.address("spot"), tracee)
            client.detach()
        proc.wait_untraced(tracee.pid)
        proc.wait_until(lambda: proc.state(tracee.pid) == "S", "it sleeps in its read again")
        assert status_of(tracee.pid) == before
        assert before["TracerPid"] == "0"
        with Path(f"/proc/{tracee.pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(0x401000)
            assert memory.read(4096) == program.path.read_bytes()[0x1000:0x2000]


def stop_report(pid: int) -> int | None:
    """Take the stop that wait has for the parent, if it has one."""
    result = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG)
    return None if result is None else result.si_status


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("consumed", [True, False], ids=["consumed", "pending"])
def test_g13_a_stopped_process_is_as_stopped_as_before(build: TraceeBuilder, threads: int, consumed: bool) -> None:
    with running(build("sleepers"), threads - 1) as tracee:
        os.kill(tracee.pid, signal.SIGSTOP)
        proc.wait_until(
            lambda: {proc.state(tracee.pid, tid) for tid in proc.tids(tracee.pid)} == {"T"}, "all have stopped"
        )
        if consumed:
            assert stop_report(tracee.pid) == signal.SIGSTOP
        with attach(tracee.pid) as stub, stub.connect() as client:
            client.current_stop()
            assert len(client.threads()) == threads
            client.detach()
        proc.wait_untraced(tracee.pid)
        proc.wait_until(
            lambda: {proc.state(tracee.pid, tid) for tid in proc.tids(tracee.pid)} == {"T"}, "all are stopped"
        )
        assert stop_report(tracee.pid) == (None if consumed else signal.SIGSTOP)
        os.kill(tracee.pid, signal.SIGCONT)
        tracee.ping()
        assert tracee.finish() == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_g13_a_running_process_runs_as_before(build: TraceeBuilder, threads: int) -> None:
    with running(build("spin"), threads) as tracee:
        with attach(tracee.pid) as stub, stub.connect() as client:
            client.current_stop()
            assert len(client.threads()) == threads + 1
            client.detach()
        proc.wait_untraced(tracee.pid)
        assert stop_report(tracee.pid) is None
        tracee.ping()
        assert tracee.finish() == 0
