"""lldb-server's command line: where the client is, what it finds, and how it all ends."""

from __future__ import annotations

import contextlib
import errno
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.proc import TOKEN, TOKEN_NAME
from tests.support.rsp_client import ConnectionEnded, RspClient
from tests.support.stub import Stub, lldb_server, server_command
from tests.support.tracees import DEADLINE, Program, TraceeBuilder, environment, running

LLDB = "xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+"
#: A thread that was started, attached to or asked to stop.
SIGSTOP = 19


def hexed(text: object) -> str:
    return str(text).encode().hex()


@contextmanager
def greeted(sock: socket.socket | int) -> Iterator[RspClient]:
    """Make the handshake that lldb makes; what the program inherits marks it as the test's."""
    with RspClient(sock) as client:
        client.handshake(LLDB)
        client.ok(f"QEnvironmentHexEncoded:{hexed(f'{TOKEN_NAME}={TOKEN}')}")
        yield client


@contextmanager
def inherited_socket(*words: object) -> Iterator[tuple[Stub, RspClient]]:
    """Start the server as lldb does for a program of its own machine."""
    ours, theirs = socket.socketpair()
    with ours, lldb_server(f"--fd={theirs.fileno()}", "--native-regs", *words, inherited=[theirs.fileno()]) as stub:
        theirs.close()
        with greeted(ours) as client:
            yield stub, client


def run(client: RspClient, program: Program, *arguments: object) -> int:
    """Start a program; return its pid."""
    stop = client.stop_of(client.ask("vRun;" + ";".join(map(hexed, (program, *arguments)))))
    assert (stop.kind, stop.value) == ("T", SIGSTOP), stop
    return stop.pid


# Where the client is


def test_a_descriptor(build: TraceeBuilder) -> None:
    with inherited_socket("--setsid") as (stub, client):
        run(client, build("greeting"), "word")
        stop = client.cont()
        assert (stop.kind, stop.value) == ("W", 1)
        assert client.console.splitlines()[2:] == ["word word"]
        assert os.getsid(stub.server_pid) == stub.server_pid
        client.close()
        assert stub.exit_status() == 0
        assert stub.stderr.endswith("lldb-server exiting...\n")


def test_a_pipe_tells_the_port_and_one_client_is_served() -> None:
    reader, writer = os.pipe()
    with lldb_server("--pipe", writer, "localhost:0", inherited=[writer]) as stub:
        os.close(writer)
        told = os.read(reader, 100)
        assert told.endswith(b"\0")
        assert os.read(reader, 1) == b""
        os.close(reader)
        with greeted(int(told[:-1])) as client:
            assert client.ask("?") == "OK"
            with pytest.raises(OSError, match=os.strerror(errno.ECONNREFUSED)):
                RspClient(int(told[:-1]))
        assert stub.exit_status() == 0


@pytest.mark.parametrize("form", ["{0}", "unix://{0}", "unix-accept://{0}"])
def test_a_named_pipe_tells_the_path(tmp_path: Path, form: str) -> None:
    fifo, path = tmp_path / "fifo", tmp_path / "socket"
    os.mkfifo(fifo)
    with lldb_server(form.format(path), "--named-pipe", fifo) as stub:
        with fifo.open("rb") as told:
            assert told.read() == bytes(path) + b"\0"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            with greeted(sock) as client:
                assert client.ask("?") == "OK"
        assert stub.exit_status() == 0
    assert not path.exists()


@pytest.mark.parametrize("session", [[], ["-S"], ["--setsid"]])
def test_a_client_that_listens(session: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(DEADLINE)
        port = listening.getsockname()[1]
        with lldb_server(*session, "--reverse-connect", f"[127.0.0.1]:{port}") as stub:
            sock, _ = listening.accept()
            assert (os.getsid(stub.server_pid) == stub.server_pid) == bool(session)
            with greeted(sock) as client:
                assert client.ask("?") == "OK"
            assert stub.exit_status() == 0


def test_a_terminal() -> None:
    ours, theirs = pty.openpty()
    with lldb_server(f"serial://{os.ttyname(theirs)}") as stub:
        stub.wait_for_words("Remote debugging using")
        os.write(ours, b"$QStartNoAckMode#b0")
        assert os.read(ours, 1) == b"+"
        os.close(theirs)
        os.close(ours)
        stub.exit_status()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--reverse-connect", "127.0.0.1:1"], "error: failed to connect to client at 'connect://127.0.0.1:1': "),
        (["bogus://x"], "error: failed to connect to client at 'bogus://x': "),
        (["localhost:0", "--", "/no-such-program"], "error: failed to launch '/no-such-program': Cannot exec"),
        (["localhost:0", "--attach", "4194304"], "error: "),
        ([], "error: no connection arguments"),
    ],
)
def test_what_cannot_be_is_said(words: list[str], text: str) -> None:
    with lldb_server(*words) as stub:
        assert stub.exit_status() == 1
        assert text in stub.stderr


def test_closed_standard_streams_disturb_nothing(build: TraceeBuilder) -> None:
    ours, theirs = socket.socketpair()
    command = [*server_command(), "gdbserver", f"--fd={theirs.fileno()}"]
    shell = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
    with subprocess.Popen(shell, pass_fds=[theirs.fileno()], env=environment(), process_group=0) as process:
        theirs.close()
        with greeted(ours) as client:
            run(client, build("greeting"))
            assert client.cont().kind == "W"
        assert process.wait(DEADLINE) == 0


# What it finds


def test_a_program_of_the_command_line(build: TraceeBuilder) -> None:
    with lldb_server("localhost:0", "--", build("greeting"), "one", "--attach") as stub:
        stub.wait_for_words(r"Launched '.*greeting' as process \d+")
        with greeted(stub.port) as client:
            stop = client.current_stop()
            assert (stop.kind, stop.value) == ("T", SIGSTOP)
            # It has the server's own environment, which what a client starts has not.
            assert (client.cont().value, client.console.splitlines()[0]) == (2, f"token {TOKEN}")


def test_an_environment_that_is_empty_but_for_what_the_client_sets(build: TraceeBuilder) -> None:
    with inherited_socket() as (_, client):
        pid = run(client, build("obey"))
        assert Path(f"/proc/{pid}/environ").read_bytes() == f"{TOKEN_NAME}={TOKEN}\0".encode()


def test_a_launch_by_arguments(build: TraceeBuilder) -> None:
    with inherited_socket() as (_, client):
        words = [str(build("greeting")), "", "a b"]
        fields = (f"{2 * len(word)},{index},{hexed(word)}" for index, word in enumerate(words))
        client.ok("A" + ",".join(fields))
        client.ok("qLaunchSuccess")
        assert client.current_stop().kind == "T"
        assert client.cont().value == 2
        assert client.console.splitlines()[2:] == ["word ", "word a b"]


def test_a_launch_that_fails() -> None:
    with inherited_socket() as (_, client):
        assert client.ask(f"A{2 * len('/none')},0,{hexed('/none')}").startswith("E")
        assert client.ask("qLaunchSuccess") == "Eexecve failed: No such file or directory"
        client.ok("QEnableErrorStrings")
        reply = client.ask(f"vRun;{hexed('/none')}")
        assert reply == f"E01;{hexed('execve failed: No such file or directory')}"


def test_directory_and_streams(build: TraceeBuilder, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a line\n")
    with inherited_socket() as (_, client):
        client.ok(f"QSetWorkingDir:{hexed(tmp_path)}")
        client.ok(f"QSetSTDIN:{hexed('in')}")
        client.ok(f"QSetSTDOUT:{hexed(tmp_path / 'out')}")
        client.ok("QEnvironment:GREETING_LISTENS=1")
        run(client, build("greeting"))
        assert client.cont().kind == "W"
        assert client.console == ""
    assert (tmp_path / "out").read_text().splitlines()[1:] == [f"folder {tmp_path}", "heard a line"]


def test_input_and_output(build: TraceeBuilder) -> None:
    with inherited_socket() as (_, client):
        client.ok("QEnvironment:GREETING_LISTENS=1")
        run(client, build("greeting"))
        client.ok(f"I{hexed('from the client' + chr(10))}")
        assert client.cont().kind == "W"
        # A terminal shows what is typed, and ends lines its own way.
        assert client.console.count("from the client\r\n") == 2
        assert "heard from the client\r\n" in client.console


def test_output_comes_before_the_stop_that_follows_it(build: TraceeBuilder) -> None:
    program = build("obey")
    with inherited_socket() as (_, client):
        run(client, program)
        client.ok(f"Z0,{program.address('spot'):x},1")
        client.ok(f"I{hexed('g' + chr(10))}")
        assert client.cont().value == signal.SIGTRAP
        assert client.console.startswith(("ready", "g\r\nready"))
        client.ok(f"z0,{program.address('spot'):x},1")
        client.ok(f"I{hexed('q' + chr(10))}")
        assert client.cont().kind == "W"
        assert "spot 42\r\n" in client.console


def test_output_in_non_stop(build: TraceeBuilder) -> None:
    with inherited_socket() as (_, client):
        client.ok("QNonStop:1")
        run(client, build("greeting"))
        client.ok("vCont;c")
        shown = ""
        ended = False
        while not ended or "folder" not in shown:
            kind, _, text = client.receive_notification().partition(":")
            while text != "OK":
                if kind == "Stdio":
                    shown += bytes.fromhex(text[1:]).decode()
                else:
                    ended = text.startswith("W00")
                text = client.ask(f"v{'Stdio' if kind == 'Stdio' else 'Stopped'}")
        assert shown.startswith(f"token {TOKEN}\r\n")


def test_a_flood_of_output_arrives_whole() -> None:
    with inherited_socket() as (_, client):
        words = ["/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"]
        client.stop_of(client.ask("vRun;" + ";".join(map(hexed, words))))
        while client.cont().kind != "W":
            pass
        assert client.console.splitlines() == [f"line {number}" for number in range(20000)]


# Attaching


@pytest.mark.parametrize("by_option", [True, False])
def test_an_attached_process_runs_on_when_the_client_goes(build: TraceeBuilder, by_option: bool) -> None:
    with running(build("obey")) as tracee:
        with lldb_server("localhost:0", *([f"--attach={tracee.pid}"] if by_option else [])) as stub:
            with greeted(stub.port) as client:
                stop = client.current_stop() if by_option else client.attach(tracee.pid)
                assert (stop.value, stop.pid) == (SIGSTOP, tracee.pid)
            assert stub.exit_status() == 0
        proc.wait_untraced(tracee.pid)
        tracee.ping()


def test_a_process_by_its_name(build: TraceeBuilder, tmp_path: Path) -> None:
    program = tmp_path / f"named-{os.getpid()}"
    program.write_bytes(Path(build("obey")).read_bytes())
    program.chmod(0o700)
    with inherited_socket() as (_, client):
        assert client.ask(f"vAttachName;{hexed(program.name)}").startswith("E")
        client.send(f"vAttachWait;{hexed(program.name)}")
        assert client.is_quiet(0.05)
        with running(Program(program)) as tracee:
            stop = client.expect_stop()
            assert (stop.value, stop.pid) == (SIGSTOP, tracee.pid)
            client.detach()
            tracee.ping()
            # One that is there already is no new one, but welcome where it may be either.
            client.send(f"vAttachWait;{hexed(program.name)}")
            assert client.is_quiet(0.2)
            client.send_interrupt()
            assert client.receive().startswith("E")
            for packet in ("vAttachOrWait", "vAttachName"):
                assert client.stop_of(client.ask(f"{packet};{hexed(program)}")).pid == tracee.pid
                client.detach()
            tracee.ping()


# How it ends


def test_a_launched_program_runs_on_when_the_client_goes(build: TraceeBuilder, tmp_path: Path) -> None:
    orders, lines = tmp_path / "orders", tmp_path / "lines"
    os.mkfifo(orders)
    os.mkfifo(lines)
    with contextlib.ExitStack() as stack:
        with inherited_socket() as (stub, client):
            client.ok(f"QSetSTDIN:{hexed(orders)}")
            client.ok(f"QSetSTDOUT:{hexed(lines)}")
            client.send(f"vRun;{hexed(build('obey'))}")
            teller = stack.enter_context(orders.open("wb", buffering=0))
            reader = stack.enter_context(lines.open("rb"))
            pid = client.expect_stop().pid
            client.close()
            assert stub.exit_status() == 0
        assert reader.readline() == f"ready {pid}\n".encode()
        teller.write(b"p")
        assert reader.readline() == b"pong\n"
        assert proc.tracer_pid(pid) == 0
        teller.write(b"q")
        proc.wait_gone(pid)


def test_k_kills_and_ends(build: TraceeBuilder) -> None:
    with inherited_socket() as (stub, client):
        pid = run(client, build("obey"))
        client.send("k")
        with contextlib.suppress(ConnectionEnded):
            assert client.receive() == f"X09;process:{pid:x}"
        assert stub.exit_status() == 0
        proc.wait_gone(pid)


def test_the_connection_outlives_the_process(build: TraceeBuilder) -> None:
    with inherited_socket() as (stub, client):
        for _ in range(2):
            run(client, build("greeting"))
            assert client.cont().kind == "W"
        with running(build("obey")) as tracee:
            for _ in range(2):
                client.attach(tracee.pid)
                client.detach()
                tracee.ping()
        assert stub.is_alive()


def test_the_second_hangup_ends_it(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee, inherited_socket() as (stub, client):
        client.attach(tracee.pid)
        stub.process.send_signal(signal.SIGHUP)
        # Two that come at once are one.
        assert client.is_quiet()
        assert client.ask("qC").startswith("QC")
        stub.process.send_signal(signal.SIGHUP)
        assert stub.exit_status() == 0
        proc.wait_untraced(tracee.pid)
        tracee.ping()
