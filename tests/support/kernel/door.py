"""The ways into the kernel without a machine, in place of those into the real one.

Used by: unit/tracer.  Replaces: linux.ptrace_calls, linux.wait, linux.procfs, linux.memory, linux.spawn, as the
tracer sees them.

Requests are refused as the kernel refuses them.  A request for a thread that runs, or whose stop nobody has been
told of, is noted as a wrong: the tracer believed something that is not so.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isfunction
from types import SimpleNamespace

from gdbstub.arch.x86 import USER_REGS
from gdbstub.arch.x86_64 import x86_64
from gdbstub.linux import debugregs, procfs, ptrace_calls, regsets
from gdbstub.linux.constants import SI_TKILL
from gdbstub.linux.ptrace_calls import SigInfo
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.ops import LaunchSpec
from gdbstub.tracer import inferior, leaving, orphans, statuses, tracer
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import NO_SIGNAL, Addr, Pid, Signo, Tid
from tests.support.kernel.tasks import BASE, HANDLED, Kernel, Mode, Process, Resolution, Space, State, Task

_DEBUGREG = 848
SPEC = x86_64(0b111)
#: Seconds that pass with each look at the clock.
_TICK = 0.05


class Memory:
    """The memory of a process, through a descriptor that is bound to an address space."""

    def __init__(self, kernel: Kernel, live_tid: Callable[[], Tid]) -> None:
        self._kernel = kernel
        self._live_tid = live_tid
        self._space: Space | None = None

    def reopen(self) -> None:
        """Forget the address space."""
        self._space = None

    close = reopen

    def is_written_to_file(self, address: Addr) -> bool:
        """Tell that no memory is a file's."""
        return False

    def _text(self, address: Addr) -> tuple[bytearray, int]:
        if self._space is None:
            task = self._kernel.tasks.get(self._live_tid())
            if task is None or task.space is None:
                raise TargetError(errno.EIO)
            self._space = task.space
        at = address - BASE
        if not self._space.users or not 0 <= at < len(self._space.text):
            raise TargetError(errno.EIO)
        return self._space.text, at

    def read(self, address: Addr, length: int) -> bytes:
        """Read up to ``length`` bytes."""
        text, at = self._text(address)
        return bytes(text[at : at + length])

    def write(self, address: Addr, data: bytes) -> None:
        """Write all or nothing."""
        text, at = self._text(address)
        if at + len(data) > len(text):
            raise TargetError(errno.EIO)
        text[at : at + len(data)] = data


@dataclass
class Spawned:
    """A child that waits to be seized."""

    pid: Pid
    released: bool = False
    execs_to_skip = 0
    warning = None

    def release(self) -> None:
        """Let it become the program."""
        self.released = True

    def failure(self) -> str | None:
        """Tell that nothing went wrong."""
        return None

    def cause(self) -> str:
        """Tell of no call that failed."""
        return ""


class Door:
    """ptrace, wait and /proc, over a kernel of our own.

    Args:
        kernel: Whose threads they are about.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.from_the_end = False
        #: A process that is killed in the middle of whatever the tracer does, and after how many requests.
        self.doomed: tuple[Process, int] | None = None
        self._now = 0.0

    # Who may be asked

    def _count(self) -> None:
        if self.doomed is not None:
            process, left = self.doomed
            self.doomed = (process, left - 1) if left else None
            if not left:
                self.kernel.kill(process)

    def _stopped(self, tid: Tid) -> Task:
        self._count()
        task = self.kernel.tasks.get(tid)
        # A thread that has called exec under this tid is not the one that was meant.  The real kernel would let
        # the request through; no tracer can help that.
        if task is None or not task.traced or not task.alive or task.was_replaced:
            raise TraceeGone(tid)
        if task.state is not State.STOPPED or task.status is not None:
            state = "stops untold" if task.state is State.STOPPED else f"is {task.state.value}"
            self.kernel.wrongs.append(f"a request for thread {tid}, which {state}")
            raise TraceeGone(tid)
        return task

    def _go(self, tid: Tid, mode: Mode, sig: Signo) -> Task:
        task = self._stopped(tid)
        task.state = State.RUNNING
        task.mode = mode
        task.in_group_stop = False
        queued, task.delivering = task.delivering, None
        if queued is not None:
            self.kernel.resolutions.append(Resolution(queued.number, task.tid, queued.sig, sig))
            if sig:
                self.kernel.deliver(task, sig)
        return task

    def _lacking(self, name: str) -> Callable[..., object]:
        def refuse(*arguments: object) -> object:
            self.kernel.wrongs.append(f"{name} is not offered here")
            raise TargetError(errno.ENOSYS)

        return refuse

    # ptrace

    def seize(self, tid: Tid, options: int) -> None:
        self._count()
        task = self.kernel.tasks.get(tid)
        if task is None:
            raise TraceeGone(tid)
        if task.traced or not task.alive:
            raise TargetError(errno.EPERM)
        task.traced = True

    def detach(self, tid: Tid, sig: Signo = NO_SIGNAL) -> None:
        task = self._go(tid, Mode.CONT, sig)
        task.traced = task.told_to_stop = False
        if task.debug[7]:
            self.kernel.wrongs.append(f"thread {tid} was let go with armed debug registers")

    def interrupt(self, tid: Tid) -> None:
        self._count()
        task = self.kernel.tasks.get(tid)
        if task is None or not task.traced or not task.alive:
            raise TraceeGone(tid)
        task.told_to_stop = True
        if task.state is State.LISTENING:
            task.state = State.RUNNING

    def cont(self, tid: Tid, sig: Signo = NO_SIGNAL) -> None:
        self._go(tid, Mode.CONT, sig)

    def step(self, tid: Tid, sig: Signo = NO_SIGNAL) -> None:
        self._go(tid, Mode.STEP, sig)

    def cont_to_syscall(self, tid: Tid, sig: Signo = NO_SIGNAL) -> None:
        self._go(tid, Mode.SYSCALL, sig)

    def listen(self, tid: Tid) -> None:
        task = self._stopped(tid)
        if not task.in_group_stop:
            self.kernel.wrongs.append(f"thread {tid} was to listen outside a group-stop")
            raise TargetError(errno.EIO)
        # Something may have come since it stopped.
        task.state = State.RUNNING if task.told_to_stop else State.LISTENING

    def event_message(self, tid: Tid) -> int:
        return self._stopped(tid).message

    def siginfo(self, tid: Tid) -> SigInfo:
        task = self._stopped(tid)
        if task.delivering is None:
            raise TargetError(errno.EINVAL)
        return SigInfo(task.delivering.sig, 0, task.delivering.code, task.delivering.sender)

    def siginfo_code(self, tid: Tid) -> int:
        return self.siginfo(tid).code

    def queued_signals(self, tid: Tid) -> list[tuple[int, int]]:
        task = self._stopped(tid)
        return [(each.sig, each.code) for each in (*task.forced, *task.pending)]

    def syscall_info(self, tid: Tid, entered: SyscallInfo | None = None) -> SyscallInfo | None:
        task = self._stopped(tid)
        info = task.call
        if info is None:
            return None
        if info.entry:
            number = task.get("orig_rax")
            return info._replace(number=-1 if number >> 63 else number)
        info = info._replace(result=task.get("rax"))
        return info if entered is None else info._replace(number=entered.number, args=entered.args)

    def read_signal_mask(self, tid: Tid) -> int:
        return self._stopped(tid).mask

    def write_signal_mask(self, tid: Tid, mask: int) -> None:
        self._stopped(tid).mask = mask

    def read_user_regs(self, tid: Tid) -> bytes:
        return bytes(self._stopped(tid).registers)

    def peek_user(self, tid: Tid, offset: int) -> int:
        task = self._stopped(tid)
        if offset >= _DEBUGREG:
            return task.debug[(offset - _DEBUGREG) // 8]
        return int.from_bytes(task.registers[offset : offset + 8], "little")

    def poke_user(self, tid: Tid, offset: int, value: int) -> None:
        task = self._stopped(tid)
        if offset >= _DEBUGREG:
            task.debug[(offset - _DEBUGREG) // 8] = value
            return
        task.registers[offset : offset + 8] = value.to_bytes(8, "little")
        if offset == USER_REGS["rip"]:
            task.passing = False

    def tgkill(self, pid: int, tid: int, sig: int) -> None:
        self._count()
        task = self.kernel.tasks.get(Tid(tid))
        if task is None or task.process.pid != pid:
            raise TraceeGone(tid)
        self.kernel.send(task.process, Signo(sig), task, code=SI_TKILL, sender=os.getpid())

    def shares_memory(self, one: Tid, other: Tid) -> bool:
        spaces = [None if task is None else task.space for task in map(self.kernel.tasks.get, (one, other))]
        return spaces[0] is not None and spaces[0] is spaces[1]

    # wait

    def reap(self) -> tuple[Tid, int] | None:
        """Take one status; where there is none, those who are to stop or to die do so before the next look."""
        tasks = list(self.kernel.tasks.values())
        if self.from_the_end:
            tasks.reverse()
        for task in tasks:
            if self.kernel.is_waitable(task):
                tid = task.tid
                return tid, self.kernel.wait(task)
        for task in tasks:
            stops = task.traced and task.told_to_stop and task.work is None
            if task.state is State.DYING or (task.state is State.RUNNING and stops):
                self.kernel.move(task)
        return None

    def reap_one(self, tid: Tid) -> int | None:
        task = self.kernel.tasks.get(tid)
        return self.kernel.wait(task) if task is not None and self.kernel.is_waitable(task) else None

    # /proc, kill, and the rest

    def state(self, tid: Tid) -> str | None:
        task = self.kernel.tasks.get(tid)
        if task is None:
            return None
        return {State.ZOMBIE: "Z", State.STOPPED: "t"}.get(task.state, "R")

    def thread_group(self, tid: Tid) -> Pid | None:
        task = self.kernel.tasks.get(tid)
        return None if task is None else task.process.pid

    def status_fields(self, tid: Tid) -> dict[str, str]:
        task = self.kernel.tasks.get(tid)
        return {} if task is None else {"Tgid": str(task.process.pid), "PPid": str(task.process.parent)}

    def thread_ids(self, pid: Pid) -> list[Tid]:
        process = self.kernel.processes.get(pid)
        return [] if process is None else list(process.tasks)

    def handles_signal(self, tid: Tid, sig: Signo) -> bool:
        return sig in HANDLED

    def kill(self, pid: int, sig: int) -> None:
        process = self.kernel.processes.get(Pid(pid))
        if process is None:
            raise ProcessLookupError
        self.kernel.send(process, Signo(sig))

    def spawn(self, spec: LaunchSpec) -> Spawned:
        process = self.kernel.spawn()
        child = Spawned(process.pid)
        task = process.tasks[Tid(process.pid)]
        task.work = self.kernel.startup(task, lambda: child.released)
        self.kernel.move(task)
        return child

    def monotonic(self) -> float:
        self._now += _TICK
        return self._now

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let the tracer's calls come here instead of to the machine's kernel."""

        def memory(live_tid: Callable[[], Tid], _stopped_tid: Callable[[], Tid | None]) -> Memory:
            return Memory(self.kernel, live_tid)

        places: list[tuple[object, dict[str, object]]] = [
            (ptrace_calls, {each: getattr(self, each, self._lacking(each)) for each in _PTRACE}),
            (regsets, {"read_user_regs": self.read_user_regs, "poke_user": self.poke_user}),
            (debugregs, {"peek_user": self.peek_user, "poke_user": self.poke_user}),
            (procfs, {each: getattr(self, each) for each in _PROC}),
            (procfs, {"exec_path": lambda pid: b"/program"}),
            (statuses, {"reap": self.reap, "reap_one": self.reap_one}),
            (inferior, {"spec_of": lambda tid: SPEC, "ProcessMemory": memory}),
            (leaving, {"ProcessMemory": memory, "time": self, "os": SimpleNamespace(kill=self.kill)}),
            (tracer, {"spawn": self.spawn, "os": SimpleNamespace(kill=self.kill)}),
            (orphans, {"ProcessMemory": memory}),
        ]
        before = [(place, name, getattr(place, name)) for place, names in places for name in names]
        try:
            for place, names in places:
                for name, value in names.items():
                    setattr(place, name, value)
            yield
        finally:
            for place, name, value in before:
                setattr(place, name, value)


#: Every request, so that none goes to the machine's kernel.
_PTRACE = [name for name, value in vars(ptrace_calls).items() if isfunction(value) and not name.startswith("_")]
_PROC = ["handles_signal", "state", "status_fields", "thread_group", "thread_ids"]
