"""Formats, as C prints them."""

from __future__ import annotations

import pytest

from gdbstub.agent.formats import parse
from gdbstub.vocab.errors import PacketError, TargetError

TEXTS = {0x100: b"hello\0more", 0x200: b"x" * 10_000}


def read(address: int, length: int) -> bytes:
    for start, text in TEXTS.items():
        if start <= address < start + len(text):
            return text[address - start :][:length]
    raise TargetError(5, f"cannot read memory at {address:#x}")


@pytest.mark.parametrize(
    ("text", "values", "printed"),
    [
        (b"plain", (), b"plain"), (b"100%%", (), b"100%"), (b"", (), b""),
        (rb"a\tb\n\"\\\101\x41\e\q", (), b'a\tb\n"\\AA\x1b\\q'),
        (rb"\9\x41\x", (), rb"\9A\x"),
        (b"%d", (5,), b"5"), (b"%i|%d", (-5, 1 << 31), b"-5|-2147483648"), (b"%u", (-1,), b"4294967295"),
        (b"%ld", (-7,), b"-7"), (b"%lld %llu", (-7, -1), b"-7 18446744073709551615"), (b"%zu", (9,), b"9"),
        (b"%hhd %hd", (255, 65535), b"-1 -1"), (b"%hhu", (257,), b"1"),
        (b"%x %X %#x %#x", (255, 255, 255, 0), b"ff FF 0xff 0"), (b"%o %#o %#o", (8, 8, 0), b"10 010 0"),
        (b"%5d|%-5d|%05d|%+d|% d", (42, 42, 42, 42, 42), b"   42|42   |00042|+42| 42"),
        (b"%.3d|%8.3d|%08.3d|%.0d|%3.0d", (5, 5, 5, 0, 0), b"005|     005|     005||   "),
        (b"%+u", (5,), b"5"), (b"%'d", (1000,), b"1000"),
        (b"%c|%3c|%-3c|", (65, 66, 67), b"A|  B|C  |"), (b"%p %p", (0x1F, 0), b"0x1f (nil)"),
        (b"%s|%8s|%-8s|%.2s", (0x100,) * 4, b"hello|   hello|hello   |he"), (b"%s", (0,), b"(null)"),
        (b"%s", (0x102,), b"llo"), (b"%d%d\\n", (1, 2), b"12\n"),
    ],
)  # fmt: skip
def test_rendering(text: bytes, values: tuple[int, ...], printed: bytes) -> None:
    unsigned = [value & (1 << 64) - 1 for value in values]
    assert parse(text).render(unsigned, read) == printed


def test_long_strings_are_cut() -> None:
    assert parse(b"%s").render([0x200], read) == b"x" * 4096


def test_bad_strings_are_errors() -> None:
    with pytest.raises(TargetError):
        parse(b"%s").render([0x50], read)


@pytest.mark.parametrize(
    "text",
    [b"%", b"%l", b"%f", b"%5.1Lf", b"%n", b"%*d", b"%ls", b"%hc", b"%5000d", b"%.99999999999d", b"%y"],
)
def test_what_is_refused(text: bytes) -> None:
    with pytest.raises(PacketError):
        parse(text)
