"""Memory that a client has mapped in the program by a call that one of its threads makes: nobody can tell."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from tests.integration.test_interrupted_calls import CALLS, begin, end
from tests.support import proc
from tests.support.dialogue import at_entry, at_ready, attached, expect_exit, finish, order
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient
from tests.support.stub import launch, multi
from tests.support.tracees import TraceeBuilder, running

PAGE = 4096
_SIGINFO_CODE, _SIGINFO_PID = 8, 16


def allocate(client: RspClient, length: int = PAGE, permissions: str = "rwx") -> int:
    reply = client.ask(f"_M{length:x},{permissions}")
    assert not reply.startswith("E") and reply, reply
    return int(reply, 16)


def try_out(client: RspClient, pid: int) -> None:
    """Map, use and unmap memory; the registers of every thread are as before."""
    before = _all_registers(client, pid)
    address = allocate(client)
    assert _permissions(pid, address) == "rwxp"
    client.write_memory(address, b"hello")
    assert client.read_memory(address, 5) == b"hello"
    assert _all_registers(client, pid) == before
    client.ok(f"_m{address:x}")
    assert _permissions(pid, address) is None
    assert _all_registers(client, pid) == before


def _all_registers(client: RspClient, pid: int) -> list[str]:
    found = []
    for process, tid in client.threads():
        if process == pid:
            client.ok(f"Hgp{process:x}.{tid:x}")
            found.append(client.ask("g"))
    return found


def _permissions(pid: int, address: int) -> str | None:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, permissions, *_ = line.split()
        start, end = (int(each, 16) for each in span.split("-"))
        if start <= address < end:
            return permissions
    return None


def test_memory_with_the_permissions_asked_for(build: TraceeBuilder) -> None:
    with at_ready(build("signal_info")) as (stub, client):
        for permissions, seen in (("rw", "rw-p"), ("rx", "r-xp"), ("", "---p")):
            assert _permissions(stub.pid, allocate(client, 3 * PAGE, permissions)) == seen
        finish(stub, client)


def test_what_was_not_allocated_is_not_freed(build: TraceeBuilder) -> None:
    program = build("memory")
    with at_ready(program) as (stub, client):
        page = client.read_word(program.address("page"))
        address = allocate(client)
        for at in (page, address + PAGE, 0):
            assert client.ask(f"_m{at:x}").startswith("E")
        client.ok(f"_m{address:x}")
        assert client.ask(f"_m{address:x}").startswith("E")
        for wrong in ("_M", "_M0,rw", "_M1000", "_Mx,rw", "_M1000,q", "_m", "_mq"):
            assert client.ask(wrong).startswith("E"), wrong
        finish(stub, client)


def test_another_clients_memory_is_not_freed(build: TraceeBuilder) -> None:
    with at_ready(build("memory")) as (stub, client), stub.connect() as other:
        other.current_stop()
        address = allocate(client)
        assert other.ask(f"_m{address:x}").startswith("E")
        client.ok(f"_m{address:x}")


def test_before_the_first_instruction(build: TraceeBuilder) -> None:
    with at_entry(build("memory")) as (stub, client):
        # The call that started the program is left first, and the result of it shows.
        allocate(client)
        try_out(client, stub.pid)
        client.resume()
        assert stub.line().startswith("ready")


@pytest.mark.parametrize(("letter", "what", "result"), CALLS)
@pytest.mark.parametrize("variant", ["no-pie", "m32"])
def test_g17_g19_a_call_of_ours_inside_a_call_of_the_programs(
    build: TraceeBuilder, letter: str, what: str, result: str, variant: str
) -> None:
    with attached(build("cut_short", variant=variant)) as (tracee, _, client):
        client.current_stop()
        client.resume()
        begin(tracee, tracee.pid, letter)
        for _ in range(2):
            assert client.interrupt().is_signal(GdbSignal.INT)
            try_out(client, tracee.pid)
            client.resume()
        assert end(tracee, tracee.pid, what) == result
        tracee.ping()
        client.interrupt()
        client.detach()
        assert tracee.finish() == 0


def test_at_a_breakpoint_and_after_a_step(build: TraceeBuilder) -> None:
    program = build("signal_info")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("spot"))
        stop = order(stub, client, "b")
        assert stop.is_breakpoint
        info = client.read_object("siginfo")
        try_out(client, stub.pid)
        assert client.read_object("siginfo") == info
        client.step(stop.tid)
        try_out(client, stub.pid)
        client.remove(0, program.address("spot"))
        client.resume(f"vCont;C{GdbSignal.USR2:02x}")
        assert {stub.line(), stub.line()} == {"blocked", "usr2"}


def test_g29_with_a_signal_about_to_be_delivered(build: TraceeBuilder) -> None:
    with at_ready(build("signal_info")) as (stub, client):
        client.resume()
        os.kill(stub.pid, signal.SIGUSR1)
        assert client.expect_stop().is_signal(GdbSignal.USR1)
        info = bytearray(client.read_object("siginfo"))
        assert struct.unpack_from("=i", info, _SIGINFO_PID)[0] == os.getpid()
        try_out(client, stub.pid)
        assert client.read_object("siginfo") == info
        client.resume(f"vCont;C{GdbSignal.USR1:02x}")
        assert stub.line() == f"usr1 code 0 pid {os.getpid()} value 0"
        assert stub.says_nothing()
        client.interrupt()
        finish(stub, client)


def test_a_signal_that_is_dropped_stays_dropped(build: TraceeBuilder) -> None:
    with at_ready(build("signal_info")) as (stub, client):
        client.resume()
        os.kill(stub.pid, signal.SIGUSR1)
        assert client.expect_stop().is_signal(GdbSignal.USR1)
        try_out(client, stub.pid)
        client.resume()
        stub.ping()


def test_signals_that_came_meanwhile_are_reported_after_it(build: TraceeBuilder) -> None:
    with at_ready(build("signal_info")) as (stub, client):
        for sig in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGSTOP):
            os.kill(stub.pid, sig)
        try_out(client, stub.pid)
        seen = set()
        for _ in range(3):
            stop = client.cont()
            seen.add(stop.value)
        assert seen == {GdbSignal.USR1, GdbSignal.USR2, GdbSignal.STOP}


@pytest.mark.parametrize("stops", [1, 2])
def test_g21_at_a_caught_call(build: TraceeBuilder, stops: int) -> None:
    with at_ready(build("syscalls")) as (stub, client):
        client.ok("QCatchSyscalls:1;27")
        stop = order(stub, client, "g")
        for _ in range(stops - 1):
            stop = client.cont()
        which = "syscall_entry" if stops == 1 else "syscall_return"
        assert stop.fields[which] == "27"
        try_out(client, stub.pid)
        following = ["syscall_return", "syscall_entry"] * 3
        for name in following[stops - 1 : 5]:
            assert client.cont().fields.get(name) == "27"
        client.resume()
        assert stub.line() == "done"


def test_in_a_forked_child_and_its_parent(build: TraceeBuilder) -> None:
    program = build("forks")
    with at_ready(program, features=DEFAULT_FEATURES + ";fork-events+") as (stub, client):
        client.require("fork-events")
        client.pass_signals(GdbSignal.CHLD)
        stop = order(stub, client, "f")
        child, tid = stop.fields["fork"][1:].split(".")
        # The parent leaves its fork first, and the result of it shows.
        client.ok(f"Hgp{stub.pid:x}.{stub.pid:x}")
        client.ok(f"_m{allocate(client):x}")
        try_out(client, stub.pid)
        client.ok(f"Hgp{child}.{tid}")
        before = client.ask("g")
        address = allocate(client)
        assert _permissions(int(child, 16), address) == "rwxp"
        assert _permissions(stub.pid, address) is None
        assert client.ask("g") == before
        client.ok(f"D;{child}")
        client.resume()
        assert stub.line() == "fork: exited 8"


def test_g6_a_job_that_is_stopped_stays_stopped(build: TraceeBuilder) -> None:
    with running(build("signal_info")) as tracee:
        os.kill(tracee.pid, signal.SIGSTOP)
        proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the job has stopped")
        with multi() as stub, stub.connect() as client:
            client.ok("!")
            client.attach(tracee.pid)
            try_out(client, tracee.pid)
            client.ok(f"D;{tracee.pid:x}")
            proc.wait_untraced(tracee.pid)
            # PTRACE: a detached thread is woken, and finds by itself that its job is stopped.
            proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the job is left stopped")
        os.kill(tracee.pid, signal.SIGCONT)
        tracee.ping()


def test_other_threads_do_not_move(build: TraceeBuilder) -> None:
    program = build("spin")
    with attached(program, 2) as (tracee, _stub, client):
        client.current_stop()
        counters = client.read_memory(program.address("counters"), 16)
        for _ in range(20):
            try_out(client, tracee.pid)
        assert client.read_memory(program.address("counters"), 16) == counters
        client.detach()
        proc.wait_untraced(tracee.pid)
        tracee.ping()


def test_a_kill_in_the_middle_of_many_calls_ends_the_process(build: TraceeBuilder) -> None:
    with attached(build("signal_info")) as (tracee, stub, client):
        client.current_stop()
        for _ in range(50):
            client.send("_M1000,rw")
        os.kill(tracee.pid, signal.SIGKILL)
        replies = [client.receive() for _ in range(50)]
        assert all(len(each) == 16 or each.startswith("E") for each in replies), replies
        assert client.cont().kind == "X"
        assert stub.is_alive()


def test_memory_stays_when_its_client_leaves(build: TraceeBuilder) -> None:
    with attached(build("signal_info")) as (tracee, _stub, client):
        client.current_stop()
        address = allocate(client)
        client.write_memory(address, b"the program may point here")
        client.detach()
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        assert _permissions(tracee.pid, address) == "rwxp"


def test_nothing_can_be_mapped_while_the_program_runs(build: TraceeBuilder) -> None:
    with at_ready(build("signal_info")) as (stub, client):
        client.ok("QNonStop:1")
        client.resume("vCont;c")
        assert client.receive() == "OK"
        assert client.ask("_M1000,rw").startswith("E")
        stub.ping()


@pytest.mark.parametrize("verdict", ["a", "e"])
def test_g23_a_filter_that_kills_for_the_call_does_not(build: TraceeBuilder, verdict: str) -> None:
    with at_ready(build("forbidden"), verdict, features=DEFAULT_FEATURES + ";error-message+") as (stub, client):
        client.resume()
        line = stub.line()
        assert line == "filtered"
        client.interrupt()
        reply = client.ask("_M1000,rw")
        if reply.startswith("E"):
            # Without the privilege to suspend it.
            assert "seccomp" in reply
        else:
            client.ok(f"_m{int(reply, 16):x}")
        client.resume()
        stub.ping()
        if verdict == "e":
            # The filter is in force again.
            stub.tell("m")
            assert stub.line() == "mapped 0"
        client.interrupt()
        finish(stub, client)


def test_g65_a_restartable_sequence_is_still_aborted(build: TraceeBuilder) -> None:
    program = build("sequence")
    probe = subprocess.run([str(program)], input=b"", stdout=subprocess.PIPE, check=False)
    if probe.returncode == 77:
        pytest.skip("[kernel] there are no restartable sequences")
    with launch(program) as stub, stub.connect() as client:
        client.resume()
        assert stub.line().startswith("ready")
        stub.tell("g")
        assert stub.line() == "inside"
        inside = range(program.address("sequence_start"), program.address("sequence_end"))
        proc.wait_until(lambda: proc.user_ticks(stub.pid) > 2, "the program spins")
        while client.pc(client.interrupt()) not in inside:
            client.resume()
        try_out(client, stub.pid)
        client.write_memory(program.address("leave"), (1).to_bytes(4, "little"))
        client.resume()
        expect_exit(client, 0)
