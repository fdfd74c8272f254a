"""What can be learned of a process and its threads beside what they hold in registers and memory.

Layer: tracer.  Used by: tracer.
"""

from __future__ import annotations

from collections.abc import Generator

from gdbstub.linux import procfs, ptrace_calls, siginfo
from gdbstub.linux.libraries import svr4_xml
from gdbstub.linux.search import search
from gdbstub.target.machine import Identity
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.tracee import StopKind
from gdbstub.tracer.world import World
from gdbstub.vocab.ids import Addr, Pid, Tid


def _read(inferior: Inferior, address: Addr, length: int) -> bytes:
    return inferior.sites.mask(address, inferior.memory.read(address, length))


class Inspection:
    """Answers the requests of ``target.ops.Target`` about what processes and threads are.

    Args:
        world: What is traced.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def thread_handle(self, tid: Tid) -> bytes | None:
        """Return the C library's own name of a thread, its ``pthread_t``; None where it runs or has none yet."""
        tracee = self._world.tracees.get(tid)
        if tracee is None or not tracee.stopped:
            return None
        # With glibc and with musl it is the address of what the thread pointer points to.
        pointer = tracee.registers.thread_pointer
        return pointer.to_bytes(tracee.inferior.spec.pointer_size, "little") if pointer else None

    def descriptor_path(self, tid: Tid, fd: int | None) -> bytes | None:
        """Return what a descriptor is open on, as /proc writes it; None asks for the working directory."""
        return procfs.read_link(f"/proc/{tid}/cwd" if fd is None else f"/proc/{tid}/fd/{fd}")

    def read_siginfo(self, tid: Tid) -> bytes:
        """Return the siginfo_t of the current stop, as the program has it."""
        tracee = self._world.at_rest(tid)
        kept = tracee.kept_siginfo if tracee.stop is StopKind.CALLED else None
        data = kept if kept is not None else ptrace_calls.read_siginfo(tid)
        return data if tracee.inferior.spec.pointer_size == 8 else siginfo.to_32(data)

    def write_siginfo(self, tid: Tid, data: bytes) -> None:
        """Replace the siginfo_t that is about to be delivered."""
        tracee = self._world.at_rest(tid)
        ptrace_calls.write_siginfo(tid, data if tracee.inferior.spec.pointer_size == 8 else siginfo.from_32(data))

    def signal_sets(self, tid: Tid) -> tuple[int, int]:
        """Return the signals that a process ignores and those that it handles, a bit each from signal 1 on."""
        fields = procfs.status_fields(self._world.tracee(tid).tid)
        return int(fields.get("SigIgn", "0"), 16), int(fields.get("SigCgt", "0"), 16)

    def auxv(self, pid: Pid) -> bytes:
        """Return the auxiliary vector as the kernel laid it out."""
        return procfs.auxv(self._world.inferior(pid).live_tid())

    def identity(self, pid: Pid) -> Identity:
        """Return whose a process is."""
        return procfs.identity(self._world.inferior(pid).live_tid())

    def exec_file(self, pid: Pid) -> bytes:
        """Return the path of the running program, as seen inside its own root."""
        inferior = self._world.inferior(pid)
        return procfs.exec_path(Pid(inferior.live_tid()))

    def libraries(self, pid: Pid, *, start: int | None, prev: int | None, lmid: int | None) -> bytes:
        """Return the list of shared libraries as gdb's XML document."""
        inferior = self._world.inferior(pid)

        def read(address: int, length: int) -> bytes:
            return _read(inferior, Addr(address), length)

        pointer_size = inferior.spec.pointer_size
        return svr4_xml(read, self.auxv(pid), pointer_size, start=start, prev=prev, lmid=lmid)

    def tls_address(self, tid: Tid, offset: int, link_map: Addr) -> Addr:
        """Return where a stopped thread has a thread-local variable."""
        from gdbstub.linux import tls

        tracee = self._world.at_rest(tid)
        inferior = tracee.inferior
        pointer = tracee.registers.thread_pointer

        def read(address: int, length: int) -> bytes:
            return _read(inferior, Addr(address), length)

        return Addr(
            tls.tls_address(read, self.auxv(inferior.pid), inferior.spec.pointer_size, pointer, offset, link_map)
        )

    def osdata(self, annex: str) -> bytes:
        """Return one of the tables of ``info os`` as XML."""
        from gdbstub.linux import osdata

        return osdata.osdata(annex)

    def search_memory(
        self, pid: Pid, address: Addr, length: int, pattern: bytes
    ) -> Generator[None, None, Addr | None]:
        """Find the first place of a pattern, as the program has its memory; see ``target.ops.Target``."""
        inferior = self._world.inferior(pid)

        def read(at: Addr, count: int) -> bytes:
            return _read(inferior, at, count)

        return search(read, lambda: procfs.maps(inferior.live_tid()), address, length, pattern)
