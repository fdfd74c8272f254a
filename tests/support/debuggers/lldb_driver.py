"""Runs inside lldb, which has the module of that name: obeys verbs that come as JSON lines from a socket.

Used by: lldb_session.py (``command script import``).

Everything is synchronous: a verb that resumes answers with the stop.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import lldb

Fact = Any

REASONS = {
    lldb.eStopReasonBreakpoint: "breakpoint",
    lldb.eStopReasonWatchpoint: "watchpoint",
    lldb.eStopReasonSignal: "signal",
    lldb.eStopReasonTrace: "trace",
    lldb.eStopReasonPlanComplete: "plan complete",
    lldb.eStopReasonExec: "exec",
    lldb.eStopReasonFork: "fork",
    lldb.eStopReasonVFork: "vfork",
    lldb.eStopReasonNone: "none",
}


class Driver:
    """The verbs: each method's arguments and result are JSON."""

    def __init__(self, debugger: Any) -> None:
        self.debugger = debugger
        debugger.SetAsync(False)

    @property
    def target(self) -> Any:
        return self.debugger.GetSelectedTarget()

    @property
    def process(self) -> Any:
        return self.target.GetProcess()

    @property
    def thread(self) -> Any:
        return self.process.GetSelectedThread()

    @staticmethod
    def _check(error: Any) -> None:
        if error.Fail():
            raise RuntimeError(error.GetCString() or "failed")

    def execute(self, command: str) -> Fact:
        """Run a command line of lldb's; return what it says."""
        result = lldb.SBCommandReturnObject()
        self.debugger.GetCommandInterpreter().HandleCommand(command, result)
        if not result.Succeeded():
            raise RuntimeError((result.GetError() or result.GetOutput() or command).strip())
        return result.GetOutput() or ""

    def open(self, program: str) -> None:
        """Make a target of a program."""
        error = lldb.SBError()
        self.debugger.CreateTarget(program, None, None, True, error)
        self._check(error)

    def connect(self, port: int) -> Fact:
        """Connect to a server that has a process; return why it stands."""
        self.execute(f"gdb-remote 127.0.0.1:{port}")
        return self.state()

    def break_at(self, place: str) -> Fact:
        """Set a breakpoint at a function, ``*ADDRESS`` or by hardware (``-H NAME``); return its number."""
        if place.startswith("*"):
            found = self.target.BreakpointCreateByAddress(int(place[1:], 0))
        elif place.startswith("-H "):
            self.execute(f"breakpoint set -H -n {place[3:]}")
            found = self.target.GetBreakpointAtIndex(self.target.GetNumBreakpoints() - 1)
        else:
            found = self.target.BreakpointCreateByName(place)
        return found.GetID()

    def hits(self, number: int) -> Fact:
        """Return how often a breakpoint was hit."""
        return self.target.FindBreakpointByID(number).GetHitCount()

    @staticmethod
    def _reason(thread: Any) -> tuple[str, list[int]]:
        """Return why a thread stands, and at which breakpoints."""
        reason, numbers = thread.GetStopReason(), []
        if reason == lldb.eStopReasonBreakpoint:
            numbers = [thread.GetStopReasonDataAtIndex(2 * at) for at in range(thread.GetStopReasonDataCount() // 2)]
        return REASONS.get(reason, str(reason)), numbers

    def state(self) -> Fact:
        """Say how the process is, and why its selected thread stands."""
        process = self.process
        if process.GetState() == lldb.eStateExited:
            return {"kind": "exited", "code": process.GetExitStatus()}
        if process.GetState() != lldb.eStateStopped:
            return {"kind": lldb.SBDebugger.StateAsCString(process.GetState())}
        thread = self.thread
        frame = thread.GetFrameAtIndex(0)
        reason, numbers = self._reason(thread)
        return {
            "kind": "stopped",
            "reason": reason,
            "text": thread.GetStopDescription(200),
            "numbers": numbers,
            "signal": thread.GetStopReasonDataAtIndex(0) if thread.GetStopReason() == lldb.eStopReasonSignal else 0,
            "pid": process.GetProcessID(),
            "tid": thread.GetThreadID(),
            "pc": frame.GetPC(),
            "function": frame.GetFunctionName() or "",
            "line": frame.GetLineEntry().GetLine(),
        }

    def cont(self) -> Fact:
        """Continue to the next stop."""
        self._check(self.process.Continue())
        return self.state()

    def meet(self, number: int, count: int, counter: int, base: int) -> Fact:
        """Continue until threads have met a breakpoint so many times, several at one stop perhaps.

        Returns how often, and every stop that was not only that, or at which the program has counted other than
        ``base`` and one for each hit that is over.
        """
        met = 0
        odd: list[Fact] = []
        while met < count:
            self._check(self.process.Continue())
            if self.process.GetState() != lldb.eStateStopped:
                return met, [*odd, self.state()]
            reasons = [(each.GetThreadID(), *self._reason(each)) for each in self.process]
            here = sum(numbers == [number] for _, _, numbers in reasons)
            others = [each for each in reasons if each[1] != "none" and each[2] != [number]]
            value = int.from_bytes(bytes.fromhex(self.read(counter, 8)), "little")
            if not here or others or value != base + met:
                odd.append({"hits": met, "counted": value - base, "reasons": reasons})
            met += here
        return met, odd

    def step_instruction(self) -> Fact:
        """Step one instruction."""
        self.thread.StepInstruction(False)
        return self.state()

    def step_over(self) -> Fact:
        """Step over a line."""
        self.thread.StepOver()
        return self.state()

    def finish(self) -> Fact:
        """Run until the function returns."""
        self.thread.StepOut()
        return self.state()

    def backtrace(self) -> Fact:
        """Return the functions of the selected thread's frames, innermost first."""
        return [frame.GetFunctionName() or hex(frame.GetPC()) for frame in self.thread.frames]

    def threads(self) -> Fact:
        """Return each thread's id, name and reason."""
        return [
            [thread.GetThreadID(), thread.GetName(), REASONS.get(thread.GetStopReason(), "?")]
            for thread in self.process
        ]

    def select(self, tid: int) -> None:
        """Select a thread."""
        self.process.SetSelectedThreadByID(tid)

    def register(self, name: str) -> Fact:
        """Return a register as a number."""
        value = self.thread.GetFrameAtIndex(0).FindRegister(name)
        return int(value.GetValue(), 0)

    def register_bytes(self, name: str) -> Fact:
        """Return the bytes of a register."""
        data = self.thread.GetFrameAtIndex(0).FindRegister(name).GetData()
        return bytes(data.uint8s).hex()

    def write_register(self, name: str, number: int) -> None:
        """Write a register."""
        error = lldb.SBError()
        self.thread.GetFrameAtIndex(0).FindRegister(name).SetValueFromCString(str(number), error)
        self._check(error)

    def evaluate(self, expression: str) -> Fact:
        """Evaluate an expression in the innermost frame."""
        value = self.thread.GetFrameAtIndex(0).EvaluateExpression(expression)
        self._check(value.GetError())
        return value.GetValue()

    def read(self, address: int, length: int) -> Fact:
        """Read memory."""
        error = lldb.SBError()
        data = self.process.ReadMemory(address, length, error)
        self._check(error)
        return data.hex()

    def detach(self, stays_stopped: bool) -> None:
        """Let the process go."""
        self._check(self.process.Detach(stays_stopped))

    def kill(self) -> Fact:
        """Kill the process."""
        self._check(self.process.Kill())
        return self.state()


def serve() -> None:
    """Obey until the other side goes away.

    The debugger is one of our own: that of the command line looks at each stop too, whenever it likes.
    """
    driver = Driver(lldb.SBDebugger.Create(False))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(os.environ["LLDB_DRIVER_SOCKET"])
        with sock.makefile("rw", encoding="utf-8") as stream:
            for line in stream:
                verb, arguments = json.loads(line)
                try:
                    answer = {"result": getattr(driver, verb)(*arguments)}
                except Exception as failure:  # noqa: BLE001  (it is the test's to judge)
                    answer = {"error": str(failure)}
                stream.write(json.dumps(answer) + "\n")
                stream.flush()


def __lldb_init_module(debugger: Any, internal_dict: Any) -> None:
    serve()
    os._exit(0)
