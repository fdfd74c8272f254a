"""engines.syscalls: a log over a target that is made up."""

from __future__ import annotations

import errno
import json
import re
import struct
from collections.abc import Callable

import pytest

from gdbstub.abi.names import AUDIT_ARCH_I386, AUDIT_ARCH_X86_64
from gdbstub.engines.syscalls import options
from gdbstub.engines.syscalls.log import SyscallLog
from gdbstub.engines.syscalls.summary import table
from gdbstub.target.calls import SyscallInfo
from gdbstub.target.engine import Vote
from gdbstub.target.events import (
    Execed,
    Forked,
    ForkKind,
    JobStopped,
    Joined,
    ProcessExited,
    SignalStop,
    SyscallStop,
    ThreadExited,
    ThreadStarted,
)
from gdbstub.vocab.ids import EngineId, Pid, Signo, Tid
from tests.support.fake_target import BASE, FakeProcess, FakeTarget, FakeThread

PID, T1, T2, CHILD = Pid(100), Tid(100), Tid(101), Pid(200)
READ, WRITE, CLOSE, GETPID, PAUSE, EXIT_GROUP, RESTART, EXECVE = 0, 1, 3, 39, 34, 231, 219, 59


class Play:
    """A log, and what happens to its threads."""

    def __init__(self, *words: str, threads: int = 2) -> None:
        tids = (T1, T2)[:threads]
        self.process = FakeProcess(PID, {tid: FakeThread(tid) for tid in tids})
        self.target = FakeTarget(self.process)
        self.text = ""
        self.ended = False
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.log = SyscallLog(
            EngineId(7),
            self.target,
            options.parse(words),
            self._write,
            lambda seconds, action: self.timers.append((seconds, action)),
            self._end,
        )
        self.target.engine = self.log
        self.target.deliver(Joined(PID, T1))

    def _write(self, text: str) -> None:
        self.text += text

    def _end(self) -> None:
        self.ended = True

    def take(self) -> str:
        text, self.text = self.text, ""
        return text

    def enter(self, tid: Tid, number: int, *args: int, arch: int = AUDIT_ARCH_X86_64) -> Vote:
        self.args = (*args, *([0] * (6 - len(args))))
        self.target.syscalls[tid] = SyscallInfo(True, arch, number, self.args)
        return self.target.deliver(SyscallStop(PID, tid, number, True))

    def leave(self, tid: Tid, number: int, *args: int, result: int = 0, arch: int = AUDIT_ARCH_X86_64) -> Vote:
        args = (*args, *([0] * (6 - len(args))))
        failed = -4096 < result < 0
        self.target.syscalls[tid] = SyscallInfo(False, arch, number, args, 0, result, failed)
        return self.target.deliver(SyscallStop(PID, tid, number, False))

    def call(self, tid: Tid, number: int, *args: int, result: int = 0) -> None:
        self.enter(tid, number, *args)
        self.leave(tid, number, *args, result=result)


def test_a_call_is_one_line() -> None:
    play = Play(threads=1)
    play.take()
    play.call(T1, GETPID, result=100)
    assert play.take() == f"{'getpid()':39} = 100\n"
    play.call(T1, CLOSE, 9, result=-errno.EBADF)
    assert play.take() == f"{'close(9)':39} = -1 EBADF (Bad file descriptor)\n"


def test_a_line_is_begun_at_the_entry() -> None:
    play = Play(threads=1)
    play.take()
    play.enter(T1, READ, 0, BASE, 4)
    assert play.take() == "read(0, "
    play.process.memory[:4] = b"text"
    play.leave(T1, READ, 0, BASE, 4, result=4)
    assert play.take() == f'"text", 4){" " * 21} = 4\n'


def test_another_thread_interrupts_a_line() -> None:
    play = Play()
    play.take()
    play.enter(T1, READ, 0, BASE, 4)
    play.call(T2, GETPID, result=100)
    play.enter(T2, PAUSE)
    play.leave(T1, READ, 0, BASE, 4, result=0)
    lines = play.take().splitlines()
    assert lines[0] == "[pid   100] read(0,  <unfinished ...>"
    assert lines[1].split() == ["[pid", "101]", "getpid()", "=", "100"]
    assert lines[2] == "[pid   101] pause( <unfinished ...>"
    assert lines[3].startswith('[pid   100] <... read resumed>"", 4)') and lines[3].endswith("= 0")


def test_threads_are_named_while_there_are_several() -> None:
    play = Play(threads=1)
    play.target.deliver(ThreadStarted(PID, T1))
    play.take()
    play.call(T1, GETPID, result=100)
    assert play.take().startswith("getpid")
    play.process.threads[T2] = FakeThread(T2)
    play.target.deliver(ThreadStarted(PID, T2))
    assert play.take() == "gdbstub: Process 101 attached\n"
    play.call(T1, GETPID, result=100)
    assert play.take().startswith("[pid   100] getpid")
    play.target.deliver(ThreadExited(PID, T2, 0))
    assert play.take() == "[pid   101] +++ exited with 0 +++\n"
    play.call(T1, GETPID, result=100)
    assert play.take().startswith("getpid")


def test_a_call_that_does_not_return() -> None:
    play = Play(threads=1)
    play.take()
    play.enter(T1, EXIT_GROUP, 3)
    play.target.deliver(ProcessExited(PID, T1, 3, None))
    assert play.take() == f"{'exit_group(3)':39} = ?\n+++ exited with 3 +++\n"
    assert play.ended and play.log.exits[PID].code == 3


def test_a_death_inside_a_call() -> None:
    play = Play()
    play.take()
    play.enter(T2, READ, 0, BASE, 4)
    play.enter(T1, PAUSE)
    play.target.deliver(ThreadExited(PID, T2, 9, Signo(9)))
    play.target.deliver(ProcessExited(PID, T1, 0, Signo(6), dumped_core=True))
    assert [" ".join(line.split()) for line in play.take().splitlines()] == [
        "[pid 101] read(0, <unfinished ...>",
        "[pid 100] pause( <unfinished ...>",
        "[pid 101] <... read resumed> <unfinished ...>) = ?",
        "[pid 101] +++ killed by SIGKILL +++",
        "<... pause resumed>) = ?",
        "+++ killed by SIGABRT (core dumped) +++",
    ]


def test_a_call_that_was_under_way_is_not_shown() -> None:
    play = Play(threads=1)
    play.take()
    play.leave(T1, READ, 0, BASE, 4, result=4)
    assert play.take() == ""
    play.enter(T1, RESTART)
    assert play.take() == "restart_syscall(<... resuming interrupted system call ...>"


def test_signals() -> None:
    play = Play("-e", "signal=!USR2", threads=1)
    play.take()
    info = struct.pack("=iiiiii", 10, 0, 0, 0, 5, 6).ljust(128, b"\0")
    play.target.thread(T1).siginfo = info
    assert play.target.deliver(SignalStop(PID, T1, Signo(10))) is Vote.CONTINUE
    assert play.take() == "--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=5, si_uid=6} ---\n"
    play.target.deliver(JobStopped(PID, T1, Signo(19)))
    assert play.take() == "--- stopped by SIGSTOP ---\n"
    assert play.log.passes(PID, Signo(12)) and not play.log.passes(PID, Signo(10))


def test_children_are_kept_and_run_on() -> None:
    play = Play(threads=1)
    play.target.processes[CHILD] = FakeProcess(CHILD, {Tid(CHILD): FakeThread(Tid(CHILD))})
    play.target.take_calls()
    assert play.target.deliver(Forked(PID, T1, CHILD, ForkKind.FORK)) is Vote.CONTINUE
    names = [call[0] for call in play.target.take_calls()]
    assert "keep" in names and "resume" in names
    assert play.log.children == {CHILD}
    play.target.deliver(ProcessExited(CHILD, Tid(CHILD), 0, None))
    assert play.log.children == set() and not play.ended


def test_an_exec_by_another_thread_takes_the_leaders_place() -> None:
    play = Play()
    play.take()
    play.enter(T1, PAUSE)
    play.enter(T2, EXECVE, 0, 0, 0)
    play.target.deliver(Execed(PID, T1, b"/bin/true", T2))
    play.leave(T1, EXECVE, 0, 0, 0, result=0)
    assert [" ".join(line.split()) for line in play.take().splitlines()] == [
        "[pid 100] pause( <unfinished ...>",
        "[pid 101] execve(NULL, NULL, NULL <unfinished ...>",
        "[pid 100] <... pause resumed>) = ?",
        "[pid 100] +++ superseded by execve in pid 101 +++",
        "<... execve resumed>) = 0",
    ]


def test_only_some_calls() -> None:
    play = Play("-e", "trace=close,/^get.id$", threads=1)
    play.take()
    assert play.log.catches(PID, CLOSE) and play.log.catches(PID, -1) and not play.log.catches(PID, READ)
    play.call(T1, GETPID, result=1)
    # getpid of 32-bit programs is 20, which is writev here.
    play.enter(T1, 20, arch=AUDIT_ARCH_I386)
    play.leave(T1, 20, result=1, arch=AUDIT_ARCH_I386)
    play.call(T1, 20)
    assert [line.split("(")[0] for line in play.take().splitlines()] == ["getpid", "getpid"]


def test_what_another_client_makes_of_a_call_is_shown() -> None:
    play = Play(threads=1)
    play.take()
    play.enter(T1, CLOSE, 3)
    play.leave(T1, GETPID, 3, result=100)
    assert [" ".join(line.split()) for line in play.take().splitlines()] == ["close(3) = ?", "getpid() = 100"]


def test_durations_and_times() -> None:
    play = Play("-T", "-ttt", threads=1)
    play.take()
    play.call(T1, GETPID, result=100)
    words = play.take().split()
    # However long this process had to wait for its turn in between.
    assert float(words[0]) > 1e9 and re.fullmatch(r"<\d+\.\d{6}>", words[-1])
    play = Play("-tt", "-r", threads=1)
    play.take()
    play.call(T1, GETPID)
    assert len(play.take().split()[1]) == len("12:34:56.123456")


def test_descriptors_with_paths() -> None:
    play = Play("-y", threads=1)
    play.take()
    play.call(T1, CLOSE, 3)
    assert play.take().startswith("close(3</open/3>)")


def test_json() -> None:
    play = Play("--json", threads=1)
    play.process.memory[:4] = b"text"
    play.call(T1, READ, 0, BASE, 4, result=4)
    play.call(T1, CLOSE, 3, result=-errno.EBADF)
    play.enter(T1, EXIT_GROUP, 0)
    play.target.deliver(SignalStop(PID, T1, Signo(15)))
    play.target.deliver(ProcessExited(PID, T1, 0, Signo(15)))
    calls = [json.loads(line) for line in play.take().splitlines()]
    assert [(each["pid"], each["tid"]) for each in calls] == [(100, 100)] * 5
    assert calls[0]["syscall"] == "read" and calls[0]["args"] == '0, "text", 4' and calls[0]["result"] == 4
    assert calls[1]["error"] == "EBADF" and calls[1]["result"] == -1
    assert calls[2]["signal"] == "SIGTERM"
    assert calls[3]["syscall"] == "exit_group" and calls[3]["result"] is None
    assert calls[4]["killed_by"] == "SIGTERM"


def test_a_summary() -> None:
    play = Play("-c", "-S", "name", threads=1)
    for result in (0, -errno.EBADF, 0):
        play.call(T1, CLOSE, 3, result=result)
    play.call(T1, GETPID, result=100)
    assert play.take() == ""
    play.log.finish()
    rows = [line.split() for line in play.take().splitlines()]
    assert rows[0] == ["%", "time", "seconds", "usecs/call", "calls", "errors", "syscall"]
    assert (
        rows[2][3:] == ["3", "1", "close"] and rows[3][3:] == ["1", "getpid"] and rows[5][3:] == ["4", "1", "total"]
    )
    both = Play("-C", threads=1)
    both.take()
    both.call(T1, GETPID, result=100)
    both.log.finish()
    assert both.take().startswith("getpid()") and both.log is not None


def test_a_table_without_time() -> None:
    assert "0.00    0.000000" in table([("x", 1, 0, 0)])


def test_an_error_is_put_into_a_call() -> None:
    play = Play("-e", "inject=close:error=ENOSPC:when=2+", threads=1)
    play.take()
    play.target.take_calls()
    play.call(T1, CLOSE, 3)
    assert not any(call[0] == "skip_syscall" for call in play.target.take_calls())
    play.enter(T1, CLOSE, 3)
    assert ("skip_syscall", T1, -errno.ENOSPC) in play.target.take_calls()
    play.leave(T1, CLOSE, 3, result=-errno.ENOSPC)
    assert play.take().splitlines()[1].endswith("= -1 ENOSPC (No space left on device) (INJECTED)")


def test_a_call_that_is_not_shown_may_be_changed() -> None:
    play = Play("-e", "trace=read", "-e", "fault=close", threads=1)
    play.take()
    assert play.log.catches(PID, CLOSE)
    play.enter(T1, CLOSE, 3)
    assert ("skip_syscall", T1, -38) in play.target.take_calls()
    play.leave(T1, CLOSE, 3, result=-38)
    assert play.take() == ""


def test_signals_and_delays_are_put_into_calls() -> None:
    play = Play("-e", "inject=close:signal=USR1:delay_enter=2ms:delay_exit=1s", threads=1)
    play.target.take_calls()
    assert play.enter(T1, CLOSE, 3) is Vote.STOP
    assert ("send_at_syscall", T1, 10) in play.target.take_calls()
    (seconds, resume), *_ = play.timers
    assert seconds == pytest.approx(0.002)
    resume()
    assert any(call[0] == "amend" for call in play.target.take_calls())
    assert play.leave(T1, CLOSE, 3) is Vote.STOP
    assert play.timers[1][0] == pytest.approx(1.0)


def test_a_process_that_is_lost() -> None:
    play = Play(threads=1)
    play.take()
    play.enter(T1, PAUSE)
    play.log.on_lost(PID)
    assert play.take() == "pause( <unfinished ...>\ngdbstub: Process 100 detached\n"
    assert play.ended


def test_the_end_of_a_log_lets_go_what_only_it_kept() -> None:
    play = Play(threads=1)
    play.log.begin()
    play.take()
    play.enter(T1, PAUSE)
    play.log.end()
    assert play.take() == "pause( <detached ...>\n"
    play.log.finish()
    assert play.take() == ""
