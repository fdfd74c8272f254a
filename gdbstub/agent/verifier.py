"""Checks agent expressions before anything runs.

Layer: agent.  Used by: engines.gdbremote.handlers.
Spec: GDB manual, "The GDB Agent Expression Mechanism".

What passes can go wrong only by what it meets: memory that is not there, a divisor of zero, too many steps.
"""

from __future__ import annotations

from functools import lru_cache

from gdbstub.agent import formats
from gdbstub.agent.opcodes import END, FLOATING, GOTO, JUMPS, OPCODES, PICK, PRINTF
from gdbstub.agent.program import Instruction, Program
from gdbstub.vocab.errors import PacketError

#: The longest expression, bytes: jumps have 16 bits.
LENGTH_LIMIT = 0xFFFF
STACK_LIMIT = 100


def _decode(code: bytes) -> list[Instruction]:
    """Cut the bytes into instructions, the operand of a jump being an offset still."""
    found = []
    at, end = 0, len(code)
    while at < end:
        number = code[at]
        opcode = OPCODES.get(number)
        if opcode is None:
            name = FLOATING.get(number)
            what = "is no opcode" if name is None else f"({name}) is not supported"
            raise PacketError(f"agent expression: {number:#04x} {what}, at {at}")
        after = at + 1 + opcode.operand
        text = None
        operand = int.from_bytes(code[at + 1 : after], "big")
        if number == PRINTF:
            length = int.from_bytes(code[after : after + 2], "big")
            after += 2 + length
            text = _format(code[after - length : after], operand)
        if after > end:
            raise PacketError(f"agent expression: the operand of {opcode.name} at {at} is cut off")
        found.append(Instruction(at, number, operand, text))
        at = after
    return found


def _format(text: bytes, values: int) -> formats.Format:
    if text[-1:] != b"\0":
        raise PacketError("agent expression: a format does not end with a zero")
    parsed = formats.parse(text.split(b"\0", 1)[0])
    if len(parsed.conversions) != values:
        raise PacketError(f"agent expression: a format for {len(parsed.conversions)} values is given {values}")
    return parsed


def _resolve(decoded: list[Instruction]) -> list[Instruction]:
    """Turn the offsets that jumps go to into indices."""
    index = {each.offset: place for place, each in enumerate(decoded)}
    resolved = []
    for each in decoded:
        if each.opcode in JUMPS:
            target = index.get(each.operand)
            if target is None:
                raise PacketError(f"agent expression: a jump to {each.operand}, where no instruction starts")
            each = each._replace(operand=target)
        resolved.append(each)
    return resolved


def _effect(instruction: Instruction) -> tuple[int, int]:
    """Return how many values an instruction needs, and by how many it changes the stack."""
    _, _, pops, pushes = OPCODES[instruction.opcode]
    if instruction.opcode == PICK:
        return instruction.operand + 1, 1
    if instruction.opcode == PRINTF:
        pops += instruction.operand
    return pops, pushes - pops


def _depths(instructions: list[Instruction]) -> list[int]:
    """Return how many values are on the stack before each instruction; -1 where none comes by."""
    depths = [-1] * len(instructions)
    count = len(instructions)
    waiting = [(0, 0)]
    while waiting:
        at, depth = waiting.pop()
        while True:
            if at >= count:
                raise PacketError("agent expression: it runs past its end")
            if depths[at] >= 0:
                if depths[at] != depth:
                    offset = instructions[at].offset
                    raise PacketError(f"agent expression: {depth} or {depths[at]} values on the stack at {offset}")
                break
            depths[at] = depth
            instruction = instructions[at]
            needs, change = _effect(instruction)
            name, offset = OPCODES[instruction.opcode].name, instruction.offset
            if depth < needs:
                raise PacketError(f"agent expression: {name} at {offset} finds {depth} of {needs} values")
            depth += change
            if depth > STACK_LIMIT:
                raise PacketError(f"agent expression: more than {STACK_LIMIT} values on the stack at {offset}")
            if instruction.opcode == END:
                break
            if instruction.opcode == GOTO:
                at = instruction.operand
                continue
            if instruction.opcode in JUMPS:
                waiting.append((instruction.operand, depth))
            at += 1
    return depths


@lru_cache(maxsize=256)
def verify(code: bytes) -> Program:
    """Make a program of an expression's bytes; the same bytes give the same program.

    Raises:
        PacketError: It is malformed, or could over- or underrun its stack or its end.
    """
    if len(code) > LENGTH_LIMIT:
        raise PacketError(f"an agent expression of {len(code)} bytes, more than {LENGTH_LIMIT}")
    instructions = _resolve(_decode(code))
    return Program(code, tuple(instructions), tuple(_depths(instructions)))
