"""What is read from a siginfo_t."""

from __future__ import annotations

import signal
import struct

import pytest

from gdbstub.vocab.siginfo import fault_text


def siginfo(number: int, code: int, address: int = 0) -> bytes:
    return struct.pack("<iii4xQ", number, 0, code, address).ljust(128, b"\0")


def test_the_address_is_told() -> None:
    assert fault_text(siginfo(signal.SIGBUS, 2, 0x7F00)) == "no such physical address (fault address: 0x7f00)"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGUSR1, 0), (signal.SIGTERM, -6), (signal.SIGSEGV, 0), (signal.SIGSEGV, 99)]
)
def test_what_is_no_fault_says_nothing(number: int, code: int) -> None:
    assert fault_text(siginfo(number, code)) == ""
