"""What a stopped thread's breakpoint conditions and commands say.

Layer: tracer.  Used by: statuses.

The glue between a tracee and the agent: it shows an expression the registers and the memory (masked, like to every
engine), and never lets it write either.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns

from gdbstub.agent.machine import AgentError
from gdbstub.target.ops import HitRules
from gdbstub.tracer.tracee import Tracee
from gdbstub.vocab.ids import Addr
from gdbstub.vocab.variables import TRACE_TIMESTAMP


def variable_value(variables: dict[int, int], number: int) -> int:
    """Return a trace state variable; one that was never set is 0."""
    if number == TRACE_TIMESTAMP:
        return monotonic_ns() // 1000
    return variables.get(number, 0)


class View:
    """One stopped thread, as an expression sees it.  Implements: agent.machine.Machine.

    Args:
        tracee: The thread.
        variables: Trace state variables by number.
        output: Takes what is printed.
    """

    __slots__ = ("_output", "_tracee", "_variables")

    def __init__(self, tracee: Tracee, variables: dict[int, int], output: Callable[[bytes], None]) -> None:
        self._tracee = tracee
        self._variables = variables
        self._output = output

    def read_register(self, number: int) -> int:
        """Return a register by its number on the wire, without sign extension."""
        return int.from_bytes(self._tracee.registers.read(number), "little")

    def read_memory(self, address: int, length: int) -> bytes:
        """Read memory, as the program has it."""
        inferior = self._tracee.inferior
        if inferior.spec.pointer_size == 4:
            # Expressions count in 64 bits; the sum of a base and a negative offset goes beyond 32.
            address &= 0xFFFFFFFF
        at = Addr(address)
        return inferior.sites.mask(at, inferior.memory.read(at, length))

    def get_variable(self, number: int) -> int:
        """Return a trace state variable; one that was never set is 0."""
        return variable_value(self._variables, number)

    def set_variable(self, number: int, value: int) -> None:
        """Set a trace state variable."""
        self._variables[number] = value

    def collect_memory(self, address: int, length: int) -> None:
        """Record nothing: who has a trace buffer does it by itself."""

    def collect_variable(self, number: int) -> None:
        """Record nothing: who has a trace buffer does it by itself."""

    def print(self, text: bytes) -> None:
        """Print where the owner of the breakpoint wants it."""
        self._output(text)


def is_told(tracee: Tracee, rules: HitRules, variables: dict[int, int]) -> bool:
    """Tell whether a hit is reported to the owner of some rules; run its commands where it is not.

    A condition that cannot be evaluated is reported: the user finds out by looking, and no hit is lost.  Commands
    take the place of the report.
    """
    view = View(tracee, variables, rules.output)
    if rules.conditions:
        try:
            if not any(program.evaluate(view) for program in rules.conditions):
                return False
        except AgentError:
            return True
    for program in rules.commands:
        try:
            program.evaluate(view)
        except AgentError as failure:
            rules.output(f"breakpoint command at {tracee.registers.pc:#x}: {failure}\n".encode())
    return not rules.commands
