"""System calls that a stop interrupts, and calls that are caught: ptrace gotchas G18, G21, G22, G24."""

from __future__ import annotations

import errno
import itertools
import os
import signal

import pytest

from tests.support import proc
from tests.support.dialogue import at_ready, attached, order
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient, StopReply
from tests.support.stub import Stub
from tests.support.tracees import TraceeBuilder

READ, GETPID, CLONE, EXECVE, GETPPID = 0, 39, 56, 59, 110
ERESTARTSYS, ERESTART_RESTARTBLOCK = 512, 516


def interrupt_in_call(stub: Stub, client: RspClient, letter: str, line: str) -> StopReply:
    """Bring the program into a blocking call and stop it there."""
    client.resume()
    stub.tell(letter)
    assert stub.line() == line
    proc.wait_until(lambda: proc.state(stub.pid) == "S", "the program sleeps in its call")
    stop = client.interrupt()
    assert stop.is_signal(GdbSignal.INT)
    return stop


def test_g18_a_new_pc_in_an_interrupted_call_is_the_one_that_runs(build: TraceeBuilder) -> None:
    program = build("restart")
    with at_ready(program) as (stub, client):
        interrupt_in_call(stub, client, "r", "reading")
        assert client.registers("rax", "orig_rax") == ((1 << 64) - ERESTARTSYS, READ)
        client.write_register("rip", program.address("landing"))
        stop = client.cont()
        assert (stop.kind, stop.value) == ("W", 42), stop


def test_g18_a_new_pc_given_with_all_registers_is_the_one_that_runs(build: TraceeBuilder) -> None:
    program = build("restart")
    with at_ready(program) as (stub, client):
        interrupt_in_call(stub, client, "z", "sleeping")
        place = client.register_places()["rip"]
        data = bytearray(bytes.fromhex(client.ask("g").replace("xx", "00")))
        data[place.offset : place.offset + 8] = program.address("landing").to_bytes(8, "little")
        orig = client.register_places()["orig_rax"]
        # As gdb writes it for an inferior call: no system call to restart.
        data[orig.offset : orig.offset + 8] = b"\xff" * 8
        client.ok("G" + data.hex())
        stop = client.cont()
        assert (stop.kind, stop.value) == ("W", 42), stop


@pytest.mark.parametrize(
    ("letter", "line", "byte", "result"),
    [("r", "reading", "k", "read 1 k errno 0"), ("z", "sleeping", "", "slept 0 long enough 1")],
)
def test_g18_a_call_goes_on_after_code_was_run_inside_it(
    build: TraceeBuilder, letter: str, line: str, byte: str, result: str
) -> None:
    program = build("restart")
    with at_ready(program) as (stub, client):
        interrupt_in_call(stub, client, letter, line)
        saved = client.ask("g")
        client.write_register("orig_rax", -1)
        client.write_register("rip", program.address("trap_pad"))
        client.insert(0, program.address("trap_at"))
        stop = client.cont()
        assert stop.is_breakpoint and client.pc(stop) == program.address("trap_at"), stop
        client.remove(0, program.address("trap_at"))
        client.ok("G" + saved)
        client.resume()
        stub.tell(byte)
        assert stub.line() == result


def syscall_event(stop: StopReply) -> tuple[str, int]:
    for name in ("syscall_entry", "syscall_return"):
        if name in stop.fields:
            return name, int(stop.fields[name], 16)
    raise AssertionError(f"no syscall stop: {stop}")


def expect_pair(client: RspClient, first: StopReply, number: int) -> None:
    """Check that ``first`` is an entry, and continue to its return."""
    assert syscall_event(first) == ("syscall_entry", number)
    assert syscall_event(client.cont()) == ("syscall_return", number)


def test_g21_entries_and_returns_alternate(build: TraceeBuilder) -> None:
    with at_ready(build("syscalls")) as (stub, client):
        client.require("QCatchSyscalls")
        client.ok(f"QCatchSyscalls:1;{GETPID:x}")
        expect_pair(client, order(stub, client, "g"), GETPID)
        expect_pair(client, client.cont(), GETPID)
        expect_pair(client, client.cont(), GETPID)
        client.resume()
        assert stub.line() == "done"


def test_g21_parity_survives_fork_and_exec(build: TraceeBuilder) -> None:
    with at_ready(build("syscalls")) as (stub, client):
        client.require("QCatchSyscalls")
        client.pass_signals(GdbSignal.CHLD)
        client.ok(f"QCatchSyscalls:1;{CLONE:x};{GETPID:x};{EXECVE:x}")
        expect_pair(client, order(stub, client, "f"), CLONE)
        expect_pair(client, client.cont(), GETPID)
        client.resume()
        assert stub.line() == "forked 3"
        client.interrupt()
        expect_pair(client, order(stub, client, "e"), EXECVE)
        client.ok(f"QCatchSyscalls:1;{GETPID:x}")
        client.resume()
        assert stub.line() == "after"
        stub.tell("g")
        for _ in range(3):
            expect_pair(client, client.expect_stop(), GETPID)
            client.resume()
        assert stub.line() == "done"


def test_g21_attaching_in_the_middle_of_a_call_starts_with_its_entry(build: TraceeBuilder) -> None:
    with attached(build("obey")) as (tracee, _stub, client):
        client.require("QCatchSyscalls")
        client.current_stop()
        client.ok(f"QCatchSyscalls:1;{READ:x}")
        assert syscall_event(client.cont()) == ("syscall_entry", READ)
        client.resume()
        tracee.tell("p")
        assert syscall_event(client.expect_stop()) == ("syscall_return", READ)


def test_g21_a_kill_at_an_entry_is_reported_as_the_death(build: TraceeBuilder) -> None:
    with at_ready(build("syscalls")) as (stub, client):
        client.require("QCatchSyscalls")
        client.ok(f"QCatchSyscalls:1;{GETPID:x}")
        order(stub, client, "g")
        os.kill(stub.pid, signal.SIGKILL)
        stop = client.cont()
        assert (stop.kind, stop.value) == ("X", GdbSignal.KILL)


@pytest.mark.parametrize(("instead", "told"), [(GETPPID, GETPPID), (-1, GETPID)], ids=["another call", "no call"])
def test_g24_a_call_that_one_client_replaces_is_told_to_the_other_as_it_was_made(
    build: TraceeBuilder, instead: int, told: int
) -> None:
    with at_ready(build("syscalls")) as (stub, logger), stub.connect() as changer:
        changer.current_stop()
        for client in (logger, changer):
            client.ok(f"QCatchSyscalls:1;{GETPID:x}")
            client.resume()
        stub.tell("g")
        for client in (logger, changer):
            assert syscall_event(client.expect_stop()) == ("syscall_entry", GETPID)
        changer.write_register("orig_rax", instead)
        for client in (changer, logger):
            client.resume()
        for client in (logger, changer):
            assert syscall_event(client.expect_stop()) == ("syscall_return", told)
        expected = stub.server_pid if instead == GETPPID else -errno.ENOSYS
        assert logger.register("rax") == expected & (1 << 64) - 1
        # The next one is the program's own again.
        for client in (logger, changer):
            client.resume()
        for client in (logger, changer):
            assert syscall_event(client.expect_stop()) == ("syscall_entry", GETPID)


def test_g22_an_interrupt_in_a_caught_call_does_not_lose_its_return(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, client):
        client.require("QCatchSyscalls")
        client.ok(f"QCatchSyscalls:1;{READ:x}")
        events = [syscall_event(client.cont())[0]]
        client.resume()
        proc.wait_until(lambda: proc.state(stub.pid) == "S", "the program sleeps in the read")
        client.send_interrupt()
        # Either the interrupt is reported, or the return of the cut-short read comes before it.
        stop = client.expect_stop()
        stub.tell("p")
        for _ in range(8):
            if not stop.is_signal(GdbSignal.INT):
                events.append(syscall_event(stop)[0])
            if events[-1] == "syscall_entry" and not stub.says_nothing(0.02):
                break
            stop = client.cont()
        assert stub.line() == "pong"
        assert len(events) >= 3
        assert all(first != second for first, second in itertools.pairwise(events)), events


def test_a_breakpoint_right_behind_a_system_call_is_met_by_step_and_by_continue(build: TraceeBuilder) -> None:
    program = build("trap_rows")
    at, behind = program.address("getpid_instruction"), program.address("after_getpid")
    with at_ready(program) as (stub, client):
        client.insert(0, at)
        client.insert(0, behind)
        for stepping in (True, False):
            stop = order(stub, client, "y")
            assert stop.is_breakpoint and client.pc(stop) == at
            stop = client.step(stop.tid) if stepping else client.cont()
            assert client.pc(stop) == behind
            assert client.register("rax") == stub.pid
            if stepping:
                # The step has not run into the breakpoint yet, or tells it at once.
                stop = stop if stop.is_breakpoint else client.cont()
            assert stop.is_breakpoint and client.pc(stop) == behind
            client.resume()
            assert stub.line().startswith("traps ")
            client.interrupt()


def test_a_call_that_was_left_uncaught_in_its_middle_hides_no_later_one(build: TraceeBuilder) -> None:
    with at_ready(build("syscalls")) as (stub, client):
        client.ok(f"QCatchSyscalls:1;{GETPID:x}")
        entry = order(stub, client, "g")
        assert entry.fields["syscall_entry"] == f"{GETPID:x}"
        before = client.pc()
        client.ok("QCatchSyscalls:0")
        stop = client.step(stub.pid)
        assert (stop.value, client.pc()) == (GdbSignal.TRAP, before)
        assert client.registers("rax") == (stub.pid,)
        client.ok(f"QCatchSyscalls:1;{GETPID:x}")
        for key in ("syscall_entry", "syscall_return", "syscall_entry", "syscall_return"):
            assert client.cont().fields[key] == f"{GETPID:x}"
        client.ok("QCatchSyscalls:0")
        client.resume()
        assert stub.line() == "done"
