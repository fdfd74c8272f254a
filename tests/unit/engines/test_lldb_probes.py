"""LLDB's switches and probes, and what it asks about the process and the machine."""

from __future__ import annotations

import json
import os
import re

import gdbstub
from gdbstub.engines.gdbremote.dialect import GDB, LLDB
from tests.support.playbook import Playbook, process, unescaped

LLDB_19 = b"xmlRegisters=i386,arm,mips,arc;multiprocess+"
DELVE = b"multiprocess+;swbreak+;hwbreak+;no-resumed+;xmlRegisters=i386"


def lldb() -> Playbook:
    return Playbook(process(), supported=LLDB_19).stopped()


def answer(play: Playbook, packet: bytes) -> dict[str, str]:
    reply = play.gets(packet).sent().decode()
    assert reply.endswith(";")
    return dict(re.findall(r"([^:;]+):([^;]*);", reply))


def text(digits: str) -> str:
    return bytes.fromhex(digits).decode()


def test_switches() -> None:
    play = lldb()
    for packet in (b"QThreadSuffixSupported", b"QListThreadsInStopReply", b"QEnableErrorStrings"):
        play.gets(packet).sends(b"OK")
    assert play.session.features.threads_in_stops
    assert play.session.features.error_strings


def test_a_switch_of_lldbs_tells_what_the_announcement_did_not() -> None:
    play = Playbook(process(), supported=DELVE)
    assert play.session.dialect is GDB
    play.gets(b"QThreadSuffixSupported").sends(b"OK")
    assert play.session.dialect is LLDB


def test_the_words_that_are_offered_are_those_that_its_tests_know() -> None:
    offered = Playbook(supported=None).gets(b"qSupported:" + LLDB_19).sent().decode().split(";")
    for word in ("native-signals+", "QThreadSuffixSupported+", "QListThreadsInStopReply+", "qEcho+", "multiprocess+"):
        assert word in offered
    for word in ("binary-upload+", "swbreak+", "qXfer:threads:read+", "vContSupported+"):
        assert word not in offered


def test_probes() -> None:
    play = lldb()
    play.gets(b"qEcho:17").sends(b"qEcho:17")
    play.gets(b"qStructuredDataPlugins").sends(b"[]")
    play.gets(b"qWatchpointSupportInfo:").sends(b"num:4;")
    play.gets(b"qGDBServerVersion").sends(f"name:gdbstub;version:{gdbstub.__version__};".encode())


def test_replies_are_not_packed() -> None:
    assert b"*" not in lldb().session_bytes(b"g")
    assert b"*" in Playbook(process()).stopped().session_bytes(b"g")


def test_the_process() -> None:
    info = answer(lldb(), b"qProcessInfo")
    assert info["pid"] == "64"
    assert (info["parent-pid"], info["real-uid"], info["effective-uid"]) == ("1", "3e8", "3e9")
    assert text(info["triple"]) == "x86_64-pc-linux-gnu"
    assert (info["ostype"], info["endian"], info["ptrsize"]) == ("linux", "little", "8")
    assert "cputype" not in info


def test_the_machine() -> None:
    info = answer(lldb(), b"qHostInfo")
    assert text(info["triple"]) == f"{os.uname().machine}-pc-linux-gnu"
    assert text(info["hostname"]) == os.uname().nodename
    assert text(info["os_build"]) == os.uname().release
    assert re.fullmatch(r"[0-9.]+", info["os_version"])
    assert (info["endian"], info["watchpoint_exceptions_received"]) == ("little", "after")


def test_the_machine_is_known_before_there_is_a_process() -> None:
    assert "triple" in answer(Playbook(supported=LLDB_19), b"qHostInfo")


def test_more_about_a_thread() -> None:
    play = lldb().gets(b"jThreadExtendedInfo:").sends(b"")
    details = json.loads(unescaped(play.gets(b'jThreadExtendedInfo:{"thread":100}]').sent()))
    assert (details["tid"], details["name"], details["core"]) == (0x64, "fake", 1)
    play.gets(b'jThreadExtendedInfo:{"thread":1}]').sends(b"E15")
    play.gets(b"jThreadExtendedInfo:{}]").sends_like(rb"E\w\w")
