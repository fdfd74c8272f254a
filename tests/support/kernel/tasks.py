"""A kernel without a machine: processes and threads that run, are signalled, stop and die as ptrace(2) says.

Used by: support.kernel.door, unit/tracer/test_histories.py, unit/tracer/test_engine_rules.py.

A program is a few bytes of text: one-byte instructions, a ``syscall``, a handler.  Nothing happens by itself: a
test says which thread makes its next move (``Kernel.move``), and what it calls where its next instruction is a system
call.  What a thread does in the kernel is a generator that yields each stop it reports, and None while it waits.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum

from gdbstub.arch.x86 import USER_REGS
from gdbstub.linux.constants import (
    PTRACE_EVENT_CLONE,
    PTRACE_EVENT_EXEC,
    PTRACE_EVENT_FORK,
    PTRACE_EVENT_STOP,
    PTRACE_EVENT_VFORK,
    PTRACE_EVENT_VFORK_DONE,
    SYSGOOD,
)
from gdbstub.target.calls import SyscallInfo
from gdbstub.tracer.traps import HANDLER_ENTERED, SI_KERNEL, TRAP_BRKPT, TRAP_HWBKPT, TRAP_TRACE
from gdbstub.vocab.ids import Addr, Pid, Signo, Tid

BASE = Addr(0x1000)
NOP, TRAP, RETURN, SYSCALL = 0x90, 0xCC, 0xC3, b"\x0f\x05"
#: Instructions, two of them system calls; then the handler; then nothing.
TEXT = bytes((NOP, NOP, NOP, *SYSCALL, NOP, NOP, *SYSCALL, NOP)) + bytes((NOP, RETURN))
HANDLER = Addr(BASE + 10)
#: Where the program goes round.
END = HANDLER
STACK = 0x8000

SIGTRAP, SIGKILL, SIGSTOP, SIGCONT = map(Signo, (signal.SIGTRAP, signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT))
HANDLED = frozenset(map(Signo, (signal.SIGUSR1, signal.SIGALRM)))
DEADLY = frozenset(map(Signo, (signal.SIGTERM, signal.SIGSEGV)))
#: Of all other signals nothing comes, but for those two of job control.

AUDIT_ARCH = 0xC000003E
_NO_CALL = (1 << 64) - 1

INIT = Pid(1)

Work = Generator[int | None, None, None]


def iter_nothing() -> Work:
    """Do nothing in the kernel."""
    yield from ()


def stop_status(sig: int, event: int = 0) -> int:
    """Return the raw wait status of a stop."""
    return event << 16 | sig << 8 | 0x7F


def event_status(event: int) -> int:
    """Return the raw wait status of a PTRACE_EVENT stop."""
    return stop_status(SIGTRAP, event)


def exit_status(code: int) -> int:
    """Return the raw wait status of an exit."""
    return code << 8


class Call(Enum):
    """What a thread may call; the value is the number."""

    GETPID = 39
    CLONE = 56
    FORK = 57
    VFORK = 58
    EXEC = 59
    EXIT = 60
    EXIT_GROUP = 231


class State(Enum):
    """What a thread does."""

    RUNNING = "running"
    #: In a ptrace-stop.
    STOPPED = "stopped"
    #: In a group-stop, left to job control.
    LISTENING = "listening"
    #: Killed; it has not died yet.
    DYING = "dying"
    ZOMBIE = "zombie"


class Mode(Enum):
    """How a thread was resumed last."""

    CONT = "cont"
    STEP = "step"
    SYSCALL = "syscall"


@dataclass
class Queued:
    """One signal on its way; a number below 0 is that of a trap, which nobody has sent."""

    sig: Signo
    code: int
    sender: int = 0
    number: int = 0


@dataclass
class Resolution:
    """What became of a signal that was reported."""

    number: int
    tid: Tid
    sig: Signo
    given: Signo


class Space:
    """An address space."""

    def __init__(self, text: bytes = TEXT) -> None:
        self.text = bytearray(text)
        self.users = 0


@dataclass
class Process:
    """A thread group."""

    pid: Pid
    space: Space
    #: 1 once its own has ended.
    parent: Pid = INIT
    tasks: dict[Tid, Task] = field(default_factory=dict)
    pending: list[Queued] = field(default_factory=list)
    #: The signal that job control stopped it with.
    job_stop: Signo | None = None
    #: It ends as a whole, with this status.
    ending: int | None = None
    #: What waits for a vfork child: called when it borrows no more.
    give_back: Callable[[], None] | None = None


class Task:
    """A thread."""

    def __init__(self, tid: Tid, process: Process) -> None:
        self.tid = tid
        self.process = process
        self.state = State.RUNNING
        #: What wait would tell.
        self.status: int | None = None
        self.traced = False
        self.mode = Mode.CONT
        self.registers = bytearray(27 * 8)
        self.set("orig_rax", _NO_CALL)
        self.set("rip", BASE)
        self.set("rsp", STACK)
        self.debug = [0] * 8
        #: An execute slot has just been reported at pc.
        self.passing = False
        self.mask = 0
        #: PTRACE_INTERRUPT, job control or its birth wants it to stop.
        self.told_to_stop = False
        #: Its own traps, which come before all signals.
        self.forced: list[Queued] = []
        self.pending: list[Queued] = []
        #: The signal of its signal-delivery-stop.
        self.delivering: Queued | None = None
        #: It has become another program, and wait has not told so yet.
        self.was_replaced = False
        #: The last stop was a group-stop.
        self.in_group_stop = False
        self.message = 0
        self.call: SyscallInfo | None = None
        self.work: Work | None = None
        #: In the kernel it waits for this to become true.
        self.awaits: Callable[[], bool] | None = None
        #: Where the handlers that run return to.
        self.frames: list[tuple[int, int]] = []
        space = process.space
        space.users += 1
        self.space: Space | None = space
        process.tasks[tid] = self

    def get(self, name: str) -> int:
        """Return a general register."""
        at = USER_REGS[name]
        return int.from_bytes(self.registers[at : at + 8], "little")

    def set(self, name: str, value: int) -> None:
        """Set a general register."""
        at = USER_REGS[name]
        self.registers[at : at + 8] = (value & _NO_CALL).to_bytes(8, "little")

    @property
    def is_leader(self) -> bool:
        """Tell whether its tid is the process's id."""
        return self.tid == Tid(self.process.pid)

    @property
    def alive(self) -> bool:
        """Tell whether it has not ended."""
        return self.state is not State.DYING and self.state is not State.ZOMBIE

    def leave_space(self) -> None:
        """Use the memory no more."""
        if self.space is not None:
            self.space.users -= 1
            self.space = None


class Kernel:
    """All processes."""

    def __init__(self) -> None:
        self.tasks: dict[Tid, Task] = {}
        self.processes: dict[Pid, Process] = {}
        self._next_id = 100
        self._next_signal = 1
        self._next_trap = 0
        #: What became of each reported signal, in order.
        self.resolutions: list[Resolution] = []
        #: Signals that ended without a report: merged, discarded by job control, gone with a process.
        self.lapsed: set[int] = set()
        #: What a tracer must never do or cause.
        self.wrongs: list[str] = []
        #: Called with each status that wait tells, before it does.
        self.on_wait: Callable[[Task, int], None] = lambda task, status: None

    # Making

    def _fresh(self) -> int:
        self._next_id += 1
        return self._next_id

    def spawn(self, threads: int = 1) -> Process:
        """Start a process that nobody traces."""
        process = Process(Pid(self._fresh()), Space())
        self.processes[process.pid] = process
        self._task(Tid(process.pid), process)
        for _ in range(threads - 1):
            self._task(Tid(self._fresh()), process)
        return process

    def _task(self, tid: Tid, process: Process) -> Task:
        task = self.tasks[tid] = Task(tid, process)
        return task

    # Signals

    def send(self, process: Process, sig: Signo, task: Task | None = None, *, code: int = 0, sender: int = 1) -> int:
        """Send a signal to a process or to one thread; return the number of what was sent."""
        number = self._next_signal
        self._next_signal += 1
        if sig == SIGKILL:
            self.kill(process)
            return 0
        if sig in (SIGSTOP, SIGCONT):
            self._cancel(process, SIGCONT if sig == SIGSTOP else SIGSTOP)
        if sig == SIGCONT:
            process.job_stop = None
            for each in process.tasks.values():
                if each.traced and each.alive:
                    each.told_to_stop = True
                    if each.state is State.LISTENING:
                        each.state = State.RUNNING
        queue = process.pending if task is None else task.pending
        if any(each.sig == sig for each in queue):
            self.lapsed.add(number)
        else:
            queue.append(Queued(sig, code, sender, number))
        return number

    def _cancel(self, process: Process, sig: Signo) -> None:
        for queue in (process.pending, *(each.pending for each in process.tasks.values())):
            for each in [each for each in queue if each.sig == sig]:
                queue.remove(each)
                self.lapsed.add(each.number)

    def kill(self, process: Process, status: int = SIGKILL) -> None:
        """End a whole process."""
        if process.ending is None:
            process.ending = status
        for task in process.tasks.values():
            self._doom(task)

    @staticmethod
    def _doom(task: Task) -> None:
        if task.alive:
            task.state = State.DYING
            task.status = None
            task.work = None

    # Moving

    def has_business(self, task: Task) -> bool:
        """Tell whether a thread has something to do in the kernel, before its next instruction."""
        if task.state is State.DYING:
            return True
        if task.state is not State.RUNNING:
            return False
        if task.work is not None:
            return task.awaits is None or task.awaits()
        return bool((task.traced and task.told_to_stop) or task.forced or task.pending or task.process.pending)

    def move(self, task: Task, call: Call = Call.GETPID) -> None:
        """Let a thread do one thing: a piece of a call, a stop, or its next instruction.

        Args:
            task: Which.
            call: What it calls, where its next instruction is a system call.
        """
        if task.state is State.DYING:
            self._die(task, task.process.ending or SIGKILL)
        elif task.state is not State.RUNNING:
            return
        elif task.work is not None:
            self._work(task)
        elif not self._takes_stop(task) and not (task.process.job_stop and not task.traced):
            self._execute(task, call)

    def _work(self, task: Task) -> None:
        assert task.work is not None
        try:
            status = next(task.work)
        except StopIteration:
            task.work = None
            return
        if status is not None:
            self._stop(task, status)

    def _stop(self, task: Task, status: int) -> None:
        if task.traced:
            task.state = State.STOPPED
            task.status = status
            task.told_to_stop = False
            task.in_group_stop = status >> 16 == PTRACE_EVENT_STOP and status >> 8 & 0xFF != SIGTRAP

    def _takes_stop(self, task: Task) -> bool:
        process = task.process
        if task.traced and task.told_to_stop:
            self._stop(task, stop_status(process.job_stop or SIGTRAP, PTRACE_EVENT_STOP))
            return True
        queue = task.forced or task.pending or process.pending
        if not queue:
            return False
        queued = queue.pop(0)
        if task.traced:
            task.delivering = queued
            self._stop(task, stop_status(queued.sig))
        else:
            if queued.code > 0:
                self.wrongs.append(f"the untraced thread {task.tid} has run into a trap")
            self.lapsed.add(queued.number)
            self.deliver(task, queued.sig)
        return True

    def deliver(self, task: Task, sig: Signo) -> None:
        """Let a signal do what it does."""
        if sig in DEADLY or sig == SIGTRAP:
            self.kill(task.process, sig)
        elif sig == SIGSTOP:
            task.process.job_stop = sig
            for each in task.process.tasks.values():
                each.told_to_stop = each.told_to_stop or (each.traced and each.alive)
        elif sig in HANDLED:
            task.frames.append((task.get("rip"), task.get("rsp")))
            task.set("rip", HANDLER)
            task.set("rsp", task.get("rsp") - 0x100)
            task.set("orig_rax", _NO_CALL)
            task.passing = False
            if task.mode is Mode.STEP:
                self._trap(task, HANDLER_ENTERED)

    def _trap(self, task: Task, code: int) -> None:
        self._next_trap -= 1
        task.forced.append(Queued(SIGTRAP, code, number=self._next_trap))
        task.mask &= ~(1 << (SIGTRAP - 1))

    def _execute(self, task: Task, call: Call) -> None:
        pc = task.get("rip")
        text = task.process.space.text
        if not task.passing:
            slot = self._slot_at(task, pc)
            if slot is not None:
                task.debug[6] |= 1 << slot
                task.passing = True
                self._trap(task, TRAP_HWBKPT)
                return
        task.passing = False
        at = pc - BASE
        opcode = text[at] if 0 <= at < len(text) else 0
        task.set("orig_rax", _NO_CALL)
        if opcode == TRAP:
            task.set("rip", pc + 1)
            self._trap(task, SI_KERNEL)
            if not task.traced:
                self.wrongs.append(f"the untraced thread {task.tid} has run into a trap")
            return
        if text[at : at + 2] == SYSCALL:
            task.set("rip", self._round(pc + 2))
            task.work = self._calls(task, call)
            self._work(task)
            return
        if opcode == RETURN and task.frames:
            pc, sp = task.frames.pop()
            task.set("rip", pc)
            task.set("rsp", sp)
        elif opcode in (NOP, RETURN):
            task.set("rip", self._round(pc + 1) if not task.frames else pc + 1)
        else:
            self.wrongs.append(f"thread {task.tid} has run to {pc:#x}, which is no instruction")
            self.kill(task.process)
            return
        if task.mode is Mode.STEP:
            self._trap(task, TRAP_TRACE)

    @staticmethod
    def _round(pc: int) -> int:
        return BASE if pc == END else pc

    @staticmethod
    def _slot_at(task: Task, pc: int) -> int | None:
        for slot in range(4):
            enabled = task.debug[7] >> 2 * slot & 0b11
            kind = task.debug[7] >> (16 + 4 * slot) & 0b11
            if enabled and not kind and task.debug[slot] == pc:
                return slot
        return None

    # Calls

    def _calls(self, task: Task, call: Call) -> Work:
        task.set("rax", -38)
        task.set("orig_rax", call.value)
        task.call = SyscallInfo(True, AUDIT_ARCH, call.value, (0,) * 6, task.get("rsp"))
        if task.traced and task.mode is Mode.SYSCALL:
            yield stop_status(SIGTRAP | SYSGOOD)
        skipped = task.get("orig_rax") == _NO_CALL
        if not skipped:
            task.set("rax", 0)
            yield from self._bodies(task, call)
        task.call = SyscallInfo(False, AUDIT_ARCH, -1, (0,) * 6, task.get("rsp"))
        if task.traced and task.mode is Mode.SYSCALL:
            yield stop_status(SIGTRAP | SYSGOOD)
        elif task.mode is Mode.STEP:
            self._trap(task, TRAP_BRKPT)
        task.call = None

    def _bodies(self, task: Task, call: Call) -> Work:
        match call:
            case Call.CLONE:
                return self._clone(task)
            case Call.FORK:
                return self._fork(task)
            case Call.VFORK:
                return self._vfork(task)
            case Call.EXEC:
                return self._exec(task)
            case Call.EXIT:
                return self._exit(task)
            case Call.EXIT_GROUP:
                return self._exit_group(task)
            case Call.GETPID:
                return iter_nothing()

    def _child(self, parent: Task, tid: Tid, process: Process) -> Task:
        child = self._task(tid, process)
        child.registers[:] = parent.registers
        child.set("rax", 0)
        child.set("orig_rax", _NO_CALL)
        child.frames = list(parent.frames)
        child.traced = child.told_to_stop = parent.traced
        parent.set("rax", tid)
        parent.message = tid
        return child

    def _clone(self, task: Task) -> Work:
        self._child(task, Tid(self._fresh()), task.process)
        yield event_status(PTRACE_EVENT_CLONE)

    def _fork(self, task: Task) -> Work:
        process = task.process
        twin = Process(Pid(self._fresh()), Space(bytes(process.space.text)), process.pid)
        self.processes[twin.pid] = twin
        self._child(task, Tid(twin.pid), twin)
        yield event_status(PTRACE_EVENT_FORK)

    def _vfork(self, task: Task) -> Work:
        twin = Process(Pid(self._fresh()), task.process.space, task.process.pid)
        self.processes[twin.pid] = twin
        done: list[bool] = []
        twin.give_back = lambda: done.append(True)
        self._child(task, Tid(twin.pid), twin)
        yield event_status(PTRACE_EVENT_VFORK)
        yield from self._await(task, lambda: bool(done))
        task.message = twin.pid
        yield event_status(PTRACE_EVENT_VFORK_DONE)

    def _exec(self, task: Task) -> Work:
        process = task.process
        for other in list(process.tasks.values()):
            if other is not task:
                self._doom(other)

        def is_alone() -> bool:
            others = [each for each in process.tasks.values() if each is not task]
            return all(each.is_leader and each.state is State.ZOMBIE for each in others)

        yield from self._await(task, is_alone)
        former = task.tid
        task.was_replaced = True
        if not task.is_leader:
            del process.tasks[task.tid], self.tasks[task.tid]
            process.tasks.clear()
            task.tid = Tid(process.pid)
            process.tasks[task.tid] = self.tasks[task.tid] = task
        task.leave_space()
        process.space = task.space = Space()
        process.space.users = 1
        task.set("rip", BASE)
        task.set("rsp", STACK)
        task.frames.clear()
        task.debug = [0] * 8
        task.passing = False
        self._give_back(process)
        task.message = former
        yield event_status(PTRACE_EVENT_EXEC)

    @staticmethod
    def _await(task: Task, condition: Callable[[], bool]) -> Work:
        task.awaits = condition
        while not condition():
            yield None
        task.awaits = None

    def startup(self, task: Task, released: Callable[[], bool]) -> Work:
        """Do what a child does that is to be traced: wait until that is so, and become the program."""
        yield from self._await(task, released)
        yield from self._calls(task, Call.EXEC)

    def _exit(self, task: Task) -> Work:
        self._die(task, exit_status(0))
        yield None

    def _exit_group(self, task: Task) -> Work:
        self.kill(task.process, exit_status(7))
        yield None

    # Dying

    @staticmethod
    def _give_back(process: Process) -> None:
        back, process.give_back = process.give_back, None
        if back is not None:
            back()

    def _die(self, task: Task, status: int) -> None:
        process = task.process
        task.state = State.ZOMBIE
        task.work = None
        task.leave_space()
        self._lapse(task.pending)
        if task.delivering is not None:
            self.lapsed.add(task.delivering.number)
        task.status = status
        if not any(each.state is not State.ZOMBIE for each in process.tasks.values()):
            self._give_back(process)
            self._reparent(process)
        if not task.traced:
            # Its own parent reaps it.
            task.status = None
            if not task.is_leader:
                self.release(task)
            self._sweep(process)

    def _lapse(self, queue: list[Queued]) -> None:
        self.lapsed.update(each.number for each in queue)
        queue.clear()

    def release(self, task: Task) -> None:
        """Forget a thread whose end was told."""
        process = task.process
        process.tasks.pop(task.tid, None)
        self.tasks.pop(task.tid, None)
        self._sweep(process)

    def _reparent(self, process: Process) -> None:
        for each in self.processes.values():
            if each.parent == process.pid:
                each.parent = INIT

    def _sweep(self, process: Process) -> None:
        """Forget a process whose leader is an untraced zombie, and the last."""
        left = list(process.tasks.values())
        if len(left) == 1 and left[0].is_leader and left[0].state is State.ZOMBIE and not left[0].traced:
            del self.tasks[left[0].tid]
            process.tasks.clear()
        if not process.tasks:
            self._lapse(process.pending)
            self.processes.pop(process.pid, None)

    # Being waited for

    def is_waitable(self, task: Task) -> bool:
        """Tell whether wait has something to tell of a thread."""
        if not task.traced or task.status is None:
            return False
        # The leader's end is told when all others have gone.
        return not (task.state is State.ZOMBIE and task.is_leader and len(task.process.tasks) > 1)

    def wait(self, task: Task) -> int:
        """Take what there is to tell."""
        status, task.status = task.status, None
        assert status is not None
        task.was_replaced = False
        self.on_wait(task, status)
        if task.state is State.ZOMBIE:
            self.release(task)
        return status
