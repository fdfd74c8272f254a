"""What an engine may ask of the tracer.

Layer: target.  Implemented by: tracer.  Called by: engines.

Every operation is a plain call that returns at once.  What takes time (a
resume, stopping all threads, a program's start) arrives later as an event.
Operations on a thread need it stopped and raise ``TraceeGone`` when it died.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gdbstub.arch.spec import ArchSpec
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.engine import Engine, Vote
from gdbstub.target.events import ForkKind, WatchKind
from gdbstub.target.machine import Identity
from gdbstub.target.modules import ModuleInfo
from gdbstub.target.regions import MemoryRegion
from gdbstub.vocab.ids import NO_SIGNAL, Addr, EngineId, Pid, Signo, Tid

if TYPE_CHECKING:
    # Most sessions need no agent, and its import takes time.
    from gdbstub.agent.machine import Machine
    from gdbstub.agent.program import Program


class ThreadAction(NamedTuple):
    """What an engine wants one thread to do from now on."""

    tid: Tid
    vote: Vote
    #: Deliver this signal first; NO_SIGNAL drops the one that was reported.
    signal: Signo = NO_SIGNAL
    #: With STEP: go on while pc is in ``[start, end)``.
    range: tuple[Addr, Addr] | None = None


class ThreadInfo(NamedTuple):
    """One live thread, as a client lists it."""

    pid: Pid
    tid: Tid


class HitRules(NamedTuple):
    """What happens at a breakpoint in place of a report, for one owner."""

    #: Where there are some, a hit counts only if one of them is true or cannot be evaluated.
    conditions: tuple[Program, ...]
    #: Where there are some, they are run and the thread goes on without a report.
    commands: tuple[Program, ...]
    #: Takes what the commands print; must not block.
    output: Callable[[bytes], None]
    #: The commands stay when their owner leaves, and become the server's.
    persistent: bool = False


class LaunchSpec(NamedTuple):
    """How a program is started under trace."""

    argv: Sequence[str]
    #: What is run, where that is not found by the first word.
    path: str | None = None
    #: None: the server's own environment.
    environment: Mapping[str, str] | None = None
    working_directory: str | None = None
    wrapper: Sequence[str] = ()
    with_shell: bool = True
    disable_randomization: bool = True
    #: The protocol has our stdin and stdout: give the program an empty stdin and our stderr as stdout.
    redirect_stdio: bool = False
    #: Files for stdin, stdout and stderr, opened in the program's directory; None: the server's own.
    streams: tuple[str | None, str | None, str | None] = (None, None, None)
    #: Put it into a process group of its own, which gets the terminal's keys; otherwise it is in the server's.
    own_group: bool = True
    #: The arguments are already written for the shell and are not escaped once more.
    raw_arguments: bool = False
    #: Report no system call but these, by interface (``AUDIT_ARCH_...``); the kernel lets all others
    #: through without a stop.  None: whatever the engines catch.
    only_syscalls: Mapping[int, frozenset[int]] | None = None


class Target(Protocol):
    """The tracer, as an engine sees it."""

    # Processes

    def attach_engine(self, engine: Engine, *, everywhere: bool = False) -> None:
        """Let an engine take part; it votes CONTINUE on everything until it says otherwise.

        Args:
            engine: Which.
            everywhere: In every inferior, those that are there and those to come; ``Joined`` tells it of each.
        """

    def detach_engine(self, engine_id: EngineId) -> None:
        """Withdraw an engine's votes, sites and slots.  What only it held runs on."""

    def join(self, engine_id: EngineId, pid: Pid) -> None:
        """Take part in an inferior that is there already; its threads go on as they are."""

    def joined(self, engine_id: EngineId) -> list[Pid]:
        """Return the inferiors an engine takes part in, oldest first."""

    def users_of(self, pid: Pid) -> list[EngineId]:
        """Return the engines for whose sake an inferior stays traced, in order of attachment."""

    def keep(self, engine_id: EngineId, pid: Pid) -> None:
        """Let an inferior stay traced for an engine that keeps none in general (``keeps_traced``)."""

    def pids(self) -> list[Pid]:
        """Return the inferiors, oldest first."""

    def is_attached(self, pid: Pid) -> bool:
        """Tell an attached process from one that was launched."""

    def launch(self, engine_id: EngineId, spec: LaunchSpec) -> Pid:
        """Start a program; the engine gets its ``Execed`` or ``ProcessExited`` later.

        Raises:
            TargetError: It could not be started.
        """

    def seize(self, engine_id: EngineId, pid: Pid) -> None:
        """Trace a running process, all of its threads; the engine holds it at once.

        Raises:
            TargetError: The kernel refused; the text says which rule did and what to do.
        """

    def detach(self, pid: Pid, engine_id: EngineId | None = None, *, stopped: bool = False) -> None:
        """Leave an inferior.  The last engine to leave ends tracing; its parked signals are delivered.

        Args:
            pid: Which.
            engine_id: Who leaves; None ends tracing for everybody.
            stopped: Where tracing ends, the process stands as SIGSTOP leaves it.
        """

    def kill(self, pid: Pid) -> None:
        """Send SIGKILL; ``ProcessExited`` arrives later."""

    # Threads

    def threads(self, pid: Pid | None = None) -> Sequence[ThreadInfo]:
        """Return the live threads, in order of creation, of one inferior or of all."""

    def has_thread(self, tid: Tid) -> bool:
        """Tell whether a thread is alive and traced."""

    def process_of(self, tid: Tid) -> Pid | None:
        """Return the process of a thread that is alive and traced; None where it is not."""

    def pid_of(self, tid: Tid) -> Pid:
        """Return the process of a thread.

        Raises:
            TraceeGone: There is no such thread.
        """

    def thread_name(self, tid: Tid) -> str | None:
        """Return the kernel's name of a thread."""

    def thread_handle(self, tid: Tid) -> bytes | None:
        """Return the C library's own name of a thread, its ``pthread_t``, as the thread has it in memory.

        None where the thread runs, or has no storage of the library's yet.
        """

    def thread_core(self, tid: Tid) -> int | None:
        """Return the processor a thread last ran on."""

    def describe(self, tid: Tid) -> str:
        """Say in one word what a thread does."""

    def holders(self, tid: Tid) -> list[EngineId]:
        """Return the engines that hold a thread."""

    # Running

    def resume(
        self,
        engine_id: EngineId,
        actions: Mapping[Pid, Sequence[ThreadAction]],
        others: Mapping[Pid, Vote],
        untold: Collection[Tid] = (),
    ) -> None:
        """Replace an engine's votes.

        Args:
            engine_id: Whose.
            actions: For each inferior, the threads named one by one.
            others: For each inferior, the vote on all its other threads.
            untold: Threads that stay held and of which the client has still to be told something: no other
                engine's step over a breakpoint moves them from where that is true.
        """

    def amend(self, engine_id: EngineId, actions: Iterable[ThreadAction]) -> None:
        """Change an engine's votes on single threads and leave the rest."""

    def decide_signal(self, engine_id: EngineId, tid: Tid, sig: Signo) -> None:
        """Settle what becomes of a thread's signal: deliver ``sig``; NO_SIGNAL drops what was reported."""

    def any_resumed(self, engine_id: EngineId) -> bool:
        """Tell whether an engine has a live thread that it does not hold."""

    def vote_of(self, engine_id: EngineId, tid: Tid) -> Vote:
        """Return an engine's vote on a thread."""

    def hold_all(self, engine_id: EngineId) -> None:
        """Vote STOP on all threads, those to be born included; ``on_quiet`` says when all stand."""

    def hold(self, engine_id: EngineId, tids: Iterable[Tid]) -> None:
        """Vote STOP on some threads; each that was not stopped gives one ``Interrupted``."""

    def is_quiet(self, engine_id: EngineId) -> bool:
        """Tell whether every thread that the engine holds is stopped."""

    def is_stopped(self, tid: Tid) -> bool:
        """Tell whether a thread is in a ptrace-stop, so that its registers can be read."""

    # Registers

    def arch(self, pid: Pid) -> ArchSpec:
        """Return the registers and instruction facts of an inferior."""

    def read_registers(self, tid: Tid) -> bytes:
        """Return all registers in the order of the target description."""

    def write_registers(self, tid: Tid, data: bytes) -> None:
        """Replace all registers; a shorter ``data`` leaves the rest."""

    def read_register(self, tid: Tid, number: int) -> bytes:
        """Return one register by its number in the target description."""

    def write_register(self, tid: Tid, number: int, data: bytes) -> None:
        """Replace one register."""

    def general_registers(self, tid: Tid) -> bytes:
        """Return the general registers as the kernel keeps them (``Regset.GENERAL``)."""

    def expedited(self, tid: Tid) -> Sequence[tuple[int, bytes]]:
        """Return the registers that go into every stop reply, as (number, bytes)."""

    def pc(self, tid: Tid) -> Addr:
        """Return the program counter of a stopped thread."""

    # Memory

    def read_memory(self, pid: Pid, address: Addr, length: int) -> bytes:
        """Read up to ``length`` bytes; shorter where the mapping ends.  Works while the inferior runs.

        No engine ever sees a trap instruction that this server put there.

        Raises:
            TargetError: EIO where not even the first byte is readable.
        """

    def search_memory(
        self, pid: Pid, address: Addr, length: int, pattern: bytes
    ) -> Generator[None, None, Addr | None]:
        """Find the first place of a pattern in ``length`` bytes; None where there is none.

        It goes over what is not mapped, and yields often so that others can be served in between.

        Raises:
            TargetError: EIO where none of the memory can be read.
        """

    def write_memory(self, pid: Pid, address: Addr, data: bytes) -> None:
        """Write all of ``data`` or nothing.  Trap instructions under it stay.

        Raises:
            TargetError: EIO where a byte is not writable.
        """

    def memory_region(self, pid: Pid, address: Addr) -> MemoryRegion:
        """Return the mapping at an address, or the gap from it to the next one."""

    def allocate_memory(
        self, engine_id: EngineId, pid: Pid, length: int, permissions: str
    ) -> Generator[None, None, Addr]:
        """Map fresh memory in an inferior, by a system call that one of its stopped threads makes.

        It yields while that takes; nobody can tell afterwards that the thread made a call.  The memory stays
        when its owner leaves: the program may hold pointers into it.

        Args:
            engine_id: For whom.
            pid: Where.
            length: How much, bytes.
            permissions: Letters of ``rwx``.

        Raises:
            TargetError: EBUSY where no thread stands; EACCES where a seccomp filter might kill the program for the
                call; else what the kernel said.
        """

    def free_memory(self, engine_id: EngineId, pid: Pid, address: Addr) -> Generator[None, None, None]:
        """Give back what ``allocate_memory`` mapped.

        Raises:
            TargetError: EINVAL where nothing was mapped for this engine at that address; else as above.
        """

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
        """Own a breakpoint.  To own it twice is the same as once, but the rules are replaced."""

    def remove_breakpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, *, hardware: bool) -> None:
        """Drop a claim; one that is not held is ignored.

        Raises:
            TargetError: EFAULT where nothing is mapped there any more; the claim is dropped all the same.
        """

    def insert_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        """Own a data stop of any length and alignment that the free debug registers cover.

        Raises:
            TargetError: ENOSPC where they do not.
        """

    def remove_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        """Drop a claim; one that is not held is ignored."""

    # Agent expressions

    def view(self, tid: Tid, output: Callable[[bytes], None]) -> Machine:
        """Return a stopped thread as an agent expression sees it.

        Args:
            tid: Which.
            output: Takes what is printed; must not block.
        """

    def get_variable(self, number: int) -> int:
        """Return a trace state variable; one that was never set is 0."""

    def set_variable(self, number: int, value: int) -> None:
        """Give a trace state variable a value of 64 bits."""

    # Signals

    def read_siginfo(self, tid: Tid) -> bytes:
        """Return the siginfo_t of the current stop, in the form that the program has it."""

    def signal_sets(self, tid: Tid) -> tuple[int, int]:
        """Return the signals that a process ignores and those that it handles, a bit each from signal 1 on."""

    def write_siginfo(self, tid: Tid, data: bytes) -> None:
        """Replace the siginfo_t that is about to be delivered."""

    # System calls

    def refresh_catches(self, pid: Pid) -> None:
        """Look again at who catches which syscalls: what engines have said of that is remembered until then."""

    def syscall(self, tid: Tid) -> SyscallInfo | None:
        """Return the call at which a thread stands, its arguments as they are now; None where it stands elsewhere.

        At a return the arguments are those of the entry, as it was when the thread was last resumed there.
        """

    def skip_syscall(self, tid: Tid, result: int) -> None:
        """Let the call that a thread is about to enter not happen, and return ``result``."""

    def send_at_syscall(self, tid: Tid, signal: Signo) -> None:
        """Send a signal to a thread that stands at a call; it is reported when the thread has gone on."""

    # Facts about a process

    def auxv(self, pid: Pid) -> bytes:
        """Return the auxiliary vector as the kernel laid it out."""

    def identity(self, pid: Pid) -> Identity:
        """Return whose a process is."""

    def descriptor_path(self, tid: Tid, fd: int | None) -> bytes | None:
        """Return what a descriptor is open on, as /proc writes it; None asks for the working directory."""

    def exec_file(self, pid: Pid) -> bytes:
        """Return the path of the running program, as seen inside its own root."""

    def libraries(self, pid: Pid, *, start: int | None, prev: int | None, lmid: int | None) -> bytes:
        """Return the list of shared libraries as gdb's XML document."""

    def linker_pointer(self, pid: Pid) -> tuple[Addr, Addr] | None:
        """Return where a program keeps the address of its dynamic linker's list, and that address; None: nowhere.

        The address is 0 until the linker has run.
        """

    def module(self, pid: Pid, name: bytes) -> ModuleInfo:
        """Identify a file of an inferior, inside the inferior's own root.

        Args:
            pid: Whose.
            name: A path, or the last component of one that is mapped.

        Raises:
            TargetError: It cannot be found or read, or is no ELF file.
        """

    def find_symbol(self, engine_id: EngineId, pid: Pid, name: str, found: Callable[[Addr | None], None]) -> None:
        """Look for a symbol in what an inferior has mapped, while everything else goes on.

        Args:
            engine_id: Who asks.
            pid: Where.
            name: As the linker writes it.
            found: Called with its address, or with None where no mapped file defines it: never before this call has
                returned, and not at all where the process has ended or runs another program by then, or where the
                engine has left.
        """

    def linker_brake(self, pid: Pid) -> Addr | None:
        """Return the function that a program's dynamic linker calls before and after its list changes; None: none."""

    def file_base(self, pid: Pid, path: bytes) -> Addr | None:
        """Return where a file is mapped first; None where it is not."""

    def tls_address(self, tid: Tid, offset: int, link_map: Addr) -> Addr:
        """Return where a stopped thread has a thread-local variable.

        Args:
            tid: Whose.
            offset: Of the variable within its module's storage.
            link_map: Of the module; 0 is the program.

        Raises:
            TargetError: The thread or the module has no such storage, or not yet; the text says which.
        """

    def osdata(self, annex: str) -> bytes:
        """Return one of the tables of ``info os`` as XML.

        Raises:
            TargetError: There is no such table.
        """

    def sites(self, pid: Pid) -> Sequence[tuple[Addr, frozenset[EngineId]]]:
        """Return every breakpoint site and its owners."""

    def has_site(self, pid: Pid, address: Addr, engine_id: EngineId) -> bool:
        """Tell whether an engine owns a software breakpoint at an address."""

    def has_slot(self, pid: Pid, address: Addr, kind: WatchKind | None, engine_id: EngineId) -> bool:
        """Tell whether an engine has a debug register at an address that a hit named; None: one for execution."""

    def clone_events(self, engine_id: EngineId, tids: frozenset[Tid]) -> None:
        """Ask to be told of clones by some threads (``Cloned``), with parent and child stopped."""

    def fork_events(self, engine_id: EngineId, kinds: frozenset[ForkKind]) -> None:
        """Ask for children to be kept for this engine (``Forked``) rather than let go."""
