"""Breakpoints and mappings of every kind: ptrace gotcha G62."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.dialogue import at_ready, finish, order
from tests.support.tracees import TraceeBuilder


@pytest.mark.parametrize(("mapping", "letter"), [("private_code", "P"), ("anonymous_code", "a")])
def test_g62_a_breakpoint_in_memory_that_is_the_programs_works(
    build: TraceeBuilder, tmp_path: Path, mapping: str, letter: str
) -> None:
    program = build("shared_text")
    with at_ready(program, tmp_path / "code") as (stub, client):
        at = client.read_word(program.address(mapping))
        for _ in range(2):
            client.insert(0, at)
            stop = order(stub, client, letter)
            assert stop.is_breakpoint and client.pc(stop) == at
            client.remove(0, at)
            client.resume()
            assert stub.line() == "returned 42"
            client.interrupt()
        client.insert(0, at)
        client.resume()
        stub.tell("F")
        assert stub.line() == "byte b8"
        client.interrupt()
        finish(stub, client)


@pytest.mark.parametrize(("mapping", "letter"), [("shared_code", "s"), ("readable_code", "r")])
def test_g62_a_breakpoint_that_would_be_in_a_file_is_refused_and_one_in_hardware_works(
    build: TraceeBuilder, tmp_path: Path, mapping: str, letter: str
) -> None:
    program = build("shared_text")
    with at_ready(program, tmp_path / "code") as (stub, client):
        at = client.read_word(program.address(mapping))
        for _ in range(2):
            assert client.ask(f"Z0,{at:x},1").startswith("E")
            assert (tmp_path / "code").read_bytes()[0] == 0xB8
        client.insert(1, at)
        stop = order(stub, client, letter)
        assert stop.is_breakpoint and client.pc(stop) == at
        client.remove(1, at)
        client.resume()
        assert stub.line() == "returned 42"


def test_g62_a_page_without_access_can_be_patched(build: TraceeBuilder, tmp_path: Path) -> None:
    program = build("shared_text")
    with at_ready(program, tmp_path / "code") as (_, client):
        at = client.read_word(program.address("closed_page"))
        client.insert(0, at + 8)
        assert client.read_memory(at, 16) == bytes(16)
        client.remove(0, at + 8)
        client.write_memory(at, b"\x90\xc3")
        assert client.read_memory(at, 2) == b"\x90\xc3"
