"""System calls that a stopped thread makes on our behalf, so that nobody can tell afterwards.

Layer: tracer.  Used by: statuses (each stop of such a thread), tracer.

Theory of operation.  A thread that stands gets the registers of the call and is
run to the call's entry and exit; what it needs is in ``linux.injection``.  Then it must stand
again as it did, in whatever stop that was:

- Its own interrupted call is restarted by the kernel only on the way out of a
  signal stop, so after the exit it is interrupted once more, and gets its
  registers back there (a group-stop reports itself anew by that).
- From a syscall-entry-stop the call takes the place of the program's, which is
  entered again.
- From an event-stop it leaves the kernel first: the result of ``clone`` would be
  written over the registers of the call.
- A signal that was about to be delivered is sent again, and gets its siginfo back.

Meanwhile its signals are blocked, but for those that the kernel forces: to block
these would reset their handlers.  The pointer to a restartable sequence is put
back, because the kernel clears it on the way to the call.  A seccomp filter is
suspended; where that is not allowed the call is refused, for it might be fatal.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Generator
from contextlib import suppress
from enum import Enum

from gdbstub.linux import procfs, ptrace_calls
from gdbstub.linux.constants import PTRACE_EVENT_VFORK, PTRACE_O_SUSPEND_SECCOMP
from gdbstub.linux.injection import (
    Call,
    CallAbi,
    abi_of,
    before_call,
    checked,
    entering_again,
    find_instruction,
    is_filtered,
    replacing_call,
    result_of,
)
from gdbstub.linux.wait import StatusKind, WaitStatus
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.tracee import RunState, StopKind, Tracee
from gdbstub.vocab.errors import StubError, TargetError, TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Signo

#: offsetof(struct rseq, rseq_cs).
_RSEQ_CS = 8
_EVERYTHING = (1 << 64) - 1
_SIGSYS = Signo(signal.SIGSYS)
#: What the kernel forces on a thread that blocks it, at the price of the handler.
_FORCED = sum(
    1 << (sig - 1)
    for sig in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP, signal.SIGFPE, signal.SIGSYS)
)


class Phase(Enum):
    """What the thread runs to."""

    LEAVE = "the exit of the call whose event it reported"
    ENTRY = "the entry of our call"
    EXIT = "the exit of our call"
    REST = "an interrupt-stop"
    REENTRY = "the entry of the program's call, once more"
    REDELIVERY = "the delivery of its signal, once more"


#: From which stops a call is injected, the one that costs least first.
_PREFERENCE = (
    StopKind.INTERRUPT,
    StopKind.CALLED,
    StopKind.GROUP,
    StopKind.SIGNAL,
    StopKind.SYSCALL,
    StopKind.EVENT,
)


class Injection:
    """One call under way in one thread.

    Args:
        tracee: The thread; it stands.
        call: What to call.
        instruction: Where the program has the instruction for it; of no use in a syscall-entry-stop.
        suspend: Suspend the seccomp filter.
    """

    def __init__(self, tracee: Tracee, call: Call, instruction: Addr, *, suspend: bool) -> None:
        self._tracee = tracee
        self._tid = tracee.tid
        self._abi = abi_of(tracee.inferior.spec.pointer_size)
        self._call = call
        self._instruction = instruction
        self._suspend = suspend
        self._stop = tracee.stop
        self._signal, self._parked = tracee.signal, tracee.parked
        #: What is to be delivered once more.
        self._again = (tracee.signal or tracee.parked) if tracee.stop is StopKind.SIGNAL else NO_SIGNAL
        self._entered = tracee.entered_syscall
        self._siginfo: bytes | None = None
        self._saved = b""
        self._mask = 0
        self._sequence: tuple[Addr, bytes] | None = None
        #: Signals that came although they were blocked, to be sent again.
        self._owed: list[Signo] = []
        self.result: int | None = None
        self.failure: StubError | None = None
        self.phase = Phase.LEAVE

    @property
    def over(self) -> bool:
        """Tell whether the thread stands again, or is no more."""
        return self.failure is not None or (self.result is not None and self._tracee.injection is not self)

    def start(self) -> None:
        """Begin.  PTRACE: the thread is in a ptrace-stop."""
        tid, tracee = self._tid, self._tracee
        if self._stop is StopKind.CALLED:
            self._siginfo = tracee.kept_siginfo
        elif self._stop is not StopKind.GROUP:
            self._siginfo = ptrace_calls.read_siginfo(tid)
        if self._stop is StopKind.EVENT and ptrace_calls.siginfo(tid).code >> 8 == PTRACE_EVENT_VFORK:
            raise TargetError(errno.EBUSY, f"thread {tid} waits for its vfork child")
        self._mask = ptrace_calls.read_signal_mask(tid)
        if self._suspend:
            try:
                ptrace_calls.set_options(tid, tracee.inferior.options | PTRACE_O_SUSPEND_SECCOMP)
            except TraceeGone:
                raise
            except TargetError:
                raise TargetError(
                    errno.EACCES,
                    "the program is under a seccomp filter, which might kill it for a call of ours;"
                    " only a server with CAP_SYS_ADMIN may suspend the filter",
                ) from None
        ptrace_calls.write_signal_mask(tid, (_EVERYTHING & ~_FORCED) | (self._mask & _FORCED))
        tracee.injection = self
        if self._stop is StopKind.EVENT:
            self._run(Phase.LEAVE)
        elif self._stop is StopKind.SYSCALL and self._entered is not None:
            self._saved = ptrace_calls.read_user_regs(tid)
            ptrace_calls.write_user_regs(tid, replacing_call(self._saved, self._abi, self._call))
            self._run(Phase.EXIT)
        else:
            self._enter()

    def _enter(self) -> None:
        self._saved = ptrace_calls.read_user_regs(self._tid)
        self._keep_sequence()
        regs = before_call(self._saved, self._abi, self._instruction, self._call)
        ptrace_calls.write_user_regs(self._tid, regs)
        self._run(Phase.ENTRY)

    def _keep_sequence(self) -> None:
        at = ptrace_calls.restartable_sequence(self._tid)
        if not at:
            return
        try:
            pointer = self._tracee.inferior.memory.read(Addr(at + _RSEQ_CS), 8)
        except TargetError:
            return
        if any(pointer):
            self._sequence = (Addr(at + _RSEQ_CS), pointer)

    def _run(self, phase: Phase) -> None:
        """Resume the thread to the next phase's stop."""
        self.phase = phase
        tracee = self._tracee
        if phase is Phase.REST:
            ptrace_calls.interrupt(self._tid)
        tracee.inferior.runs += 1
        if phase is Phase.REST or phase is Phase.REDELIVERY:
            ptrace_calls.cont(self._tid)
        else:
            ptrace_calls.cont_to_syscall(self._tid)
        tracee.registers.invalidate()
        tracee.stop = StopKind.NONE
        # It stops by itself: an interrupt would only come first.
        tracee.interrupting = True
        tracee.inferior.set_state(tracee, RunState.RUNNING)

    def stopped(self, status: WaitStatus) -> bool:
        """Go on after a stop of the thread; tell whether it stands again as it did before."""
        tid, kind = self._tid, status.kind
        if kind is StatusKind.SYSCALL_STOP:
            match self.phase:
                case Phase.LEAVE:
                    self._enter()
                    return False
                case Phase.ENTRY:
                    self._run(Phase.EXIT)
                    return False
                case Phase.EXIT:
                    self._take_result(result_of(ptrace_calls.read_user_regs(tid), self._abi))
                    return False
                case Phase.REENTRY:
                    return self._stands(StopKind.SYSCALL)
                case _:
                    pass
        elif kind is StatusKind.SIGNAL_STOP:
            return self._signalled(Signo(status.detail))
        elif self.phase is Phase.REST and kind in (StatusKind.INTERRUPT_STOP, StatusKind.GROUP_STOP):
            return self._rested(kind)
        self._run(self.phase)
        return False

    def _take_result(self, result: int) -> None:
        self.result = result
        if self._stop is StopKind.SYSCALL and self._entered is not None:
            ptrace_calls.write_user_regs(self._tid, entering_again(self._saved, self._abi))
            self._run(Phase.REENTRY)
        else:
            self._run(Phase.REST)

    def _signalled(self, sig: Signo) -> bool:
        if self.phase is Phase.REDELIVERY and sig == self._again:
            if self._siginfo is not None and sig == self._signal:
                ptrace_calls.write_siginfo(self._tid, self._siginfo)
            return self._stands(StopKind.SIGNAL)
        forced = ptrace_calls.siginfo(self._tid).code > 0
        if self.phase is Phase.ENTRY and forced:
            # It never came to the call: syscall user dispatch took it, or the page went away.
            self._take_result(-errno.EPERM if sig == _SIGSYS else -errno.EFAULT)
            return False
        if not forced:
            self._owed.append(sig)
        self._run(self.phase)
        return False

    def _rested(self, kind: StatusKind) -> bool:
        """Give the thread its registers back, and its signal where it had one."""
        tid = self._tid
        ptrace_calls.write_user_regs(tid, self._saved)
        if self._sequence is not None:
            with suppress(TargetError):
                self._tracee.inferior.memory.write(*self._sequence)
        if self._again:
            # PTRACE: only a signal-delivery-stop can deliver; all others wait until this one has come.
            ptrace_calls.write_signal_mask(tid, _EVERYTHING & ~(1 << (self._again - 1)))
            ptrace_calls.tgkill(self._tracee.inferior.pid, tid, self._again)
            self._run(Phase.REDELIVERY)
            return False
        return self._stands(StopKind.GROUP if kind is StatusKind.GROUP_STOP else StopKind.CALLED)

    def _stands(self, stop: StopKind) -> bool:
        tid, tracee = self._tid, self._tracee
        ptrace_calls.write_signal_mask(tid, self._mask)
        if self._suspend:
            ptrace_calls.set_options(tid, tracee.inferior.options)
        for sig in self._owed:
            ptrace_calls.tgkill(tracee.inferior.pid, tid, sig)
        tracee.registers.invalidate()
        tracee.injection = None
        tracee.stop = stop
        tracee.starting = False
        tracee.signal = self._signal if stop is StopKind.SIGNAL else NO_SIGNAL
        tracee.parked = self._parked if stop is StopKind.SIGNAL else NO_SIGNAL
        tracee.entered_syscall = self._entered if stop is StopKind.SYSCALL else None
        tracee.kept_siginfo = self._siginfo
        return True

    def fail(self, failure: StubError) -> None:
        """Learn that the thread is gone, or does not do as it is told."""
        if not self.over:
            self.failure = failure
            self._tracee.injection = None


def _carrier(inferior: Inferior) -> Tracee:
    """Return the thread that a call costs least in.

    Raises:
        TargetError: EBUSY where none stands.
    """
    found: Tracee | None = None
    for tracee in inferior.tracees.values():
        if tracee.stopped and not tracee.blocked and tracee.tid not in inferior.vfork_parents:
            if tracee.stop is StopKind.INTERRUPT:
                return tracee
            if found is None or _PREFERENCE.index(tracee.stop) < _PREFERENCE.index(found.stop):
                found = tracee
    if found is None:
        raise TargetError(errno.EBUSY, "a system call can only be made in a program of which a thread stands still")
    return found


def _instruction(inferior: Inferior, abi: CallAbi) -> Addr:
    at = inferior.call_instruction
    if at is not None:
        with suppress(TargetError):
            # A library that was unloaded takes it along.
            if inferior.memory.read(at, len(abi.instruction)) == abi.instruction:
                return at
    at = find_instruction(inferior.memory.read, procfs.maps(inferior.live_tid()), abi)
    inferior.call_instruction = at
    return at


def inject(inferior: Inferior, call: Call, drain: Callable[[], object]) -> Generator[None, None, int]:
    """Make a system call in an inferior; yields while it lasts.

    Args:
        inferior: Where; one of its threads stands.
        call: What to call.
        drain: Handles the wait statuses that are there.

    Raises:
        TargetError: It cannot be made, or failed.
    """
    tracee = _carrier(inferior)
    abi = abi_of(inferior.spec.pointer_size)
    at = _instruction(inferior, abi)
    injection = Injection(tracee, call, at, suspend=is_filtered(tracee.tid))
    inferior.regions = None
    try:
        injection.start()
    except TraceeGone:
        inferior.set_state(tracee, RunState.DYING)
        raise
    while not injection.over:
        drain()
        if not injection.over:
            yield
    inferior.regions = None
    if injection.failure is not None:
        raise injection.failure
    assert injection.result is not None
    return checked(injection.result)
