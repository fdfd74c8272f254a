"""Taking a process and letting it go: ptrace gotchas G1 to G16."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from tests.support import proc
from tests.support.dialogue import at_entry, at_ready, attached, expect_exit, extended, finish
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient
from tests.support.stub import Stub, attach, launch, server
from tests.support.tracees import TraceeBuilder, environment, running


def test_g01_requests_of_four_connections_all_reach_the_tracer_thread(build: TraceeBuilder) -> None:
    program = build("obey")
    with launch(program) as stub, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(stub.connect(timeout=5)) for _ in range(4)]
        failures: list[str] = []

        def many_requests(client: RspClient) -> None:
            for _ in range(250):
                reply = client.ask("g")
                if reply.startswith("E") or len(reply) < 100:
                    failures.append(reply)
                    return

        threads = [threading.Thread(target=many_requests, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not failures


def test_g02_a_stop_signal_that_races_the_attach_is_never_lost(build: TraceeBuilder) -> None:
    dice = random.Random(2)
    with running(build("obey")) as tracee, extended() as (_, client):
        for _ in range(60):
            last = None
            client.send(f"vAttach;{tracee.pid:x}")
            for _ in range(dice.randrange(3)):
                last = dice.choice([signal.SIGSTOP, signal.SIGCONT])
                os.kill(tracee.pid, last)
            stop = client.expect_stop()
            assert stop.kind in "ST"
            if dice.random() < 0.5:
                last = dice.choice([signal.SIGSTOP, signal.SIGCONT])
                os.kill(tracee.pid, last)
            client.detach()
            if last == signal.SIGSTOP:
                proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the last signal was SIGSTOP")
            elif last == signal.SIGCONT:
                proc.wait_until(lambda: proc.state(tracee.pid) in ("S", "R"), "the last signal was SIGCONT")
            os.kill(tracee.pid, signal.SIGCONT)
            tracee.ping()


def test_g03_attaching_to_a_stopped_process_answers_at_once(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee:
        os.kill(tracee.pid, signal.SIGSTOP)
        proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the process has stopped")
        with attach(tracee.pid) as stub, stub.connect() as client:
            assert client.stop_of(client.ask("?", timeout=1.0)).kind == "T"
            assert client.registers("rip")[0]
            client.detach()
        proc.wait_untraced(tracee.pid)
        proc.wait_until(lambda: proc.state(tracee.pid) == "T", "it is stopped as before")
        os.kill(tracee.pid, signal.SIGCONT)
        tracee.ping()


def test_g03_an_extended_client_attaches_to_a_stopped_process(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee, extended() as (_, client):
        for _ in range(5):
            os.kill(tracee.pid, signal.SIGSTOP)
            proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the process has stopped")
            assert client.attach(tracee.pid).kind in "ST"
            client.detach()
            proc.wait_untraced(tracee.pid)
            # The kernel wakes it so that it stops again by itself (__ptrace_unlink): R shows in between.
            proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the process is stopped as it was")
            os.kill(tracee.pid, signal.SIGCONT)
            tracee.ping()


def test_g04_no_interrupt_is_lost_in_a_signal_storm_and_none_comes_later(build: TraceeBuilder) -> None:
    with at_ready(build("counting_signals")) as (stub, client):
        client.pass_signals(GdbSignal.USR1)
        over = threading.Event()

        def storm() -> None:
            while not over.is_set():
                os.kill(stub.pid, signal.SIGUSR1)
                over.wait(0.0002)

        stormer = threading.Thread(target=storm)
        stormer.start()
        try:
            for _ in range(150):
                client.resume()
                assert client.interrupt().is_signal(GdbSignal.INT)
        finally:
            over.set()
            stormer.join()
        client.resume()
        assert client.is_quiet()
        stub.tell("q")
        expect_exit(client)


def test_g05_a_group_stop_is_not_a_second_signal(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        client.resume()
        os.kill(stub.pid, signal.SIGSTOP)
        assert client.expect_stop().is_signal(GdbSignal.STOP)
        client.resume(f"vCont;C{GdbSignal.STOP:02x}")
        proc.wait_until(lambda: proc.state(stub.pid) in ("T", "t"), "the stop signal has its effect")
        assert client.is_quiet()
        os.kill(stub.pid, signal.SIGCONT)
        assert client.expect_stop().is_signal(GdbSignal.CONT)
        client.resume(f"vCont;C{GdbSignal.CONT:02x}")
        stub.ping()
        assert client.is_quiet()


def test_g07_registers_of_a_job_stopped_process_can_be_read(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        client.pass_signals(GdbSignal.STOP, GdbSignal.CONT)
        before = client.registers("rsp")
        client.resume()
        os.kill(stub.pid, signal.SIGSTOP)
        proc.wait_until(lambda: proc.state(stub.pid) in ("T", "t"), "the process is job-stopped")
        stop = client.interrupt()
        assert stop.kind == "T"
        assert client.registers("rsp") == before
        client.resume()
        stub.tell("p")
        assert stub.says_nothing()
        os.kill(stub.pid, signal.SIGCONT)
        assert stub.line() == "pong"
        assert client.interrupt().is_signal(GdbSignal.INT)
        finish(stub, client)


def test_g08_a_continue_signal_right_after_the_attach_leaves_registers_readable(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee, extended() as (_, client):
        for _ in range(20):
            os.kill(tracee.pid, signal.SIGSTOP)
            proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the process has stopped")
            client.send(f"vAttach;{tracee.pid:x}")
            os.kill(tracee.pid, signal.SIGCONT)
            assert client.expect_stop().kind in "ST"
            assert client.registers("rip")[0]
            client.detach()
            tracee.ping()


def test_g09_a_signal_given_after_an_interrupt_reaches_its_handler(build: TraceeBuilder) -> None:
    with at_ready(build("counting_signals")) as (stub, client):
        client.resume(f"vCont;C{GdbSignal.USR1:02x}")
        stub.tell("c")
        assert stub.line() == "usr1 1 realtime 0"
        assert client.interrupt().is_signal(GdbSignal.INT)
        finish(stub, client)


@pytest.mark.parametrize("name", ["spin", "obey", "sleepers"])
def test_g10_detaching_from_a_process_that_was_running_or_sleeping(build: TraceeBuilder, name: str) -> None:
    with attached(build(name)) as (tracee, _stub, client):
        client.current_stop()
        client.resume()
        assert client.interrupt().is_signal(GdbSignal.INT)
        client.detach()
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        assert tracee.finish() == 0


def test_g10_detaching_passes_on_the_signal_that_was_reported(build: TraceeBuilder) -> None:
    with attached(build("counting_signals")) as (tracee, _stub, client):
        client.current_stop()
        client.resume()
        os.kill(tracee.pid, signal.SIGUSR1)
        assert client.expect_stop().is_signal(GdbSignal.USR1)
        client.detach()
        tracee.tell("c")
        assert tracee.line() == "usr1 1 realtime 0"


def test_g10_detaching_from_a_vfork_parent(build: TraceeBuilder) -> None:
    with attached(build("forks")) as (tracee, _stub, client):
        client.current_stop()
        client.resume()
        tracee.tell("V")
        client.interrupt()
        client.detach()
        assert tracee.line() == "vfork: exited 9"
        assert tracee.line().startswith("hits ")
        assert tracee.finish() == 0


def test_g11_detaching_while_threads_are_born_leaves_none_traced(build: TraceeBuilder) -> None:
    dice = random.Random(11)
    with running(build("thread_churn")) as tracee, extended() as (_, client):
        for _ in range(25):
            assert client.attach(tracee.pid).kind in "ST"
            for _ in range(dice.randrange(3)):
                client.resume()
                assert client.interrupt().is_signal(GdbSignal.INT)
            client.detach()
            proc.wait_untraced(tracee.pid)
            tracee.ping()
        assert tracee.finish() == 0


def test_g12_detaching_after_steps_leaves_no_trap_behind(build: TraceeBuilder) -> None:
    with running(build("spin")) as tracee, extended() as (_, client):
        for _ in range(10):
            client.attach(tracee.pid)
            # The leader sleeps in a read, whose step would take until the next letter.
            spinner = next(tid for _, tid in client.threads() if tid != tracee.pid)
            for _ in range(3):
                assert client.step(spinner).is_signal(GdbSignal.TRAP)
            client.detach()
            tracee.ping()
        assert tracee.finish() == 0


def test_g12_detaching_with_syscalls_caught_leaves_no_trap_behind(build: TraceeBuilder) -> None:
    with attached(build("syscalls")) as (tracee, _stub, client):
        client.require("QCatchSyscalls")
        client.current_stop()
        client.ok("QCatchSyscalls:1")
        client.cont()
        client.detach()
        tracee.tell("g")
        assert tracee.line() == "done"
        assert tracee.finish() == 0


def test_g13_a_breakpoint_left_inserted_is_gone_after_detach(build: TraceeBuilder) -> None:
    program = build("obey")
    with attached(program) as (tracee, _stub, client):
        client.current_stop()
        client.insert(0, program.address("spot"))
        client.detach()
        tracee.tell("g")
        assert tracee.line() == "spot 42"
        assert tracee.finish() == 0


def test_g14_killing_the_server_kills_what_it_launched(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, _client):
        pid = stub.pid
        stub.process.kill()
        stub.process.wait()
        proc.wait_gone(pid)


def test_g14_killing_the_server_lets_an_attached_process_live(build: TraceeBuilder) -> None:
    with attached(build("obey")) as (tracee, stub, client):
        client.current_stop()
        stub.process.kill()
        stub.process.wait()
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        assert tracee.finish() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_g14_a_server_ended_by_a_signal_takes_its_breakpoints_out(
    build: TraceeBuilder, number: signal.Signals
) -> None:
    program = build("obey")
    with attached(program) as (tracee, stub, client):
        client.current_stop()
        client.insert(0, program.address("spot"))
        client.resume()
        tracee.ping()
        stub.process.send_signal(number)
        stub.exit_status()
        proc.wait_untraced(tracee.pid)
        tracee.tell("g")
        assert tracee.line() == "spot 42"
        assert tracee.finish() == 0


def refusal(pid: int) -> str:
    with server("--attach", "localhost:0", pid) as stub:
        assert stub.exit_status() == 1
        return stub.stderr


def test_g15_e05_a_second_tracer_is_told_who_the_first_is(build: TraceeBuilder) -> None:
    with attached(build("obey")) as (tracee, first, _client):
        said = refusal(tracee.pid)
        assert f"Cannot attach to process {tracee.pid}: Operation not permitted (1)" in said
        assert str(first.server_pid) in said
        assert said.rstrip().endswith("Exiting")


def test_g15_e05_a_process_that_does_not_exist_is_named() -> None:
    with subprocess.Popen(["true"], env=environment()) as process:
        process.wait()
    said = refusal(process.pid)
    assert f"Cannot attach to process {process.pid}: No such process (3)" in said


def test_g15_a_zombie_is_called_one() -> None:
    with subprocess.Popen(["true"], env=environment()) as process:
        proc.wait_until(lambda: proc.state(process.pid) == "Z", "the process is a zombie")
        said = refusal(process.pid)
        process.wait()
    assert f"Cannot attach to process {process.pid}" in said
    assert "zombie" in said.lower() or "has exited" in said


def test_g15_a_process_of_another_user_is_refused_with_the_reason(build: TraceeBuilder) -> None:
    if os.getuid() != 0:
        pytest.skip("[needs-root] the test starts a server as another user")
    nobody = 65534
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable

    def as_nobody(*argv: str) -> subprocess.CompletedProcess[str]:
        # Python's packages may lie where only root can look: hand the import path over.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        return subprocess.run(
            argv,
            user=nobody,
            group=nobody,
            extra_groups=[],
            capture_output=True,
            text=True,
            env={**environment(), "PYTHONPATH": path},
            check=False,
            timeout=20,
        )

    with contextlib.suppress(OSError):
        if as_nobody(python, "-c", "import gdbstub, trio, ptrace").returncode == 0:
            with running(build("obey")) as tracee:
                done = as_nobody(python, "-m", "gdbstub", "--attach", "localhost:0", str(tracee.pid))
                assert done.returncode == 1
                assert "Operation not permitted (1)" in done.stderr
                assert "uid" in done.stderr or "user" in done.stderr
                tracee.ping()
            return
    pytest.skip("[unreadable-installation] another user cannot run the server from here")


def check_all_threads_traced_by(stub: Stub, pid: int) -> None:
    for tid in proc.tids(pid):
        tracer = proc.tracer_pid(pid, tid)
        gone = tracer is None or proc.state(pid, tid) in ("Z", "X", None)
        assert gone or tracer == stub.server_pid, f"thread {tid} is traced by {tracer}"


def test_g16_attaching_gets_every_thread_of_a_process_that_keeps_starting_them(build: TraceeBuilder) -> None:
    with running(build("thread_churn")) as tracee, extended() as (stub, client):
        for _ in range(20):
            assert client.attach(tracee.pid).kind in "ST"
            check_all_threads_traced_by(stub, tracee.pid)
            live = {tid for tid in proc.tids(tracee.pid) if proc.state(tracee.pid, tid) == "t"}
            assert {tid for _, tid in client.threads()} >= live
            client.detach()
        assert tracee.finish() == 0


def test_g16_attaching_gets_every_thread_of_a_large_process(build: TraceeBuilder) -> None:
    with attached(build("sleepers"), 200) as (tracee, stub, client):
        client.current_stop()
        assert len(client.threads()) == 201
        check_all_threads_traced_by(stub, tracee.pid)
        client.detach()
        tracee.ping()
        assert tracee.finish() == 0


def test_a_launched_program_is_stopped_before_its_first_instruction(build: TraceeBuilder) -> None:
    with at_entry(build("obey")) as (stub, client):
        stop = client.current_stop()
        assert stop.is_signal(GdbSignal.TRAP)
        assert (stop.pid, stop.tid) == (stub.pid, stub.pid)
        assert stub.says_nothing(0.05)
        finish(stub, client)
