"""``gdbstub strace``: beside strace itself, beside gdb's stops and steps, and on a running server."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient
from tests.support.stub import Stub, launch
from tests.support.syscall_logs import Comparison, compare, threads
from tests.support.tracees import LineReader, Program, TraceeBuilder, environment, running

GDBSTUB = [sys.executable, "-m", "gdbstub", "strace"]
#: What the program is told of the system, and what depends on how it was started.
VARIES = re.compile(r"personality\(|\bexecve\(|brk\(NULL\)")


def traced(command: list[object], folder: Path, *words: str, tracer: list[str] | None = None) -> str:
    """Run a program under a tracer, in an empty folder of its own, and return the log."""
    place = folder / "work"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    log = folder / "log"
    subprocess.run(
        [*(tracer or GDBSTUB), "-f", "-o", log, *words, *map(str, command)],
        cwd=place,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    return log.read_text(errors="surrogateescape")


def kill(client: RspClient) -> None:
    assert client.ask("vKill;" + f"{client.pid:x}") == "OK"


def need_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("[missing-tool] strace is not installed")


def same(found: Comparison) -> None:
    assert found.share < 0.02, "\n".join(found.lines)


@pytest.fixture(scope="module")
def zoo(build: TraceeBuilder) -> Program:
    return build("syscall_zoo")


@pytest.fixture(scope="module")
def zoo_log(zoo: Program, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the zoo does when nobody else looks at it."""
    return traced([zoo], tmp_path_factory.mktemp("zoo"))


def test_the_log_is_straces(zoo: Program, zoo_log: str, tmp_path: Path) -> None:
    need_strace()
    found = compare(zoo_log, traced([zoo], tmp_path, tracer=["strace"]))
    assert found.total > 250
    same(found)


@pytest.mark.parametrize(
    "command",
    [
        ["ls", "-l", "/etc"],
        ["sh", "-c", "cat /etc/passwd | wc -l; (exit 3); /bin/true"],
        ["cp", "-v", "/etc/services", "copy"],
    ],
    ids=lambda words: words[0],
)
def test_programs_of_this_machine(command: list[object], tmp_path: Path) -> None:
    need_strace()
    ours = traced(command, tmp_path)
    same(compare(ours, traced(command, tmp_path, tracer=["strace"])))


def test_clones_and_forks(build: TraceeBuilder, tmp_path: Path) -> None:
    need_strace()
    team = build("exec_thread")
    ours = threads(traced([team], tmp_path))
    theirs = threads(traced([team], tmp_path, tracer=["strace"]))
    assert ours.keys() == theirs.keys()


def test_the_exit_status_is_the_programs(tmp_path: Path) -> None:
    def status(*words: str) -> int:
        return subprocess.run(
            [*GDBSTUB, "-o", str(tmp_path / "log"), *words], check=False, env=environment()
        ).returncode

    assert status("sh", "-c", "exit 7") == 7
    assert status("sh", "-c", "kill -TERM $$") == -signal.SIGTERM
    assert status("/no/such/program") == 1


@contextmanager
def served(program: Program, folder: Path, *options: str) -> Iterator[tuple[Stub, Path]]:
    """Serve a program with a log in a file."""
    log = folder / "with.log"
    place = folder / "served"
    place.mkdir()
    before = Path.cwd()
    os.chdir(place)
    try:
        with launch(program, options=[f"--strace={log}", "--no-startup-with-shell", *options]) as stub:
            yield stub, log
    finally:
        os.chdir(before)


def test_the_log_is_the_same_while_a_debugger_stops_the_program(zoo: Program, zoo_log: str, tmp_path: Path) -> None:
    with served(zoo, tmp_path) as (stub, log), stub.connect() as client:
        client.pass_signals(*(GdbSignal(number) for number in GdbSignal))
        for name in ("files", "waiting", "sockets", "memory", "signals", "processes"):
            client.insert(0, zoo.address(name))
        stops = 0
        stop = client.cont()
        while not stop.exited:
            stops += stop.is_breakpoint
            stop = client.cont()
        assert stops == 6
        found = compare(log.read_text(errors="surrogateescape"), zoo_log, VARIES)
    # gdb lets a child go that it does not follow; the log follows it all the same.
    same(found)


def test_a_step_hides_no_call(build: TraceeBuilder, tmp_path: Path) -> None:
    program = build("step_calls")
    alone = traced([program], tmp_path)
    with served(program, tmp_path) as (stub, log), stub.connect() as client:
        client.insert(0, program.address("begin"))
        stop = client.cont()
        assert stop.is_breakpoint
        client.remove(0, program.address("begin"))
        end = program.address("end")
        for _ in range(2000):
            stop = client.step(stop.tid)
            assert stop.is_signal(GdbSignal.TRAP), stop
            if client.pc(stop) == end:
                break
        stop = client.cont()
        assert (stop.kind, stop.value) == ("W", 0)
        found = compare(log.read_text(), alone, VARIES)
    assert not found.lines, found.lines
    assert "getppid()" in alone and "+++ exited" in alone


def test_a_step_over_a_call_ends_behind_it_whether_or_not_there_is_a_log(
    build: TraceeBuilder, tmp_path: Path
) -> None:
    """The same steps, one by one, with and without a log."""
    program = build("step_calls")

    def places(stub: Stub) -> list[int]:
        with stub.connect() as client:
            client.insert(0, program.address("begin"))
            stop = client.cont()
            client.remove(0, program.address("begin"))
            found = []
            while client.pc(stop) != program.address("end"):
                found.append(client.pc(stop))
                stop = client.step(stop.tid)
            kill(client)
            return found

    with launch(program, options=["--no-startup-with-shell"]) as stub:
        without = places(stub)
    with served(program, tmp_path) as (stub, _):
        assert places(stub) == without


def test_a_stop_in_the_middle_of_a_call_is_not_in_the_log(build: TraceeBuilder, tmp_path: Path) -> None:
    with served(build("obey"), tmp_path) as (stub, log), stub.connect() as client:
        client.resume()
        assert stub.line().startswith("ready")
        for _ in range(3):
            proc.wait_until(lambda: proc.state(stub.pid) == "S", "the program waits in its call")
            assert client.interrupt().is_signal(GdbSignal.INT)
            client.resume()
        stub.ping()
        proc.wait_until(lambda: proc.state(stub.pid) == "S", "the program waits in its next call")
        client.interrupt()
        kill(client)
        text = log.read_text()
    (lines,) = threads(text).values()
    reads = [line for line in lines if line.startswith("read(0, ")]
    assert reads[0].startswith('read(0, "p", ') and len(reads) == 2, lines
    assert "ERESTART" not in text and "restart_syscall" not in text


@contextmanager
def watching(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a log on its own; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [*GDBSTUB, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        process_group=0,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_a_running_process_is_logged_and_let_go(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee, watching("-e", "trace=read,write", "-p", tracee.pid) as log:
        assert log.stderr is not None
        lines = LineReader(log.stderr.fileno())
        assert lines.line() == f"gdbstub: Process {tracee.pid} attached"
        tracee.ping()
        first = lines.line()
        assert re.match(r'(read\(0, |restart_syscall\(<\.\.\. resuming interrupted .* \.\.\.>\)).*"?p?', first), first
        assert lines.line().startswith('write(1, "pong\\n", 5)')
        log.send_signal(signal.SIGINT)
        assert log.wait(30) == -signal.SIGINT
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        tracee.finish()


def test_a_process_that_makes_calls_without_end_is_let_go_at_once(build: TraceeBuilder) -> None:
    with running(build("paced")) as tracee, watching("-p", tracee.pid) as log:
        assert log.stderr is not None
        lines = LineReader(log.stderr.fileno())
        tracee.tell("e")
        assert tracee.line() == "begun"
        lines.until("getppid()")
        drain = threading.Thread(target=log.stderr.read, daemon=True)
        drain.start()
        log.send_signal(signal.SIGINT)
        assert log.wait(10) == -signal.SIGINT
        drain.join()
        proc.wait_untraced(tracee.pid)
        tracee.ping()
        tracee.finish()


def test_an_observer_sees_the_calls_and_changes_nothing(build: TraceeBuilder) -> None:
    with launch(build("obey")) as stub, stub.connect() as client:
        client.resume()
        assert stub.line().startswith("ready")
        proc.wait_until(lambda: proc.state(stub.pid) == "S", "the program waits in its call")
        with watching("-y", f"localhost:{stub.port}") as log:
            assert log.stderr is not None
            lines = LineReader(log.stderr.fileno())
            lines.until("read(0<pipe:[")
            stub.ping()
            assert any("pong" in lines.line() for _ in range(4))
            log.send_signal(signal.SIGINT)
            assert log.wait(30) == 0
        stub.ping()
        # The debugger's own stop works as ever, and the next log begins where it likes.
        assert client.interrupt().is_signal(GdbSignal.INT)
        client.resume()
        with watching("-C", f"localhost:{stub.port}") as log:
            assert log.stderr is not None
            lines = LineReader(log.stderr.fileno())
            lines.until("read(0, ")  # the log has begun, and the program waits in this call
            stub.ping()
            client.interrupt()
            kill(client)
            assert log.wait(30) == 0
            lines.until("% time ")
            lines.until(" read\n")


def test_a_client_of_a_server_that_is_not_there() -> None:
    done = subprocess.run([*GDBSTUB, "localhost:1"], check=False, env=environment(), capture_output=True)
    assert done.returncode == 1 and b"cannot connect" in done.stderr


def test_a_filtered_program_stops_for_listed_calls_only(zoo: Program, zoo_log: str, tmp_path: Path) -> None:
    wanted = re.compile(r"(openat|kill|clone|execve)\(|---|\+\+\+")
    (mine, *_), (all_, *_) = (
        list(threads(text).values())
        for text in (traced([zoo], tmp_path, "-e", "trace=openat,kill,clone,execve"), zoo_log)
    )
    assert [line for line in all_ if wanted.match(line)] == mine


def test_a_filter_is_not_seen_by_the_program(build: TraceeBuilder, tmp_path: Path) -> None:
    script = "import os; os.kill(os.getpid(), 0); print(open('/proc/self/status').read())"
    done = subprocess.run(
        [*GDBSTUB, "-o", str(tmp_path / "log"), "-e", "trace=kill", sys.executable, "-S", "-c", script],
        check=True,
        env=environment(),
        capture_output=True,
    )
    assert b"NoNewPrivs:\t" in done.stdout
    (lines,) = threads((tmp_path / "log").read_text()).values()
    assert [line.split("(")[0] for line in lines] == ["kill", "+++ exited with 0 +++"]


def test_faults(tmp_path: Path) -> None:
    def errors(*words: str) -> subprocess.CompletedProcess[bytes]:
        command = [*GDBSTUB, "-o", str(tmp_path / "log"), *words]
        return subprocess.run(command, check=False, env=environment(), capture_output=True)

    done = errors("-e", "inject=openat:error=EMFILE:when=3+", "cat", "/etc/passwd")
    assert done.returncode == 1 and b"Too many open files" in done.stderr
    assert "(INJECTED)" in (tmp_path / "log").read_text()
    done = errors("-e", "inject=getppid:retval=4242", "sh", "-c", "echo $PPID")
    assert done.stdout == b"4242\n"
    done = errors("-e", "inject=write:signal=TERM", "echo", "hello")
    assert done.returncode == -signal.SIGTERM
    done = errors("-T", "-e", "inject=exit_group:delay_enter=50ms", "true")
    assert done.returncode == 0


def test_json_lines(tmp_path: Path) -> None:
    subprocess.run(
        [*GDBSTUB, "-o", str(tmp_path / "log"), "--json", "sh", "-c", "exit 3"], check=False, env=environment()
    )
    objects = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert objects[0]["syscall"] == "execve" and objects[-1]["exited"] == 3


def test_monitor_strace(build: TraceeBuilder, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with launch(build("obey")) as stub, stub.connect() as client:
        client.resume()
        assert stub.line().startswith("ready")
        client.interrupt()

        def monitor(words: str) -> None:
            reply = client.ask("qRcmd," + f"strace {words}".encode().hex())
            assert "log" in bytes.fromhex(reply.removeprefix("O")).decode()
            assert client.receive() == "OK"

        monitor(f"{log} -e trace=write")
        client.resume()
        stub.ping()
        client.interrupt()
        assert '"pong\\n", 5' in log.read_text()
        monitor("off")
        client.resume()
        stub.ping()
        client.interrupt()
        assert log.read_text().count("pong") == 1
        kill(client)


def test_children_that_only_the_log_follows_meet_no_breakpoint(build: TraceeBuilder, tmp_path: Path) -> None:
    program = build("forks")
    with served(program, tmp_path) as (stub, log), stub.connect() as client:
        client.pass_signals(GdbSignal.CHLD)
        client.resume()
        assert stub.line().startswith("ready")
        client.interrupt()
        client.insert(0, program.address("hot"))
        client.resume()
        said = []
        for letter in "fvV":
            stub.tell(letter)
            if letter == "V":
                # The sibling's hits are the debugger's.
                for _ in range(20):
                    assert client.expect_stop().is_breakpoint
                    client.resume()
            said.append(stub.line())
        assert all("exited" in line for line in said), said
        stub.tell("h")
        assert client.expect_stop().is_breakpoint
        kill(client)
        text = log.read_text()
    codes = [int(line.rsplit(" ", 1)[1]) for line in said]
    followed = threads(text)
    endings = {lines[-1] for name, lines in followed.items() if name.count(".") and "exited" in lines[-1]}
    assert {f"+++ exited with {code} +++" for code in codes} <= endings, (codes, endings)


def test_a_child_that_the_debugger_lets_go_stays_in_the_log(build: TraceeBuilder, tmp_path: Path) -> None:
    program = build("forks")
    features = "multiprocess+;swbreak+;hwbreak+;vContSupported+;fork-events+;vfork-events+"
    with served(program, tmp_path) as (stub, log), stub.connect(features) as client:
        client.pass_signals(GdbSignal.CHLD)
        client.resume()
        assert stub.line().startswith("ready")
        stub.tell("f")
        stop = client.expect_stop()
        assert "fork" in stop.fields, stop
        child = int(stop.fields["fork"].removeprefix("p").split(".")[0], 16)
        client.ok(f"D;{child:x}")
        client.resume()
        said = stub.line()
        assert "exited" in said
        client.interrupt()
        kill(client)
        text = log.read_text()
    assert f"{child:<5} +++ exited with {said.rsplit(' ', 1)[1]} +++" in text
