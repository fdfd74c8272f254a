from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from gdbstub.linux import ptrace_calls, spawn
from gdbstub.linux.constants import (
    ADDR_NO_RANDOMIZE,
    PTRACE_EVENT_EXEC,
    PTRACE_EVENT_STOP,
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACEEXEC,
    WALL,
)
from gdbstub.linux.spawn import Spawned, command_of
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import NO_SIGNAL, Signo, Tid
from gdbstub.vocab.shellwords import escape_for_shell

SHELLS = ["/bin/sh", "/bin/bash", "/bin/dash", "/usr/bin/zsh", "/bin/csh", "/usr/bin/fish"]

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
def no_child_and_no_descriptor_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SHELL", "/bin/sh")
    before = os.listdir(OPEN_FILES)
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG | WALL)
    assert len(os.listdir(OPEN_FILES)) == len(before)


def python(code: str) -> list[str]:
    """Return the command of a program that says what it finds."""
    return [sys.executable, "-S", "-c", code]


def trace(child: Spawned) -> tuple[int, int]:
    """Seize, release and see a child through; return the number of exec events and the exit code."""
    tid = Tid(child.pid)
    ptrace_calls.seize(tid, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)
    child.release()
    execs = 0
    while True:
        _, status = os.waitpid(child.pid, WALL)
        if not os.WIFSTOPPED(status):
            return execs, os.waitstatus_to_exitcode(status)
        event = status >> 16
        if event == PTRACE_EVENT_EXEC:
            execs += 1
        if event == PTRACE_EVENT_STOP:
            ptrace_calls.cont(tid)
        else:
            ptrace_calls.cont(tid, NO_SIGNAL if event else Signo(os.WSTOPSIG(status)))


def run(spec: LaunchSpec, capfd: pytest.CaptureFixture[str]) -> str:
    """Trace a program that ends well, with exactly the exec events that were promised; return its output."""
    child = spawn.spawn(spec)
    try:
        assert trace(child) == (child.execs_to_skip + 1, 0)
        assert child.failure() is None
    finally:
        child.close()
    return capfd.readouterr().out


WORDS = [
    "a b",
    "*",
    "$HOME",
    "",
    "`id`",
    "it's",
    '"',
    "\\",
    "\n",
    "\t",
    "~",
    "!x",
    "=ls",
    "é",
    "a;b&c|d",
    "{1,2}",
    "%s",
]
PRINT_WORDS = python("import json, sys; print(json.dumps(sys.argv[1:]))")


@pytest.mark.parametrize("with_shell", [True, False])
def test_arguments_arrive_as_they_were_given(with_shell: bool, capfd: pytest.CaptureFixture[str]) -> None:
    spec = LaunchSpec([*PRINT_WORDS, *WORDS], with_shell=with_shell)
    assert json.loads(run(spec, capfd)) == WORDS


def test_bytes_that_are_no_text_arrive_too(capfd: pytest.CaptureFixture[str]) -> None:
    word = os.fsdecode(b"\xff\x80x")
    code = "import os, sys; print(os.fsencode(sys.argv[1]).hex())"
    assert run(LaunchSpec([*python(code), word]), capfd) == "ff8078\n"


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if Path(shell).exists()])
def test_every_shell_reads_escaped_words_the_same_way(
    shell: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", shell)
    words = [word for word in WORDS if word != "\n"]
    child = spawn.spawn(LaunchSpec([*PRINT_WORDS, *words]))
    assert trace(child)[1] == 0
    child.close()
    assert json.loads(capfd.readouterr().out) == words


def test_raw_arguments_are_the_shells(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SPAWN_TEST", "one two")
    code = ["/bin/echo", "$SPAWN_TEST", "/et[c]"]
    assert run(LaunchSpec(code, raw_arguments=True), capfd) == "one two /etc\n"
    assert run(LaunchSpec(code), capfd) == "$SPAWN_TEST /et[c]\n"


@pytest.mark.parametrize(
    ("with_shell", "wrapper", "skipped"),
    [(True, False, 1), (True, True, 2), (False, False, 0), (False, True, 1)],
)
def test_shell_and_wrapper_are_one_exec_each(
    with_shell: bool, wrapper: bool, skipped: int, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["/usr/bin/env", "SPAWN_TEST=wrapped"] if wrapper else []
    code = "import os; print(os.environ.get('SPAWN_TEST'))"
    spec = LaunchSpec(python(code), with_shell=with_shell, wrapper=words)
    assert command_of(spec, "/bin/sh")[1] == skipped
    assert run(spec, capfd) == ("wrapped\n" if wrapper else "None\n")


def test_the_shell_reads_the_wrappers_words() -> None:
    spec = LaunchSpec(["my prog", "a b"], wrapper=["env", "A='x y'"])
    assert command_of(spec, "/bin/zsh")[0] == ["/bin/zsh", "-c", r"exec env A='x y' my\ prog a\ b"]
    assert escape_for_shell("plain-1.0/x,y:z+") == "plain-1.0/x,y:z+"


@pytest.mark.parametrize("with_shell", [True, False])
def test_a_name_without_a_slash_is_found_in_path(with_shell: bool, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(LaunchSpec(["echo", "x"], with_shell=with_shell), capfd) == "x\n"


def test_the_environment_is_replaced_as_a_whole(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    environment = {"ONLY": "this", "PATH": os.fspath(Path(sys.executable).parent)}
    argv = [Path(sys.executable).name, "-S", "-c", code]
    spec = LaunchSpec(argv, environment=environment, with_shell=False)
    found = json.loads(run(spec, capfd))
    found.pop("LC_CTYPE", None)
    assert found == environment


def test_the_working_directory_is_changed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(LaunchSpec(["/bin/pwd"], working_directory=os.fspath(tmp_path)), capfd) == f"{tmp_path}\n"


@pytest.mark.parametrize("disable", [True, False])
def test_randomization_is_off_for_the_program_only(disable: bool, capfd: pytest.CaptureFixture[str]) -> None:
    spec = LaunchSpec(["/bin/cat", "/proc/self/personality"], disable_randomization=disable)
    assert bool(int(run(spec, capfd), 16) & ADDR_NO_RANDOMIZE) == disable
    assert not ptrace_calls.personality(0xFFFFFFFF) & ADDR_NO_RANDOMIZE


def test_a_refused_personality_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ptrace_calls, "personality", lambda _: -1)
    child = spawn.spawn(LaunchSpec(["/bin/true"]))
    assert trace(child)[1] == 0
    assert "randomization stays on" in (child.warning or "")
    child.close()


@pytest.fixture
def keyboard_signals() -> Iterator[None]:
    """Take the keyboard's signals as a terminal's shell gives them: a background job's are ignored, and inherited."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGQUIT)}
    for each in before:
        signal.signal(each, signal.SIG_DFL)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.usefixtures("keyboard_signals")
def test_signals_are_as_a_program_expects_them(capfd: pytest.CaptureFixture[str]) -> None:
    # What Python ignores by itself when it starts is not ours: look at a program in C.
    spec = LaunchSpec(["/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], with_shell=False)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGUSR1})
    try:
        text = run(spec, capfd)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert [int(line.split()[1], 16) for line in text.splitlines()] == [0, 0]
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN


def test_the_program_has_a_process_group_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(LaunchSpec(python("import os; print(os.getpgrp() == os.getpid())")), capfd) == "True\n"


def test_or_it_is_in_ours(capfd: pytest.CaptureFixture[str]) -> None:
    spec = LaunchSpec(python("import os; print(os.getpgrp())"), own_group=False)
    assert run(spec, capfd) == f"{os.getpgrp()}\n"


def test_no_descriptor_of_ours_is_inherited(capfd: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    kept = {int(name) for name in os.listdir(OPEN_FILES) if int(name) not in (0, 1, 2)}
    inherited = {fd for fd in kept if Path(f"/proc/self/fd/{fd}").exists() and os.get_inheritable(fd)}
    code = "import os; print(*sorted(int(n) for n in os.listdir('/proc/self/fd') if int(n) > 2))"
    found = set(map(int, run(LaunchSpec(python(code), with_shell=False), capfd).split()))
    os.close(reader)
    os.close(writer)
    # One more is the listing itself.
    assert len(found - inherited) <= 1


def test_with_redirected_stdio_output_goes_to_stderr_and_input_is_empty(
    capfd: pytest.CaptureFixture[str],
) -> None:
    child = spawn.spawn(LaunchSpec(["/bin/sh", "-c", "echo said; cat; echo err >&2"], redirect_stdio=True))
    assert trace(child)[1] == 0
    child.close()
    found = capfd.readouterr()
    assert (found.out, found.err) == ("", "said\nerr\n")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["/nonexistent"], "Cannot exec /nonexistent: No such file or directory"),
        (["no-such-program-anywhere"], "Cannot exec no-such-program-anywhere: No such file or directory"),
        (["/etc/passwd"], "Cannot exec /etc/passwd: Permission denied"),
        (["/etc"], "Cannot exec /etc: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_run_says_why(argv: list[str], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no-such-folder:/usr/bin:/etc/passwd")
    child = spawn.spawn(LaunchSpec(argv, with_shell=False))
    assert trace(child) == (0, 127)
    assert child.failure() == text
    assert child.failure() == text
    child.close()


def test_a_file_that_is_no_program_says_so(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"\1\2\3\4")
    junk.chmod(0o700)
    child = spawn.spawn(LaunchSpec([os.fspath(junk)], with_shell=False))
    assert trace(child) == (0, 127)
    assert child.cause() == ""
    assert child.failure() == f"Cannot exec {junk}: Exec format error"
    assert child.cause() == "execve failed: Exec format error"
    child.close()


def test_a_missing_shell_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/no-such-shell")
    child = spawn.spawn(LaunchSpec(["/bin/true"]))
    assert trace(child) == (0, 127)
    assert child.failure() == "Cannot exec /no-such-shell: No such file or directory"
    child.close()


def test_without_a_shell_in_the_environment_it_is_bin_sh(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SHELL")
    assert run(LaunchSpec(["echo", "x"]), capfd) == "x\n"


def test_what_the_shell_cannot_run_is_the_shells_to_tell(capfd: pytest.CaptureFixture[str]) -> None:
    child = spawn.spawn(LaunchSpec(["/nonexistent"]))
    assert trace(child) == (1, 127)
    assert child.failure() is None
    child.close()
    assert "/nonexistent" in capfd.readouterr().err


def test_a_working_directory_can_begin_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    (tmp_path / "inner").mkdir()
    assert run(LaunchSpec(["/bin/pwd"], working_directory="~/inner"), capfd) == f"{tmp_path}/inner\n"


def test_a_missing_working_directory_is_named() -> None:
    child = spawn.spawn(LaunchSpec(["/bin/true"], working_directory="/no-such-folder"))
    _, status = os.waitpid(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 127
    assert child.failure() == "Cannot change directory to /no-such-folder: No such file or directory"
    child.release()
    child.close()


@pytest.mark.parametrize("environment", [{"": "x"}, {"A": "\0"}, {"A=B": "x"}])
def test_an_environment_that_cannot_be_is_the_childs_failure(environment: dict[str, str]) -> None:
    child = spawn.spawn(LaunchSpec(["/bin/true"], environment=environment, with_shell=False))
    assert trace(child) == (0, 127)
    assert child.failure() == "Cannot exec /bin/true: Invalid argument"
    child.close()


@pytest.mark.parametrize("argv", [[], [""], ["a\0b"]])
def test_a_command_that_cannot_be_is_refused_before_the_fork(argv: list[str]) -> None:
    with pytest.raises(TargetError):
        spawn.spawn(LaunchSpec(argv))


def test_a_machine_without_processes_left_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(TargetError, match="cannot start a process: Resource temporarily unavailable"):
        spawn.spawn(LaunchSpec(["/bin/true"], redirect_stdio=True))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_a_child_that_is_never_released_exits_without_running_anything(tmp_path: Path) -> None:
    child = spawn.spawn(LaunchSpec(["/usr/bin/touch", os.fspath(tmp_path / "ran")]))
    assert child.failure() is None
    child.close()
    _, status = os.waitpid(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 127
    assert not (tmp_path / "ran").exists()


def test_releasing_a_child_that_was_killed_is_no_error() -> None:
    child = spawn.spawn(LaunchSpec(["/bin/true"]))
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    child.release()
    assert child.failure() is None
    child.close()


async def test_it_works_inside_a_trio_program(capfd: pytest.CaptureFixture[str]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.lowlevel.checkpoint)
        child = spawn.spawn(LaunchSpec(["/bin/echo", "x"]))
        await trio.lowlevel.checkpoint()
        assert trace(child) == (2, 0)
        child.close()
    assert capfd.readouterr().out == "x\n"


TERMINAL = """
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
from gdbstub.linux import spawn
from gdbstub.target.ops import LaunchSpec
said = []
for _ in range(2):
    child = spawn.spawn(LaunchSpec(["/bin/sh", "-c", "grep SigIgn /proc/self/status"], redirect_stdio=True))
    said.append(os.tcgetpgrp(2) == child.pid)
    child.release()
    os.waitpid(child.pid, 0)
    child.close()
said.append(signal.getsignal(signal.SIGTTOU) == signal.SIG_IGN)
spawn.restore_terminal()
spawn.restore_terminal()
said.append(os.tcgetpgrp(2) == os.getpgrp())
print(said)
"""


def test_the_program_gets_the_terminal_and_gives_it_back() -> None:
    controller, device = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", TERMINAL], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=device
    ) as process:
        out, _ = process.communicate(timeout=30)
    text = os.read(controller, 1000)
    os.close(device)
    os.close(controller)
    assert out == b"[True, True, True, True]\n", text
    assert text.count(b"SigIgn:\t0000000000000000") == 2, text


# Standard streams


def test_streams_are_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("line\n")
    streams = ("in", "out", str(tmp_path / "err"))
    spec = LaunchSpec(
        ["/bin/sh", "-c", "cat; echo no >&2"], with_shell=False, working_directory=str(tmp_path), streams=streams
    )
    child = spawn.spawn(spec)
    assert trace(child)[1] == 0
    child.close()
    assert ((tmp_path / "out").read_text(), (tmp_path / "err").read_text()) == ("line\n", "no\n")


def test_one_file_for_both_outputs_is_written_in_order(tmp_path: Path) -> None:
    path = str(tmp_path / "both")
    spec = LaunchSpec(
        ["/bin/sh", "-c", "echo a; echo b >&2; echo c"], with_shell=False, streams=("/dev/null", path, path)
    )
    child = spawn.spawn(spec)
    assert trace(child)[1] == 0
    child.close()
    assert Path(path).read_text() == "a\nb\nc\n"


def test_a_stream_that_cannot_be_opened_is_named() -> None:
    child = spawn.spawn(LaunchSpec(["/bin/true"], with_shell=False, streams=(None, "/no-such-folder/x", None)))
    _, status = os.waitpid(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 127
    assert child.failure() == "Cannot open /no-such-folder/x: No such file or directory"
    assert child.cause() == "open failed: No such file or directory"
    child.release()
    child.close()


def test_a_program_that_nobody_traces_is_reaped() -> None:
    child = spawn.spawn(LaunchSpec(["/bin/true"], with_shell=False))
    child.release()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.failure() is None
    child.reap()
    child.reap()
    child.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, 0)
