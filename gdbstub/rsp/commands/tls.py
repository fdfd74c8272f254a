"""The packet about thread-local storage: ``qGetTLSAddr``.

Layer: rsp.  Spec: GDB manual, "General Query Packets".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_fields, parse_number, parse_thread_id
from gdbstub.rsp.registry import command
from gdbstub.vocab.ids import Addr, ThreadSpec


@command(b"qGetTLSAddr", clients="gdb", without="cannot show thread-local variables")
class GetTlsAddress(NamedTuple):
    """Ask where a thread has a thread-local variable."""

    threads: ThreadSpec
    #: Within the storage of the module.
    offset: int
    #: The module's struct link_map; 0 for a program without a dynamic linker.
    link_map: Addr

    @classmethod
    def parse(cls, args: bytes) -> GetTlsAddress:
        """Parse ``THREAD,OFFSET,LINK-MAP``."""
        thread, offset, link_map = parse_fields(args, 3)
        return cls(parse_thread_id(thread), parse_number(offset), Addr(parse_number(link_map)))
