"""abi.text, abi.flags, abi.signals, abi.errors: spelling of single values."""

from __future__ import annotations

import ast
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.abi import errors, signals
from gdbstub.abi.flags import Choices, Flags, Split, merged
from gdbstub.abi.tables import TABLES
from gdbstub.abi.text import quote, quote_within


@given(st.binary())
def test_a_literal_means_the_bytes_it_was_made_of(data: bytes) -> None:
    assert ast.literal_eval("b" + quote(data)) == data


def test_an_octal_escape_is_as_short_as_what_follows_allows() -> None:
    assert quote(b"\0a\x001\x009\n\x7f") == r'"\0a\0001\09\n\177"'


def test_what_is_not_shown_leaves_dots() -> None:
    assert quote_within(b"abcdef", 3) == '"abc"...'
    assert quote_within(b"abc", 3) == '"abc"'
    assert quote_within(b"abc", 3, more=True) == '"abc"...'


def test_flags() -> None:
    flags = Flags("NONE 0 BOTH 3 ONE 1 TWO 2", "X_???")
    assert [flags(value) for value in (0, 1, 2, 3)] == ["NONE", "ONE", "TWO", "BOTH"]
    assert flags(5) == "ONE|0x4"
    assert flags(4) == "0x4 /* X_??? */"


def test_choices() -> None:
    assert Choices("A 1 B 2")(2) == "B"
    assert Choices("A 1")(7) == "0x7"
    assert Choices("A 1", "X_???")(7) == "0x7 /* X_??? */"


def test_a_field_beside_flags() -> None:
    split = Split(3, Choices("READ 0 WRITE 1"), Flags("SYNC 4"))
    assert [split(value) for value in (0, 1, 4, 5)] == ["READ", "WRITE", "READ|SYNC", "WRITE|SYNC"]
    assert Split(3, Choices("READ 0"), Flags("SYNC 4"), leave_zero_out=True)(4) == "SYNC"


@given(st.sampled_from(sorted(TABLES)), st.integers(0, (1 << 32) - 1))
def test_every_value_of_every_table_has_a_text(name: str, value: int) -> None:
    assert TABLES[name](value)


def test_the_memory_of_spelled_values_is_bounded() -> None:
    flags = Flags("ONE 1")
    for value in range(3000):
        flags(value)
    assert flags(1) == "ONE"


def test_two_tables_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="are called"):
        merged([{"a": Choices("A 1")}, {"a": Choices("B 1")}])


def test_signal_names_and_numbers() -> None:
    assert [signals.name_of(number) for number in (9, 32, 34, 64, 99)] == [
        "SIGKILL",
        "SIGRTMIN",
        "SIGRT_2",
        "SIGRT_32",
        "99",
    ]
    assert [signals.number_of(name) for name in ("KILL", "SIGUSR1", "RT_2", "NONE")] == [9, 10, 34, None]


def test_signal_sets() -> None:
    assert signals.set_text(0) == "[]"
    assert signals.set_text(1 << 1 | 1 << 16) == "[INT CHLD]"
    assert signals.set_text((1 << 64) - 1) == "~[]"
    assert signals.set_text(((1 << 64) - 1) & ~(1 << 8)) == "~[KILL]"


def siginfo(number: int, code: int, *words: int) -> bytes:
    return struct.pack("=iiii", number, 0, code, 0) + b"".join(struct.pack("=i", word) for word in words).ljust(
        112, b"\0"
    )


@pytest.mark.parametrize(
    ("info", "text"),
    [
        (siginfo(10, 0, 5, 6), "{si_signo=SIGUSR1, si_code=SI_USER, si_pid=5, si_uid=6}"),
        (siginfo(10, -6, 5, 6), "{si_signo=SIGUSR1, si_code=SI_TKILL, si_pid=5, si_uid=6}"),
        (siginfo(11, 1), "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}"),
        (siginfo(11, 0x80), "{si_signo=SIGSEGV, si_code=SI_KERNEL, si_addr=NULL}"),
        (
            siginfo(17, 1, 5, 6, 7),
            "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5, si_uid=6, si_status=7, si_utime=0, si_stime=0}",
        ),
        (
            siginfo(17, 2, 5, 6, 9, 0, 3),
            "{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=5, si_uid=6, si_status=SIGKILL, si_utime=3 /* 0.03 s */,"
            " si_stime=0}",
        ),
        (siginfo(35, -1, 5, 6, 8), "{si_signo=SIGRT_3, si_code=SI_QUEUE, si_pid=5, si_uid=6, si_int=8, si_ptr=0x8}"),
        (
            siginfo(14, -2, 1, 2),
            "{si_signo=SIGALRM, si_code=SI_TIMER, si_timerid=0x1, si_overrun=2, si_int=0, si_ptr=NULL}",
        ),
        (siginfo(29, 1, 4, 0, 3), "{si_signo=SIGIO, si_code=POLL_IN, si_band=4, si_fd=3}"),
        (bytes(128), "{}"),
    ],
)
def test_what_comes_with_a_signal(info: bytes, text: str) -> None:
    assert signals.info_text(info) == text


def test_errors() -> None:
    assert (errors.name_of(2), errors.text_of(2)) == ("ENOENT", "No such file or directory")
    assert errors.name_of(512) == "ERESTARTSYS" and errors.is_private(512) and not errors.is_private(4)
    assert errors.name_of(95) == "EOPNOTSUPP" and errors.name_of(35) == "EDEADLK" and errors.name_of(11) == "EAGAIN"
    assert errors.name_of(999) == "ERRNO_999"
    assert errors.number_of("ENOSPC") == 28 and errors.number_of("ENOTHING") is None
