"""The program's files, its mappings and its linker's list, on real processes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.dialogue import at_entry, at_ready
from tests.support.rsp_client import RspClient
from tests.support.tracees import TraceeBuilder

LLDB = "xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+;swbreak+;hwbreak+"


def region(client: RspClient, address: int) -> dict[str, str]:
    reply = client.ask(f"qMemoryRegionInfo:{address:x}")
    return dict(each.split(":", 1) for each in reply.split(";") if each)


def maps(pid: int) -> list[tuple[int, int, str, str]]:
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, permissions, _offset, _device, _inode, *name = line.split(None, 5)
        start, end = (int(each, 16) for each in span.split("-"))
        found.append((start, end, permissions, name[0] if name else ""))
    return found


def test_the_regions_are_the_kernels(build: TraceeBuilder) -> None:
    with at_ready(build("memory")) as (stub, client):
        address = 0
        seen = []
        while address < (1 << 64) - 1:
            found = region(client, address)
            start, size = int(found["start"], 16), int(found["size"], 16)
            assert start == address and size
            if "flags" in found:
                name = bytes.fromhex(found.get("name", "")).decode()
                seen.append((start, start + size, found.get("permissions", ""), name))
            address += size
        assert seen == [(a, b, each[:3].replace("-", ""), name) for a, b, each, name in maps(stub.pid)]


def test_a_region_that_changed_between_two_stops_is_read_again(build: TraceeBuilder) -> None:
    program = build("memory")
    with at_ready(program) as (stub, client):
        page = client.read_word(program.address("page"))
        # The page behind it was unmapped.
        assert region(client, page)["size"] == "1000"
        assert "permissions" not in region(client, page + 0x1000)
        address = int(client.ask("_M1000,r"), 16)
        assert region(client, address)["permissions"] == "r"
        client.ok(f"_m{address:x}")
        assert "permissions" not in region(client, address)
        assert stub.is_alive()


def test_modules_and_the_linkers_list(build: TraceeBuilder) -> None:
    program = build("memory")
    with at_entry(program, features=LLDB) as (stub, client):
        pointer = int(client.ask("qShlibInfoAddr"), 16)
        assert client.read_word(pointer) == 0
        assert client.ask("qXfer:libraries-svr4:read::0,1000").startswith("E")
        asked = json.dumps([{"file": str(program), "triple": "x86_64-pc-linux-gnu"}, {"file": "/none", "triple": ""}])
        [info] = json.loads(client.ask(f"jModulesInfo:{asked}"))
        assert info["file_path"] == str(program)
        assert info["file_size"] == program.path.stat().st_size
        assert bytes.fromhex(info["uuid"]) in program.path.read_bytes()
        base = int(client.ask(f"qFileLoadAddress:{str(program).encode().hex()}"), 16)
        assert base == min(start for start, _, _, name in maps(stub.pid) if name == str(program))
        client.ok("QStartNoAckMode")
        client.insert(0, program.address("answer"))
        client.resume("c")
        assert stub.line().startswith("ready")
        stub.tell("v")
        client.receive()
        assert client.read_word(pointer) != 0
        assert "libc.so.6" in client.read_object("libraries-svr4").decode()
        client.remove(0, program.address("answer"))
