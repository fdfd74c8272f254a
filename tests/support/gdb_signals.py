"""Signal numbers as RSP names them; they are not the kernel's.

Used by: the integration tests.  Spec: GDB manual, "Packets": the stop reply's signal number.
"""

from __future__ import annotations

from enum import IntEnum


class GdbSignal(IntEnum):
    """The numbers that our tests meet on the wire."""

    HUP = 1
    INT = 2
    ILL = 4
    TRAP = 5
    ABRT = 6
    KILL = 9
    SEGV = 11
    SYS = 12
    ALRM = 14
    TERM = 15
    URG = 16
    STOP = 17
    CONT = 19
    CHLD = 20
    USR1 = 30
    USR2 = 31
    #: The kernel's signal 34, the first that glibc gives to programs.
    RT34 = 46
