"""The session about the machine: no process, no engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdbstub.engines.gdbremote.platform import PlatformSession, ShellCommand
from gdbstub.linux.hostfs import LinuxFiles
from gdbstub.target.machine import ProcessFacts
from gdbstub.target.modules import ModuleInfo
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid
from tests.support.playbook import packet, read


def facts(pid: int, path: bytes, *, uid: int = 0, parent: int = 1) -> ProcessFacts:
    arguments = (path, b"-x") if path else ()
    return ProcessFacts(Pid(pid), Pid(parent), uid, 5, uid, 6, path, arguments, "x86_64-pc-linux-gnu", 8)


class Table:
    """Four processes and one user."""

    rows = (facts(1, b"/sbin/init"), facts(2, b""), facts(30, b"/bin/bash", uid=7), facts(31, b"/bin/sh", parent=30))
    uid = 0

    def processes(self) -> Iterator[ProcessFacts]:
        return iter(self.rows)

    def process(self, pid: Pid) -> ProcessFacts | None:
        return next((each for each in self.rows if each.pid == pid), None)

    def module(self, path: bytes) -> ModuleInfo:
        raise TargetError(2)

    def own_uid(self) -> int:
        return self.uid

    def user_name(self, uid: int) -> str | None:
        return "root" if uid == 0 else None

    def group_name(self, gid: int) -> str | None:
        return "wheel" if gid == 0 else None


class Host:
    """Remembers what was asked of the server."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def start_server(self, session: PlatformSession, port: int | None) -> None:
        self.asked.append(("server", port))

    def start_program(self, session: PlatformSession, spec: LaunchSpec) -> None:
        self.asked.append(("program", spec))

    def start_command(self, session: PlatformSession, command: ShellCommand) -> None:
        self.asked.append(("command", command))

    def kill_spawned(self, pid: Pid) -> None:
        self.asked.append(("kill", pid))


class Play:
    """One session and what it sends."""

    def __init__(self) -> None:
        self.host = Host()
        self.table = Table()
        self.session = PlatformSession(LinuxFiles(), self.table, self.host)
        self.session.acks = False

    def __call__(self, payload: bytes) -> bytes | None:
        self.session.receive(packet(payload))
        while self.session.at_work:
            self.session.work_on()
        return self.sent()

    def sent(self) -> bytes | None:
        items = read(self.session.take_output())
        assert len(items) < 2
        return items[0] if items else None


@pytest.fixture
def play() -> Play:
    return Play()


def h(text: str | bytes) -> bytes:
    return (text.encode() if isinstance(text, str) else text).hex().encode()


def test_what_is_offered_and_what_is_not(play: Play) -> None:
    offered = play(b"qSupported:xmlRegisters=i386,arm")
    assert offered is not None
    assert b"native-signals+" in offered
    assert b"QThreadSuffixSupported" not in offered
    for payload in (b"?", b"g", b"vCont?", b"m0,1", b"Z0,0,1", b"QThreadSuffixSupported", b"vAttach;1"):
        assert play(payload) == b""
    assert play(b"QStartNoAckMode") == b"OK"
    info = play(b"qHostInfo")
    assert info is not None
    assert b"triple:" in info


def test_processes_are_listed_one_by_one(play: Play) -> None:
    first = play(b"qfProcessInfo")
    assert first == (
        b"pid:1;ppid:1;uid:0;gid:5;euid:0;egid:6;name:%b;args:%b-%b;triple:%b;"
        % (h("/sbin/init"), h("/sbin/init"), h("-x"), h("x86_64-pc-linux-gnu"))
    )
    second = play(b"qsProcessInfo")
    assert second is not None
    assert second.startswith(b"pid:2;")
    assert b"name:;triple:" in second
    assert play(b"qsProcessInfo")
    assert play(b"qsProcessInfo")
    assert play(b"qsProcessInfo") == b"E04"


@pytest.mark.parametrize(
    ("criteria", "pids"),
    [
        (b"name:" + h("bash") + b";name_match:equals;", [30]),
        (b"name:" + h("/bin/bash") + b";name_match:equals;", [30]),
        (b"name:" + h("ba") + b";name_match:starts_with;", [30]),
        (b"name:" + h("sh") + b";name_match:ends_with;", [30, 31]),
        (b"name:" + h("ni") + b";name_match:contains;", [1]),
        (b"name:" + h("^[bs]a?s?h$") + b";name_match:regex;", [30, 31]),
        (b"pid:31;", [31]),
        (b"parent_pid:30;", [31]),
        (b"uid:7;all_users:1;", [30]),
        (b"euid:7;gid:5;egid:6", [30]),
        (b"triple:" + h("x") + b";", [1, 2, 30, 31]),
        (b"name:" + h("zzz") + b";", []),
    ],
)
def test_a_list_can_be_filtered(play: Play, criteria: bytes, pids: list[int]) -> None:
    found = []
    reply = play(b"qfProcessInfo:" + criteria)
    while reply is not None and reply.startswith(b"pid:"):
        found.append(int(reply[4 : reply.index(b";")]))
        reply = play(b"qsProcessInfo")
    assert found == pids
    assert reply in (b"E03", b"E04")


def test_a_user_sees_the_own_processes_unless_all_are_asked_for(play: Play) -> None:
    play.table.uid = 7
    reply = play(b"qfProcessInfo:all_users:0;")
    assert reply is not None
    assert reply.startswith(b"pid:30;")
    assert play(b"qsProcessInfo") == b"E04"


@pytest.mark.parametrize("criteria", [b"name:zz;", b"pid:x;", b"name_match:odd;", b"uid:99999999999;"])
def test_wrong_criteria_are_refused(play: Play, criteria: bytes) -> None:
    reply = play(b"qfProcessInfo:" + criteria)
    assert reply is not None
    assert reply.startswith(b"E")
    assert play(b"qfProcessInfo:name:" + h("(") + b";name_match:regex;") == b"E16"


def test_single_facts(play: Play) -> None:
    one = play(b"qProcessInfoPID:31")
    assert one is not None
    assert one.startswith(b"pid:31;ppid:30;")
    assert play(b"qProcessInfoPID:99") == b"E01"
    assert play(b"qUserName:0") == h("root")
    assert play(b"qUserName:9") == b"E05"
    assert play(b"qGroupName:0") == h("wheel")
    assert play(b"qGroupName:9") == b"E06"
    assert play(b"qSpeedTest:response_size:30;data:aaaa;") == b"data:ABCDEFGHIJKLMNOPQRSTUVWXYZABCD;"
    assert play(b"qSpeedTest:response_size:999999999;data:;") == b"E16"
    assert play(b"qEcho:7") == b"qEcho:7"
    assert play(b"qQueryGDBServer") == b"E04"
    assert play(b"qModuleInfo:" + h("/x") + b";" + h("x86_64-pc-linux-gnu")) == b"E02"


def test_signals(play: Play) -> None:
    reply = play(b"jSignalsInfo")
    assert reply is not None
    rows = {row["signo"]: row for row in json.loads(reply)}
    assert sorted(rows) == list(range(1, 65))
    assert rows[2] == {"signo": 2, "name": "SIGINT", "suppress": True, "stop": True, "notify": True}
    assert rows[17] == {"signo": 17, "name": "SIGCHLD", "suppress": False, "stop": False, "notify": True}
    assert [rows[sig]["name"] for sig in (34, 35, 49, 50, 64)] == [
        "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX",
    ]  # fmt: skip


def test_directories(play: Play, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert play(b"QSetWorkingDir:" + h(str(tmp_path))) == b"OK"
    assert play(b"qGetWorkingDir") == h(str(tmp_path))
    assert play(b"QSetWorkingDir:" + h("/no-such-folder")) == b"E02"
    assert play(b"qPathComplete:0," + h("fi")) == b"M" + h("file")
    assert play(b"qPathComplete:1," + h("fi")) == b"M"
    for wrong in (b"qPathComplete:2,61", b"qPathComplete:0", b"qPathComplete:0,6"):
        assert play(wrong) == b"E03"


def test_files(play: Play, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    path.chmod(0o640)
    name = h(str(path))
    assert play(b"vFile:size:" + name) == b"F4"
    assert play(b"vFile:mode:" + name) == b"F1a0"
    assert play(b"vFile:exists:" + name) == b"F,1"
    # MD5 of "text" is 1cb251ec0d568de6a929b520c4aed8d1: each half is sent as a little-endian number.
    assert play(b"vFile:MD5:" + name) == b"F,e68d560dec51b21cd1d8aec420b529a9"
    missing = h(str(tmp_path / "none"))
    assert play(b"vFile:size:" + missing) == b"F-1,2"
    assert play(b"vFile:mode:" + missing) == b"F-1,2"
    assert play(b"vFile:exists:" + missing) == b"F,0"
    assert play(b"vFile:MD5:" + missing) == b"F,x"
    assert play(b"vFile:MD5:" + h(str(tmp_path))) == b"F,x"
    assert play(b"vFile:symlink:" + h("target") + b"," + missing) == b"F0,0"
    assert play(b"vFile:symlink:" + h("target") + b"," + missing) == b"F-1,11"
    folder = h(str(tmp_path / "folder"))
    assert play(b"qPlatform_mkdir:000001c0," + folder) == b"F0"
    assert play(b"qPlatform_chmod:000001ed," + folder) == b"F0"
    assert play(b"vFile:mode:" + folder) == b"F1ed"
    assert play(b"qPlatform_mkdir:1ff," + h("/no-such-folder/x")) == b"F2"


def test_a_server_is_started_and_what_comes_meanwhile_waits(play: Play) -> None:
    assert play(b"qLaunchGDBServer;host:me;port:77;") is None
    assert play.host.asked == [("server", 77)]
    assert play(b"qEcho:1") is None
    play.session.answer(b"pid:5;port:6;")
    assert read(play.session.take_output()) == [b"pid:5;port:6;", b"qEcho:1"]
    assert play(b"qLaunchGDBServer;host:me;") is None
    assert play.host.asked[1:] == [("server", None)]
    play.session.answer(b"pid:5;port:6;")
    play.sent()
    assert play(b"qKillSpawnedProcess:5") == b"OK"
    assert play.host.asked[2:] == [("kill", 5)]


def test_commands(play: Play, tmp_path: Path) -> None:
    play(b"QSetWorkingDir:" + h(str(tmp_path)))
    assert play(b"qPlatform_shell:" + h("ls -l") + b",0000000a") is None
    assert play.host.asked == [("command", ShellCommand("ls -l", 10, bytes(tmp_path)))]
    play.session.answer(b"F,00000000,00000000,")
    play.sent()
    assert play(b"qPlatform_shell:" + h("ls") + b",ffffffff," + h("/usr")) is None
    assert play.host.asked[1:] == [("command", ShellCommand("ls", None, b"/usr"))]
    play.session.answer(b"F,00000000,00000000,")
    play.sent()
    assert play(b"qPlatform_shell:" + h("ls")) == b"E03"


def test_programs(play: Play) -> None:
    for switch in (b"QSetDisableASLR:0", b"QEnvironment:A=b", b"QSetSTDOUT:" + h("/o"), b"QLaunchArch:x86_64"):
        assert play(switch) == b"OK"
    assert play(b"A4,0,2f61,2,1,62") is None
    ((what, spec),) = play.host.asked
    assert what == "program"
    assert isinstance(spec, LaunchSpec)
    assert (spec.argv, spec.streams, spec.with_shell) == (["/a", "b"], (None, "/o", None), False)
    assert not spec.disable_randomization
    assert spec.environment is not None
    assert spec.environment["A"] == "b"
    play.session.launched = Pid(31)
    play.session.answer(b"OK")
    assert play.sent() == b"OK"
    assert play(b"qLaunchSuccess") == b"OK"
    info = play(b"qProcessInfo")
    assert info is not None
    assert info.startswith(b"pid:1f;parent-pid:1e;")
    assert play(b"qC") == b"QC1f"
    play.session.launch_failure = "execve failed"
    assert play(b"qLaunchSuccess") == b"Eexecve failed"
    play.session.launched = Pid(0)
    assert play(b"qProcessInfo") == b"E01"
    assert play(b"A") == b"E03"
