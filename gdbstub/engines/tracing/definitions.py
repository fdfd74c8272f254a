"""What clients have defined: tracepoints and trace state variables.

Layer: engines.  Used by: tracing.
Spec: GDB manual, "Tracepoint Packets".
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.arch.spec import ArchSpec
from gdbstub.rsp.commands.tracepoints import (
    CollectMemory,
    CollectRegisters,
    DefineVariable,
    Evaluate,
    TraceAction,
    TracepointActions,
    TracepointHead,
    TracepointSource,
)
from gdbstub.vocab.errors import PacketError, TargetError
from gdbstub.vocab.ids import Addr, Pid
from gdbstub.vocab.variables import TRACE_TIMESTAMP

if TYPE_CHECKING:
    from gdbstub.agent.program import Program

#: What there may be of one tracepoint's source text, bytes.
_SOURCE_LIMIT = 1 << 20


def _verify(code: bytes) -> Program:
    # Imported on first use: gdb asks for the definitions in every session, and few have some.
    from gdbstub.agent.verifier import verify

    return verify(code)


class Actions:
    """What is recorded at a hit, or after each step."""

    __slots__ = ("steps", "texts")

    def __init__(self) -> None:
        #: As the client wrote them, for an upload.
        self.texts: list[str] = []
        #: The same: record the registers or a piece of memory, or evaluate a program.
        self.steps: list[CollectRegisters | CollectMemory | Program] = []

    def add(self, actions: tuple[TraceAction, ...]) -> None:
        """Take further actions.

        Raises:
            PacketError: An expression does not pass verification; none is taken.
        """
        steps = [_verify(each.code) if isinstance(each, Evaluate) else each for each in actions]
        self.steps += steps
        self.texts += [each.text for each in actions]


class Tracepoint:
    """One tracepoint at one address of one process.

    Args:
        number: The client's number, which several addresses may share.
        address: Where.
        pid: In which process.
        head: What the first packet of its definition said.
    """

    __slots__ = (
        "_stepping",
        "actions",
        "address",
        "arch",
        "complete",
        "condition",
        "enabled",
        "hits",
        "number",
        "passes",
        "pid",
        "sources",
        "step_actions",
        "step_count",
        "usage",
    )

    def __init__(self, number: int, address: Addr, pid: Pid, arch: ArchSpec, head: TracepointHead) -> None:
        self.number = number
        self.address = address
        self.pid = pid
        #: The registers of its process: frames outlive it.
        self.arch = arch
        self.enabled = head.enabled
        self.step_count = head.steps
        self.passes = head.passes
        self.condition = None if head.condition is None else _verify(head.condition)
        self.actions = Actions()
        self.step_actions = Actions()
        #: Pieces of source text by kind, in the order in which they came.
        self.sources: list[tuple[str, bytes]] = []
        self.hits = 0
        #: What its frames have taken in the buffer, bytes.
        self.usage = 0
        #: All packets of its definition have come.
        self.complete = False
        self._stepping = False

    def add(self, content: TracepointActions) -> None:
        """Take further actions; after the first that concern steps all do."""
        self._stepping = self._stepping or content.stepping
        (self.step_actions if self._stepping else self.actions).add(content.actions)

    def add_source(self, source: TracepointSource) -> None:
        """Keep a piece of source text; a long one comes in parts."""
        if sum(len(text) for _, text in self.sources) + len(source.text) > _SOURCE_LIMIT:
            raise TargetError(errno.E2BIG, f"more than {_SOURCE_LIMIT} bytes of source text")
        if source.start and self.sources and self.sources[-1][0] == source.kind:
            self.sources[-1] = (source.kind, self.sources[-1][1] + source.text)
        else:
            self.sources.append((source.kind, source.text))

    def upload(self) -> list[str]:
        """Return the lines of ``qTfP``, which a trace file has too."""
        place = f"{self.number:x}:{self.address:x}"
        head = f"T{place}:{'E' if self.enabled else 'D'}:{self.step_count:x}:{self.passes:x}"
        if self.condition is not None:
            head += f":X{len(self.condition.code):x},{self.condition.code.hex()}"
        lines = [head]
        lines += [f"A{place}:{text}" for text in self.actions.texts]
        lines += [f"S{place}:{text}" for text in self.step_actions.texts]
        lines += [f"Z{place}:{kind}:0:{len(text):x}:{text.hex()}" for kind, text in self.sources]
        return lines


class Variable:
    """The definition of a trace state variable."""

    __slots__ = ("builtin", "initial", "name", "number")

    def __init__(self, number: int, name: str, initial: int, *, builtin: bool) -> None:
        self.number = number
        self.name = name
        self.initial = initial
        self.builtin = builtin

    def upload(self) -> str:
        """Return the line of ``qTfV``, which a trace file has too."""
        name = self.name.encode("utf-8", "surrogateescape").hex()
        return f"{self.number:x}:{self.initial:x}:{int(self.builtin)}:{name}"


class Definitions:
    """All tracepoints and variables.

    Tracepoints are found by number, address and process: one number has several addresses where a line or a
    function has, and one address several tracepoints.
    """

    def __init__(self) -> None:
        self._tracepoints: dict[tuple[int, Addr, Pid], Tracepoint] = {}
        self._at: dict[tuple[Pid, Addr], list[Tracepoint]] = {}
        self._variables: dict[int, Variable] = {}
        self.clear()

    def clear(self) -> None:
        """Forget all, but the variables that we offer."""
        self._tracepoints.clear()
        self._at.clear()
        self._variables = {TRACE_TIMESTAMP: Variable(TRACE_TIMESTAMP, "trace_timestamp", 0, builtin=True)}

    def tracepoints(self) -> list[Tracepoint]:
        """Return all tracepoints, in order of definition."""
        return list(self._tracepoints.values())

    def at(self, pid: Pid, address: Addr) -> list[Tracepoint]:
        """Return the tracepoints of an address, in order of definition."""
        return self._at.get((pid, address), [])

    def find(self, number: int, address: Addr, pid: Pid | None) -> Tracepoint:
        """Return a tracepoint, of any process where the one at hand has none.

        Raises:
            TargetError: There is none.
        """
        if pid is not None:
            found = self._tracepoints.get((number, address, pid))
            if found is not None:
                return found
        for each in self._tracepoints.values():
            if each.number == number and each.address == address:
                return each
        raise TargetError(errno.ENOENT, f"tracepoint {number} at {address:#x} is not defined")

    def add(self, tracepoint: Tracepoint) -> None:
        """Enter a tracepoint; one that is there already is replaced, and its hits count on."""
        key = (tracepoint.number, tracepoint.address, tracepoint.pid)
        # QUIRK(gdb, 13): it defines a tracepoint anew whose actions were changed while a trace runs.
        # Test: integration/test_tracepoints.py, redefinition.
        former = self._tracepoints.get(key)
        if former is not None:
            tracepoint.hits, tracepoint.usage = former.hits, former.usage
            self.remove(former)
        self._tracepoints[key] = tracepoint
        self._at.setdefault((tracepoint.pid, tracepoint.address), []).append(tracepoint)

    def remove(self, tracepoint: Tracepoint) -> None:
        """Forget a tracepoint."""
        del self._tracepoints[tracepoint.number, tracepoint.address, tracepoint.pid]
        place = (tracepoint.pid, tracepoint.address)
        self._at[place].remove(tracepoint)
        if not self._at[place]:
            del self._at[place]

    def variables(self) -> list[Variable]:
        """Return all variables, the latest first, as gdb expects to find its own before the builtin ones."""
        return list(reversed(self._variables.values()))

    def variable(self, number: int) -> Variable | None:
        """Return a variable."""
        return self._variables.get(number)

    def define_variable(self, command: DefineVariable) -> Variable:
        """Define a variable anew; what we offer stays what it is.

        Raises:
            PacketError: The number belongs to a variable that we offer.
        """
        present = self._variables.get(command.number)
        if present is not None and present.builtin:
            if not command.builtin:
                raise PacketError(f"trace state variable {command.number} is ${present.name}")
            return present
        self._variables.pop(command.number, None)
        variable = Variable(command.number, command.name, command.initial, builtin=False)
        self._variables[command.number] = variable
        return variable
