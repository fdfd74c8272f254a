"""``gdbstub events``: a program of its own, a process, and beside the clients of a running server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.dialogue import at_ready, finish
from tests.support.endless import endless_symbols
from tests.support.gdb_signals import GdbSignal
from tests.support.stub import Stub
from tests.support.tracees import TraceeBuilder, environment, running

#: x86-64's number of a call that no program makes here: reboot.
LEAST_USED = 169
EVENTS = [sys.executable, "-m", "gdbstub", "events"]
Record = dict[str, object]


def records(text: str) -> list[Record]:
    return [json.loads(line) for line in text.splitlines()]


def kinds(found: list[Record]) -> list[object]:
    return [each["event"] for each in found]


def told(*command: object, letters: str = "q") -> list[Record]:
    """Run a program that obeys letters under the stream and return what was told."""
    done = subprocess.run(
        [*EVENTS, "--json", *map(str, command)],
        env=environment(),
        input=letters.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return records(done.stderr.decode())


class Listener(threading.Thread):
    """The other end of a stream."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.found: list[Record] = []
        self.changed = threading.Condition()
        self.start()

    def run(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.changed:
                self.found.append(json.loads(line))
                self.changed.notify_all()

    def wait_for(self, kind: str, count: int = 1) -> Record:
        """Return the ``count``-th record of a kind."""
        with self.changed:
            assert self.changed.wait_for(lambda: kinds(self.found).count(kind) >= count, 20), self.found
            return [each for each in self.found if each["event"] == kind][count - 1]


@contextmanager
def stream(*words: object) -> Iterator[Listener]:
    with subprocess.Popen(
        [*EVENTS, "--json", *map(str, words)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        listener = Listener(process)
        try:
            yield listener
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
            listener.join(20)


def test_a_program_from_its_beginning_to_its_end(build: TraceeBuilder) -> None:
    program = build("forks")
    found = told("--only=join,fork,exit,library-load", program, letters="fvq")
    assert kinds(found)[0] == "join" and found[0]["program"] == str(program)
    assert any(str(each.get("path", "")).endswith("libc.so.6") for each in found)
    forks = [each for each in found if each["event"] == "fork"]
    assert [each["call"] for each in forks] == ["fork", "vfork"]
    assert not any(each["traced"] for each in forks)
    assert found[-1]["event"] == "exit" and found[-1]["status"] == 0


def test_children_are_followed_where_that_is_wished(build: TraceeBuilder) -> None:
    found = told("-f", "--only=join,fork,exit", build("forks"), letters="fvq")
    children = [each["child"] for each in found if each["event"] == "fork"]
    assert len(children) == 2
    assert all(each["traced"] for each in found if each["event"] == "fork")
    assert {each["pid"] for each in found if each["event"] == "exit"} >= set(children)


def test_a_signal_is_told_with_what_it_does_and_the_status_is_the_programs(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee, stream("-p", tracee.pid) as listener:
        assert listener.wait_for("join")["program"] == str(build("obey"))
        os.kill(tracee.pid, signal.SIGSTOP)
        assert listener.wait_for("job-stop")["signal"] == "SIGSTOP"
        os.kill(tracee.pid, signal.SIGCONT)
        listener.wait_for("job-continue")
        tracee.tell("a")
        record = listener.wait_for("signal", 3)
        assert (record["signal"], record["does"]) == ("SIGABRT", "ends the process")
        assert listener.wait_for("exit")["signal"] == "SIGABRT"


def test_a_process_that_is_left_runs_on_untraced(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee:
        with stream("-p", tracee.pid) as listener:
            listener.wait_for("join")
        proc.wait_untraced(tracee.pid)
        tracee.tell("q")
        assert tracee.finish() == 0


def test_a_server_tells_of_its_clients_and_nothing_is_stopped_for_it(build: TraceeBuilder) -> None:
    with at_ready(build("spin"), 2) as (stub, client), stream(f"localhost:{stub.port}") as listener:
        listener.wait_for("join")
        with stub.connect() as second:
            second.current_stop()
            number = listener.wait_for("client-attach")["client"]
        assert listener.wait_for("client-detach")["client"] == number
        finish(stub, client)
        assert listener.wait_for("exit")["status"] == 0


def stops_of(stub: Stub) -> int:
    """Have the program make its calls; return how often it was stopped at them, by its own count."""
    stub.tell("s")
    words = stub.line().split()
    assert words[0] == "s" and words[-2] == "stops", words
    return int(words[-1])


def test_no_call_stops_for_the_stream_and_each_one_does_for_a_log_of_calls(build: TraceeBuilder) -> None:
    calls = 2000
    with at_ready(build("paced"), calls) as (stub, client), stream(f"localhost:{stub.port}") as listener:
        listener.wait_for("join")
        client.resume()
        assert stops_of(stub) == 0
        with stub.connect() as other:
            other.ok(f"QCatchSyscalls:1;{LEAST_USED:x}")
            other.current_stop()
            other.resume()
            # A mask with any call in it makes all of them stop.
            assert stops_of(stub) >= 2 * calls
            other.ok("D")
        assert stops_of(stub) == 0
        client.interrupt()
        finish(stub, client)


def test_a_library_that_comes_and_goes(build: TraceeBuilder, plugin: Path) -> None:
    program = build("e2e_plugin_host")
    with running(program, plugin) as tracee, stream("-p", tracee.pid) as listener:
        listener.wait_for("join")
        tracee.tell("d")
        assert listener.wait_for("library-load")["path"] == str(plugin)
        tracee.tell("q")
        listener.wait_for("exit")


def test_no_table_of_symbols_is_read_for_the_libraries(build: TraceeBuilder, tmp_path: Path) -> None:
    found = told("--only=library-load", endless_symbols(build("obey"), tmp_path / "endless"))
    assert any(str(each["path"]).endswith("libc.so.6") for each in found)


def test_a_trace_for_viewers(build: TraceeBuilder, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    told(f"--perfetto={trace}", build("forks"), letters="fq")
    events = json.loads(trace.read_text())
    slices = [each for each in events if each["ph"] == "X" and each["cat"] == "syscall"]
    assert len(slices) > 20
    assert all(each["dur"] >= 0 and each["ts"] > 0 for each in slices)
    assert {each["name"] for each in slices} >= {"write", "exit_group", "wait4"}
    named = {each["tid"] for each in events if each["ph"] == "M" and each["name"] == "thread_name"}
    assert named >= {each["tid"] for each in slices}
    assert any(each["ph"] == "i" and each["name"].startswith("SIGCHLD") for each in events)


@contextmanager
def traced_into(trace: Path, comm: str) -> Iterator[subprocess.Popen[bytes]]:
    """Write what a server has into a trace; end that where the test has not."""
    command = [*EVENTS, f"--perfetto={trace}", comm]
    with subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_a_trace_says_who_stopped_a_thread_why_and_for_how_long(build: TraceeBuilder, tmp_path: Path) -> None:
    program = build("obey")
    trace = tmp_path / "trace.json"
    with at_ready(program) as (stub, client):
        with traced_into(trace, f"localhost:{stub.port}") as process:
            # Its first event is about the thread that the client holds already.
            proc.wait_until(lambda: trace.exists() and trace.read_bytes().startswith(b"["), "the trace begins")
            client.insert(0, program.address("spot"))
            client.resume()
            stub.tell("g")
            assert client.expect_stop().is_breakpoint
            client.remove(0, program.address("spot"))
            client.step(stub.pid)
            client.resume()
            assert stub.line().startswith("spot")
            assert client.interrupt().is_signal(GdbSignal.INT)
            finish(stub, client)
            assert process.wait(20) == 0
        events = json.loads(trace.read_text())
    holds = [each for each in events if each.get("cat") == "debugger"]
    assert all(each["ph"] == "X" and each["dur"] > 0 and each["tid"] == stub.pid for each in holds)
    whys = [each["args"]["why"] for each in holds]
    assert whys == ["interrupt", f"breakpoint at {program.address('spot'):#x}", "step", "interrupt"]
    who = {each["name"].split(":")[0] for each in holds}
    assert len(who) == 1 and who.pop().startswith("held by client ")
    assert any(each.get("cat") == "syscall" for each in events)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--only=nothing", "true"), "there is no event 'nothing'"),
        (("--bad", "true"), "unknown option '--bad'"),
        ((), "must have PROG"),
        (("-p",), "option requires an argument"),
        (("/none/such",), "Can't stat '/none/such'"),
    ],
)
def test_what_cannot_be_is_said(words: tuple[str, ...], text: str) -> None:
    done = subprocess.run(
        [*EVENTS, *words],
        env=environment(),
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("gdbstub events: ") and text in done.stderr
