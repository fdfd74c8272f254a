"""linux.seccomp: the filter, run by a small machine of the test's own."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from gdbstub.linux.seccomp import program

X86_64, I386 = 0xC000003E, 0x40000003
TRACE, ALLOW = 0x7FF00000, 0x7FFF0000


def run(code: bytes, arch: int, number: int) -> int:
    """Run a filter as seccomp(2) says it is run."""
    data = struct.pack("<II", number, arch)
    instructions = list(struct.iter_unpack("=HBBI", code))
    at = accumulator = 0
    while True:
        operation, true, false, value = instructions[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x15:
            at += true if accumulator == value else false
        elif operation == 0x25:
            at += true if accumulator > value else false
        elif operation == 0x35:
            at += true if accumulator >= value else false
        elif operation == 0x05:
            at += value
        else:
            assert operation == 0x06
            return int(value)


NUMBERS = st.frozensets(st.integers(0, 500))


@given(NUMBERS, NUMBERS, st.sampled_from([X86_64, I386, 0xC00000B7]), st.integers(0, 500))
def test_only_listed_calls_are_seen(wide: frozenset[int], narrow: frozenset[int], arch: int, number: int) -> None:
    listed = {X86_64: wide, I386: narrow}
    assert (run(program(listed), arch, number) == TRACE) == (number in listed.get(arch, ()))


def test_every_call_fits_into_a_filter() -> None:
    code = program({X86_64: frozenset(range(0, 1000, 2)), I386: frozenset(range(0, 1000, 2))})
    assert len(code) // 8 <= 4096
    assert run(code, I386, 998) == TRACE and run(code, I386, 999) == ALLOW and run(code, X86_64, 0x40000000) == ALLOW
