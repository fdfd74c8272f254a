"""Breakpoints and steps: ptrace gotchas G55 to G57, G59 to G61."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.support.dialogue import at_entry, at_ready, expect_exit, finish, order
from tests.support.gdb_signals import GdbSignal
from tests.support.offers import not_offered
from tests.support.rsp_client import DEFAULT_FEATURES
from tests.support.tracees import TraceeBuilder

TRAP_INSTRUCTION = b"\xcc"


def test_a_breakpoint_is_hit_each_time_until_it_is_removed(build: TraceeBuilder) -> None:
    program = build("obey")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("spot"))
        for count in range(42, 45):
            stop = order(stub, client, "g")
            assert "swbreak" in stop.fields
            assert client.pc(stop) == program.address("spot")
            client.resume()
            assert stub.line() == f"spot {count}"
            assert client.interrupt().is_signal(GdbSignal.INT)
        client.remove(0, program.address("spot"))
        client.resume()
        stub.tell("g")
        assert stub.line() == "spot 45"
        assert client.is_quiet(0.05)


def test_trap_instructions_are_never_read_back(build: TraceeBuilder) -> None:
    program = build("obey")
    at = program.address("spot")
    with at_ready(program) as (_stub, client):
        before = client.read_memory(at - 8, 24)
        client.insert(0, at)
        client.insert(0, at + 1)
        assert client.read_memory(at - 8, 24) == before
        assert client.read_memory(at, 1) == before[8:9]
        client.remove(0, at)
        client.remove(0, at + 1)
        assert client.read_memory(at - 8, 24) == before


def test_memory_written_under_a_breakpoint_stays_when_it_is_removed(build: TraceeBuilder) -> None:
    program = build("memory")
    # mov $41, %eax at the start of answer(): the operand is one byte behind.
    at = program.address("answer")
    with at_ready(program) as (stub, client):
        code = client.read_memory(at, 8)
        where = code.index(b"\x29\x00\x00\x00")
        client.insert(0, at)
        client.insert(0, at + where)
        client.write_memory(at, code.replace(b"\x29", b"\x2a"))
        assert client.read_memory(at, 8) == code.replace(b"\x29", b"\x2a")
        client.remove(0, at + where)
        client.remove(0, at)
        client.resume()
        stub.tell("v")
        assert "answer 42" in stub.line()


def test_inserting_twice_and_removing_what_is_not_there_is_harmless(build: TraceeBuilder) -> None:
    program = build("obey")
    at = program.address("spot")
    with at_ready(program) as (stub, client):
        client.insert(0, at)
        client.insert(0, at)
        client.remove(0, at)
        client.remove(0, at)
        client.resume()
        stub.tell("g")
        assert stub.line() == "spot 42"
        assert client.is_quiet(0.05)


@pytest.mark.parametrize("address", [0, 0x10, 0x7FFFFFFFFFFF, 0xFFFFFFFFFF600000, 0xFFFFFFFFFFFFFFFF])
def test_g57_a_breakpoint_where_none_can_be_is_refused(build: TraceeBuilder, address: int) -> None:
    with at_ready(build("obey")) as (stub, client):
        assert client.ask(f"Z0,{address:x},1").startswith("E")
        finish(stub, client)


def test_a_step_runs_one_instruction_of_one_thread(build: TraceeBuilder) -> None:
    program = build("spin")
    with at_ready(program, 2) as (stub, client):
        spinners = [tid for _, tid in client.threads() if tid != stub.pid]
        for _ in range(5):
            client.select_thread(spinners[1])
            other = client.registers("rip", "rsp")
            sums = client.read_memory(program.address("counters"), 16)
            stop = client.step(spinners[0])
            assert stop.is_signal(GdbSignal.TRAP) and stop.tid == spinners[0]
            client.select_thread(spinners[1])
            assert client.registers("rip", "rsp") == other
            after = client.read_memory(program.address("counters"), 16)
            assert sum(a != b for a, b in zip(sums, after, strict=True)) <= 8


def test_g55_a_step_over_execve_is_answered(build: TraceeBuilder) -> None:
    program = build("step_syscall")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("execve_instruction"))
        stop = order(stub, client, "e")
        assert "swbreak" in stop.fields
        client.remove(0, program.address("execve_instruction"))
        stop = client.step(stop.tid)
        assert stop.kind == "T" and stop.tid == stub.pid
        assert client.pc(stop) != program.address("execve_instruction") + 2
        client.resume()
        assert stub.line() == "after"
        stub.ping()


def test_g55_a_step_over_execve_with_exec_events_is_the_exec(build: TraceeBuilder) -> None:
    program = build("step_syscall")
    with at_ready(program, features=DEFAULT_FEATURES + ";exec-events+") as (stub, client):
        client.require("exec-events")
        client.insert(0, program.address("execve_instruction"))
        stop = order(stub, client, "e")
        stop = client.step(stop.tid)
        assert "exec" in stop.fields, stop
        client.resume()
        assert stub.line() == "after"


def test_g55_a_step_over_exit_is_the_exit(build: TraceeBuilder) -> None:
    program = build("step_syscall")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("exit_instruction"))
        stop = order(stub, client, "x")
        stop = client.step(stop.tid)
        assert (stop.kind, stop.value) == ("W", 21)


def test_g55_a_step_over_sigreturn_lands_where_the_signal_came(build: TraceeBuilder) -> None:
    program = build("step_syscall")
    with at_ready(program) as (stub, client):
        client.pass_signals(GdbSignal.USR1)
        client.insert(0, program.address("sigreturn_instruction"))
        stop = order(stub, client, "s")
        assert "swbreak" in stop.fields
        stop = client.step(stop.tid)
        assert stop.is_signal(GdbSignal.TRAP)
        assert client.pc(stop) == program.address("after_kill")
        client.resume()
        assert stub.line() == "handled 1"


def test_g55_a_step_over_clone_stays_in_the_parent(build: TraceeBuilder) -> None:
    program = build("step_syscall")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("clone_instruction"))
        stop = order(stub, client, "c")
        stop = client.step(stop.tid)
        assert stop.is_signal(GdbSignal.TRAP) and stop.tid == stub.pid
        assert client.pc(stop) == program.address("after_clone")
        client.resume()
        assert stub.line() == "child ran"
        assert client.is_quiet(0.05)


def test_g56_no_hit_of_a_hot_breakpoint_is_missed_under_passed_signals(build: TraceeBuilder) -> None:
    program = build("hot_alarm")
    with at_ready(program, 200, 100) as (stub, client):
        client.pass_signals(GdbSignal.ALRM)
        client.insert(0, program.address("hot"))
        stop = order(stub, client, "g")
        hits = 0
        while not stop.exited:
            assert "swbreak" in stop.fields and client.pc(stop) == program.address("hot"), stop
            hits += 1
            stop = client.cont()
        assert stub.line() == "rounds 200 alarms 1"
        assert (stop.kind, stop.value, hits) == ("W", 0, 200)


def test_g56_no_hit_is_missed_when_the_client_passes_each_signal_on(build: TraceeBuilder) -> None:
    program = build("hot_alarm")
    # Slower than the round trip of a stop, or the program would do nothing but handle alarms.
    with at_ready(program, 50, 20_000) as (stub, client):
        client.insert(0, program.address("hot"))
        stop = order(stub, client, "g")
        hits = alarms = 0
        while not stop.exited:
            if stop.is_signal(GdbSignal.ALRM):
                alarms += 1
                stop = client.cont(GdbSignal.ALRM)
            else:
                assert "swbreak" in stop.fields, stop
                hits += 1
                stop = client.cont()
        assert stub.line() == "rounds 50 alarms 1"
        assert hits == 50 and alarms


def test_g57_stepping_through_the_vsyscall_page_sees_the_breakpoint_behind_it(build: TraceeBuilder) -> None:
    program = build("vsyscall")
    with at_entry(program) as (stub, client):
        client.resume()
        if stub.line() == "none":
            pytest.skip("[no-vsyscall] this kernel maps no executable vsyscall page")
        stub.line()
        client.interrupt()
        client.insert(0, program.address("call_instruction"))
        client.insert(0, program.address("after_call"))
        stop = order(stub, client, "c")
        assert client.pc(stop) == program.address("call_instruction")
        stop = client.step(stop.tid)
        assert client.pc(stop) == 0xFFFFFFFFFF600400
        stop = client.step(stop.tid)
        assert client.pc(stop) == program.address("after_call"), stop
        client.resume()
        assert stub.line() == "time 1"


def test_g59_a_trap_instruction_of_the_program_survives_a_breakpoint_on_it(build: TraceeBuilder) -> None:
    program = build("own_trap")
    at = program.address("own_trap")
    with at_ready(program) as (stub, client):
        assert client.read_memory(at, 1) == TRAP_INSTRUCTION
        client.insert(0, at)
        stop = order(stub, client, "g")
        assert "swbreak" in stop.fields and client.pc(stop) == at, stop
        client.remove(0, at)
        assert client.read_memory(at, 1) == TRAP_INSTRUCTION
        stop = client.cont()
        assert stop.is_signal(GdbSignal.TRAP), stop
        assert client.pc(stop) == program.address("after_trap")
        client.resume()
        assert stub.line() == "passed 1"


def test_g59_a_trap_instruction_of_the_program_is_passed_like_any_other_instruction(build: TraceeBuilder) -> None:
    program = build("own_trap")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("own_trap"))
        for passed in (1, 2):
            stop = order(stub, client, "g")
            assert "swbreak" in stop.fields and client.pc(stop) == program.address("own_trap"), stop
            if passed == 2:
                stop = client.step(stop.tid)
                assert client.pc(stop) == program.address("after_trap"), stop
            client.resume()
            assert stub.line() == f"passed {passed}"
            client.interrupt()
        finish(stub, client)


def test_a_breakpoint_whose_page_has_gone_is_gone_with_it(build: TraceeBuilder) -> None:
    program = build("memory")
    with at_ready(program) as (stub, client):
        at = client.read_word(program.address("fixed"))
        client.insert(0, at)
        client.resume()
        stub.tell("u")
        assert stub.line() == "unmapped 0"
        client.interrupt()
        # The client hears that it could not be undone, once.
        assert client.ask(f"z0,{at:x},1").startswith("E")
        client.remove(0, at)
        finish(stub, client)


def test_g60_no_thread_runs_through_a_breakpoint_that_another_steps_over(build: TraceeBuilder) -> None:
    program = build("hot")
    threads, rounds = 8, 40
    with at_ready(program, threads, rounds) as (stub, client):
        client.insert(0, program.address("hot"))
        stop = order(stub, client, "g")
        hits: Counter[int] = Counter()
        for _ in range(threads * rounds):
            assert "swbreak" in stop.fields and client.pc(stop) == program.address("hot"), stop
            hits[stop.tid] += 1
            if hits.total() < threads * rounds:
                stop = client.cont()
        assert sorted(hits.values()) == [rounds] * threads
        client.resume()
        assert stub.line() == f"total {threads * rounds}"
        stub.tell("q")
        expect_exit(client)


def test_g61_inserting_and_removing_under_load_moves_no_pc(build: TraceeBuilder) -> None:
    program = build("spin")
    dice = random.Random(61)
    at = program.address("tick")
    with at_ready(program, 4) as (stub, client):
        for _ in range(60):
            client.insert(0, at)
            stop = client.cont()
            assert "swbreak" in stop.fields and client.pc(stop) == at, stop
            for _ in range(dice.randrange(3)):
                stop = client.cont()
                assert client.pc(stop) == at
            client.remove(0, at)
            for pid, tid in client.threads():
                client.select_thread(tid)
                assert pid == stub.pid and client.register("rip") != at + 1
            client.resume()
            stop = client.interrupt()
            assert stop.is_signal(GdbSignal.INT), stop
        client.resume()
        stub.ping()
        assert client.is_quiet(0.05)


def test_a_hardware_breakpoint_is_armed_in_every_thread(build: TraceeBuilder) -> None:
    program = build("hot")
    with at_ready(program, 4, 5) as (stub, client):
        client.insert(1, program.address("hot"))
        stop = order(stub, client, "g")
        hits: Counter[int] = Counter()
        for count in range(20):
            assert "hwbreak" in stop.fields and client.pc(stop) == program.address("hot"), stop
            hits[stop.tid] += 1
            if count < 19:
                stop = client.cont()
        assert sorted(hits.values()) == [5, 5, 5, 5]
        client.resume()
        assert stub.line() == "total 20"


def test_a_range_step_ends_outside_the_range(build: TraceeBuilder) -> None:
    program = build("obey")
    at = program.address("spot")
    with at_ready(program) as (stub, client):
        client.insert(0, at)
        stop = order(stub, client, "g")
        client.remove(0, at)
        if "r" not in client.ask("vCont?").split(";"):
            not_offered("vCont;r")
        client.send(f"vCont;r{at:x},{at + 4:x}:{client.thread_id(stop.tid)}")
        stop = client.expect_stop()
        assert stop.is_signal(GdbSignal.TRAP)
        assert not at <= client.pc(stop) < at + 4
