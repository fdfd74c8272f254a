"""The platform server: commands, programs, and the servers that it starts."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.test_lldb_server import LLDB, greeted, hexed
from tests.support import proc
from tests.support.proc import TOKEN, TOKEN_NAME
from tests.support.rsp_client import RspClient
from tests.support.stub import Stub, platform
from tests.support.tracees import TraceeBuilder, running


@contextmanager
def connected(*words: object) -> Iterator[tuple[Stub, RspClient]]:
    with platform(*words) as stub, RspClient(stub.port) as client:
        client.handshake(LLDB)
        yield stub, client


def test_one_client_is_served_unless_there_may_be_more(tmp_path: Path) -> None:
    file = tmp_path / "port"
    with connected("--socket-file", file) as (stub, client):
        assert int(file.read_text()) == stub.port
        assert client.ask("qEcho:1") == "qEcho:1"
        client.close()
        assert stub.exit_status() == 0
    with connected("--server") as (stub, client), RspClient(stub.port) as other:
        other.handshake(LLDB)
        assert client.ask("qGetWorkingDir") == hexed(os.getcwd())
        client.ok(f"QSetWorkingDir:{hexed(tmp_path)}")
        assert other.ask("qGetWorkingDir") == hexed(os.getcwd())
        other.close()
        client.close()
        assert stub.is_alive()


def shell(client: RspClient, line: str, seconds: int = 10) -> tuple[int, int, str]:
    reply = client.ask(f"qPlatform_shell:{hexed(line)},{seconds:08x}", seconds + 10)
    found = re.fullmatch(r"F,(\w{8}),(\w{8}),(.*)", reply, re.S)
    assert found, reply
    return int(found[1], 16), int(found[2], 16), found[3]


def test_commands(tmp_path: Path) -> None:
    with connected() as (_, client):
        client.ok(f"QSetWorkingDir:{hexed(tmp_path)}")
        assert shell(client, "pwd; echo no >&2; exit 3") == (3, 0, f"{tmp_path}\nno\n")
        assert shell(client, "kill -9 $$") == (0, 9, "")
        assert shell(client, "echo '}*#$'") == (0, 0, "}*#$\n")
        status, _, output = shell(client, "echo begun; sleep 1000", 1)
        assert (status, output) == (124, "begun\n")
        # Whatever a slow command leaves, the client is served on.
        assert shell(client, "true") == (0, 0, "")


def test_programs_that_nobody_traces(build: TraceeBuilder, tmp_path: Path) -> None:
    with connected() as (_, client):
        client.ok(f"QEnvironment:{TOKEN_NAME}={TOKEN}")
        out = tmp_path / "out"
        os.mkfifo(out)
        client.ok(f"QSetSTDOUT:{hexed(out)}")
        client.ok(f"QSetSTDIN:{hexed('/dev/null')}")
        program = str(build("obey"))
        client.send(f"A{2 * len(program)},0,{hexed(program)}")
        with out.open() as lines:
            assert client.receive() == "OK"
            client.ok("qLaunchSuccess")
            assert re.fullmatch(r"ready \d+\n", lines.read())
        client.ok("QSetSTDOUT:")
        assert client.ask(f"A10,0,{hexed('/none')}").startswith("E")
        assert client.ask("qLaunchSuccess") == "Eexecve failed: No such file or directory"


def test_a_process_in_the_list(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee, connected() as (_, client):
        reply = client.ask(f"qfProcessInfo:name:{hexed('obey')};name_match:equals;pid:{tracee.pid};")
        assert reply.startswith(f"pid:{tracee.pid};ppid:{os.getpid()};")
        assert client.ask("qsProcessInfo").startswith("E")


def launched(client: RspClient) -> tuple[int, int]:
    reply = client.ask("qLaunchGDBServer;host:localhost;", 30)
    found = re.fullmatch(r"pid:(\d+);port:(\d+);", reply)
    assert found, reply
    return int(found[1]), int(found[2])


def test_debugging_servers(build: TraceeBuilder) -> None:
    with connected() as (_, client):
        pid, port = launched(client)
        with greeted(port) as session:
            session.stop_of(session.ask(f"vRun;{hexed(build('greeting'))}"))
            assert session.cont().kind == "W"
        proc.wait_reaped(pid)
        # One that nobody has come to is ended on demand, and nothing else is.
        waiting, _ = launched(client)
        client.ok(f"qKillSpawnedProcess:{waiting}")
        proc.wait_reaped(waiting)
        assert client.ask(f"qKillSpawnedProcess:{os.getpid()}").startswith("E")


def test_they_listen_where_they_may() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        ports = [taken.getsockname()[1], free.getsockname()[1]]
        free.close()
        with connected("--gdbserver-port", ports[0], "-P", ports[1]) as (_, client):
            pid, port = launched(client)
            assert port == ports[1]
            assert client.ask("qLaunchGDBServer;", 60).startswith("E")
            client.ok(f"qKillSpawnedProcess:{pid}")
            proc.wait_reaped(pid)


def test_servers_end_with_the_platform() -> None:
    with connected("--server") as (stub, client):
        pid, _ = launched(client)
        stub.stop()
        proc.wait_gone(pid)
