"""What an agent expression may ask of its surroundings.

Layer: agent.  Used by: program, compiler, interpreter.  Implemented by: tracer.conditions.
"""

from __future__ import annotations

from typing import Protocol

from gdbstub.vocab.errors import StubError


class AgentError(StubError):
    """An expression could not be evaluated to its end: a division by zero, bad memory, too many steps."""


class BadMemory(AgentError):
    """It met memory, or a register, that cannot be read."""


class Machine(Protocol):
    """One stopped thread, as an expression sees it.  Any method may raise ``TargetError``."""

    def read_register(self, number: int) -> int:
        """Return a register by its number in the target description, without sign extension."""

    def read_memory(self, address: int, length: int) -> bytes:
        """Read up to ``length`` bytes; shorter where the mapping ends."""

    def get_variable(self, number: int) -> int:
        """Return the value of a trace state variable."""

    def set_variable(self, number: int, value: int) -> None:
        """Give a trace state variable a value of 64 bits."""

    def collect_memory(self, address: int, length: int) -> None:
        """Record a piece of memory in the trace buffer; ``length`` is whatever the expression says."""

    def collect_variable(self, number: int) -> None:
        """Record a trace state variable in the trace buffer."""

    def print(self, text: bytes) -> None:
        """Print what a ``printf`` has made."""
