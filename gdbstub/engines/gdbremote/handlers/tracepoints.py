"""Handlers of the packets that define tracepoints and trace state variables.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.tracepoints import (
    AskTracepoint,
    AskVariable,
    ClearTrace,
    DefineTracepoint,
    DefineVariable,
    DisableTracepoint,
    EnableTracepoint,
    FirstTracepoint,
    FirstVariable,
    NextTracepoint,
    NextVariable,
    ReadOnlyRanges,
    ShortestFastInstruction,
    TracepointSource,
)
from gdbstub.rsp.replies import OK, Reply
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


def _process(session: Session) -> Pid | None:
    """Return the process at hand; definitions outlive it."""
    try:
        return session.process()
    except TargetError:
        return None


@handles(ClearTrace)
def clear_trace(session: Session, cmd: ClearTrace) -> Reply:
    """Forget tracepoints, variables and frames."""
    session.trace_frame = None
    session.host.tracing().clear()
    return OK


@handles(DefineTracepoint)
def define_tracepoint(session: Session, cmd: DefineTracepoint) -> Reply:
    """Take one packet of a definition."""
    session.host.tracing().define(cmd, session.process())
    return OK


@handles(TracepointSource)
def tracepoint_source(session: Session, cmd: TracepointSource) -> Reply:
    """Keep source text."""
    session.host.tracing().definitions.find(cmd.number, cmd.address, _process(session)).add_source(cmd)
    return OK


@handles(DefineVariable)
def define_variable(session: Session, cmd: DefineVariable) -> Reply:
    """Define a trace state variable."""
    session.host.tracing().define_variable(cmd)
    return OK


@handles(EnableTracepoint)
def enable_tracepoint(session: Session, cmd: EnableTracepoint) -> Reply:
    """Let a tracepoint count hits, also in a trace that runs."""
    session.host.tracing().enable(cmd.number, cmd.address, _process(session), on=True)
    return OK


@handles(DisableTracepoint)
def disable_tracepoint(session: Session, cmd: DisableTracepoint) -> Reply:
    """Let a tracepoint count no hits, also in a trace that runs."""
    session.host.tracing().enable(cmd.number, cmd.address, _process(session), on=False)
    return OK


@handles(AskTracepoint)
def ask_tracepoint(session: Session, cmd: AskTracepoint) -> Reply:
    """Give the number of hits and of bytes."""
    try:
        tracepoint = session.host.tracing().definitions.find(cmd.number, cmd.address, _process(session))
    except TargetError:
        # QUIRK(gdb, all): an error ends its tstatus; it also asks for what it has not defined yet.
        return b"V0:0"
    return b"V%x:%x" % (tracepoint.hits, tracepoint.usage)


@handles(ReadOnlyRanges)
def read_only_ranges(session: Session, cmd: ReadOnlyRanges) -> Reply:
    """Replace the ranges."""
    session.host.tracing().read_only = cmd.ranges
    return OK


@handles(ShortestFastInstruction)
def shortest_fast_instruction(session: Session, cmd: ShortestFastInstruction) -> Reply:
    """Answer 1: a fast tracepoint is made a plain one, whose trap fits everywhere."""
    # QUIRK(gdb, all): where FastTracepoints is not offered, gdb says so and defines plain ones.
    return b"1"


def _next(session: Session) -> Reply:
    return session.trace_uploads.pop(0).encode() if session.trace_uploads else b"l"


@handles(FirstTracepoint)
def first_tracepoint(session: Session, cmd: FirstTracepoint) -> Reply:
    """Begin to give the definitions."""
    tracepoints = session.host.tracing().definitions.tracepoints()
    session.trace_uploads = [line for each in tracepoints for line in each.upload()]
    return _next(session)


@handles(NextTracepoint)
def next_tracepoint(session: Session, cmd: NextTracepoint) -> Reply:
    """Go on giving the definitions."""
    return _next(session)


@handles(FirstVariable)
def first_variable(session: Session, cmd: FirstVariable) -> Reply:
    """Begin to give the variables."""
    session.trace_uploads = [each.upload() for each in session.host.tracing().definitions.variables()]
    return _next(session)


@handles(NextVariable)
def next_variable(session: Session, cmd: NextVariable) -> Reply:
    """Go on giving the variables."""
    return _next(session)


@handles(AskVariable)
def ask_variable(session: Session, cmd: AskVariable) -> Reply:
    """Give a variable's value, now or in the selected frame."""
    value = session.host.tracing().variable(cmd.number, session.trace_frame)
    return b"U" if value is None else b"V%x" % (value & 0xFFFF_FFFF_FFFF_FFFF)
