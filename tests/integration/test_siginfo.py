"""A client reads and writes the siginfo_t that the program's handler gets, in the program's own form."""

from __future__ import annotations

import struct

import pytest

from tests.support.dialogue import at_ready, order
from tests.support.tracees import TraceeBuilder

#: What the handler tells, bytes: no layout is longer.
TOLD = 64

#: By letter: how the signal comes about.
WAYS = {
    "u": "kill",
    "v": "sigqueue",
    "t": "a timer",
    "c": "a child's end",
    "s": "a bad address",
    "i": "input",
    "y": "a refused system call",
}

WIDTHS = [pytest.param((), id="64"), pytest.param(("-m32",), id="32")]


@pytest.mark.parametrize("letter", WAYS, ids=WAYS.values())
@pytest.mark.parametrize("options", WIDTHS)
def test_g29_g50_the_siginfo_is_byte_by_byte_what_the_handler_gets(
    build: TraceeBuilder, options: tuple[str, ...], letter: str
) -> None:
    with at_ready(build("siginfo_rows", *options)) as (stub, client):
        stop = order(stub, client, letter)
        info = client.read_object("siginfo")
        assert len(info) == 128
        client.resume(f"vCont;C{stop.value:02x}")
        assert stub.line() == info[:TOLD].hex()


@pytest.mark.parametrize(("options", "union"), [((), 16), (("-m32",), 12)], ids=["64", "32"])
def test_g29_g50_a_written_siginfo_is_byte_by_byte_what_the_handler_gets(
    build: TraceeBuilder, options: tuple[str, ...], union: int
) -> None:
    with at_ready(build("siginfo_rows", *options)) as (stub, client):
        stop = order(stub, client, "v")
        info = bytearray(client.read_object("siginfo"))
        struct.pack_into("=ii", info, union, 4321, 99)
        assert client.ask(b"qXfer:siginfo:write::%x:" % union + info[union : union + 8]) == "8"
        # Another kind of signal has other fields there.
        assert client.read_object("siginfo") == info
        client.resume(f"vCont;C{stop.value:02x}")
        assert stub.line() == info[:TOLD].hex()
