"""A verified agent expression.

Layer: agent.  Used by: verifier (makes it), tracer.conditions (evaluates it).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from gdbstub.agent.formats import Format
from gdbstub.agent.machine import BadMemory, Machine
from gdbstub.vocab.errors import TargetError, TraceeGone

#: Instructions that one evaluation may take.
STEPS = 10_000
#: Expressions of more instructions are interpreted: to compile them would take longer than they run.
_COMPILED_LIMIT = 512

Run = Callable[[Machine, int], int]


class Instruction(NamedTuple):
    """One instruction."""

    #: Where it is in the bytes.
    offset: int
    opcode: int
    #: For jumps, the index of the instruction they go to.
    operand: int
    #: Of ``printf``.
    format: Format | None = None


class Program:
    """An expression that has passed verification.

    Args:
        code: Its bytes.
        instructions: The same, decoded.
        depths: How many values are on the stack before each instruction; -1 where none comes by.
    """

    __slots__ = ("_run", "code", "depths", "instructions")

    def __init__(self, code: bytes, instructions: tuple[Instruction, ...], depths: tuple[int, ...]) -> None:
        self.code = code
        self.instructions = instructions
        self.depths = depths
        self._run: Run | None = None

    def evaluate(self, machine: Machine, budget: int = STEPS) -> int:
        """Run it; return the value on top of the stack, unsigned, or 0 where there is none.

        Raises:
            AgentError: It divided by zero, met bad memory or took more steps than ``budget``.
            TraceeGone: The thread has died meanwhile.
        """
        run = self._run
        if run is None:
            run = self._run = self._prepared()
        try:
            return run(machine, budget)
        except TraceeGone:
            raise
        except TargetError as failure:
            raise BadMemory(failure.text) from None

    def _prepared(self) -> Run:
        # Imported on first use: most sessions have no condition.
        if len(self.instructions) <= _COMPILED_LIMIT:
            from gdbstub.agent.compiler import compile_program

            return compile_program(self)
        from gdbstub.agent.interpreter import interpret

        return partial(interpret, self)
