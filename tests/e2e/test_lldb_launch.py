"""lldb starts our server itself, for programs of its own machine and through a platform server."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.debuggers.lldb_session import find_lldb
from tests.support.stub import lldb_server, platform, server_command
from tests.support.tracees import DEADLINE, TraceeBuilder, environment, running


@pytest.fixture
def our_server(tmp_path: Path) -> Path:
    """Make the one file that LLDB_DEBUGSERVER_PATH wants."""
    script = tmp_path / "gdbstub"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(server_command())} "$@"\n')
    script.chmod(0o700)
    return script


def converse(*lines: str, server: Path | None = None) -> str:
    """Run lldb with commands; return what it said."""
    words = [find_lldb(), "--no-use-colors", "-x", "-b", *(word for line in lines for word in ("-o", line))]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=8 * DEADLINE,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**environment(), **({} if server is None else {"LLDB_DEBUGSERVER_PATH": str(server)})},
    )
    return done.stdout + done.stderr


def test_run_and_run_again(build: TraceeBuilder, our_server: Path, tmp_path: Path) -> None:
    said = converse(
        f"target create {build('greeting')}",
        "breakpoint set -n main",
        f"process launch -w {tmp_path} -o {tmp_path / 'out'} -E GREETING_LISTENS=0 -- one two",
        "process plugin packet send qGDBServerVersion",
        "thread backtrace",
        "process kill",
        f"process launch -w {tmp_path} -o {tmp_path / 'out'} -- one",
        "process continue",
        server=our_server,
    )
    assert "name:gdbstub" in said, said
    assert re.search(r"frame #0: .*`main", said), said
    assert re.search(r"exited with status = 1 ", said), said
    assert (tmp_path / "out").read_text().splitlines()[1:] == [f"folder {tmp_path}", "word one"]


def test_attach(build: TraceeBuilder, our_server: Path) -> None:
    with running(build("obey")) as tracee:
        said = converse(f"process attach -p {tracee.pid}", "thread backtrace", "detach", server=our_server)
        assert re.search(r"`main\b", said), said
        assert f"Process {tracee.pid} detached" in said, said
        tracee.ping()


def test_a_refused_attach_says_why(our_server: Path) -> None:
    said = converse("process attach -p 4194304", server=our_server)
    assert "There is no process 4194304" in said, said


def test_a_platform(build: TraceeBuilder, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("content\n")
    with platform("--server") as stub:
        said = converse(
            "platform select remote-linux",
            f"platform connect connect://localhost:{stub.port}",
            f"platform settings -w {tmp_path}",
            "platform shell echo said",
            f"platform mkdir {tmp_path / 'made'}",
            f"platform put-file {tmp_path / 'here'} {tmp_path / 'made' / 'there'}",
            f"platform get-size {tmp_path / 'made' / 'there'}",
            f"platform get-file {tmp_path / 'made' / 'there'} {tmp_path / 'back'}",
            f"platform process info {stub.server_pid}",
            f"target create {build('greeting')}",
            "breakpoint set -n main",
            "process launch -- one two three",
            "thread backtrace",
            "process continue",
            "platform disconnect",
        )
        assert "\nsaid\n" in said, said
        assert "(remote): 8" in said, said
        assert (tmp_path / "back").read_text() == "content\n"
        assert (tmp_path / "greeting").exists(), said
        assert re.search(r"frame #0: .*`main", said), said
        assert "word three" in said, said
        assert re.search(r"exited with status = 3 ", said), said


#: Connects to a server without a process, attaches through it, and says what it sees.
ATTACHER = """
import lldb
def __lldb_init_module(debugger, _):
    debugger.SetAsync(True)
    error, event = lldb.SBError(), lldb.SBEvent()
    listener = lldb.SBListener("attacher")
    process = debugger.CreateTarget("").ConnectRemote(listener, "connect://localhost:{port}", "gdb-remote", error)
    print("connected", error)
    def wait_for(state):
        while process.GetState() != state and listener.WaitForEvent(10, event):
            pass
    wait_for(lldb.eStateConnected)
    print("attached", process.RemoteAttachToProcessWithID({pid}, error), error)
    wait_for(lldb.eStateStopped)
    print("frames", [frame.GetFunctionName() for frame in process.GetThreadAtIndex(0)])
    print("modules", [module.file.basename for module in process.target.modules])
    print("detached", process.Detach())
"""


def test_an_attach_over_a_connection_without_a_program(build: TraceeBuilder, tmp_path: Path) -> None:
    script = tmp_path / "attacher.py"
    with running(build("obey")) as tracee, lldb_server("localhost:0") as stub:
        script.write_text(ATTACHER.format(port=stub.port, pid=tracee.pid))
        said = converse(f"command script import {script}")
        assert re.search(r"frames .*'main'", said), said
        assert re.search(r"modules .*'libc.so.6'", said), said
        tracee.ping()
