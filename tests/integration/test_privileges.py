"""Servers and programs of little privilege: ptrace gotchas G23, G49, G72, G75."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.dialogue import at_ready, expect_exit, finish, order, run_to_ready
from tests.support.gdb_signals import GdbSignal
from tests.support.stub import server
from tests.support.tracees import DEADLINE, Conversation, Program, TraceeBuilder, environment, running

#: Two users that own nothing, or next to nothing.
USER, OTHER = 65534, 65533

GETPID, GETPPID, UNAME = 39, 110, 63


@pytest.fixture
def privileged(build: TraceeBuilder) -> Iterator[Program]:
    """Return identity, where everybody can run it and gets OTHER's privilege by it."""
    if os.getuid() != 0:
        pytest.skip("[needs-root] the test gives a program another user's privilege")
    folder = Path(tempfile.mkdtemp(prefix="gdbstub-tests-"))
    try:
        folder.chmod(0o755)
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            pytest.skip(f"[mount] {folder} is mounted without set-user-id programs")
        program = Program(folder / "identity")
        shutil.copy(build("identity"), program)
        os.chown(program, OTHER, OTHER)
        program.path.chmod(0o4755)
        yield program
    finally:
        shutil.rmtree(folder)


def test_g49_g72_a_program_of_privilege_runs_without_it_under_a_server_without(privileged: Program) -> None:
    with server("localhost:0", privileged, user=USER) as stub, stub.connect() as client:
        run_to_ready(stub, client)
        client.resume()
        stub.tell("i")
        assert stub.line() == f"real {USER} effective {USER} dumpable 1"
        client.interrupt()
        assert client.read_object("auxv")
        assert client.read_memory(privileged.address("main"), 4)
        finish(stub, client)


def test_g49_a_program_of_privilege_keeps_it_under_a_server_of_more(privileged: Program) -> None:
    with server("localhost:0", privileged) as stub, stub.connect() as client:
        run_to_ready(stub, client)
        client.resume()
        stub.tell("i")
        line = stub.line()
        assert line.startswith(f"real {os.getuid()} effective {OTHER} ")


def test_g15_g49_attaching_to_a_program_of_privilege_is_refused_with_the_reason(privileged: Program) -> None:
    with subprocess.Popen(
        [privileged],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=USER,
        group=USER,
        extra_groups=[],
        env=environment(),
        process_group=0,
    ) as process:
        program = Conversation(process)
        assert program.line().startswith("ready")
        program.tell("i")
        assert program.line().startswith(f"real {USER} effective {OTHER} ")
        with server("--attach", "localhost:0", process.pid, user=USER) as stub:
            assert stub.exit_status() == 1
            assert f"Cannot attach to process {process.pid}: Operation not permitted (1)" in stub.stderr
            assert "uid" in stub.stderr or "user" in stub.stderr or "dumpable" in stub.stderr
        program.ping()
        program.tell("q")
        assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize("way", ["launch", "attach"])
def test_g75_a_server_that_may_not_trace_says_so(build: TraceeBuilder, way: str) -> None:
    wrapper = [str(build("no_ptrace"))]
    with running(build("obey")) as tracee:
        words: list[object] = ["localhost:0", build("obey")]
        if way == "attach":
            words = ["--attach", "localhost:0", tracee.pid]
        with server(*words, wrapper=wrapper) as stub:
            assert stub.exit_status() == 1
            assert "seccomp" in stub.stderr, stub.stderr
            assert "Traceback" not in stub.stderr
        tracee.ping()
        assert proc.tracer_pid(tracee.pid) == 0


def test_g23_a_filter_refuses_and_kills_as_without_a_tracer(build: TraceeBuilder) -> None:
    with at_ready(build("sandbox")) as (stub, client):
        client.resume()
        stub.tell("u")
        assert stub.line() == "uname -1 errno 1"
        # Left to a tracer: there is one, but it has not asked for such calls.
        stub.tell("g")
        assert stub.line() == "getpgrp -1 errno 38"
        stub.tell("t")
        stop = client.expect_stop()
        assert stop.value == 12
        client.resume(f"vCont;C{stop.value:02x}")
        assert stub.line() == f"sigsys 1 code 1 call {GETPPID}"
        stub.tell("k")
        stop = client.expect_stop()
        assert (stop.kind, stop.value) == ("X", 12)


def test_g23_g21_calls_that_a_filter_refuses_are_caught_in_pairs(build: TraceeBuilder) -> None:
    with at_ready(build("sandbox")) as (stub, client):
        client.ok(f"QCatchSyscalls:1;{UNAME:x};{GETPPID:x};{GETPID:x}")
        stop = order(stub, client, "u")
        assert int(stop.fields["syscall_entry"], 16) == UNAME
        stop = client.cont()
        assert int(stop.fields["syscall_return"], 16) == UNAME
        assert client.register("rax") == (1 << 64) - 1
        client.resume()
        assert stub.line() == "uname -1 errno 1"
        stub.tell("t")
        stop = client.expect_stop()
        assert int(stop.fields["syscall_entry"], 16) == GETPPID
        # The signal comes before or after the return, which the kernel does not always report.
        while not stop.is_signal(GdbSignal.SYS):
            stop = client.cont()
        client.resume(f"vCont;C{GdbSignal.SYS:02x}")
        assert stub.line() == f"sigsys 1 code 1 call {GETPPID}"
        # The parity is right again.
        stub.tell("s")
        stop = client.expect_stop()
        assert int(stop.fields["syscall_entry"], 16) == GETPID
        assert int(client.cont().fields["syscall_return"], 16) == GETPID
        client.ok("QCatchSyscalls:0")
        client.resume()
        assert stub.line() == "spot 1"
        stub.tell("q")
        expect_exit(client)
