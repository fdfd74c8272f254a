"""What is refused before it runs, and why."""

from __future__ import annotations

import pytest

from gdbstub.agent.opcodes import FLOATING, OPCODES
from gdbstub.agent.verifier import LENGTH_LIMIT, STACK_LIMIT, verify
from gdbstub.vocab.errors import PacketError


def code(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("", "runs past its end"),
        ("2201", "runs past its end"),
        ("22", "operand of const8 at 0 is cut off"),
        ("2600", "operand of reg at 0 is cut off"),
        ("0027", "0x00 is no opcode, at 0"),
        ("3127", "0x31 is no opcode"),
        ("ff27", "0xff is no opcode"),
        ("0127", r"\(float\) is not supported"),
        ("22011f27", r"\(d_to_l\) is not supported"),
        ("0227", "add at 0 finds 0 of 2 values"),
        ("22010227", "add at 2 finds 1 of 2"),
        ("2827", "dup at 0 finds 0 of 1"),
        ("2201320127", "pick at 2 finds 1 of 2"),
        ("220122023327", "rot at 4 finds 2 of 3"),
        ("21000527", "a jump to 5, where no instruction starts"),
        ("210001", "a jump to 1, where"),
        ("220021000127", "a jump to 1, where"),
        ("2201200007220527", "values on the stack at 7"),
        ("2201210000", "values on the stack at 0"),
        ("22002200340100022564", "format does not end with a zero"),
        ("220022003400000325640027", "a format for 1 values is given 0"),
        ("2201220022003401000325660027", "'%f' in a format is not supported"),
        ("220022003400050025640027", "operand of printf at 4 is cut off|format does not end"),
        ("220022003400000027", "format does not end with a zero"),
        ("22002200340000012527", "format does not end with a zero"),
        ("2200220034000002250027", "ends in the middle of a conversion"),
    ],
)
def test_what_is_refused(program: str, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        verify(code(program))


def test_the_stack_is_bounded() -> None:
    push = b"\x22\x01"
    assert verify(push * STACK_LIMIT + b"\x27").depths[-1] == STACK_LIMIT
    with pytest.raises(PacketError, match="more than 100 values"):
        verify(push * (STACK_LIMIT + 1) + b"\x27")


def test_the_length_is_bounded() -> None:
    filler = b"\x22\x01\x29" * (LENGTH_LIMIT // 3)
    assert verify(filler[:-3] + b"\x27").instructions
    with pytest.raises(PacketError, match="more than 65535"):
        verify(filler + b"\x27" * 3)


def test_a_loop_is_no_mistake() -> None:
    assert verify(code("210000")).depths == (0,)


def test_what_nobody_reaches_is_only_decoded() -> None:
    program = verify(code("22012702022927"))
    assert program.depths == (0, 1, -1, -1, -1, -1)


def test_the_same_bytes_give_the_same_program() -> None:
    assert verify(code("220127")) is verify(code("220127"))


def test_numbers_have_one_meaning() -> None:
    assert not FLOATING.keys() & OPCODES.keys()
    assert len({each.name for each in OPCODES.values()}) == len(OPCODES)
