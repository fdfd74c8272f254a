"""Signals both ways: ptrace gotchas G25 to G33."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
from pathlib import Path

import pytest

import gdbstub
from tests.support import proc
from tests.support.dialogue import (
    at_entry,
    at_ready,
    expect_exit,
    extended,
    finish,
    order,
    run_program,
    run_to_ready,
)
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient, StopReply
from tests.support.stub import Stub
from tests.support.tracees import TraceeBuilder, running


def goes_on(stub: Stub, client: RspClient, line: str, signal: int = 0) -> None:
    """Continue from a stop: the program says a line, and nothing more is reported."""
    client.resume(f"vCont;C{signal:02x}" if signal else "vCont;c")
    assert stub.line() == line
    assert client.is_quiet(0.05)
    assert client.interrupt().is_signal(GdbSignal.INT)


def check_plain_trap(stop: StopReply) -> None:
    assert stop.is_signal(GdbSignal.TRAP), stop
    assert stop.watch_address is None, stop


def test_g25_an_int3_of_the_program_is_a_signal_with_pc_behind_it(build: TraceeBuilder) -> None:
    program = build("trap_rows")
    with at_ready(program) as (stub, client):
        stop = order(stub, client, "i")
        check_plain_trap(stop)
        assert client.pc(stop) == program.address("after_own_trap")
        goes_on(stub, client, "traps 0 users 0")
        check_plain_trap(order(stub, client, "i"))
        goes_on(stub, client, "traps 1 users 0", GdbSignal.TRAP)


def test_g25_a_raised_sigtrap_is_a_signal(build: TraceeBuilder) -> None:
    with at_ready(build("trap_rows")) as (stub, client):
        check_plain_trap(order(stub, client, "r"))
        goes_on(stub, client, "traps 0 users 0")
        check_plain_trap(order(stub, client, "r"))
        goes_on(stub, client, "traps 1 users 0", GdbSignal.TRAP)


def test_g25_a_sigtrap_from_another_process_is_a_signal(build: TraceeBuilder) -> None:
    with at_ready(build("trap_rows")) as (stub, client):
        client.resume()
        os.kill(stub.pid, signal.SIGTRAP)
        check_plain_trap(client.expect_stop())
        client.resume()
        stub.ping()
        assert client.is_quiet(0.05)


def test_g25_a_step_over_a_syscall_instruction_is_a_step(build: TraceeBuilder) -> None:
    program = build("trap_rows")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("getpid_instruction"))
        stop = order(stub, client, "y")
        assert "swbreak" in stop.fields and client.pc(stop) == program.address("getpid_instruction")
        stop = client.step(stop.tid)
        check_plain_trap(stop)
        assert client.pc(stop) == program.address("after_getpid")
        assert client.register("rax") == stub.pid
        goes_on(stub, client, "traps 0 users 0")


@pytest.mark.parametrize(("kind", "tag"), [(0, "swbreak"), (1, "hwbreak")])
def test_g25_a_breakpoint_is_reported_at_its_address_with_its_tag(build: TraceeBuilder, kind: int, tag: str) -> None:
    program = build("trap_rows")
    with at_ready(program) as (stub, client):
        client.insert(kind, program.address("hot"))
        for _ in range(2):
            stop = order(stub, client, "h")
            assert tag in stop.fields, stop
            assert client.pc(stop) == program.address("hot")
            goes_on(stub, client, "traps 0 users 0")


def test_g25_a_write_watchpoint_is_reported_behind_the_write(build: TraceeBuilder) -> None:
    program = build("trap_rows")
    with at_ready(program) as (stub, client):
        client.insert(2, program.address("watched"), 8)
        stop = order(stub, client, "w")
        assert stop.watch_address == program.address("watched"), stop
        assert client.pc(stop) == program.address("after_write")
        goes_on(stub, client, "traps 0 users 0")


def test_g25_g56_a_step_with_a_signal_ends_at_the_handlers_first_instruction(build: TraceeBuilder) -> None:
    program = build("trap_rows")
    with at_ready(program) as (stub, client):
        stop = order(stub, client, "u")
        assert stop.is_signal(GdbSignal.USR1)
        stop = client.step(stop.tid, signal=GdbSignal.USR1)
        check_plain_trap(stop)
        assert client.pc(stop) == program.address("on_usr1")
        goes_on(stub, client, "traps 0 users 1")


def test_g26_no_queued_signal_is_lost_or_doubled_by_attaching_and_detaching(build: TraceeBuilder) -> None:
    dice = random.Random(26)
    sent = 0
    with running(build("counting_signals")) as tracee, extended() as (_, client):

        def burst() -> None:
            nonlocal sent
            for _ in range(50):
                os.kill(tracee.pid, 34 + dice.randrange(3))
                sent += 1

        client.pass_signals(*(GdbSignal.RT34 + offset for offset in range(3)))
        for _ in range(25):
            burst()
            client.send(f"vAttach;{tracee.pid:x}")
            burst()
            client.expect_stop()
            burst()
            if dice.random() < 0.5:
                client.resume()
                burst()
                assert client.interrupt().is_signal(GdbSignal.INT)
            client.detach()
        tracee.tell("c")
        assert tracee.line() == f"usr1 0 realtime {sent}"


def test_g26_realtime_signals_are_reported_and_delivered_once_each(build: TraceeBuilder) -> None:
    with at_ready(build("counting_signals")) as (stub, client):
        for _ in range(3):
            os.kill(stub.pid, 34)
        client.resume()
        for _ in range(3):
            assert client.expect_stop().is_signal(GdbSignal.RT34)
            client.resume(f"vCont;C{GdbSignal.RT34:02x}")
        stub.tell("c")
        assert stub.line() == "usr1 0 realtime 3"
        assert client.is_quiet(0.05)


def test_g04_an_interrupt_that_crosses_another_stop_comes_once_at_the_next_resume(build: TraceeBuilder) -> None:
    """The manual queues an interrupt that meets a stopped program: a client may resume without a word to its user."""
    program = build("spin")
    with at_ready(program, 2) as (stub, client):
        for _ in range(20):
            client.insert(0, program.address("tick"))
            client.resume()
            client.send_interrupt()
            stop = client.expect_stop()
            client.remove(0, program.address("tick"))
            if stop.is_breakpoint:
                client.resume()
                stop = client.expect_stop()
            assert stop.is_signal(GdbSignal.INT)
            client.resume()
            stub.ping()
            assert client.is_quiet(0.01)
            assert client.interrupt().is_signal(GdbSignal.INT)


def step_through_spot(build: TraceeBuilder, how: str) -> str:
    """Stop at a breakpoint, step, go on, and return what the program says of its SIGTRAP."""
    program = build("sigtrap_mask")
    with at_entry(program, how) as (stub, client):
        client.insert(0, program.address("spot"))
        client.resume()
        assert stub.line().startswith("ready")
        stub.tell("g")
        stop = client.expect_stop()
        assert "swbreak" in stop.fields
        for _ in range(3):
            check_plain_trap(client.step(stop.tid))
        client.remove(0, program.address("spot"))
        client.resume()
        return stub.line()


def test_g27_a_breakpoint_and_steps_leave_sigtrap_blocked(build: TraceeBuilder) -> None:
    assert step_through_spot(build, "block") == "blocked 1 ignored 0"


def test_g27_a_program_that_ignores_sigtrap_is_stepped_and_lives(build: TraceeBuilder) -> None:
    # The kernel resets the disposition itself and offers a tracer no way to put SIG_IGN back.
    assert step_through_spot(build, "ignore").startswith("blocked 0 ignored ")


def test_g28_passed_signals_never_stop_the_target_and_keep_its_timing(build: TraceeBuilder) -> None:
    with at_entry(build("alarms"), 300) as (stub, client):
        client.pass_signals(GdbSignal.ALRM)
        begin = time.monotonic()
        client.resume()
        assert stub.line().startswith("ready")
        assert stub.line() == "alarms done"
        expect_exit(client)
        assert time.monotonic() - begin < 5


_SIGINFO_CODE, _SIGINFO_PID, _SIGINFO_VALUE = 8, 16, 24


def test_g29_an_edited_siginfo_is_what_the_handler_gets(build: TraceeBuilder) -> None:
    with at_ready(build("signal_info")) as (stub, client):
        client.resume()
        os.kill(stub.pid, signal.SIGUSR1)
        assert client.expect_stop().is_signal(GdbSignal.USR1)
        info = bytearray(client.read_object("siginfo"))
        assert struct.unpack_from("=i", info)[0] == signal.SIGUSR1
        assert struct.unpack_from("=i", info, _SIGINFO_PID)[0] == os.getpid()
        struct.pack_into("=i", info, _SIGINFO_CODE, -1)
        struct.pack_into("=i", info, _SIGINFO_PID, 4321)
        struct.pack_into("=i", info, _SIGINFO_VALUE, 77)
        assert int(client.ask(b"qXfer:siginfo:write::0:" + bytes(info)), 16) == len(info)
        client.resume(f"vCont;C{GdbSignal.USR1:02x}")
        assert stub.line() == "usr1 code -1 pid 4321 value 77"


def test_g29_a_handler_that_resets_itself_runs_once(build: TraceeBuilder) -> None:
    with at_ready(build("signal_info")) as (stub, client):
        for _ in range(2):
            client.resume()
            os.kill(stub.pid, signal.SIGUSR2)
            assert client.expect_stop().is_signal(GdbSignal.USR2)
            client.resume(f"vCont;C{GdbSignal.USR2:02x}")
            if stub.says_nothing(0.2):
                break
            assert stub.line() == "usr2"
            assert client.interrupt().is_signal(GdbSignal.INT)
        stop = client.expect_stop()
        assert (stop.kind, stop.value) == ("X", GdbSignal.USR2)


def test_g29_an_injected_blocked_signal_waits_for_the_mask(build: TraceeBuilder) -> None:
    program = build("signal_info")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("spot"))
        assert order(stub, client, "b").is_breakpoint
        client.remove(0, program.address("spot"))
        client.resume(f"vCont;C{GdbSignal.USR1:02x}")
        assert stub.line() == "blocked"
        assert stub.says_nothing(0.05)
        stub.tell("B")
        assert client.expect_stop().is_signal(GdbSignal.USR1)
        client.resume(f"vCont;C{GdbSignal.USR1:02x}")
        assert stub.line().startswith("usr1 ")
        assert stub.line() == "unblocked"


def test_g30_a_launched_program_is_not_in_the_servers_process_group(build: TraceeBuilder) -> None:
    with at_entry(build("obey")) as (stub, _client):
        assert os.getpgid(stub.pid) != os.getpgid(stub.server_pid)


def test_g30_an_interrupt_reaches_a_program_that_blocks_and_ignores_sigint(build: TraceeBuilder) -> None:
    program = build("ignore_int")
    with at_entry(program) as (stub, client):
        client.resume()
        assert stub.line().startswith("ready")
        for _ in range(3):
            assert client.interrupt().is_signal(GdbSignal.INT)
            client.resume()
        assert client.interrupt().is_signal(GdbSignal.INT)
        client.write_memory(program.address("go_on"), bytes(8))
        client.resume()
        assert stub.line() == "ignored 1 blocked 1"
        expect_exit(client)


def children_of(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in listing.split()]


def test_g32_each_launched_program_is_reaped_with_its_own_status() -> None:
    with extended() as (stub, client):
        for status in range(12):
            assert run_program(client, "/bin/sh", "-c", f"/bin/true & /bin/true & exit {status}").kind == "T"
            stop = client.cont()
            while not stop.exited:
                assert stop.is_signal(GdbSignal.CHLD), stop
                stop = client.cont(GdbSignal.CHLD)
            assert (stop.kind, stop.value) == ("W", status)
            proc.wait_until(lambda: not children_of(stub.server_pid), "the server has no zombie")


def test_g33_nothing_waits_for_continued_children() -> None:
    # WCONTINUED would take the notification away from the real parent; the log of system calls has a name for it.
    package = Path(gdbstub.__file__).parent
    ours = [path for path in package.rglob("*.py") if path.parent.name != "abi"]
    offenders = [path for path in ours if "WCONTINUED" in path.read_text()]
    assert not offenders


def test_signals_of_a_program_are_reported_with_their_own_numbers(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        stop = order(stub, client, "a")
        assert stop.is_signal(GdbSignal.ABRT)
        stop = client.cont(GdbSignal.ABRT)
        assert (stop.kind, stop.value) == ("X", GdbSignal.ABRT)


def test_a_suppressed_signal_has_no_effect(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        client.resume()
        os.kill(stub.pid, signal.SIGTERM)
        assert client.expect_stop().is_signal(GdbSignal.TERM)
        client.resume()
        stub.ping()
        assert client.interrupt().is_signal(GdbSignal.INT)
        finish(stub, client)


def test_run_to_ready_can_be_repeated(build: TraceeBuilder) -> None:
    program = build("obey")
    with extended() as (stub, client):
        for _ in range(2):
            run_program(client, program)
            run_to_ready(stub, client)
            assert client.ask(f"vKill;{client.pid:x}") == "OK"
