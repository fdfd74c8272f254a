"""Breakpoints and watchpoints of engines: who owns which site and which debug register.

Layer: tracer.  Used by: tracer.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from gdbstub.linux import procfs
from gdbstub.target.events import WatchKind
from gdbstub.target.ops import HitRules
from gdbstub.tracer.debugslots import SlotKind
from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.settler import Settler
from gdbstub.tracer.world import World
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, EngineId, Pid

_SLOT_KIND = {
    WatchKind.WRITE: SlotKind.WRITE,
    WatchKind.READ: SlotKind.READ,
    WatchKind.ACCESS: SlotKind.ACCESS,
}


class Points:
    """Carries out the requests of ``target.ops.Target`` about breakpoints and watchpoints.

    Args:
        world: What is traced.
        settler: Stops what must stand for them.
    """

    def __init__(self, world: World, settler: Settler) -> None:
        self._world = world
        self._settler = settler

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
        inferior = self._world.inferior(pid)
        if hardware:
            self._claim_slot(engine_id, inferior, address, 1, SlotKind.EXECUTE)
        else:
            if inferior.sites.at(address) is None and inferior.memory.is_written_to_file(address):
                text = "the page is shared with a file, which the breakpoint would change; use a hardware breakpoint"
                raise TargetError(errno.EACCES, f"cannot insert a breakpoint at {address:#x}: {text}")
            borrowed = inferior.keep_text_clean()
            inferior.sites.claim(address, engine_id)
            if borrowed:
                self._world.mark(inferior)
                self._settler.settle()
        if rules is not None or inferior.rules:
            self._world.replace_rules(inferior, engine_id, address, hardware, rules)

    def remove_breakpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, *, hardware: bool) -> None:
        """Drop a claim; one that is not held is ignored.  See ``target.ops.Target``."""
        inferior = self._world.inferior(pid)
        if inferior.rules:
            self._world.replace_rules(inferior, engine_id, address, hardware, None)
        restored = self._world.release_breakpoint(inferior, engine_id, address, hardware)
        if not restored and procfs.state(inferior.live_tid()) not in (None, "Z", "X"):
            raise TargetError(errno.EFAULT, f"nothing is mapped at {address:#x} any more")

    def insert_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        """Own a data stop of any length and alignment that the free debug registers cover."""
        inferior = self._world.inferior(pid)
        self._claim_slot(engine_id, inferior, address, length, _SLOT_KIND[kind])
        if kind is WatchKind.READ:
            inferior.learn_reads()

    def _claim_slot(
        self, engine_id: EngineId, inferior: Inferior, address: Addr, length: int, kind: SlotKind
    ) -> None:
        if not inferior.slots.claim(engine_id, address, length, kind):
            return
        try:
            self._world.rearm(inferior)
        except TargetError:
            # The kernel refuses addresses outside user space: nobody's slots may suffer from that.
            inferior.slots.release(engine_id, address, length, kind)
            self._world.rearm(inferior)
            raise

    def remove_watchpoint(self, engine_id: EngineId, pid: Pid, address: Addr, length: int, kind: WatchKind) -> None:
        """Drop a claim; one that is not held is ignored."""
        inferior = self._world.inferior(pid)
        if inferior.slots.release(engine_id, address, length, _SLOT_KIND[kind]):
            self._world.rearm(inferior)

    def sites(self, pid: Pid) -> Sequence[tuple[Addr, frozenset[EngineId]]]:
        """Return every breakpoint site and its owners."""
        return [(site.address, frozenset(site.owners)) for site in self._world.inferior(pid).sites.all()]

    def has_site(self, pid: Pid, address: Addr, engine_id: EngineId) -> bool:
        """Tell whether an engine owns a software breakpoint at an address."""
        inferior = self._world.inferiors.get(pid)
        site = None if inferior is None else inferior.sites.at(address)
        return site is not None and engine_id in site.owners

    def has_slot(self, pid: Pid, address: Addr, kind: WatchKind | None, engine_id: EngineId) -> bool:
        """Tell whether an engine has a debug register at an address that a hit named; None: one for execution."""
        inferior = self._world.inferiors.get(pid)
        wanted = SlotKind.EXECUTE if kind is None else _SLOT_KIND[kind]
        return inferior is not None and inferior.slots.watches(engine_id, address, wanted)
