"""Breakpoint sites: the bytes this server has patched into an inferior.

Layer: tracer (pure; memory is reached through ``RawMemory``).  Used by: inferior.
Spec: GDB manual, "Packets", the ``z`` and ``Z`` entries.

There is one site per address and inferior.  Several engines may own the same
site: the patch is written when the first owner arrives and undone when the last
one leaves.  Memory that leaves the server is always masked, so no client ever
reads another client's trap instruction, nor its own.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Protocol

from gdbstub.vocab.errors import StubError, TargetError
from gdbstub.vocab.ids import Addr, EngineId


class RawMemory(Protocol):
    """Memory as it is, patches included."""

    def read(self, address: Addr, length: int) -> bytes:
        """Read up to ``length`` bytes; raises TargetError where none is readable."""

    def write(self, address: Addr, data: bytes) -> None:
        """Write all or nothing; raises TargetError."""


class BreakpointSite:
    """One patched address."""

    __slots__ = ("address", "inserted", "owners", "shadow")

    def __init__(self, address: Addr, shadow: bytes) -> None:
        self.address = address
        #: What the program has there.
        self.shadow = shadow
        self.owners: set[EngineId] = set()
        self.inserted = False


class SiteTable:
    """All sites of one inferior."""

    def __init__(self, memory: RawMemory, trap: bytes) -> None:
        self._memory = memory
        self._trap = trap
        self._sites: dict[Addr, BreakpointSite] = {}
        self._order: list[Addr] = []
        #: Where patches were taken out for good while threads ran: one of them may have run into one before.
        self.departed: set[Addr] = set()
        #: While set, nothing is patched: a vfork child borrows the memory.
        self.lifted = False

    def __len__(self) -> int:
        return len(self._sites)

    def at(self, address: Addr) -> BreakpointSite | None:
        """Return the site at an address."""
        return self._sites.get(address)

    def all(self) -> list[BreakpointSite]:
        """Return every site, by address."""
        return [self._sites[address] for address in self._order]

    def claim(self, address: Addr, owner: EngineId) -> None:
        """Own the site at ``address``; to own it twice is the same as once.

        Raises:
            TargetError: The memory there cannot be read or written.
        """
        site = self._sites.get(address)
        if site is not None and site.inserted and not self._is_patched(site):
            # The page was unmapped and another mapped there; gdb removes nothing from a library that went away.
            owners = site.owners
            self._forget(site)
            self.claim(address, owner)
            self._sites[address].owners |= owners
            return
        if site is None:
            shadow = self._memory.read(address, len(self._trap))
            if len(shadow) < len(self._trap):
                raise TargetError(5, f"cannot read memory at {address:#x}")
            site = BreakpointSite(address, shadow)
            if not self.lifted:
                self._memory.write(address, self._trap)
                site.inserted = True
            self._sites[address] = site
            insort(self._order, address)
        site.owners.add(owner)

    def release(self, address: Addr, owner: EngineId) -> bool:
        """Drop one owner's claim; the last one restores the program's bytes.

        A claim that is not held is ignored: clients repeat ``z`` packets, and a
        repeat must not disturb the other owners.

        Returns:
            False where the bytes could not be restored, because nothing is mapped there any more.
        """
        site = self._sites.get(address)
        if site is None or owner not in site.owners:
            return True
        site.owners.discard(owner)
        if site.owners:
            return True
        self._forget(site)
        return self._restore(site)

    def release_owner(self, owner: EngineId) -> None:
        """Drop every claim of an owner."""
        for site in [each for each in self._sites.values() if owner in each.owners]:
            self.release(site.address, owner)

    def lift(self, site: BreakpointSite) -> None:
        """Take one patch out for a step over it."""
        self._restore(site)

    def put_back(self, site: BreakpointSite) -> None:
        """Patch again after ``lift``, where the site still has an owner and the page is still there."""
        if self._sites.get(site.address) is site and not site.inserted and not self.lifted:
            try:
                # The program may have written its code, or mapped another page, while the patch was out.
                shadow = self._memory.read(site.address, len(self._trap))
                self._memory.write(site.address, self._trap)
            except StubError:
                # The page or the process is gone meanwhile; the site stays claimed but out.
                return
            site.shadow = shadow
            site.inserted = True

    def lift_all(self) -> None:
        """Take every patch out until ``put_back_all``."""
        self.lifted = True
        for site in self._sites.values():
            self._restore(site)

    def put_back_all(self) -> None:
        """Undo ``lift_all``."""
        self.lifted = False
        for site in self.all():
            self.put_back(site)

    def remove_all(self) -> None:
        """Restore the program's bytes everywhere and forget all sites."""
        for site in self.all():
            self._restore(site)
        self.departed.update(self._sites)
        self.forget_all()

    def restore_in(self, memory: RawMemory) -> None:
        """Give the program its bytes back in a child's copy of the memory."""
        for site in self._sites.values():
            if site.inserted:
                try:
                    if memory.read(site.address, len(self._trap)) == self._trap:
                        memory.write(site.address, site.shadow)
                except StubError:
                    # The child has no such page, or is gone.
                    continue

    def forget_all(self) -> None:
        """Forget all sites without a write: the memory they were in is gone."""
        self._sites.clear()
        self._order.clear()
        self.lifted = False

    def clone(self, memory: RawMemory) -> SiteTable:
        """Return the table of a forked child, whose memory has the same patches."""
        twin = SiteTable(memory, self._trap)
        for site in self._sites.values():
            copy = BreakpointSite(site.address, site.shadow)
            copy.owners = set(site.owners)
            copy.inserted = site.inserted
            twin._sites[site.address] = copy
        twin._order = list(self._order)
        return twin

    def mask(self, address: Addr, data: bytes) -> bytes:
        """Show the program's own bytes in what was read at ``address``."""
        order = self._order
        if not order:
            return data
        width = len(self._trap)
        first = bisect_left(order, address - width + 1)
        end = address + len(data)
        if first == len(order) or order[first] >= end:
            return data
        out = bytearray(data)
        for at in order[first:]:
            if at >= end:
                break
            site = self._sites[at]
            if site.inserted:
                low, high = max(at, address), min(at + width, end)
                # Other bytes than ours are there where the page was replaced under the patch.
                if out[low - address : high - address] == self._trap[low - at : high - at]:
                    out[low - address : high - address] = site.shadow[low - at : high - at]
        return bytes(out)

    def write(self, address: Addr, data: bytes) -> None:
        """Write the program's bytes; patches stay, and the shadow learns what is under them.

        Raises:
            TargetError: Some of the memory is not writable; nothing has changed.
        """
        width = len(self._trap)
        first = bisect_left(self._order, address - width + 1)
        end = address + len(data)
        under = [self._sites[at] for at in self._order[first:] if at < end] if first < len(self._order) else []
        if not under:
            self._memory.write(address, data)
            return
        raw = bytearray(data)
        shadows: list[tuple[BreakpointSite, bytes]] = []
        for site in under:
            low, high = max(site.address, address), min(site.address + width, end)
            shadow = bytearray(site.shadow)
            shadow[low - site.address : high - site.address] = data[low - address : high - address]
            shadows.append((site, bytes(shadow)))
            if site.inserted:
                raw[low - address : high - address] = self._trap[low - site.address : high - site.address]
        self._memory.write(address, bytes(raw))
        for site, after in shadows:
            site.shadow = after

    def explains(self, address: Addr) -> bool:
        """Tell whether a trap at an address is ours: a patch is there, or was until a moment ago."""
        site = self._sites.get(address)
        if site is not None:
            return site.inserted or self.lifted
        if address not in self.departed:
            return False
        try:
            # The program's own trap instruction would still be there.
            return self._memory.read(address, len(self._trap)) != self._trap
        except StubError:
            return True

    def _forget(self, site: BreakpointSite) -> None:
        self.departed.add(site.address)
        del self._sites[site.address]
        del self._order[bisect_left(self._order, site.address)]

    def _is_patched(self, site: BreakpointSite) -> bool:
        try:
            return self._memory.read(site.address, len(self._trap)) == self._trap
        except StubError:
            return False

    def _restore(self, site: BreakpointSite) -> bool:
        if site.inserted:
            site.inserted = False
            try:
                if self._memory.read(site.address, len(self._trap)) == self._trap:
                    self._memory.write(site.address, site.shadow)
            except StubError:
                # The page or the process is gone, and the patch with it.
                return False
        return True
