"""All tables of flags and choices, by the names that signatures use.

Layer: abi.  Used by: abi.kinds, abi.structures.
"""

from __future__ import annotations

from gdbstub.abi import flags_files, flags_memory, flags_network, flags_process
from gdbstub.abi.flags import Namer, merged

TABLES: dict[str, Namer] = merged(
    [flags_files.TABLES, flags_memory.TABLES, flags_process.TABLES, flags_network.TABLES]
)
