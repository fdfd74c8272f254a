"""A machine without a process, and programs to run on it.

Used by: the tests of the agent.
"""

from __future__ import annotations

import random

from gdbstub.agent.opcodes import OPCODES, PRINTF
from gdbstub.vocab.errors import TargetError

BASE = 0x1000
MEMORY = bytes(range(256)) + b"text\0" + b"\xff" * 59


class FakeMachine:
    """Registers are their number times three; memory is ``MEMORY`` at ``BASE``; what is done lands in ``done``."""

    def __init__(self) -> None:
        self.variables: dict[int, int] = {7: 70}
        self.done: list[tuple[object, ...]] = []

    def read_register(self, number: int) -> int:
        if number > 100:
            raise TargetError(22, f"there is no register {number}")
        return number * 3

    def read_memory(self, address: int, length: int) -> bytes:
        start = address - BASE
        if not 0 <= start < len(MEMORY):
            raise TargetError(5, f"cannot read memory at {address:#x}")
        return MEMORY[start : start + length]

    def get_variable(self, number: int) -> int:
        return self.variables.get(number, 0)

    def set_variable(self, number: int, value: int) -> None:
        self.variables[number] = value

    def collect_memory(self, address: int, length: int) -> None:
        self.done.append(("memory", address, length))

    def collect_variable(self, number: int) -> None:
        self.done.append(("variable", number))

    def print(self, text: bytes) -> None:
        self.done.append(("print", text))


_NUMBERS = [*OPCODES]
_FORMATS = (b"%d\\n\0", b"%s %x\0", b"plain\0", b"%5.2lu%%\0", b"%c%p\0", b"%\0")


def random_program(source: random.Random) -> bytes:
    """Return bytes that are mostly instructions, often good ones."""
    out = bytearray()
    depth = 0
    for _ in range(source.randint(1, 24)):
        number = source.choice(_NUMBERS)
        opcode = OPCODES[number]
        if depth < opcode.pops and source.random() < 0.95:
            number, opcode = 0x22, OPCODES[0x22]
        out.append(number)
        if opcode.name in ("goto", "if_goto"):
            out += source.randint(0, 40).to_bytes(2, "big")
        elif opcode.name == "const32" and source.random() < 0.7:
            out += (BASE + source.randint(-4, 330)).to_bytes(4, "big")
        elif number == PRINTF:
            text = source.choice(_FORMATS)
            out += bytes([source.randint(0, 2)]) + len(text).to_bytes(2, "big") + text
        elif opcode.operand:
            out += source.randint(0, 70).to_bytes(opcode.operand, "big")
        depth += opcode.pushes - opcode.pops
    if source.random() < 0.9:
        out.append(0x27)
    if source.random() < 0.3:
        for _ in range(source.randint(1, 3)):
            out[source.randrange(len(out))] = source.randrange(256)
    return bytes(out)
