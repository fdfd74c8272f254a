"""The engine behind tracepoints: it collects at each hit and lets the thread go on.

Layer: engines.  Implements: target.engine.Engine.  Used by: engines.gdbremote.handlers, server.
Spec: GDB manual, "Tracepoint Packets".

Theory of operation.  There is one for all clients, made when the first of them asks about tracepoints.  While a
trace runs it takes part in the processes that have some, as an engine beside the clients: it owns a site at each
address, evaluates the conditions at a hit, records a frame, and votes CONTINUE; for ``while-stepping`` it votes STEP
and records a frame after each step.  When the trace ends it leaves, and nothing of it is in the process.

Definitions and frames stay until a client clears them, also when the process is gone.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gdbstub.engines.tracing.buffer import DEFAULT_SIZE, Frame, TraceBuffer
from gdbstub.engines.tracing.definitions import Definitions, Tracepoint
from gdbstub.engines.tracing.outcome import Outcome, Reason
from gdbstub.rsp.commands.tracepoints import DefineTracepoint, DefineVariable, TracepointHead
from gdbstub.rsp.commands.tracing import Search, SelectFrame
from gdbstub.target.engine import IdleEngine, Vote
from gdbstub.target.events import Execed, ProcessExited, SiteHit, StepDone, ThreadExited, TraceEvent
from gdbstub.target.ops import Target, ThreadAction
from gdbstub.vocab.errors import StubError, TargetError, TraceeGone
from gdbstub.vocab.ids import TRACING, Addr, EngineId, Pid, Tid

if TYPE_CHECKING:
    from gdbstub.engines.tracing.collector import Collector


class _Stepping:
    """A thread on its way after a hit."""

    __slots__ = ("left", "tracepoint")

    def __init__(self, tracepoint: Tracepoint) -> None:
        self.tracepoint = tracepoint
        #: Steps still to be made.
        self.left = tracepoint.step_count


class Tracing(IdleEngine):
    """Tracepoints, the run, and what it has collected.

    Args:
        target: The tracer.
        clock: Microseconds, never going back.
        output: Takes what an expression prints; must not block.
    """

    wants: frozenset[type[TraceEvent]] = frozenset({SiteHit, StepDone, ThreadExited, Execed, ProcessExited})

    def __init__(self, target: Target, clock: Callable[[], int], output: Callable[[bytes], None]) -> None:
        super().__init__(TRACING)
        self._target = target
        self._clock = clock
        self._output = output
        self.definitions = Definitions()
        self.buffer = TraceBuffer()
        #: Memory that does not change, as ranges from first to last byte but one.
        self.read_only: tuple[tuple[Addr, Addr], ...] = ()
        self.running = False
        self._outcome = Outcome(Reason.NOT_RUN)
        self._started = self._stopped = 0
        self._notes: dict[str, bytes] = {}
        self._disconnected = False
        #: The client whose leaving ends the run.
        self._owner: EngineId | None = None
        #: Where sites of ours are.
        self._sites: set[tuple[Pid, Addr]] = set()
        #: Threads that step after a hit; they go on when the run has ended by a count of passes.
        self._steps: dict[Tid, list[_Stepping]] = {}
        self._attached = False

    # ------------------------------------------------------------ definitions

    def clear(self) -> None:
        """End the run and forget everything about it but the frames' settings."""
        self._end(Outcome(Reason.STOPPED))
        self.definitions.clear()
        self.buffer.clear()
        self.read_only = ()
        self._outcome = Outcome(Reason.NOT_RUN)
        self._started = self._stopped = 0

    def define(self, command: DefineTracepoint, pid: Pid) -> None:
        """Take one packet of a definition; the last one puts it into a trace that runs.

        Raises:
            TargetError: There is no such tracepoint, or it cannot be inserted.
            PacketError: An expression does not pass verification.
        """
        content = command.content
        if isinstance(content, TracepointHead):
            if content.fast or content.static:
                kind = "fast" if content.fast else "static"
                raise TargetError(errno.ENOTSUP, f"{kind} tracepoints are not supported; use trace")
            tracepoint = Tracepoint(command.number, command.address, pid, self._target.arch(pid), content)
            self.definitions.add(tracepoint)
        else:
            tracepoint = self.definitions.find(command.number, command.address, pid)
            tracepoint.add(content)
        if command.more or tracepoint.complete:
            return
        tracepoint.complete = True
        if self.running:
            try:
                self._take_part(pid)
                self._update_site(pid, tracepoint.address)
            except StubError:
                self.definitions.remove(tracepoint)
                raise

    def enable(self, number: int, address: Addr, pid: Pid | None, *, on: bool) -> None:
        """Let a tracepoint count hits, or not."""
        tracepoint = self.definitions.find(number, address, pid)
        tracepoint.enabled = on
        if self.running:
            self._update_site(tracepoint.pid, address)

    def define_variable(self, command: DefineVariable) -> None:
        """Define a trace state variable and give it its initial value."""
        variable = self.definitions.define_variable(command)
        if not variable.builtin:
            self._target.set_variable(variable.number, variable.initial)

    def variable(self, number: int, frame: Frame | None) -> int | None:
        """Return the value of a variable, now or in a frame; None where it is unknown."""
        if frame is not None:
            return frame.contents.variables.get(number)
        if self.definitions.variable(number) is None:
            return None
        return self._target.get_variable(number)

    # ------------------------------------------------------------ settings

    def set_size(self, size: int | None) -> None:
        """Say how much the buffer may hold.

        Raises:
            TargetError: A trace runs.
        """
        if self.running:
            raise TargetError(errno.EBUSY, "the size of the buffer cannot be changed while a trace runs")
        self.buffer.size = DEFAULT_SIZE if size is None else size

    def set_disconnected(self, client: EngineId, *, on: bool) -> None:
        """Say whether the run goes on when its client has left; who says so is its client."""
        self._disconnected = on
        self._set_running(on=self.running)
        self._owner = client

    def note(self, kind: str, text: bytes) -> None:
        """Keep one of the user's notes."""
        self._notes[kind] = text

    # ------------------------------------------------------------ the run

    def start(self, client: EngineId) -> None:
        """Start to collect, with an empty buffer.

        Raises:
            TargetError: A trace runs already, or a tracepoint cannot be inserted: then none is.
        """
        if self.running:
            raise TargetError(errno.EBUSY, "a trace runs already")
        self._drop_steps()
        self.buffer.clear()
        self._owner = client
        self._started = self._stopped = 0
        for tracepoint in self.definitions.tracepoints():
            tracepoint.complete = True
            tracepoint.hits = tracepoint.usage = 0
        for variable in self.definitions.variables():
            if not variable.builtin:
                self._target.set_variable(variable.number, variable.initial)
        self._set_running(on=True)
        try:
            for tracepoint in self.definitions.tracepoints():
                self._take_part(tracepoint.pid)
                self._update_site(tracepoint.pid, tracepoint.address)
        except StubError:
            self._end(self._outcome)
            raise
        self._started = self._clock()
        self._notes.pop("tstop", None)

    def stop(self) -> None:
        """End to collect at a client's wish."""
        self._end(Outcome(Reason.STOPPED))

    def client_left(self, client: EngineId) -> None:
        """Learn that a client is gone: the run that is its own ends, unless it asked for it to go on."""
        if client == self._owner:
            self._owner = None
            if not self._disconnected:
                self._end(Outcome(Reason.DISCONNECTED))

    def _set_running(self, *, on: bool) -> None:
        self.running = on
        # A run that goes on without a client keeps its processes traced.
        self.keeps_traced = on and self._disconnected

    def _take_part(self, pid: Pid) -> None:
        if not self._attached:
            self._attached = True
            self._target.attach_engine(self)
        self._target.join(TRACING, pid)

    def _update_site(self, pid: Pid, address: Addr) -> None:
        """Own a site where a tracepoint counts hits, and nowhere else."""
        key = (pid, address)
        wanted = self.running and any(each.enabled and each.complete for each in self.definitions.at(pid, address))
        if wanted and key not in self._sites:
            try:
                self._target.insert_breakpoint(TRACING, pid, address, 1, hardware=False)
            except TargetError as failure:
                raise TargetError(
                    failure.errno, f"cannot insert a tracepoint at {address:#x}: {failure.text}"
                ) from None
            self._sites.add(key)
        elif not wanted and key in self._sites:
            self._sites.discard(key)
            # Its page may be gone, and the site with it.
            with suppress(TargetError):
                self._target.remove_breakpoint(TRACING, pid, address, 1, hardware=False)

    def _end(self, outcome: Outcome) -> None:
        """End the run and take everything of it out of the processes."""
        if self.running:
            self._set_running(on=False)
            self._outcome = outcome
            self._stopped = self._clock()
            for pid, address in self._sites:
                try:
                    self._target.remove_breakpoint(TRACING, pid, address, 1, hardware=False)
                except StubError:
                    # The process is gone, and its sites with it.
                    continue
            self._sites.clear()
        if outcome.reason is not Reason.PASSES or not self._steps:
            self._drop_steps()

    def _drop_steps(self) -> None:
        """Leave every process: threads that stepped for us run as the clients have it."""
        self._steps.clear()
        if self._attached:
            self._attached = False
            self._target.detach_engine(TRACING)

    # ------------------------------------------------------------ events (called by the tracer)

    def on_event(self, event: TraceEvent) -> Vote:
        """Collect; hold nothing."""
        match event:
            case SiteHit():
                self._hit(event)
            case StepDone():
                self._stepped(event)
                return Vote.STEP if event.tid in self._steps else Vote.CONTINUE
            case ThreadExited():
                self._steps.pop(event.tid, None)
            case Execed():
                self._forget_program(event)
            case ProcessExited():
                self._lost(event.pid, Outcome(Reason.ERROR, 0, b"process %d has ended" % event.pid))
            case _:
                pass
        return Vote.CONTINUE

    def _collector(self, tid: Tid) -> Collector:
        # Imported on first use: gdb asks for the state of tracing in every session, and few collect.
        from gdbstub.engines.tracing.collector import Collector

        return Collector(self._target, tid, self.buffer, self._output)

    def _hit(self, event: SiteHit) -> None:
        if not self.running:
            return
        tid = event.tid
        ending: Outcome | None = None
        stepping: list[_Stepping] = []
        try:
            collector = self._collector(tid)
            for tracepoint in self.definitions.at(event.pid, event.address):
                if not tracepoint.enabled or not tracepoint.complete:
                    continue
                failure = collector.at_hit(tracepoint, event.address)
                if failure is not None:
                    ending = failure
                    break
                if tracepoint.step_count and collector.took:
                    stepping.append(_Stepping(tracepoint))
                if tracepoint.passes and tracepoint.hits >= tracepoint.passes:
                    ending = ending or Outcome(Reason.PASSES, tracepoint.number)
        except TraceeGone:
            return
        if stepping:
            mine = {id(each.tracepoint) for each in stepping}
            kept = [each for each in self._steps.get(tid, ()) if id(each.tracepoint) not in mine]
            self._steps[tid] = kept + stepping
            self._target.amend(TRACING, [ThreadAction(tid, Vote.STEP)])
        if ending is not None:
            self._end(ending)

    def _stepped(self, event: StepDone) -> None:
        tid = event.tid
        under_way = self._steps.get(tid)
        if under_way is None:
            self._target.amend(TRACING, [ThreadAction(tid, Vote.CONTINUE)])
            return
        ending: Outcome | None = None
        try:
            pc = self._target.pc(tid)
            collector = self._collector(tid)
            for each in under_way:
                each.left -= 1
                ending = collector.after_step(each.tracepoint, pc)
                if ending is not None:
                    break
        except TraceeGone:
            return
        under_way[:] = [each for each in under_way if each.left > 0]
        if not under_way:
            del self._steps[tid]
            self._target.amend(TRACING, [ThreadAction(tid, Vote.CONTINUE)])
        if ending is not None:
            self._end(ending)
        if not self.running and (ending is not None or not self._steps):
            self._drop_steps()

    def _forget_program(self, event: Execed) -> None:
        """Forget the tracepoints of a program that exec has replaced; its client says where the new ones are."""
        self._forget(event.pid)
        self._target.amend(TRACING, [ThreadAction(event.tid, Vote.CONTINUE)])
        for tracepoint in self.definitions.tracepoints():
            if tracepoint.pid == event.pid:
                self.definitions.remove(tracepoint)

    def _forget(self, pid: Pid) -> None:
        self._sites = {key for key in self._sites if key[0] != pid}
        for tid, under_way in list(self._steps.items()):
            if any(each.tracepoint.pid == pid for each in under_way):
                del self._steps[tid]

    def _lost(self, pid: Pid, outcome: Outcome) -> None:
        """Go on with the other processes; without any the run is over."""
        self._forget(pid)
        if not self._sites:
            self._end(outcome)

    def on_lost(self, pid: Pid) -> None:
        """Learn that a process is no longer traced."""
        self._lost(pid, Outcome(Reason.DISCONNECTED))

    # ------------------------------------------------------------ looking at it

    def status(self) -> str:
        """Return the fields of ``qTStatus``, but for its first letter."""
        buffer = self.buffer
        notes = {kind: self._notes.get(kind, b"") for kind in ("user", "notes", "tstop")}
        outcome = Outcome(Reason.NOT_RUN) if self.running else self._outcome
        return (
            f"{int(self.running)};{outcome.wire(notes['tstop'])};tframes:{len(buffer):x};tcreated:{buffer.created:x}"
            f";tfree:{buffer.free:x};tsize:{buffer.size:x};circular:{int(buffer.circular)}"
            f";disconn:{int(self._disconnected)};starttime:{self._started:x};stoptime:{self._stopped:x}"
            f";username:{notes['user'].hex()};notes:{notes['notes'].hex()}"
        )

    def find_frame(self, command: SelectFrame, current: Frame | None) -> tuple[int, Frame] | None:
        """Return the frame that a client means, and its number; a search begins after the one it looks at."""
        operands = command.operands
        if command.search is Search.NUMBER:
            frame = self.buffer.frame(operands[0])
            return None if frame is None else (operands[0], frame)
        for number, frame in self.buffer.after(current):
            match command.search:
                case Search.PC:
                    fits = frame.pc == operands[0]
                case Search.TRACEPOINT:
                    fits = frame.tracepoint.number == operands[0]
                case Search.INSIDE:
                    fits = operands[0] <= frame.pc <= operands[1]
                case _:
                    fits = not operands[0] <= frame.pc <= operands[1]
            if fits:
                return number, frame
        return None

    def is_read_only(self, address: int, length: int) -> bool:
        """Tell whether memory does not change, so that it can be shown with any frame."""
        return any(start <= address and address + length <= end for start, end in self.read_only)
