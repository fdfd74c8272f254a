"""Conditions and commands on a thread that is made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gdbstub.agent.verifier import verify
from gdbstub.target.ops import HitRules
from gdbstub.tracer.conditions import is_told
from gdbstub.vocab.errors import TargetError, TraceeGone

TRUE, FALSE, FAILS = "220127", "220027", "2201220005 27"
#: rbx is 7, its number is 1.
PRINTS = b"\x26\x00\x01\x22\x00\x22\x00\x34\x01\x00\x06b=%d\n\0\x27".hex()


class Registers:
    pc = 0x401000

    def read(self, number: int) -> bytes:
        if number == 99:
            raise TraceeGone(1)
        if number > 1:
            raise TargetError(22, f"there is no register {number}")
        return (7).to_bytes(8, "little")


def thread(pointer_size: int = 8) -> Any:
    def read(address: int, length: int) -> bytes:
        return address.to_bytes(8, "little")[:length]

    inferior = SimpleNamespace(
        spec=SimpleNamespace(pointer_size=pointer_size),
        memory=SimpleNamespace(read=read),
        sites=SimpleNamespace(mask=lambda address, data: data),
    )
    return SimpleNamespace(inferior=inferior, registers=Registers())


def told(conditions: list[str], commands: list[str], pointer_size: int = 8) -> tuple[bool, list[bytes]]:
    printed: list[bytes] = []
    rules = HitRules(
        tuple(verify(bytes.fromhex(each)) for each in conditions),
        tuple(verify(bytes.fromhex(each)) for each in commands),
        printed.append,
    )
    return is_told(thread(pointer_size), rules, {1: 5}), printed


@pytest.mark.parametrize(
    ("conditions", "commands", "expected", "printed"),
    [
        ([TRUE], [], True, []),
        ([FALSE], [], False, []),
        ([FALSE, TRUE], [], True, []),
        ([FALSE, FALSE], [], False, []),
        ([FAILS], [], True, []),
        ([TRUE, FAILS], [], True, []),
        ([FALSE, FAILS, TRUE], [], True, []),
        ([], [PRINTS], False, [b"b=7\n"]),
        ([FALSE], [PRINTS], False, []),
        ([TRUE], [PRINTS, PRINTS], False, [b"b=7\n"] * 2),
        ([FAILS], [PRINTS], True, []),
        ([], [FAILS, PRINTS], False, [b"breakpoint command at 0x401000: division by zero\n", b"b=7\n"]),
        (["2c000127"], [], True, []),
        (["2c000227"], [], False, []),
        (["26000527"], [], True, []),
    ],
)
def test_who_is_told(conditions: list[str], commands: list[str], expected: bool, printed: list[bytes]) -> None:
    assert told(conditions, commands) == (expected, printed)


def test_a_thread_that_died_is_no_error_of_the_expression() -> None:
    with pytest.raises(TraceeGone):
        told(["26006327"], [])


@pytest.mark.parametrize(("pointer_size", "expected"), [(4, True), (8, False)])
def test_addresses_are_as_wide_as_pointers(pointer_size: int, expected: bool) -> None:
    # The memory holds its own address: 0x1_0000_0005 read as 64 bits is 5 only if it was cut.
    assert told(["2500000001000000051a22051327"], [], pointer_size)[0] is expected
