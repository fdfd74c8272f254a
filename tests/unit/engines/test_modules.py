"""What the program's files are, over the wire."""

from __future__ import annotations

import json

import pytest

from gdbstub.rsp.hexcodec import escape, unescape
from gdbstub.target.modules import ModuleInfo
from gdbstub.target.regions import MemoryRegion
from gdbstub.vocab.ids import Addr
from tests.support.playbook import Playbook, process

PATH = b"/lib/x.so"
LLDB = b"xmlRegisters=i386,arm,mips,arc;multiprocess+"


def play_with_module(machine: str = "x86_64") -> Playbook:
    play = Playbook(process())
    play.target.modules[PATH] = ModuleInfo(PATH, 0x4B60, bytes.fromhex("fe6632c5"), machine)
    return play


def question(path: bytes, triple: bytes) -> bytes:
    return b"qModuleInfo:" + path.hex().encode() + b";" + triple.hex().encode()


def test_one_module() -> None:
    play_with_module().gets(question(PATH, b"x86_64-pc-linux-gnu")).sends(
        b"uuid:" + b"FE6632C5".hex().encode() + b";triple:" + b"x86_64--linux".hex().encode() + b";file_path:"
        b"" + PATH.hex().encode() + b";file_offset:0000000000000000;file_size:0000000000004b60;"
    )


@pytest.mark.parametrize(
    ("machine", "triple", "fits"),
    [
        ("x86_64", b"", True),
        ("x86_64", b"i386-pc-linux-gnu", False),
        ("i386", b"i686-pc-linux-gnu", True),
        ("i386", b"i386", True),
        ("i386", b"x86_64-pc-linux-gnu", False),
    ],
)
def test_a_module_for_another_machine_is_not_it(machine: str, triple: bytes, fits: bool) -> None:
    reply = play_with_module(machine).gets(question(PATH, triple)).sent()
    assert reply.startswith(b"uuid:" if fits else b"E")


def test_modules_that_cannot_be_found() -> None:
    for wrong in (question(b"/no", b"x86_64"), b"qModuleInfo:2f", b"qModuleInfo", b"qModuleInfo:zz;00"):
        play_with_module().gets(wrong).sends_like(rb"E.*")


def test_many_modules_without_those_that_cannot_be_found() -> None:
    asked = [{"file": each, "triple": "x86_64-pc-linux-gnu"} for each in ("linux-vdso.so.1", PATH.decode())]
    reply = play_with_module().gets(b"jModulesInfo:" + escape(json.dumps(asked).encode())).sent()
    assert b"}]" in reply
    assert json.loads(unescape(reply)) == [
        {
            "file_offset": 0,
            "file_path": "/lib/x.so",
            "file_size": 0x4B60,
            "triple": "x86_64--linux",
            "uuid": "FE6632C5",
        }
    ]
    play_with_module().gets(b"jModulesInfo:[]").sends(b"[]")


@pytest.mark.parametrize("wrong", [b"", b"x", b"{}]", b"[1]", b'[{"file":"x"}]]'])
def test_lists_of_modules_that_are_none(wrong: bytes) -> None:
    reply = play_with_module().gets(b"jModulesInfo:" + wrong).sent()
    assert reply.startswith(b"E") or reply == b"[]"


def test_where_a_file_is_mapped() -> None:
    play = play_with_module()
    play.target.regions = [MemoryRegion(Addr(0x7F0000001000), 0x1000, True, "r", PATH)]
    play.gets(b"qFileLoadAddress:" + PATH.hex().encode()).sends(b"00007f0000001000")
    play.gets(b"qFileLoadAddress:2f").sends_like(rb"E.*")


def test_where_the_linkers_list_is() -> None:
    play = play_with_module()
    play.gets(b"qShlibInfoAddr").sends(b"403010")
    play.target.linker = None
    play.gets(b"qShlibInfoAddr").sends(b"")


def test_an_early_list_of_libraries_is_an_error_to_lldb_alone() -> None:
    for announced, early in ((LLDB, rb"E.*"), (b"vContSupported+", rb"l.*")):
        play = Playbook(process(), supported=announced)
        play.target.linker = (Addr(0x403010), Addr(0))
        play.gets(b"qXfer:libraries-svr4:read::0,1000").sends_like(early)
        play.target.linker = (Addr(0x403010), Addr(0x7FFF0000))
        play.gets(b"qXfer:libraries-svr4:read::0,1000").sends_like(rb"l.*")
