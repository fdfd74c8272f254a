from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gdbstub.cli import doctor
from gdbstub.linux import diagnose
from gdbstub.linux.diagnose import CAP_SYS_PTRACE, Finding, ProcessFacts, SelfFacts, Verdict
from gdbstub.vocab.ids import Tid

NOBODY = 2**22 + 1

ME = SelfFacts(
    pid=50,
    uid=1000,
    gid=1000,
    effective=0,
    permitted=0,
    seccomp=0,
    yama=None,
    user_namespace=b"user:[1]",
    label="",
    kernel="6.1.0-9-amd64",
)
ADMIN = replace(ME, uid=0, gid=0, effective=1 << CAP_SYS_PTRACE, permitted=1 << CAP_SYS_PTRACE)
IT = ProcessFacts(
    pid=70,
    thread_group=70,
    state="S",
    flags=0,
    ancestors=(60, 1),
    parent_command="make test",
    tracer=None,
    tracer_command=(),
    tracer_ancestors=(),
    uids=(1000, 1000, 1000),
    gids=(1000, 1000, 1000),
    permitted=0,
    dumpable=True,
    user_namespace=b"user:[1]",
    namespace_ids=(70,),
    live=(Tid(70),),
    visible=True,
)


def judged(it: ProcessFacts, me: SelfFacts) -> list[Finding]:
    return [f for rule in diagnose._PROCESS_RULES if (f := rule(it, me)) is not None]


def refusals(it: ProcessFacts, me: SelfFacts = ME) -> list[Finding]:
    return [f for f in judged(it, me) if f.verdict is Verdict.REFUSED]


def test_an_ordinary_process_is_not_refused() -> None:
    assert judged(IT, ME) == []
    assert judged(replace(IT, uids=(7, 7, 7), gids=(7, 7, 7), permitted=1, dumpable=False), ADMIN) == []


@pytest.mark.parametrize(
    ("it", "me", "rule", "says"),
    [
        (replace(IT, thread_group=50), ME, "itself", "this server itself"),
        (replace(IT, flags=diagnose.PF_KTHREAD), ADMIN, "kernel thread", "kernel thread"),
        (replace(IT, state="Z", live=()), ADMIN, "zombie", "parent (process 60, make test)"),
        (
            replace(IT, state="Z", live=(Tid(71), Tid(72))),
            ADMIN,
            "zombie leader",
            "Attach to one of them: 71.",
        ),
        (replace(IT, tracer=9), ADMIN, "tracer", "traced by process 9."),
        (replace(IT, tracer=9, tracer_command=("gdb", "-p", "70")), ADMIN, "tracer", "process 9 (gdb -p 70)"),
        (replace(IT, tracer=50), ADMIN, "tracer", "by this server"),
        (
            replace(IT, tracer=9, tracer_command=("python3", "-m", "gdbstub", ":1")),
            ADMIN,
            "tracer",
            "Connect to that gdbstub",
        ),
        (
            replace(IT, tracer=9, tracer_command=("/usr/bin/gdbstub",)),
            ADMIN,
            "tracer",
            "Connect to that gdbstub",
        ),
        (replace(IT, tracer=9, tracer_ancestors=(70, 60)), ADMIN, "tracer", "child of its own"),
        (replace(IT, uids=(0, 0, 0)), ME, "user", "belongs to user root"),
        (replace(IT, uids=(1000, 0, 0)), ME, "user", "set-user-ID program"),
        (replace(IT, gids=(1000, 42, 42)), ME, "group", "group ids 1000, 42, 42"),
        (replace(IT, dumpable=False), ME, "dumpable", "not dumpable"),
        (replace(IT, permitted=0x2000), ME, "capabilities", "0x2000"),
        (IT, replace(ME, yama=1), "Yama", "ptrace_scope is 1"),
        (IT, replace(ME, yama=2), "Yama", "ptrace_scope is 2"),
        (IT, replace(ADMIN, yama=3), "Yama", "ptrace_scope is 3"),
    ],
)
def test_each_rule_that_refuses(it: ProcessFacts, me: SelfFacts, rule: str, says: str) -> None:
    (finding, *_) = refusals(it, me)
    assert finding.rule == rule
    assert says in str(finding)
    assert str(finding).isascii()


@pytest.mark.parametrize(
    "me",
    [
        replace(ME, yama=0),
        replace(ADMIN, yama=1),
        replace(ADMIN, yama=2),
        # The process descends from this server.
        replace(ME, yama=1, pid=60),
    ],
)
def test_where_yama_lets_through(me: SelfFacts) -> None:
    assert refusals(IT, me) == []


def test_what_is_only_worth_knowing() -> None:
    (thread,) = judged(replace(IT, thread_group=69), ME)
    assert thread.verdict is Verdict.INFO and "Attach to 69" in thread.remedy
    (container,) = judged(replace(IT, namespace_ids=(70, 3)), ME)
    assert container.verdict is Verdict.INFO and "is number 3" in container.text
    (stranger,) = judged(replace(IT, user_namespace=b"user:[2]"), ME)
    assert stranger.verdict is Verdict.DOUBT
    (stranger,) = judged(replace(IT, user_namespace=b"user:[2]"), ADMIN)
    assert stranger.verdict is Verdict.INFO


@pytest.mark.parametrize(
    ("me", "rule", "verdict"),
    [
        (replace(ME, kernel="4.19.0"), "kernel", Verdict.REFUSED),
        (replace(ME, kernel="5.3.1"), "kernel", Verdict.OK),
        (ME, "privilege", Verdict.INFO),
        (ADMIN, "privilege", Verdict.OK),
        (ME, "Yama", Verdict.OK),
        (replace(ME, yama=0), "Yama", Verdict.OK),
        (replace(ME, yama=1), "Yama", Verdict.INFO),
        (replace(ME, yama=2), "Yama", Verdict.REFUSED),
        (replace(ADMIN, yama=2), "Yama", Verdict.OK),
        (replace(ADMIN, yama=3), "Yama", Verdict.REFUSED),
        (ME, "seccomp", Verdict.OK),
        (replace(ME, seccomp=2), "seccomp", Verdict.DOUBT),
        (replace(ME, label="docker-default (enforce)"), "security module", Verdict.DOUBT),
        (replace(ME, label="system_u:system_r:container_t:s0"), "security module", Verdict.DOUBT),
    ],
)
def test_each_rule_about_the_machine(me: SelfFacts, rule: str, verdict: Verdict) -> None:
    findings = [f for check in diagnose._MACHINE_RULES if (f := check(me)) is not None]
    assert [f.verdict for f in findings if f.rule == rule] == [verdict]


def test_an_unconfined_server_has_no_security_module() -> None:
    assert diagnose._security_module(replace(ME, label="unconfined")) is None
    assert diagnose._security_module(ME) is None


# Made-up trees of /proc


def write_status(root: Path, pid: int, **fields: object) -> None:
    folder = root / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    stat = f"{pid} (x) {fields.get('State', 'S')} {fields.get('PPid', 0)} 0 0 0 0 0 0\n"
    (folder / "stat").write_text(stat)
    (folder / "task" / str(pid) / "stat").write_text(stat)
    (folder / "environ").write_text("")
    text = "".join(f"{name}:\t{value}\n" for name, value in fields.items())
    (folder / "status").write_text(text)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    me = os.getpid()
    write_status(
        tmp_path, me, State="R", Tgid=me, Uid="7\t7\t7\t7", Gid="7\t7\t7\t7",
        CapEff="0000000000000000", CapPrm="0000000000000000", Seccomp=0, PPid=1,
    )  # fmt: skip
    write_status(tmp_path, 70, State="S", Tgid=70, Uid="7\t7\t7\t7", Gid="7\t7\t7\t7", TracerPid=0, PPid=60)
    write_status(tmp_path, 60, State="S", Tgid=60, PPid=1)
    (tmp_path / "self").symlink_to(str(me))
    (tmp_path / "70" / "environ").unlink()
    return tmp_path


def yama(tree: Path, scope: int) -> None:
    folder = tree / "sys" / "kernel" / "yama"
    folder.mkdir(parents=True)
    (folder / "ptrace_scope").write_text(f"{scope}\n")


@pytest.mark.parametrize("scope", [1, 2, 3])
def test_yama_in_a_tree(tree: Path, scope: int) -> None:
    yama(tree, scope)
    assert f"ptrace_scope is {scope}" in diagnose.refusal(70, errno.EPERM, root=str(tree))


def test_a_tracer_in_a_tree(tree: Path) -> None:
    status = tree / "70" / "status"
    status.write_text(status.read_text().replace("TracerPid:\t0", "TracerPid:\t60"))
    (tree / "60" / "cmdline").write_bytes(b"strace\0-p\x0070\0")
    assert "process 60 (strace -p 70)" in diagnose.refusal(70, errno.EPERM, root=str(tree))
    (tree / "60" / "cmdline").write_bytes(b"strace\0" + b"x" * 500)
    assert len(diagnose.refusal(70, errno.EPERM, root=str(tree))) < 300


def test_a_seccomp_filter_on_ourselves_in_a_tree(tree: Path) -> None:
    status = tree / str(os.getpid()) / "status"
    status.write_text(status.read_text().replace("Seccomp:\t0", "Seccomp:\t2"))
    assert "--cap-add=SYS_PTRACE" in diagnose.refusal(70, errno.EPERM, root=str(tree))


def test_no_visible_reason_in_a_tree(tree: Path) -> None:
    assert "for no reason that shows" in diagnose.refusal(70, errno.EPERM, root=str(tree))
    assert "Device or resource busy" in diagnose.refusal(70, errno.EBUSY, root=str(tree))
    assert "in the meantime" in diagnose.refusal(70, errno.ESRCH, root=str(tree))
    for code in (errno.ENOSYS, errno.EIO, errno.EINVAL, errno.ENOMEM):
        assert diagnose.refusal(70, code, root=str(tree)).endswith(".")


def test_a_process_that_only_the_kernel_hides(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "_visible", lambda pid, root: False)
    assert "even a look" in diagnose.refusal(70, errno.EPERM, root=str(tree))


def test_a_process_that_proc_hides(tree: Path) -> None:
    # It exists, as this tree does not show.
    assert "hidepid" in diagnose.refusal(os.getppid(), errno.ESRCH, root=str(tree))


# Real processes


@contextmanager
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        yield process.pid
        process.stdin.close()


def test_no_such_process() -> None:
    assert "There is no process" in diagnose.refusal(NOBODY, errno.ESRCH)
    assert "no process id" in diagnose.refusal(0, errno.ESRCH)


def test_this_very_process() -> None:
    assert "this server itself" in diagnose.refusal(os.getpid(), errno.EPERM)


def test_a_zombie() -> None:
    process = subprocess.Popen(["true"])
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        text = diagnose.refusal(process.pid, errno.EPERM)
        assert "has exited" in text and f"process {os.getpid()}" in text
    finally:
        process.wait()


TRACER = """
import os, sys
from gdbstub.linux import ptrace_calls
ptrace_calls.seize(int(sys.argv[1]), 0)
os.write(1, b"r")
os.read(0, 1)
"""


def test_a_traced_process() -> None:
    with (
        sleeper() as pid,
        subprocess.Popen(
            [sys.executable, "-c", TRACER, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as tracer,
    ):
        assert tracer.stdin is not None and tracer.stdout is not None
        if tracer.stdout.read(1) != b"r":
            pytest.skip("[ptrace] this machine lets no sibling trace another")
        assert f"already traced by process {tracer.pid} (" in diagnose.refusal(pid, errno.EPERM)
        assert doctor.run([str(pid)]) == 1
        tracer.stdin.close()


def as_nobody(function: Callable[[], str]) -> str:
    """Call a function in a child of another user."""
    ours, childs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            os.write(childs, function().encode())
        finally:
            os._exit(0)
    os.close(childs)
    with os.fdopen(ours, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(os.getuid() != 0, reason="[root] only root can become another user")
def test_a_process_of_another_user() -> None:
    with sleeper() as pid:
        assert "belongs to user root" in as_nobody(lambda: diagnose.refusal(pid, errno.EPERM))


@pytest.mark.skipif(os.getuid() != 0, reason="[root] only root can become another user")
def test_a_process_that_is_not_dumpable() -> None:
    # A process that has changed its user without an exec is not dumpable.
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(go[1])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            os.write(ready[1], b"r")
            os.read(go[0], 1)
        finally:
            os._exit(0)
    os.read(ready[0], 1)
    try:
        assert "not dumpable" in as_nobody(lambda: diagnose.refusal(child, errno.EPERM))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for fd in (*ready, *go):
            os.close(fd)


def test_the_probe_leaves_no_child() -> None:
    assert diagnose.probe().rule == "probe"
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


# gdbstub doctor


def test_doctor_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    status = doctor.run([])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[1] for line in lines[:-1] if line[0] != " "} >= {
        "kernel",
        "Yama",
        "seccomp",
        "probe",
    }
    refused = any(line.startswith("refused") for line in lines)
    assert status == int(refused)
    assert lines[-1] == ("Tracing will not work." if refused else "Tracing should work.")


def test_doctor_refuses_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run([str(NOBODY)]) == 1
    assert f"Attaching to process {NOBODY} will not work." in capsys.readouterr().out


def test_doctors_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run(["--help"]) == 0
    assert capsys.readouterr().out == doctor.USAGE
    for argv in (["x"], ["1", "2"], ["--nope"], ["-1"]):
        assert doctor.run(argv) == 2
        assert "not a process id" in capsys.readouterr().err
