from __future__ import annotations

import os
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gdbstub.linux.osdata import osdata
from gdbstub.vocab.errors import TargetError


def table(annex: str, root: Path | str = "/proc") -> list[dict[str, str]]:
    document = ET.fromstring(osdata(annex, root=str(root)))
    assert document.tag == "osdata"
    return [{c.get("name", ""): c.text or "" for c in item} for item in document]


def test_the_list_of_tables_names_every_table() -> None:
    types = [row["Type"] for row in table("")]
    assert types == sorted(types)
    assert set(types) == {
        "cpus", "files", "modules", "msg", "processes",
        "procgroups", "semaphores", "shm", "sockets", "threads",
    }  # fmt: skip
    assert osdata("types") == osdata("")
    for name in types:
        table(name)


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(TargetError) as caught:
        osdata("nope")
    assert caught.value.errno == 2


def test_this_process_is_listed() -> None:
    me = str(os.getpid())
    (row,) = [row for row in table("processes") if row["pid"] == me]
    assert set(row) == {"pid", "user", "command", "cores"}
    assert row["command"] and row["cores"]
    (group,) = [row for row in table("procgroups") if row["pid"] == me]
    assert group["pgid"] == str(os.getpgid(0))
    tid = str(threading.get_native_id())
    (thread,) = [row for row in table("threads") if row["tid"] == tid]
    assert thread["pid"] == me and thread["core"].isdigit()


def test_files_say_where_they_lead() -> None:
    fd = os.open("/dev/null", os.O_RDONLY)
    try:
        rows = [row for row in table("files") if row["pid"] == str(os.getpid())]
    finally:
        os.close(fd)
    assert {"file descriptor": str(fd), "name": "/dev/null"}.items() <= next(
        row for row in rows if row["file descriptor"] == str(fd)
    ).items()


def test_a_command_line_is_escaped(tmp_path: Path) -> None:
    task = tmp_path / "5" / "task" / "5"
    task.mkdir(parents=True)
    (tmp_path / "5" / "cmdline").write_bytes(b'sh\0-c\0a < b & "c" \x01\xff\0')
    (task / "comm").write_bytes(b"sh\n")
    assert table("processes", tmp_path)[0]["command"] == 'sh -c a < b & "c" ?\N{REPLACEMENT CHARACTER}'


def test_sockets(tmp_path: Path) -> None:
    net = tmp_path / "net"
    net.mkdir()
    (net / "tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
    )
    (net / "udp6").write_text(
        "  sl  local_address                         remote_address                        st\n"
        "   7: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 "
        "00000000:00000000 00:00000000 00000000 4294967294        0 2 2\n"
    )
    tcp, udp = table("sockets", tmp_path)
    assert tcp == {
        "local address": "127.0.0.1",
        "local port": "8080",
        "remote address": "0.0.0.0",
        "remote port": "0",
        "state": "LISTEN",
        "user": "root",
        "family": "INET",
        "protocol": "STREAM",
    }
    assert (udp["local address"], udp["local port"], udp["family"], udp["protocol"]) == (
        "::1", "53", "INET6", "DGRAM",
    )  # fmt: skip
    assert udp["user"] == "4294967294"


def test_system_v_objects(tmp_path: Path) -> None:
    ipc = tmp_path / "sysvipc"
    ipc.mkdir()
    (ipc / "shm").write_text(
        "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap\n"
        "47 3 644 4096 999 0 2 0 0 0 0 0 0 1000000000 0 0\n"
    )
    (ipc / "sem").write_text("key semid perms nsems uid gid cuid cgid otime ctime\n-9 1 600 2 0 0 0 0 0 0\n")
    (ipc / "msg").write_text(
        "key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime\n"
        "1 2 644 10 3 0 0 0 0 0 0 0 0 0\n"
    )
    (shm,) = table("shm", tmp_path)
    assert shm["key"] == "47" and shm["creator command"] == "999" and shm["creator user"] == "root"
    assert shm["last shmat() time"] == "" and "2001" in shm["last shmctl() time"]
    (sem,) = table("semaphores", tmp_path)
    assert sem["num semaphores"] == "2" and table("sem", tmp_path) == [sem]
    (msg,) = table("msg", tmp_path)
    assert msg["num used bytes"] == "10" and msg["num messages"] == "3"


def test_modules_and_processors(tmp_path: Path) -> None:
    (tmp_path / "modules").write_text("nf_nat 57344 2 xt_MASQUERADE,nft_nat, Live 0xffffffffc0000000 (E)\n")
    assert table("modules", tmp_path) == [
        {
            "name": "nf_nat",
            "size": "57344",
            "num uses": "2",
            "dependencies": "xt_MASQUERADE,nft_nat,",
            "status": "Live",
            "address": "ffffffffc0000000",
        }
    ]
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A & B\n\nprocessor\t: 1\n\n")
    assert table("cpus", tmp_path) == [{"processor": "0", "model name": "A & B"}, {"processor": "1"}]
