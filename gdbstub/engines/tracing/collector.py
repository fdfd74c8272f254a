"""Collects what a tracepoint's actions say, at one stopped thread.

Layer: engines.  Used by: tracing.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.agent.arithmetic import MASK
from gdbstub.agent.machine import AgentError, BadMemory, Machine
from gdbstub.agent.program import Program
from gdbstub.engines.tracing.buffer import (
    BLOCK_LIMIT,
    FRAME_LIMIT,
    HEAD,
    MEMORY,
    VARIABLE,
    BufferFull,
    Frame,
    TraceBuffer,
)
from gdbstub.engines.tracing.definitions import Actions, Tracepoint
from gdbstub.engines.tracing.outcome import Outcome, Reason
from gdbstub.rsp.commands.tracepoints import CollectRegisters
from gdbstub.target.ops import Target
from gdbstub.vocab.errors import StubError, TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, Tid


def _error(tracepoint: Tracepoint, failure: StubError) -> Outcome:
    return Outcome(Reason.ERROR, tracepoint.number, str(failure).encode("ascii", "replace"))


class Collector:
    """One stopped thread, as an expression sees it that may record.  Implements: agent.machine.Machine.

    Args:
        target: Whose thread it is.
        tid: The thread.
        buffer: Takes the frames.
        output: Takes what is printed; must not block.
    """

    def __init__(self, target: Target, tid: Tid, buffer: TraceBuffer, output: Callable[[bytes], None]) -> None:
        view: Machine = target.view(tid, output)
        self.read_register = view.read_register
        self.read_memory = view.read_memory
        self.get_variable = view.get_variable
        self.set_variable = view.set_variable
        self.print = view.print
        self._target = target
        self._tid = tid
        self._blocks: list[bytes] = []
        self._buffer = buffer
        #: What a frame may take, bytes, and what is left of that.
        self._full = self._room = min(buffer.size, FRAME_LIMIT) - HEAD.size
        #: Addresses are as wide as the program's: the sum of a base and a negative offset goes beyond.
        self._mask = MASK
        #: The last tracepoint has recorded a frame.
        self.took = False

    def at_hit(self, tracepoint: Tracepoint, pc: Addr) -> Outcome | None:
        """Record the frame of a hit where the condition is true; return what ends the run.

        Raises:
            TraceeGone: The thread has died meanwhile.
        """
        self.took = False
        condition = tracepoint.condition
        try:
            if condition is not None and not condition.evaluate(self):
                return None
        except AgentError as failure:
            return _error(tracepoint, failure)
        ending = self._record(tracepoint, tracepoint.actions, pc)
        tracepoint.hits += self.took
        return ending

    def after_step(self, tracepoint: Tracepoint, pc: Addr) -> Outcome | None:
        """Record the frame of a step; return what ends the run.

        Raises:
            TraceeGone: The thread has died meanwhile.
        """
        return self._record(tracepoint, tracepoint.step_actions, pc)

    def _record(self, tracepoint: Tracepoint, actions: Actions, pc: Addr) -> Outcome | None:
        try:
            frame = self._collect(tracepoint, actions, pc)
            self._buffer.add(frame)
        except BufferFull:
            return Outcome(Reason.FULL)
        except TraceeGone:
            raise
        except (AgentError, TargetError) as failure:
            return _error(tracepoint, failure)
        self.took = True
        tracepoint.usage += len(frame.data)
        return None

    def _collect(self, tracepoint: Tracepoint, actions: Actions, pc: Addr) -> Frame:
        self._mask = (1 << 8 * tracepoint.arch.pointer_size) - 1
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
                self.collect_memory(base + step.offset, step.length)
        return Frame(tracepoint, pc, b"".join(self._blocks))

    def _add(self, block: bytes) -> None:
        self._room -= len(block)
        if self._room < 0:
            raise BufferFull
        self._blocks.append(block)

    def collect_memory(self, address: int, length: int) -> None:
        """Record a piece of memory, as much of it as can be read."""
        address &= self._mask
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
            address = address + len(data) & self._mask
            length -= len(data)

    def collect_variable(self, number: int) -> None:
        """Record a trace state variable."""
        self._add(VARIABLE.pack(b"V", number, self.get_variable(number) & MASK))
