"""What each opcode does, compiled and interpreted."""

from __future__ import annotations

import os
import random
import timeit
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.agent.compiler import compile_program
from gdbstub.agent.interpreter import interpret
from gdbstub.agent.machine import AgentError, Machine
from gdbstub.agent.program import Program, Run
from gdbstub.agent.verifier import verify
from gdbstub.vocab.errors import PacketError, TargetError, TraceeGone
from tests.unit.agent.machines import BASE, MEMORY, FakeMachine, random_program

MASK = (1 << 64) - 1
#: How many random programs the fuzz test runs.
FUZZ = int(os.environ.get("GDBSTUB_FUZZ_PROGRAMS", "20000"))


def const(value: int) -> bytes:
    return b"\x25" + (value & MASK).to_bytes(8, "big")


def run(code: bytes | str, machine: FakeMachine | None = None, budget: int = 10_000) -> int:
    """Run it both ways and compare."""
    program = verify(bytes.fromhex(code) if isinstance(code, str) else code)
    mine = FakeMachine()
    expected = interpret(program, mine, budget)
    machine = machine or FakeMachine()
    assert program.evaluate(machine, budget) == expected
    assert (machine.done, machine.variables) == (mine.done, mine.variables)
    return expected


@pytest.mark.parametrize(
    ("opcode", "a", "b", "result"),
    [
        (0x02, 1, 2, 3), (0x02, -1, 1, 0), (0x03, 1, 2, -1), (0x04, -2, 3, -6), (0x04, 1 << 63, 2, 0),
        (0x05, 7, 2, 3), (0x05, -7, 2, -3), (0x05, 7, -2, -3), (0x05, -7, -2, 3), (0x05, 1 << 63, -1, 1 << 63),
        (0x06, -1, 2, MASK >> 1), (0x06, 7, 2, 3),
        (0x07, 7, 2, 1), (0x07, -7, 2, -1), (0x07, 7, -2, 1), (0x07, 1 << 63, -1, 0), (0x08, -1, 10, 5),
        (0x09, 1, 4, 16), (0x09, 1, 63, 1 << 63), (0x09, 1, 64, 0), (0x09, 1, -1, 0),
        (0x0A, -16, 2, -4), (0x0A, 16, 2, 4), (0x0A, -1, 64, -1), (0x0A, 1, -1, 0),
        (0x0B, -16, 60, 15), (0x0B, 5, 64, 0),
        (0x0F, 6, 3, 2), (0x10, 6, 3, 7), (0x11, 6, 3, 5),
        (0x13, 6, 6, 1), (0x13, 6, 3, 0), (0x14, -1, 0, 1), (0x14, 0, -1, 0), (0x14, 3, 3, 0),
        (0x15, -1, 0, 0), (0x15, 0, -1, 1),
    ],
)  # fmt: skip
def test_binary(opcode: int, a: int, b: int, result: int) -> None:
    assert run(const(a) + const(b) + bytes([opcode, 0x27])) == result & MASK


@pytest.mark.parametrize("opcode", [0x05, 0x06, 0x07, 0x08])
def test_division_by_zero(opcode: int) -> None:
    program = verify(const(1) + const(0) + bytes([opcode, 0x27]))
    for evaluate in both(program):
        with pytest.raises(AgentError, match="division by zero"):
            evaluate(FakeMachine(), 100)


def both(program: Program) -> tuple[Run, Run]:
    return compile_program(program), partial(interpret, program)


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("22000e27", 1), ("22050e27", 0), ("22001227", MASK),
        ("22ff160827", MASK), ("227f160827", 0x7F), ("23ff8016 0827", MASK - 0x7F), ("22ff164027", 0xFF),
        ("22ff160027", 0), ("22ff16ff27", 0xFF), ("23ffff2a0427", 15), ("23ffff2a0027", 0), ("22ff2a4027", 0xFF),
        ("220a27", 10), ("23010227", 0x102), ("240102030427", 0x1020304), ("2500000000000000ff27", 0xFF),
        ("26000527", 15), ("2c000727", 70), ("2c000827", 0), ("27", 0), ("220127", 1),
        ("2205280227", 10), ("220522062927", 5), ("220522062b0327", 1), ("2201220222033327", 2),
        ("220122022203320227", 1), ("220122022203320027", 3), ("22012202320127", 1),
        ("2209 2d0003 29 2c0003 27", 9), ("22012d000727", 1),
    ],
)  # fmt: skip
def test_the_rest(code: str, result: int) -> None:
    assert run(code) == result


def test_rotation_moves_the_top_to_the_third_place() -> None:
    # a b c => c a b, read as digits
    code = "220122022203 33 2b 220a04 02 2b 226404 02 27"
    assert run(code) == 2 + 1 * 10 + 3 * 100


@pytest.mark.parametrize(("opcode", "length"), [(0x17, 1), (0x18, 2), (0x19, 4), (0x1A, 8)])
def test_references(opcode: int, length: int) -> None:
    code = const(BASE + 3) + bytes([opcode, 0x27])
    assert run(code) == int.from_bytes(MEMORY[3 : 3 + length], "little")
    for address in (BASE - 1, 0, MASK, BASE + len(MEMORY) - length + 1):
        with pytest.raises(AgentError, match="cannot read"):
            verify(const(address) + bytes([opcode, 0x27])).evaluate(FakeMachine())


def test_collecting() -> None:
    machine = FakeMachine()
    run(const(BASE) + bytes.fromhex("2204 0c") + const(BASE) + bytes.fromhex("0d03 300102 29 2e0007 27"), machine)
    assert machine.done == [("memory", BASE, 4), ("memory", BASE, 3), ("memory", BASE, 0x102), ("variable", 7)]


@pytest.mark.parametrize(("at", "limit", "length"), [(256, 100, 5), (256, 2, 2), (256, 0, 0), (1, 1 << 40, 260)])
def test_collecting_a_string(at: int, limit: int, length: int) -> None:
    machine = FakeMachine()
    run(const(BASE + at) + const(limit) + b"\x2f\x27", machine)
    assert machine.done == ([("memory", BASE + at, length)] if length else [])


def test_collecting_a_string_without_an_end() -> None:
    with pytest.raises(AgentError, match="cannot read"):
        verify(const(BASE + 261) + const(200) + b"\x2f\x27").evaluate(FakeMachine())


def test_printing() -> None:
    machine = FakeMachine()
    text = b"%d and %s\\n\0"
    code = const(BASE + 256) + const(-5) + b"\x22\x00\x22\x00\x34\x02" + len(text).to_bytes(2, "big") + text + b"\x27"
    assert run(code, machine) == 0
    assert machine.done == [("print", b"-5 and text\n")]


def test_what_gdb_makes_of_a_condition() -> None:
    # counter == 5 && x > 3, with counter in memory and x below the frame pointer (register 6)
    code = bytes.fromhex(
        "25000000000000100519162022051320001521003226000622100222ec16080219162022032b1420002d2100322201210034220027"
    )
    memory = {0x1005: 5, 18 + 0x10 - 20: 4}

    class Stopped(FakeMachine):
        def read_memory(self, address: int, length: int) -> bytes:
            return memory[address].to_bytes(length, "little")

    program = verify(code)
    assert program.evaluate(Stopped()) == 1
    memory[0x1005] = 6
    assert program.evaluate(Stopped()) == 0
    memory.update({0x1005: 5, 14: 3})
    assert program.evaluate(Stopped()) == 0


def test_a_loop_counts_and_ends() -> None:
    # v0 += 1 until it is 100
    code = "2c0000 220102 2d0000 2264 15 200000 2c0000 27"
    machine = FakeMachine()
    assert run(code, machine) == 100
    with pytest.raises(AgentError, match="too many steps"):
        verify(bytes.fromhex(code)).evaluate(FakeMachine(), 500)


def test_an_endless_loop_ends() -> None:
    for evaluate in both(verify(bytes.fromhex("210000"))):
        with pytest.raises(AgentError, match="too many steps"):
            evaluate(FakeMachine(), 10_000)


def test_a_long_program_is_interpreted_and_charged() -> None:
    program = verify(b"\x22\x01\x29" * 3000 + b"\x22\x07\x27")
    assert program.evaluate(FakeMachine()) == 7
    with pytest.raises(AgentError, match="too many steps"):
        program.evaluate(FakeMachine(), 6000)


def test_many_jumps_compile() -> None:
    code = b"".join(b"\x22\x01\x20" + (index * 5 + 5).to_bytes(2, "big") for index in range(160)) + b"\x22\x09\x27"
    assert run(code) == 9


def test_failures_of_the_machine() -> None:
    with pytest.raises(AgentError, match="there is no register 101"):
        verify(bytes.fromhex("26006527")).evaluate(FakeMachine())

    class Dead(FakeMachine):
        def read_register(self, number: int) -> int:
            raise TraceeGone(5)

    with pytest.raises(TraceeGone):
        verify(bytes.fromhex("26000127")).evaluate(Dead())


def outcome(evaluate: Run, budget: int) -> tuple[object, ...]:
    machine = FakeMachine()
    try:
        result: object = evaluate(machine, budget)
    except (AgentError, TargetError) as failure:
        result = str(failure)
    if result == "the expression takes too many steps":
        # Compiled, a block is charged before its first instruction has had an effect.
        return (result,)
    return result, tuple(machine.done), tuple(sorted(machine.variables.items()))


def check(code: bytes) -> bool:
    """Verify and run anything; tell whether it was a program."""
    try:
        program = verify(code)
    except PacketError:
        return False
    compiled, interpreted = (outcome(each, 300) for each in both(program))
    assert compiled == interpreted
    return True


@given(st.binary(max_size=60))
def test_any_bytes(code: bytes) -> None:
    check(code)


@given(st.randoms(use_true_random=False))
def test_compiled_is_interpreted(source: random.Random) -> None:
    check(random_program(source))


def test_fuzz() -> None:
    """Nothing but the two errors, no write, no hang; a failure prints its seed."""
    good = 0
    for seed in range(FUZZ):
        code = random_program(random.Random(seed))
        try:
            good += check(code)
        except Exception as failure:
            raise AssertionError(f"seed {seed}: {code.hex()}") from failure
    assert good > FUZZ // 20


def test_a_condition_is_fast() -> None:
    program = verify(const(BASE) + bytes.fromhex("1a 230480 13 27"))
    machine: Machine = FakeMachine()
    took = min(timeit.repeat(lambda: program.evaluate(machine), number=2000, repeat=5)) / 2000
    # Some two microseconds; the margin is for busy machines.
    assert took < 50e-6
