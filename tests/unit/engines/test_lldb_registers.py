"""Registers as LLDB counts them: p, P, g, G with a thread behind, qRegisterInfo, keeping and giving back."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from gdbstub.arch.x86_catalogue import x86_catalogue
from tests.support.fake_target import SPEC
from tests.support.playbook import T1, T2, Playbook, process, unescaped

LLDB = b"xmlRegisters=i386,arm,mips,arc;multiprocess+"
CATALOGUE = x86_catalogue(SPEC)
NUMBER = {entry.name: entry.number for entry in CATALOGUE.entries}


def lldb() -> Playbook:
    return Playbook(process(threads=2), supported=LLDB).stopped()


def read(play: Playbook, name: str, thread: int = T1) -> bytes:
    return bytes.fromhex(play.gets(b"p%x;thread:%x;" % (NUMBER[name], thread)).sent().decode())


def write(play: Playbook, name: str, data: bytes, thread: int = T1) -> None:
    play.gets(b"P%x=%s;thread:%x;" % (NUMBER[name], data.hex().encode(), thread)).sends(b"OK")


def test_the_thread_stands_behind_the_packet() -> None:
    play = lldb()
    write(play, "rax", bytes(range(8)), T2)
    assert read(play, "rax", T2) == bytes(range(8))
    assert read(play, "rax", T1) == bytes(8)
    play.gets(b"p%x;thread:p64.65;" % NUMBER["rax"]).sends(bytes(range(8)).hex().encode())


def test_without_one_it_is_the_selected_thread() -> None:
    play = lldb()
    write(play, "rax", bytes(range(8)), T2)
    play.gets(b"Hgp64.65").sends(b"OK").gets(b"p0").sends(bytes(range(8)).hex().encode())


def test_a_thread_that_does_not_exist() -> None:
    lldb().gets(b"p0;thread:99;").sends(b"E15")
    lldb().gets(b"p0;thread:p99.64;").sends(b"Eff")


def test_parts_are_read_and_written_inside_the_whole() -> None:
    play = lldb()
    write(play, "rax", bytes(range(1, 9)))
    assert read(play, "eax") == bytes(range(1, 5))
    assert read(play, "ah") == b"\2"
    write(play, "ah", b"\xff")
    assert read(play, "rax") == b"\1\xff\3\4\5\6\7\x08"


def test_vectors_are_in_one_piece() -> None:
    play = lldb()
    write(play, "ymm3", bytes(range(32)))
    assert read(play, "xmm3") == bytes(range(16))
    assert read(play, "ymm3") == bytes(range(32))
    write(play, "xmm3", bytes(16))
    assert read(play, "ymm3") == bytes(16) + bytes(range(16, 32))


def test_a_value_of_another_width_is_refused() -> None:
    lldb().gets(b"P0=00;thread:64;").sends_like(rb"E\w\w")


def test_numbers_end() -> None:
    count = len(CATALOGUE.entries)
    play = lldb()
    assert play.gets(b"qRegisterInfo%x" % (count - 1)).sent().startswith(b"name:")
    for packet in (b"qRegisterInfo%x", b"p%x", b"P%x=00"):
        play.gets(packet % count).sends(b"E45")


def test_all_at_once_is_all_one_by_one() -> None:
    play = lldb()
    for number, name in enumerate(("rbx", "ymm1", "st2", "rip")):
        size = CATALOGUE.entries[NUMBER[name]].size
        write(play, name, bytes([number + 1]) * size)
    whole = bytes.fromhex(play.gets(b"g;thread:64;").sent().decode())
    assert len(whole) == CATALOGUE.length
    for entry in CATALOGUE.entries:
        assert whole[entry.offset : entry.offset + entry.size] == read(play, entry.name), entry.name


def test_what_was_read_can_be_written() -> None:
    play = lldb()
    write(play, "ymm1", bytes(range(32)))
    whole = play.gets(b"g;thread:64;").sent()
    play.gets(b"G" + whole + b";thread:65;").sends(b"OK")
    assert read(play, "ymm1", T2) == bytes(range(32))
    assert play.gets(b"g;thread:65;").sent() == whole
    play.gets(b"G" + whole + b"00").sends_like(rb"E\w\w")


def test_registers_are_kept_and_given_back() -> None:
    play = lldb()
    write(play, "rax", bytes(range(8)))
    play.gets(b"QSaveRegisterState;thread:64;").sends(b"1")
    write(play, "rax", bytes(8))
    play.gets(b"QSaveRegisterState").sends(b"2")
    play.gets(b"QRestoreRegisterState:1;thread:64;").sends(b"OK")
    assert read(play, "rax") == bytes(range(8))


@pytest.mark.parametrize("number", [b"2", b"x", b"", b"-1", b"9" * 30])
def test_only_what_was_kept_can_be_given_back(number: bytes) -> None:
    play = lldb().gets(b"QSaveRegisterState").forget()
    play.gets(b"QRestoreRegisterState:" + number).sends_like(rb"E\w\w")


def test_what_is_given_back_is_forgotten() -> None:
    play = lldb().gets(b"QSaveRegisterState").forget()
    play.gets(b"QRestoreRegisterState:1").sends(b"OK")
    play.gets(b"QRestoreRegisterState:1").sends_like(rb"E\w\w")


def test_each_dialect_has_its_own_description() -> None:
    packet = b"qXfer:features:read:target.xml:0,1ffff"
    mine = ElementTree.fromstring(unescaped(lldb().gets(packet).sent()[1:]).decode())
    assert mine.findtext("architecture") == "x86_64"
    assert len(mine.findall("feature/reg")) == len(CATALOGUE.entries)
    gdbs = ElementTree.fromstring(unescaped(Playbook(process()).stopped().gets(packet).sent()[1:]).decode())
    assert gdbs.findtext("architecture") == "i386:x86-64"


def test_gdb_counts_in_its_own_way() -> None:
    play = Playbook(process()).stopped().gets(b"qSupported:xmlRegisters=i386").forget()
    assert len(play.gets(b"g").sent()) == 2 * sum(register.bits // 8 for register in SPEC.registers)
    assert re.fullmatch(rb"0{32}", play.gets(b"p28").sent())


def test_a_client_that_reads_no_description_gets_the_registers_it_takes_for_granted() -> None:
    process_ = process()
    play = Playbook(process_).stopped().gets(b"qSupported:multiprocess+").forget()
    granted = play.gets(b"g").sent()
    assert len(granted) == 2 * 560  # what gdb assumes of x86-64 Linux: x87, SSE, orig_rax and the bases of segments
    play.gets(b"G" + granted).sends(b"OK")
    # It may read one all the same, and has all of them from there on.
    play.gets(b"qXfer:features:read:target.xml:0,1ffff").forget()
    assert play.gets(b"g").sent().startswith(granted)
    assert len(play.gets(b"g").sent()) == 2 * sum(register.bits // 8 for register in SPEC.registers)
