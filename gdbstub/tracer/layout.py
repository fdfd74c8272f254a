"""What is mapped in an inferior, and mapping more: the part of the tracer that clients ask about address spaces.

Layer: tracer.  Used by: tracer.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator

from gdbstub.linux import procfs
from gdbstub.linux.injection import abi_of, map_call, unmap_call
from gdbstub.linux.libraries import linker_brake, linker_pointer
from gdbstub.linux.modules import identity, module_info
from gdbstub.linux.regions import RegionMap, read_regions
from gdbstub.target.modules import ModuleInfo
from gdbstub.target.regions import MemoryRegion
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.injections import inject
from gdbstub.tracer.world import World
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, EngineId, Pid


class Layout:
    """Answers the requests of ``target.ops.Target`` about mappings.

    Args:
        world: What is traced.
        drain: Handles the wait statuses that are there.
    """

    def __init__(self, world: World, drain: Callable[[], object]) -> None:
        self._world = world
        self._drain = drain

    def _regions(self, inferior: Inferior) -> RegionMap:
        """Return what is mapped; nothing changes while nothing runs, and clients ask hundreds of times in a stop."""
        known = inferior.regions
        if known is None or known[0] != self._world.stirs or inferior.running:
            known = inferior.regions = (self._world.stirs, read_regions(inferior.live_tid()))
        return known[1]

    def memory_region(self, pid: Pid, address: Addr) -> MemoryRegion:
        """Return the mapping at an address, or the gap from it to the next one."""
        return self._regions(self._world.inferior(pid)).at(address)

    def module(self, pid: Pid, name: bytes) -> ModuleInfo:
        """Identify a file that an inferior may have mapped; see ``target.ops.Target``."""
        inferior = self._world.inferior(pid)
        path = name if name.startswith(b"/") else self._regions(inferior).path_named(name)
        if path is None:
            raise TargetError(errno.ENOENT, f"{os.fsdecode(name)} is not mapped")
        return module_info(Pid(inferior.live_tid()), path)

    def find_symbol(self, engine_id: EngineId, pid: Pid, name: str, found: Callable[[Addr | None], None]) -> None:
        """Look for a symbol in slices; see ``target.ops.Target``."""
        self._world.errands.begin(self._find_symbol(self._world.inferior(pid), engine_id, name, found))

    def _find_symbol(
        self, inferior: Inferior, engine_id: EngineId, name: str, found: Callable[[Addr | None], None]
    ) -> Generator[None, None, None]:
        # Imported on first use: most runs do without.
        from gdbstub.linux.symbols import find_symbol

        world, sites = self._world, inferior.sites
        pointer_size = inferior.spec.pointer_size
        search = find_symbol(
            inferior.live_tid(),
            name.encode(),
            lambda at, length: inferior.memory.read(Addr(at), length),
            pointer_size,
        )
        while True:
            # Its next program has a table of sites of its own.
            known = world.inferiors.get(inferior.pid) is inferior and inferior.sites is sites
            if not known or inferior.detaching or engine_id not in world.engines:
                search.close()
                return
            try:
                next(search)
            except StopIteration as end:
                address: Addr | None = end.value
                break
            yield
        world.guard(engine_id, lambda: found(address))

    def linker_brake(self, pid: Pid) -> Addr | None:
        """Return the function that a program's dynamic linker calls when its list changes."""
        inferior = self._world.inferior(pid)
        brake = linker_brake(
            lambda at, length: inferior.memory.read(Addr(at), length),
            procfs.auxv(inferior.live_tid()),
            inferior.spec.pointer_size,
        )
        return None if brake is None else Addr(brake)

    def file_base(self, pid: Pid, path: bytes) -> Addr | None:
        """Return where a file is mapped first; None where it is not."""
        inferior = self._world.inferior(pid)
        return self._regions(inferior).base_of(path, *identity(Pid(inferior.live_tid()), path))

    def linker_pointer(self, pid: Pid) -> tuple[Addr, Addr] | None:
        """Return where a program keeps the address of its linker's list, and that address."""
        inferior = self._world.inferior(pid)
        auxv = procfs.auxv(inferior.live_tid())
        found = linker_pointer(
            lambda at, length: inferior.memory.read(Addr(at), length), auxv, inferior.spec.pointer_size
        )
        return None if found is None else (Addr(found[0]), Addr(found[1]))

    def allocate_memory(
        self, engine_id: EngineId, pid: Pid, length: int, permissions: str
    ) -> Generator[None, None, Addr]:
        """Map fresh memory in an inferior; see ``target.ops.Target``."""
        inferior = self._world.inferior(pid)
        call = map_call(abi_of(inferior.spec.pointer_size), length, permissions)
        address = Addr((yield from inject(inferior, call, self._drain)))
        inferior.allocations[address] = (length, engine_id)
        return address

    def free_memory(self, engine_id: EngineId, pid: Pid, address: Addr) -> Generator[None, None, None]:
        """Give back what ``allocate_memory`` mapped; see ``target.ops.Target``."""
        inferior = self._world.inferior(pid)
        length, owner = inferior.allocations.get(address, (0, None))
        if owner != engine_id:
            raise TargetError(errno.EINVAL, f"no memory was allocated at {address:#x} for this client")
        yield from inject(inferior, unmap_call(abi_of(inferior.spec.pointer_size), address, length), self._drain)
        inferior.allocations.pop(address, None)
