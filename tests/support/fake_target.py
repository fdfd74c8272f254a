"""A target without processes: threads are what a test says, and every request is written down.

Used by: the unit tests of the engines.  Implements: target.ops.Target.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gdbstub.agent.machine import Machine
from gdbstub.arch.spec import ArchSpec, Regset
from gdbstub.arch.x86_64 import x86_64
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.engine import Engine, Vote
from gdbstub.target.events import ForkKind, ProcessExited, ThreadExited, TraceEvent, WatchKind
from gdbstub.target.machine import Identity
from gdbstub.target.modules import ModuleInfo
from gdbstub.target.ops import HitRules, LaunchSpec, ThreadAction, ThreadInfo
from gdbstub.target.regions import MemoryRegion
from gdbstub.vocab.errors import TargetError, TraceeGone
from gdbstub.vocab.ids import Addr, EngineId, Pid, Signo, Tid

#: x87, SSE and AVX.
SPEC = x86_64(0b111)
#: Where the fake memory lies.
BASE = Addr(0x400000)

Call = tuple[object, ...]


@dataclass
class FakeThread:
    """One thread."""

    tid: Tid
    stopped: bool = True
    name: str = "fake"
    core: int | None = 1
    handle: bytes | None = None
    registers: bytearray = field(default_factory=lambda: bytearray(sum(r.bits // 8 for r in SPEC.registers)))
    siginfo: bytes = bytes(range(128))


@dataclass
class FakeProcess:
    """One process."""

    pid: Pid
    threads: dict[Tid, FakeThread]
    attached: bool = False
    engines: list[EngineId] = field(default_factory=list)
    memory: bytearray = field(default_factory=lambda: bytearray(b"\x90" * 256))
    auxv: bytes = b"auxv" * 8


class FakeView:
    """A stopped thread, as an expression sees it.  Implements: agent.machine.Machine."""

    def __init__(self, target: FakeTarget, tid: Tid, output: Callable[[bytes], None]) -> None:
        self._target = target
        self._tid = tid
        self.print = output
        self.get_variable = target.get_variable
        self.set_variable = target.set_variable

    def read_register(self, number: int) -> int:
        return int.from_bytes(self._target.read_register(self._tid, number), "little")

    def read_memory(self, address: int, length: int) -> bytes:
        return self._target.read_memory(self._target.pid_of(self._tid), Addr(address), length)

    def collect_memory(self, address: int, length: int) -> None:
        raise AssertionError("a view records nothing")

    def collect_variable(self, number: int) -> None:
        raise AssertionError("a view records nothing")


class FakeTarget:
    """What an engine asks lands in ``calls``; what happens is the test's to say."""

    def __init__(self, *processes: FakeProcess) -> None:
        self.processes = {each.pid: each for each in processes}
        #: How the last program was started.
        self.launched: LaunchSpec | None = None
        self.calls: list[Call] = []
        self.votes: dict[tuple[EngineId, Tid], Vote] = {}
        self.claims: set[tuple[EngineId, Pid, Addr]] = set()
        #: Of debug registers; None: for execution.
        self.slots: set[tuple[EngineId, Pid, Addr, WatchKind | None]] = set()
        self.engine: Engine | None = None
        self.regions: list[MemoryRegion] = []
        self.modules: dict[bytes, ModuleInfo] = {}
        #: Where the address of the linker's list is, and that address.
        self.linker: tuple[Addr, Addr] | None = (Addr(0x403010), Addr(0x7FFF_0000))
        #: What the linker calls when its list changes.
        self.brake: Addr | None = None
        #: A request of this name fails with this error, once.
        self.failures: dict[str, TargetError] = {}
        #: What ``launch`` starts next.
        self.next_pid = Pid(500)
        #: Trace state variables.
        self.variables: dict[int, int] = {}
        #: The calls at which threads stand.
        self.syscalls: dict[Tid, SyscallInfo] = {}
        #: The list of libraries, where it matters.
        self.library_list = b""
        #: How often a search gives others their turn.
        self.search_parts = 0
        self._waiting = False
        self._busy = False

    # ------------------------------------------------------------ for tests

    def deliver(self, event: TraceEvent) -> Vote:
        """Let something happen to a thread and offer it to the engine."""
        assert self.engine is not None
        engine_id = self.engine.engine_id
        if isinstance(event, ProcessExited):
            self.processes.pop(event.pid, None)
        elif isinstance(event, ThreadExited):
            self.processes[event.pid].threads.pop(event.tid, None)
        else:
            self.thread(event.tid).stopped = True
        self._busy = True
        vote = self.engine.on_event(event)
        self._busy = False
        if vote is Vote.STOP:
            self.votes[engine_id, event.tid] = vote
        elif event.pid in self.processes and event.tid in self.processes[event.pid].threads:
            self.thread(event.tid).stopped = self.votes.get((engine_id, event.tid)) is Vote.STOP
        self._settle()
        return vote

    def stand(self) -> None:
        """Let every running thread that is held stop."""
        assert self.engine is not None
        for each in self._threads():
            if self.votes.get((self.engine.engine_id, each.tid)) is Vote.STOP:
                each.stopped = True
        self._settle()

    def thread(self, tid: Tid) -> FakeThread:
        """Return a thread."""
        for process in self.processes.values():
            if tid in process.threads:
                return process.threads[tid]
        raise TraceeGone(tid)

    def take_calls(self) -> list[Call]:
        """Return and forget what was asked."""
        calls, self.calls = self.calls, []
        return calls

    def _threads(self) -> list[FakeThread]:
        return [each for process in self.processes.values() for each in process.threads.values()]

    def _process(self, pid: Pid) -> FakeProcess:
        process = self.processes.get(pid)
        if process is None:
            raise TargetError(errno.ESRCH, f"process {pid} is not traced")
        return process

    def _did(self, name: str, *arguments: object) -> None:
        self.calls.append((name, *arguments))
        failure = self.failures.pop(name, None)
        if failure is not None:
            raise failure

    def _settle(self) -> None:
        if self._waiting and not self._busy and all(each.stopped for each in self._threads()):
            self._waiting = False
            assert self.engine is not None
            self.engine.on_quiet()

    # ------------------------------------------------------------ processes

    def attach_engine(self, engine: Engine, *, everywhere: bool = False) -> None:
        self.engine = engine

    def detach_engine(self, engine_id: EngineId) -> None:
        self._did("detach_engine")

    def join(self, engine_id: EngineId, pid: Pid) -> None:
        self._did("join", pid)
        if engine_id not in self._process(pid).engines:
            self._process(pid).engines.append(engine_id)

    def joined(self, engine_id: EngineId) -> list[Pid]:
        return [each.pid for each in self.processes.values() if engine_id in each.engines]

    def users_of(self, pid: Pid) -> list[EngineId]:
        return [each for each in self._process(pid).engines if each != 0]

    def keep(self, engine_id: EngineId, pid: Pid) -> None:
        self._did("keep", pid)

    def pids(self) -> list[Pid]:
        return list(self.processes)

    def is_attached(self, pid: Pid) -> bool:
        return self._process(pid).attached

    def launch(self, engine_id: EngineId, spec: LaunchSpec) -> Pid:
        self._did("launch", tuple(spec.argv))
        self.launched = spec
        tid = Tid(self.next_pid)
        self.processes[self.next_pid] = FakeProcess(
            self.next_pid, {tid: FakeThread(tid, stopped=False)}, engines=[engine_id]
        )
        return self.next_pid

    def seize(self, engine_id: EngineId, pid: Pid) -> None:
        self._did("seize", pid)
        threads = {
            Tid(pid): FakeThread(Tid(pid), stopped=False),
            Tid(pid + 1): FakeThread(Tid(pid + 1), stopped=False),
        }
        self.processes[pid] = FakeProcess(pid, threads, attached=True, engines=[engine_id])
        for tid in threads:
            self.votes[engine_id, tid] = Vote.STOP

    def detach(self, pid: Pid, engine_id: EngineId | None = None, *, stopped: bool = False) -> None:
        self._did("detach", pid, *(["stopped"] if stopped else []))
        process = self._process(pid)
        process.engines = [each for each in process.engines if each != engine_id and engine_id is not None]
        if not any(process.engines):
            del self.processes[pid]

    def kill(self, pid: Pid) -> None:
        self._did("kill", pid)
        self._process(pid)

    # ------------------------------------------------------------ threads

    def threads(self, pid: Pid | None = None) -> Sequence[ThreadInfo]:
        processes = self.processes.values() if pid is None else [self._process(pid)]
        return [ThreadInfo(each.pid, tid) for each in processes for tid in each.threads]

    def has_thread(self, tid: Tid) -> bool:
        return any(tid in process.threads for process in self.processes.values())

    def process_of(self, tid: Tid) -> Pid | None:
        return self.pid_of(tid) if self.has_thread(tid) else None

    def pid_of(self, tid: Tid) -> Pid:
        for process in self.processes.values():
            if tid in process.threads:
                return process.pid
        raise TraceeGone(tid)

    def thread_name(self, tid: Tid) -> str | None:
        return self.thread(tid).name

    def thread_handle(self, tid: Tid) -> bytes | None:
        return self.thread(tid).handle

    def thread_core(self, tid: Tid) -> int | None:
        return self.thread(tid).core

    def describe(self, tid: Tid) -> str:
        return "stopped" if self.thread(tid).stopped else "running"

    def holders(self, tid: Tid) -> list[EngineId]:
        return [engine for (engine, each), vote in self.votes.items() if each == tid and vote is Vote.STOP]

    # ------------------------------------------------------------ running

    def resume(
        self,
        engine_id: EngineId,
        actions: Mapping[Pid, Sequence[ThreadAction]],
        others: Mapping[Pid, Vote],
        untold: Collection[Tid] = (),
    ) -> None:
        said = {pid: tuple(actions.get(pid, ())) for pid in others}
        self._did("resume", said, dict(others))
        self._waiting = False
        for pid, vote in others.items():
            named = {action.tid: action.vote for action in actions.get(pid, ())}
            for tid in self._process(pid).threads:
                self.votes[engine_id, tid] = named.get(tid, vote)
                self.thread(tid).stopped = self.votes[engine_id, tid] is Vote.STOP

    def amend(self, engine_id: EngineId, actions: Iterable[ThreadAction]) -> None:
        actions = list(actions)
        self._did("amend", *actions)
        for action in actions:
            self.votes[engine_id, action.tid] = action.vote
            self.thread(action.tid).stopped = action.vote is Vote.STOP

    def decide_signal(self, engine_id: EngineId, tid: Tid, sig: Signo) -> None:
        self._did("decide_signal", tid, sig)

    def any_resumed(self, engine_id: EngineId) -> bool:
        return any(self.vote_of(engine_id, each.tid) is not Vote.STOP for each in self._threads())

    def vote_of(self, engine_id: EngineId, tid: Tid) -> Vote:
        return self.votes.get((engine_id, tid), Vote.CONTINUE)

    def hold_all(self, engine_id: EngineId) -> None:
        self._did("hold_all")
        for pid in self.joined(engine_id):
            for tid in self.processes[pid].threads:
                self.votes[engine_id, tid] = Vote.STOP
        self._waiting = True
        self._settle()

    def hold(self, engine_id: EngineId, tids: Iterable[Tid]) -> None:
        tids = list(tids)
        self._did("hold", *tids)
        for tid in tids:
            self.votes[engine_id, tid] = Vote.STOP

    def is_quiet(self, engine_id: EngineId) -> bool:
        return all(each.stopped for each in self._threads())

    def is_stopped(self, tid: Tid) -> bool:
        return self.has_thread(tid) and self.thread(tid).stopped

    # ------------------------------------------------------------ registers

    def arch(self, pid: Pid) -> ArchSpec:
        self._process(pid)
        return SPEC

    def _stopped(self, tid: Tid) -> FakeThread:
        thread = self.thread(tid)
        if not thread.stopped:
            raise TargetError(errno.EBUSY, f"thread {tid} is running")
        return thread

    @staticmethod
    def _place(number: int) -> slice:
        offset = 0
        for register in SPEC.registers:
            if register.number == number:
                return slice(offset, offset + register.bits // 8)
            offset += register.bits // 8
        raise TargetError(errno.EINVAL, f"no register {number}")

    def read_registers(self, tid: Tid) -> bytes:
        return bytes(self._stopped(tid).registers)

    def write_registers(self, tid: Tid, data: bytes) -> None:
        self._stopped(tid).registers[: len(data)] = data

    def read_register(self, tid: Tid, number: int) -> bytes:
        return bytes(self._stopped(tid).registers[self._place(number)])

    def write_register(self, tid: Tid, number: int, data: bytes) -> None:
        self._did("write_register", tid, number, data)
        self._stopped(tid).registers[self._place(number)] = data

    def general_registers(self, tid: Tid) -> bytes:
        block = bytearray(27 * 8)
        for register in SPEC.registers:
            if register.regset is Regset.GENERAL:
                block[register.offset : register.offset + register.size] = self.read_register(tid, register.number)
        return bytes(block)

    def expedited(self, tid: Tid) -> Sequence[tuple[int, bytes]]:
        return [(number, self.read_register(tid, number)) for number in SPEC.expedited]

    def pc(self, tid: Tid) -> Addr:
        return Addr(int.from_bytes(self.read_register(tid, SPEC.pc), "little"))

    def set_pc(self, tid: Tid, address: Addr) -> None:
        """Move a thread, for a test."""
        self.thread(tid).registers[self._place(SPEC.pc)] = address.to_bytes(8, "little")

    # ------------------------------------------------------------ memory

    def read_memory(self, pid: Pid, address: Addr, length: int) -> bytes:
        memory = self._process(pid).memory
        start = address - BASE
        if not 0 <= start < len(memory):
            raise TargetError(errno.EIO, f"cannot read memory at {address:#x}")
        return bytes(memory[start : start + length])

    def search_memory(
        self, pid: Pid, address: Addr, length: int, pattern: bytes
    ) -> Generator[None, None, Addr | None]:
        data = self.read_memory(pid, address, length)
        for _ in range(self.search_parts):
            yield
        found = data.find(pattern)
        return None if found < 0 else Addr(address + found)

    def write_memory(self, pid: Pid, address: Addr, data: bytes) -> None:
        memory = self._process(pid).memory
        start = address - BASE
        if data and not 0 <= start <= start + len(data) <= len(memory):
            raise TargetError(errno.EIO, f"cannot write memory at {address:#x}")
        memory[start : start + len(data)] = data

    def memory_region(self, pid: Pid, address: Addr) -> MemoryRegion:
        for region in self.regions:
            if region.start <= address < region.start + region.size:
                return region
        after = min((region.start for region in self.regions if region.start > address), default=(1 << 64) - 1)
        return MemoryRegion(address, after - address, False)

    def allocate_memory(
        self, engine_id: EngineId, pid: Pid, length: int, permissions: str
    ) -> Generator[None, None, Addr]:
        self._did("allocate_memory", pid, length, permissions)
        yield
        return Addr(0x7F00_0000_0000)

    def free_memory(self, engine_id: EngineId, pid: Pid, address: Addr) -> Generator[None, None, None]:
        self._did("free_memory", pid, address)
        yield

    def insert_breakpoint(
        self,
        engine_id: EngineId,
        pid: Pid,
        address: Addr,
        length: int,
        *,
        hardware: bool,
        rules: HitRules | None = None,
    ) -> None:
        self._did("insert_breakpoint", pid, address, length, hardware, *(() if rules is None else (rules,)))
        if not hardware:
            self.claims.add((engine_id, pid, address))
        else:
            self.slots.add((engine_id, pid, address, None))

    def remove_breakpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, *, hardware: bool) -> None:
        self._did("remove_breakpoint", pid, address, length, hardware)
        if hardware:
            self.slots.discard((engine_id, pid, address, None))
        else:
            self.claims.discard((engine_id, pid, address))

    def insert_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        self._did("insert_watchpoint", pid, address, length, kind)
        self.slots.add((engine_id, pid, address, kind))

    def remove_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        self._did("remove_watchpoint", pid, address, length, kind)
        self.slots.discard((engine_id, pid, address, kind))

    # ------------------------------------------------------------ signals and facts

    def read_siginfo(self, tid: Tid) -> bytes:
        return self._stopped(tid).siginfo

    def signal_sets(self, tid: Tid) -> tuple[int, int]:
        return 0, 0

    def write_siginfo(self, tid: Tid, data: bytes) -> None:
        self._stopped(tid).siginfo = data

    def refresh_catches(self, pid: Pid) -> None:
        self._did("refresh_catches", pid)

    def syscall(self, tid: Tid) -> SyscallInfo | None:
        return self.syscalls.get(tid)

    def skip_syscall(self, tid: Tid, result: int) -> None:
        self._did("skip_syscall", tid, result)

    def send_at_syscall(self, tid: Tid, signal: Signo) -> None:
        self._did("send_at_syscall", tid, signal)

    def descriptor_path(self, tid: Tid, fd: int | None) -> bytes | None:
        return b"/cwd" if fd is None else b"/open/%d" % fd

    def auxv(self, pid: Pid) -> bytes:
        return self._process(pid).auxv

    def identity(self, pid: Pid) -> Identity:
        self._process(pid)
        return Identity(Pid(1), 1000, 100, 1001, 101)

    def exec_file(self, pid: Pid) -> bytes:
        self._process(pid)
        return b"/bin/fake"

    def libraries(self, pid: Pid, *, start: int | None, prev: int | None, lmid: int | None) -> bytes:
        return self.library_list or f"<library-list-svr4 start={start} prev={prev} lmid={lmid}/>".encode()

    def linker_pointer(self, pid: Pid) -> tuple[Addr, Addr] | None:
        self._process(pid)
        return self.linker

    def module(self, pid: Pid, name: bytes) -> ModuleInfo:
        self._process(pid)
        if name not in self.modules:
            raise TargetError(errno.ENOENT)
        return self.modules[name]

    def find_symbol(self, engine_id: EngineId, pid: Pid, name: str, found: Callable[[Addr | None], None]) -> None:
        self._process(pid)

    def linker_brake(self, pid: Pid) -> Addr | None:
        self._process(pid)
        return self.brake

    def file_base(self, pid: Pid, path: bytes) -> Addr | None:
        return next((region.start for region in self.regions if region.name == path), None)

    def tls_address(self, tid: Tid, offset: int, link_map: Addr) -> Addr:
        self._stopped(tid)
        if link_map:
            raise TargetError(errno.ENOENT, "that module has no thread-local storage")
        return Addr(0x7F00_0000 + offset)

    def osdata(self, annex: str) -> bytes:
        if annex not in ("", "processes"):
            raise TargetError(errno.ENOENT, f"there is no table {annex!r}")
        return b"<osdata/>"

    def sites(self, pid: Pid) -> Sequence[tuple[Addr, frozenset[EngineId]]]:
        addresses = sorted({address for _, each, address in self.claims if each == pid})
        return [
            (address, frozenset(engine for engine, each, at in self.claims if (each, at) == (pid, address)))
            for address in addresses
        ]

    def has_site(self, pid: Pid, address: Addr, engine_id: EngineId) -> bool:
        return (engine_id, pid, address) in self.claims

    def has_slot(self, pid: Pid, address: Addr, kind: WatchKind | None, engine_id: EngineId) -> bool:
        return (engine_id, pid, address, kind) in self.slots

    # ------------------------------------------------------------ expressions

    def view(self, tid: Tid, output: Callable[[bytes], None]) -> Machine:
        return FakeView(self, tid, output)

    def get_variable(self, number: int) -> int:
        return self.variables.get(number, 0)

    def set_variable(self, number: int, value: int) -> None:
        self.variables[number] = value

    def clone_events(self, engine_id: EngineId, tids: frozenset[Tid]) -> None:
        self._did("clone_events", tids)

    def fork_events(self, engine_id: EngineId, kinds: frozenset[ForkKind]) -> None:
        self._did("fork_events", kinds)
