"""gdb and programs of every build: position-independent or not, static or not, of another C library, of 32 bits."""

from __future__ import annotations

import os
import re

import pytest

from tests.support.debuggers.gdb_session import GdbSession, StartGdb
from tests.support.proc import TOKEN
from tests.support.stub import launch
from tests.support.tracees import VARIANTS, TraceeBuilder

AT_ENTRY = 9


def auxiliary(session: GdbSession, kind: int) -> int:
    """Return one value of the auxiliary vector, as gdb shows it."""
    text = session.execute("info auxv").text
    found = re.search(rf"^{kind} .* (0x[0-9a-f]+)$", text, re.MULTILINE)
    assert found, text
    return int(found.group(1), 16)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_program_of_any_build_is_debugged_by_its_names(
    build: TraceeBuilder, gdb: StartGdb, monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    monkeypatch.setenv("GREETING_LISTENS", "1")
    program = build("greeting", variant=variant)
    with launch(program, "two words", "*") as stub:
        session = gdb(program)
        session.connect(stub.port)
        # Wherever the kernel has put it, gdb's symbols are moved there.
        start = session.number("(unsigned long)&_start")
        assert auxiliary(session, AT_ENTRY) == start
        is_static = "static" in variant
        assert (session.place().pc == start) == is_static
        assert ("i386:x86-64" in session.execute("show architecture").text) == (variant != "m32")

        number = session.break_at("main")
        stop = session.cont()
        assert (stop.numbers, stop.function) == ([number], "main")
        assert session.number("argc") == 3
        assert session.show("argv[1]").endswith('"two words"')
        assert session.number("answer") == 4711
        session.execute("set var answer = 12")
        assert session.read(session.number("(unsigned long)&answer"), 4) == (12).to_bytes(4, "little")

        session.begin_cont()
        assert stub.line() == f"token {TOKEN}"
        assert stub.line() == f"folder {os.getcwd()}"
        assert [stub.line(), stub.line()] == ["word two words", "word *"]
        stub.tell("good morning\n")
        assert stub.line() == "heard good morning"
        assert session.end_cont().is_exit(2)
