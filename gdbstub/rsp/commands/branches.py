"""Packets about recorded branches: ``Qbtrace Qbtrace-conf`` and their ``qXfer`` objects.

Layer: rsp.  Spec: GDB manual, "General Query Packets", "Branch Trace".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.registry import command


@command(b"Qbtrace", b"Qbtrace-conf", clients="gdb, told to", without="refuses record btrace")
class RecordBranches(NamedTuple):
    """Switch the recording of branches; declined with the reason."""

    @classmethod
    def parse(cls, args: bytes) -> RecordBranches:
        """Parse anything: whatever is asked for is not there."""
        return cls()


@command(b"qXfer:btrace:read", b"qXfer:btrace-conf:read", clients="gdb, told to", without="refuses record btrace")
class ReadBranches(NamedTuple):
    """Read the recorded branches; declined with the reason."""

    @classmethod
    def parse(cls, args: bytes) -> ReadBranches:
        """Parse anything: nothing has been recorded."""
        return cls()
