from __future__ import annotations

import signal
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.linux import siginfo

SIGNALS = st.sampled_from([int(each) for each in signal.Signals] + [0, 34, 64])
CODES = st.sampled_from([*range(-7, 10), 0x80, 0x405, -60])

ADDRESS = 0x7FFF1234


def native(signo: int, code: int, layout: str, *values: int) -> bytes:
    return (struct.pack("=iii4x", signo, 0, code) + struct.pack(layout, *values)).ljust(siginfo.SIZE, b"\0")


def compat(signo: int, code: int, layout: str, *values: int) -> bytes:
    return (struct.pack("=iii", signo, 0, code) + struct.pack(layout, *values)).ljust(siginfo.SIZE, b"\0")


#: What integration/test_siginfo.py cannot make the kernel produce everywhere.
ROWS = {
    "bounds": (signal.SIGSEGV, 3, "=QxxxxxxxxQQ", "=IxxxxII", (ADDRESS, 0x1000, 0x2000)),
    "protection key": (signal.SIGSEGV, 4, "=QxxxxxxxxI", "=IxxxxI", (ADDRESS, 5)),
    "performance event": (signal.SIGTRAP, 6, "=QQII", "=IIII", (ADDRESS, 77, 1, 2)),
    "memory failure": (signal.SIGBUS, 5, "=Qi", "=Ii", (ADDRESS, 12)),
    "child": (signal.SIGCHLD, 1, "=iiixxxxqq", "=iiiii", (9, 1000, 3, 250, -1)),
    "stepped": (signal.SIGTRAP, 2, "=Q", "=I", (ADDRESS,)),
    "kernel": (signal.SIGSEGV, 128, "=ii", "=ii", (0, 0)),
    "signal of a file": (signal.SIGRTMIN, 1, "=qi", "=ii", (-1, 8)),
}


@pytest.mark.parametrize(("signo", "code", "wide", "narrow", "values"), ROWS.values(), ids=ROWS)
def test_rows(signo: int, code: int, wide: str, narrow: str, values: tuple[int, ...]) -> None:
    long, short = native(signo, code, wide, *values), compat(signo, code, narrow, *values)
    assert siginfo.to_32(long) == short
    assert siginfo.from_32(short) == long


@given(SIGNALS, CODES, st.binary(min_size=116, max_size=116))
def test_nothing_that_is_told_changes_on_its_way_there_and_back(signo: int, code: int, rest: bytes) -> None:
    told = siginfo.to_32(siginfo.from_32(struct.pack("=iii", signo, 0, code) + rest))
    assert siginfo.to_32(siginfo.from_32(told)) == told
    assert len(told) == siginfo.SIZE
