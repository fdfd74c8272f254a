"""Collects what a tracepoint's actions say, at one stopped thread.

Layer: engines.  Used by: tracing.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.agent.arithmetic import MASK
from gdbstub.agent.machine import BadMemory, Machine
from gdbstub.agent.program import Program
from gdbstub.engines.tracing.buffer import BLOCK_LIMIT, HEAD, MEMORY, VARIABLE, BufferFull, Frame
from gdbstub.engines.tracing.definitions import Actions, Tracepoint
from gdbstub.rsp.commands.tracepoints import CollectRegisters
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, Tid


class Collector:
    """One stopped thread, as an expression sees it that may record.  Implements: agent.machine.Machine.

    Args:
        target: Whose thread it is.
        tid: The thread.
        room: What a frame may take, bytes.
        output: Takes what is printed; must not block.
    """

    def __init__(self, target: Target, tid: Tid, room: int, output: Callable[[bytes], None]) -> None:
        view: Machine = target.view(tid, output)
        self.read_register = view.read_register
        self.read_memory = view.read_memory
        self.get_variable = view.get_variable
        self.set_variable = view.set_variable
        self.print = view.print
        self._target = target
        self._tid = tid
        self._blocks: list[bytes] = []
        self._full = room - HEAD.size
        self._room = self._full
        #: The last tracepoint has recorded a frame.
        self.took = False

    def collect(self, tracepoint: Tracepoint, actions: Actions, pc: Addr) -> Frame:
        """Do some actions and return the frame.

        Raises:
            AgentError: An expression could not be evaluated; one that only met memory that is not there is left.
            BufferFull: It is larger than a frame may be.
            TraceeGone: The thread has died meanwhile.
        """
        self._blocks.clear()
        self._room = self._full
        registers = False
        for step in actions.steps:
            if isinstance(step, CollectRegisters):
                if not registers:
                    registers = True
                    self._add(b"R" + self._target.read_registers(self._tid))
            elif isinstance(step, Program):
                try:
                    step.evaluate(self)
                except BadMemory:
                    # A pointer that is not set yet: what could be had of this expression is recorded.
                    continue
            else:
                base = 0 if step.base is None else self.read_register(step.base)
                self.collect_memory(base + step.offset & MASK, step.length)
        return Frame(tracepoint, pc, b"".join(self._blocks))

    def _add(self, block: bytes) -> None:
        self._room -= len(block)
        if self._room < 0:
            raise BufferFull
        self._blocks.append(block)

    def collect_memory(self, address: int, length: int) -> None:
        """Record a piece of memory, as much of it as can be read."""
        if length > self._room:
            raise BufferFull
        while length > 0:
            part = min(length, BLOCK_LIMIT)
            try:
                data = self.read_memory(address, part)
            except TraceeGone:
                raise
            except TargetError:
                return
            if not data:
                return
            self._add(MEMORY.pack(b"M", address, len(data)) + data)
            address = address + len(data) & MASK
            length -= len(data)

    def collect_variable(self, number: int) -> None:
        """Record a trace state variable."""
        self._add(VARIABLE.pack(b"V", number, self.get_variable(number) & MASK))
