"""Memory: ptrace gotchas G63 and G64, and the edges of mappings."""

from __future__ import annotations

import pytest

from tests.support.dialogue import at_ready, order
from tests.support.rsp_client import DEFAULT_FEATURES
from tests.support.tracees import TraceeBuilder

PAGE = 4096


def test_g63_read_only_data_and_text_can_be_written(build: TraceeBuilder) -> None:
    program = build("memory")
    with at_ready(program) as (stub, client):
        client.write_memory(client.read_word(program.address("fixed")), b"moved")
        client.write_memory(program.address("constant"), b"overwrote")
        code = client.read_memory(program.address("answer"), 8)
        client.write_memory(program.address("answer"), code.replace(b"\x29", b"\x2b"))
        client.resume()
        stub.tell("v")
        assert stub.line().startswith("constant overwrote fixed moved answer 43")


def test_g64_memory_is_that_of_the_new_image_after_exec(build: TraceeBuilder) -> None:
    program = build("exec_thread")
    with at_ready(program, 2, features=DEFAULT_FEATURES + ";exec-events+") as (stub, client):
        client.require("exec-events")
        image = program.address("image")
        client.write_memory(image, (9).to_bytes(8, "little"))
        assert client.read_word(image) == 9
        assert "exec" in order(stub, client, "e").fields
        assert client.read_word(image) == 1
        client.write_memory(image, (5).to_bytes(8, "little"))
        assert client.read_word(image) == 5


def test_g64_a_write_that_does_not_fit_changes_nothing(build: TraceeBuilder) -> None:
    program = build("memory")
    with at_ready(program) as (stub, client):
        page = client.read_word(program.address("page"))
        end = page + PAGE - 8
        assert client.ask(f"M{end:x},10:{'42' * 16}").startswith("E")
        assert client.ask(f"X{end:x},10:{'B' * 16}").startswith("E")
        assert client.read_memory(end, 8) == b"A" * 8
        client.write_memory(end, b"C" * 8)
        client.resume()
        stub.tell("v")
        assert stub.line().endswith("end CCCCCCCC")


def test_g64_a_read_across_a_hole_gives_what_is_there_or_an_error(build: TraceeBuilder) -> None:
    program = build("memory")
    with at_ready(program) as (_stub, client):
        page = client.read_word(program.address("page"))
        reply = client.ask(f"m{page + PAGE - 8:x},10")
        assert reply == "41" * 8 or reply.startswith("E")
        assert client.ask(f"m{page + PAGE:x},10").startswith("E")


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 4095, 4096, 5000])
def test_binary_and_hex_writes_of_any_length_read_back(build: TraceeBuilder, length: int) -> None:
    program = build("spin")
    data = bytes((7 * index + length) % 256 for index in range(length))
    with at_ready(program) as (_stub, client):
        stack = client.register("rsp") - 0x8000
        size = min(length, 0x7000)
        client.ok(f"X{stack:x},{size:x}:".encode() + data)
        if length:
            assert client.read_memory(stack, length) == data
            client.write_memory(stack, data[::-1])
            assert client.read_memory(stack, length) == data[::-1]


def test_every_byte_value_survives_binary_framing(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (_stub, client):
        stack = client.register("rsp") - 0x2000
        data = bytes(range(256)) + b"#$}*" * 20 + b"\x00" * 200
        client.ok(f"X{stack:x},{len(data):x}:".encode() + data)
        assert client.read_memory(stack, len(data)) == data
        if client.features.get("binary-upload", "-") == "+":
            client.send(f"x{stack:x},{len(data):x}")
            assert client.receive_bytes() == b"b" + data


def test_objects_of_the_process_can_be_read(build: TraceeBuilder) -> None:
    program = build("obey")
    with at_ready(program) as (stub, client):
        assert client.read_object("exec-file", f"{stub.pid:x}").decode() == str(program)
        assert len(client.read_object("auxv")) % 16 == 0
        assert b"<threads>" in client.read_object("threads")
        assert b"libc.so" in client.read_object("libraries-svr4")
