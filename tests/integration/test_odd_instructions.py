"""Instructions that are stepped in odd ways: ptrace gotchas G51 to G54, G58."""

from __future__ import annotations

import pytest

from tests.support.dialogue import at_ready, order
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient, StopReply
from tests.support.stub import Stub
from tests.support.tracees import Program, TraceeBuilder

TRAP_FLAG = 0x100


def stop_at(stub: Stub, client: RspClient, program: Program, letter: str, symbol: str) -> StopReply:
    """Have the program run into a breakpoint at a symbol, which is gone then."""
    at = program.address(symbol)
    client.insert(0, at)
    stop = order(stub, client, letter)
    assert stop.is_breakpoint and client.pc(stop) == at, stop
    client.remove(0, at)
    return stop


def step(client: RspClient, tid: int) -> int:
    """Step once and return the new pc."""
    stop = client.step(tid)
    assert stop.is_signal(GdbSignal.TRAP), stop
    return client.pc(stop)


def range_step(client: RspClient, tid: int, start: int, end: int) -> int:
    """Step while the thread is in a range, and return the pc then."""
    client.send(f"vCont;r{start:x},{end:x}:{client.thread_id(tid)}")
    return client.pc(client.expect_stop())


def test_g51_flags_pushed_in_a_step_have_no_trap_flag(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        stop = stop_at(stub, client, program, "P", "plain_pushf")
        while (pc := step(client, stop.tid)) != program.address("after_pushf"):
            assert program.address("plain_pushf") < pc < program.address("after_pushf")
        client.resume()
        assert stub.line() == "flags 0"


@pytest.mark.parametrize("symbol", ["plain_pushf", "wide_pushf", "short_pushf"])
def test_g51_flags_pushed_under_a_breakpoint_have_no_trap_flag(build: TraceeBuilder, symbol: str) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        # The server steps over its own trap instruction.
        client.insert(0, program.address(symbol))
        for _ in range(2):
            assert order(stub, client, "P").is_breakpoint
            client.resume()
            assert stub.line() == "flags 0"
            client.interrupt()


def test_g51_flags_pushed_in_a_range_step_have_no_trap_flag(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        start, end = program.address("pushed_flags"), program.address("after_pushf")
        stop = stop_at(stub, client, program, "P", "pushed_flags")
        assert range_step(client, stop.tid, start, end) == end
        client.resume()
        assert stub.line() == "flags 0"


def test_g52_a_step_over_popf_leaves_no_trap_behind(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        stop = stop_at(stub, client, program, "f", "popf_instruction")
        assert step(client, stop.tid) == program.address("after_popf")
        assert not client.register("eflags") & TRAP_FLAG
        client.resume()
        assert stub.line() == "popped traps 0"
        assert client.is_quiet()
        # Nor does one that begins before the push.
        client.interrupt()
        stop = stop_at(stub, client, program, "f", "popped_flags")
        for symbol in ("popf_instruction", "after_popf"):
            assert step(client, stop.tid) == program.address(symbol)
        client.resume()
        assert stub.line() == "popped traps 0"


def test_g52_the_programs_own_trap_flag_is_its_own(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        stop = order(stub, client, "t")
        for trap in range(4):
            assert stop.is_signal(GdbSignal.TRAP), stop
            # Its own signal, for its own handler.
            client.resume(f"vCont;C{GdbSignal.TRAP:02x}")
            if trap < 3:
                stop = client.expect_stop()
        assert stub.line() == "stepped traps 4"


def test_g53_a_step_over_a_load_of_ss_runs_two_instructions_and_says_so(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        stop = stop_at(stub, client, program, "s", "load_segment")
        # The processor does not trap between the two.
        assert step(client, stop.tid) == program.address("after_segment")
        client.resume()
        assert stub.line() == "runs 1 traps 0"


@pytest.mark.parametrize("over_a_site", [False, True], ids=["step", "step over a breakpoint"])
def test_g53_a_breakpoint_behind_a_load_of_ss_is_hit(build: TraceeBuilder, over_a_site: bool) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        behind = program.address("behind_segment")
        client.insert(0, behind)
        if over_a_site:
            client.insert(0, program.address("load_segment"))
            assert order(stub, client, "s").is_breakpoint
            stop = client.cont()
        else:
            stop = stop_at(stub, client, program, "s", "load_segment")
            stop = client.step(stop.tid)
        assert stop.is_breakpoint and client.pc(stop) == behind, stop
        assert client.read_word(program.address("segment_runs")) == 0
        client.resume()
        assert stub.line() == "runs 1 traps 0"


def test_g54_a_repeated_instruction_is_stepped_round_by_round(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        at = program.address("repeated_copy")
        stop = stop_at(stub, client, program, "m", "repeated_copy")
        for left in range(4, 0, -1):
            assert step(client, stop.tid) == at
            assert client.register("rcx") == left
        assert step(client, stop.tid) == program.address("after_copy")
        client.resume()
        assert stub.line() == "copied 1"


def test_g54_a_range_step_goes_over_all_rounds(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        at, after = program.address("repeated_copy"), program.address("after_copy")
        stop = stop_at(stub, client, program, "m", "repeated_copy")
        assert range_step(client, stop.tid, at, after) == after
        assert client.register("rcx") == 0
        client.resume()
        assert stub.line() == "copied 1"


def test_g54_a_breakpoint_on_a_repeated_instruction_is_hit_in_each_round(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("repeated_copy"))
        stop = order(stub, client, "m")
        for left in range(5, 0, -1):
            assert stop.is_breakpoint
            assert client.register("rcx") == left
            if left > 1:
                stop = client.cont()
        client.resume()
        assert stub.line() == "copied 1"


def test_g58_a_step_at_int1_is_answered(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        at, after = program.address("int1_instruction"), program.address("after_int1")
        stop = stop_at(stub, client, program, "i", "one_byte_trap")
        assert step(client, stop.tid) == at
        # Under some hypervisors pc stays where it is, for ever: each try is told.
        for _ in range(3):
            if client.pc() == at:
                assert step(client, stop.tid) in (at, after)
        client.write_register("rip", after)
        client.resume()
        assert stub.line() == "int1 traps 0"


def test_g58_a_range_step_over_int1_can_be_stopped(build: TraceeBuilder) -> None:
    program = build("odd_instructions")
    with at_ready(program) as (stub, client):
        start, after = program.address("one_byte_trap"), program.address("after_int1")
        stop = stop_at(stub, client, program, "i", "one_byte_trap")
        client.send(f"vCont;r{start:x},{after:x}:{client.thread_id(stop.tid)}")
        client.send_interrupt()
        assert client.pc(client.expect_stop(5)) in range(start, after + 1)
        client.write_register("rip", after)
        client.resume()
        if not stub.says_nothing(1):
            assert stub.line() == "int1 traps 0"
