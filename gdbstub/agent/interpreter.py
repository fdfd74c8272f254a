"""Runs agent expressions one instruction at a time: the long ones, and the yardstick of the compiler.

Layer: agent.  Used by: program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.agent import arithmetic, opcodes
from gdbstub.agent.arithmetic import BINARY, EXTENSIONS, MASK, UNARY
from gdbstub.agent.machine import AgentError, Machine

if TYPE_CHECKING:
    from gdbstub.agent.program import Program


def interpret(program: Program, machine: Machine, budget: int) -> int:
    """Run a verified program; see ``Program.evaluate``."""
    instructions = program.instructions
    stack: list[int] = []
    push, pop = stack.append, stack.pop
    at = 0
    while True:
        budget -= 1
        if budget < 0:
            raise AgentError("the expression takes too many steps")
        _, opcode, operand, text = instructions[at]
        at += 1
        if opcode in BINARY:
            b = pop()
            stack[-1] = BINARY[opcode](stack[-1], b)
        elif opcode in opcodes.CONSTANTS:
            push(operand)
        elif opcode in EXTENSIONS:
            stack[-1] = EXTENSIONS[opcode](stack[-1], operand)
        elif opcode in opcodes.REFERENCES:
            stack[-1] = arithmetic.fetch(machine, stack[-1], opcodes.REFERENCES[opcode])
        elif opcode in UNARY:
            stack[-1] = UNARY[opcode](stack[-1])
        else:
            match opcode:
                case opcodes.IF_GOTO:
                    if pop():
                        at = operand
                case opcodes.GOTO:
                    at = operand
                case opcodes.END:
                    return stack[-1] if stack else 0
                case opcodes.REG:
                    push(machine.read_register(operand) & MASK)
                case opcodes.DUP:
                    push(stack[-1])
                case opcodes.POP:
                    pop()
                case opcodes.SWAP:
                    stack[-2:] = stack[-1], stack[-2]
                case opcodes.ROT:
                    stack[-3:] = stack[-1], stack[-3], stack[-2]
                case opcodes.PICK:
                    push(stack[-1 - operand])
                case opcodes.GETV:
                    push(machine.get_variable(operand) & MASK)
                case opcodes.SETV:
                    machine.set_variable(operand, stack[-1])
                case opcodes.TRACEV:
                    machine.collect_variable(operand)
                case opcodes.TRACE:
                    length = pop()
                    machine.collect_memory(pop(), length)
                case opcodes.TRACE_QUICK | opcodes.TRACE16:
                    machine.collect_memory(stack[-1], operand)
                case opcodes.TRACENZ:
                    limit = pop()
                    arithmetic.collect_string(machine, pop(), limit)
                case _:
                    assert opcode == opcodes.PRINTF and text is not None
                    del stack[-2:]
                    values = [pop() for _ in range(operand)]
                    machine.print(text.render(values, machine.read_memory))
