"""Handler of ``qMemoryRegionInfo``.

Layer: engines.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.regions import RegionInfo
from gdbstub.rsp.replies import OK, Reply
from gdbstub.target.regions import MemoryRegion

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

_TYPES = {b"[stack]": "stack", b"[heap]": "heap"}


@handles(RegionInfo)
def region_info(session: Session, cmd: RegionInfo) -> Reply:
    """Answer the region at an address: lldb reads no permissions as nothing that can be touched."""
    if cmd.address is None:
        return OK
    return _described(session.target.memory_region(session.process(), cmd.address))


@lru_cache(maxsize=1024)
def _described(region: MemoryRegion) -> bytes:
    text = f"start:{region.start:x};size:{region.size:x};"
    if not region.mapped:
        return text.encode()
    if region.permissions:
        text += f"permissions:{region.permissions};"
    text += f"flags:{' '.join(region.flags)};"
    if region.name:
        text += f"name:{region.name.hex()};"
    if region.name in _TYPES:
        text += f"type:{_TYPES[region.name]};"
    if region.protection_key is not None:
        text += f"protection-key:{region.protection_key};"
    return text.encode()
