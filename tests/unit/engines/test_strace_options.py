"""engines.syscalls: options, sets of calls, classes, faults."""

from __future__ import annotations

import pytest

from gdbstub.abi.names import AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, names_of
from gdbstub.engines.syscalls import classes, injection, options, selection
from gdbstub.engines.syscalls.injection import When
from gdbstub.engines.syscalls.options import Clock, Form
from gdbstub.vocab.errors import StartupError


def names(text: str, arch: int = AUDIT_ARCH_X86_64) -> set[str]:
    chosen = selection.calls(text)
    assert chosen is not None
    return {names_of(arch)[number] for number in chosen[arch]}


def test_sets_of_calls() -> None:
    assert names("open,close") == {"open", "close"}
    assert names("/^epoll_c") == {"epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old"}
    assert names("39") >= {"getpid"}
    assert names("?nothing,read") == {"read"}
    assert names("socketcall", AUDIT_ARCH_I386) == {"socketcall"} and names("socketcall") == set()
    assert "open" not in names("!open") and "close" in names("!open")
    assert names("none") == set() and selection.calls("all") is None and selection.calls("!none") is None


@pytest.mark.parametrize("text", ["nothing", "open,nothing", "%nothing", "/("])
def test_sets_that_make_no_sense(text: str) -> None:
    with pytest.raises(StartupError):
        selection.calls(text)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("file", "openat execve stat rename getcwd chdir", "read close socket"),
        ("desc", "read write close openat mmap epoll_wait fcntl ioctl dup2", "getpid fork"),
        ("process", "fork execve exit_group wait4 kill", "read setpgid"),
        ("network", "socket connect sendmsg accept4", "read write"),
        ("net", "socket", "read"),
        ("signal", "rt_sigaction kill rt_sigreturn pause", "read"),
        ("memory", "mmap brk mprotect", "read"),
        ("ipc", "shmget semop", "read"),
        ("creds", "getuid setresgid prctl", "read"),
        ("stat", "stat", "lstat fstat"),
        ("%stat", "stat lstat newfstatat statx", "read"),
        ("statfs", "statfs", "fstatfs"),
        ("%statfs", "statfs fstatfs", "read"),
        ("clock", "clock_gettime gettimeofday", "read"),
        ("pure", "getpid getppid", "read"),
    ],
)
def test_classes(name: str, inside: str, outside: str) -> None:
    found = names("%" + name)
    assert found >= set(inside.split()) and found.isdisjoint(outside.split())
    everything = {each for arch in selection.ARCHES for each in names_of(arch).values()}
    assert (classes.members(name) or set()) <= everything | {"epoll_wait_old"}


def test_classes_without_a_percent_sign() -> None:
    assert names("file") == names("%file")


def test_signals() -> None:
    assert selection.signal_set("INT,SIGTERM,9") == {2, 15, 9}
    assert 2 not in selection.signal_set("!int") and len(selection.signal_set("!int")) == 63
    assert selection.signal_set("none") == frozenset() and len(selection.signal_set("all")) == 64
    with pytest.raises(StartupError):
        selection.signal_set("NOTHING")


@pytest.mark.parametrize(
    ("text", "counts"),
    [("1", [1]), ("2", [2]), ("2+", [2, 3, 4, 5, 6]), ("1+2", [1, 3, 5]), ("2..3", [2, 3]), ("1..5+2", [1, 3, 5])],
)
def test_when(text: str, counts: list[int]) -> None:
    found = injection.parse(f"read:error=EIO:when={text}").when
    assert [count for count in range(1, 7) if found.matches(count)] == counts


def test_faults() -> None:
    found = injection.parse("read:error=EIO:signal=USR1:delay_enter=5:delay_exit=2ms")
    assert (found.result, found.signal, found.when) == (-5, 10, When())
    assert found.delay_before == pytest.approx(5e-6) and found.delay_after == pytest.approx(0.002)
    assert injection.parse("read:retval=0x10").result == 16
    assert injection.parse("read", fault=True).result == -38
    assert injection.parse("all:error=1").concerns(AUDIT_ARCH_X86_64, 12)
    assert not injection.parse("read:error=1").concerns(0x1234, 0)


@pytest.mark.parametrize(
    "text",
    [
        "read",
        "read:error=ENOTHING",
        "read:error=0",
        "read:retval=x",
        "read:retval=-1",
        "read:signal=NOPE",
        "read:delay_exit=5h",
        "read:colour=red",
        "read:error=EIO:when=0",
        "read:error=EIO:when=x",
        "read:error=EIO:when=3..2",
        "read:error=EIO:when=1+0",
    ],
)
def test_faults_that_make_no_sense(text: str) -> None:
    with pytest.raises(StartupError):
        injection.parse(text)


def test_options() -> None:
    found = options.parse(["-ff", "-tt", "-Ty", "-s100", "-e", "trace=read", "-e", "signal=none", "-qq", "-v"])
    assert found.clock is Clock.MICROSECONDS and found.durations and found.paths and found.quiet == 2
    assert found.style.limit == 100 and found.style.verbose and found.signals == frozenset()
    assert found.calls is not None and found.calls[AUDIT_ARCH_X86_64] == {0}
    assert options.parse(["-e", "read"]).calls == found.calls == options.parse(["--trace=read"]).calls
    assert options.parse(["-c"]).form is Form.SUMMARY and options.parse(["-C"]).form is Form.BOTH
    assert options.parse(["--json"]).form is Form.OBJECTS and options.parse(["--name-threads"]).name_threads
    assert options.parse(["-ttt"]).clock is Clock.EPOCH and options.parse(["-tttt"]).clock is Clock.EPOCH
    assert options.parse(["-S", "calls", "--relative-timestamps", "--string-limit=3"]).style.limit == 3
    assert options.parse(["--summary-sort-by=name", "--summary"]).sort == "name"


def test_calls_that_are_looked_at() -> None:
    assert options.parse([]).caught is None
    assert options.parse(["-e", "read", "-e", "inject=all:error=1"]).caught is None
    both = options.parse(["-e", "read", "-e", "fault=write"]).caught
    assert both is not None and both[AUDIT_ARCH_X86_64] == {0, 1}
    assert options.parse(["-e", "inject=read:signal=1"]).sends_signals and not options.parse([]).sends_signals


@pytest.mark.parametrize(
    "words",
    [["-Z"], ["-s"], ["-s", "x"], ["-e"], ["-S", "x"], ["--colour"], ["file"], ["-tZ"], ["-e", "trace=nothing"]],
)
def test_options_that_make_no_sense(words: list[str]) -> None:
    with pytest.raises(StartupError):
        options.parse(words)
