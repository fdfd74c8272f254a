"""Starting a program so that it can be traced from its first instruction.

Layer: linux.  Used by: tracer.  Source: execve(2), personality(2), setpgid(2), tcsetpgrp(3).

Theory of operation.  The child is forked, sets itself up and then reads from a
pipe.  The tracer seizes it there and calls ``release``; only then does the
child exec.  It execs the shell, the shell execs the wrapper, the wrapper execs
the program: the tracer lets ``execs_to_skip`` of these pass.  If the server
dies first the pipe ends, and the child exits.

Whatever can be prepared is prepared before the fork.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from gdbstub.linux import ptrace_calls
from gdbstub.linux.constants import ADDR_NO_RANDOMIZE
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid
from gdbstub.vocab.shellwords import escape_for_shell

if TYPE_CHECKING:
    # Few programs are filtered.
    from gdbstub.linux import seccomp

#: What a shell exits with when it cannot run a command.
EXIT_CANNOT_EXEC: Final = 127

#: personality(2): ask only.
_ASK_PERSONALITY = 0xFFFFFFFF

#: Python ignores these when it starts; programs expect the default.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)

#: What the child reports when it fails: which step, and the errno.
_REPORT = struct.Struct("=ii")
_STEP_EXEC = 0
_STEP_CHDIR = 1
#: And the two that follow.
_STEP_STDIN = 2
#: Behind the three streams.
_STEP_FILTER = 5

_CALLS = {_STEP_EXEC: "execve", _STEP_CHDIR: "chdir"}

#: How a program's stdin, stdout and stderr are opened; none becomes its terminal.
_STREAM_FLAGS = (
    os.O_RDONLY | os.O_NOCTTY,
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOCTTY,
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOCTTY,
)


class Spawned:
    """A child that waits to be seized before it execs."""

    def __init__(self, pid: Pid, execs_to_skip: int, what: Sequence[str], release_fd: int, report_fd: int) -> None:
        self.pid = pid
        #: How many exec events come before the program's own.
        self.execs_to_skip = execs_to_skip
        #: What the user should know: a wish that the kernel did not grant.
        self.warning: str | None = None
        self._what = what
        self._release_fd = release_fd
        self._report_fd = report_fd
        self._report = b""

    def release(self) -> None:
        """Let the child exec; it is seized."""
        if self._release_fd < 0:
            return
        # A child that was killed meanwhile is reported by wait.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._release_fd, b"!")
        os.close(self._release_fd)
        self._release_fd = -1

    def failure(self) -> str | None:
        """Tell why the child could not exec, once it has exited; None where it did, or has not yet."""
        if self._report_fd >= 0:
            try:
                self._report = os.read(self._report_fd, _REPORT.size)
            except BlockingIOError:
                return None
            os.close(self._report_fd)
            self._report_fd = -1
        if len(self._report) != _REPORT.size:
            return None
        step, code = _REPORT.unpack(self._report)
        return f"{self._what[step]}: {os.strerror(code)}"

    @property
    def report_fd(self) -> int:
        """What becomes readable when the child has been released and has exec'd or failed."""
        return self._report_fd

    def reap(self) -> None:
        """Take notice that the child has ended, where it has and nobody else did."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)

    def cause(self) -> str:
        """Tell which call of the child failed, once ``failure`` has told that one did; else empty."""
        if len(self._report) != _REPORT.size:
            return ""
        step, code = _REPORT.unpack(self._report)
        return f"{_CALLS.get(step, 'open')} failed: {os.strerror(code)}"

    def close(self) -> None:
        """Forget the child; one that was not released exits by itself."""
        for fd in (self._release_fd, self._report_fd):
            if fd >= 0:
                os.close(fd)
        self._release_fd = self._report_fd = -1


# What is executed


def command_of(spec: LaunchSpec, shell: str) -> tuple[list[str], int]:
    """Return the words to exec, and how many exec events precede the program's."""
    wrapped = 1 if spec.wrapper else 0
    if not spec.with_shell:
        if spec.raw_arguments:
            return [*spec.wrapper, spec.argv[0], *_split(" ".join(spec.argv[1:]))], wrapped
        return [*spec.wrapper, *spec.argv], wrapped
    program, *arguments = spec.argv
    # The wrapper was always the shell's to read: users quote for it.
    words = ["exec", *spec.wrapper, escape_for_shell(program)]
    words += arguments if spec.raw_arguments else map(escape_for_shell, arguments)
    return [shell, "-c", " ".join(words)], 1 + wrapped


def _split(line: str) -> list[str]:
    """Take arguments that were written for a shell apart, without a shell."""
    import shlex

    try:
        return shlex.split(line)
    except ValueError as failure:
        raise TargetError(errno.EINVAL, f"the program's arguments: {failure}") from None


def _candidates(program: str, environment: Mapping[str, str] | None) -> list[str]:
    """Return the paths that execvp(3) would try."""
    if "/" in program:
        return [program]
    return [os.path.join(folder, program) for folder in os.get_exec_path(environment)]


# The child


def _open_streams(paths: Sequence[str | None]) -> tuple[int, int]:
    """Open what the program is to have as its standard streams; return which one failed, and the errno, or 0."""
    for fd, path in enumerate(paths):
        if path is None:
            continue
        if fd == 2 and path == paths[1]:
            # Opened twice, each would overwrite what the other has written.
            os.dup2(1, 2)
            continue
        try:
            opened = os.open(path, _STREAM_FLAGS[fd], 0o666)
        except OSError as failure:
            return fd, failure.errno or errno.EIO
        os.dup2(opened, fd)
        if opened != fd:
            os.close(opened)
    return 0, 0


def _exec_first(candidates: Sequence[str], argv: list[str], environment: Mapping[str, str] | None) -> int:
    """Exec the first path that can be; return the errno to report where none can."""
    code = errno.ENOENT
    for path in candidates:
        try:
            if environment is None:
                os.execv(path, argv)
            else:
                os.execve(path, argv, environment)
        except OSError as failure:
            if failure.errno == errno.EACCES:
                code = errno.EACCES
            elif failure.errno not in (errno.ENOENT, errno.ENOTDIR):
                return failure.errno or errno.ENOEXEC
    return code


def _run_child(
    spec: LaunchSpec,
    candidates: Sequence[str],
    argv: list[str],
    to_default: Sequence[int],
    null_fd: int,
    gate_fds: tuple[int, int],
    report_fd: int,
    seccomp_filter: seccomp.Filter | None,
) -> NoReturn:
    """Become the program, or report why not.  Never returns, never raises."""
    step, code = _STEP_EXEC, errno.EINVAL
    try:
        signal.set_wakeup_fd(-1)
        for number in to_default:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if spec.own_group:
            os.setpgid(0, 0)
        os.close(gate_fds[1])
        if null_fd >= 0:
            os.dup2(null_fd, 0)
            os.dup2(2, 1)
        if spec.working_directory is not None:
            step = _STEP_CHDIR
            os.chdir(os.path.expanduser(spec.working_directory))
            step = _STEP_EXEC
        stream, code = _open_streams(spec.streams)
        if code:
            step = _STEP_STDIN + stream
            raise OSError(code, "")
        code = errno.EINVAL
        if not os.read(gate_fds[0], 1):
            os._exit(EXIT_CANNOT_EXEC)
        if seccomp_filter is not None:
            step = _STEP_FILTER
            code = seccomp_filter.install()
            if code:
                raise OSError(code, "seccomp")
            step = _STEP_EXEC
        code = _exec_first(candidates, argv, spec.environment)
    except OSError as failure:
        code = failure.errno or code
    except BaseException:  # noqa: BLE001 - a copy of the server must never run on
        code = errno.EINVAL
    try:
        os.write(report_fd, _REPORT.pack(step, code))
    finally:
        os._exit(EXIT_CANNOT_EXEC)


# The parent


def _disable_randomization() -> tuple[int, str | None]:
    """Turn randomization off for what this process execs next; return how it was, and what went wrong."""
    before = ptrace_calls.personality(_ASK_PERSONALITY)
    if before == -1 or ptrace_calls.personality(before | ADDR_NO_RANDOMIZE) == -1:
        return -1, "address space randomization stays on: personality(2) is not allowed here"
    return before, None


def _signals_to_default() -> list[int]:
    """Return the signals that the program must not find as this server has them.

    Python's handlers end with exec, but must not run in the child before it.
    """
    handled = [number for number in signal.valid_signals() if callable(signal.getsignal(number))]
    return [*handled, *_IGNORED_BY_PYTHON, *_foreground.ignored]


def spawn(spec: LaunchSpec) -> Spawned:
    """Fork a child that will run a program.

    The child blocks until ``release``.  Where it has a process group of its own and we are the foreground of our
    terminal, the child becomes that, so that it can read from it and gets the signals of its keys.

    Raises:
        TargetError: The machine has no process or descriptor left, there is no program to run, or a word
            has a NUL byte in it.
    """
    if not spec.argv or not spec.argv[0]:
        raise TargetError(errno.ENOENT, "there is no program to run")
    shell = os.environ.get("SHELL") or "/bin/sh"
    argv, execs_to_skip = command_of(spec, shell)
    if any("\0" in word for word in argv):
        raise TargetError(errno.EINVAL, "a NUL byte in the command")
    candidates = [spec.path] if spec.path is not None else _candidates(argv[0], spec.environment)
    to_default = _signals_to_default()
    seccomp_filter = None
    if spec.only_syscalls is not None:
        from gdbstub.linux import seccomp

        seccomp_filter = seccomp.Filter(seccomp.program(spec.only_syscalls))
    fds: list[int] = []
    try:
        gate_fds = os.pipe()
        fds += gate_fds
        report_fds = os.pipe()
        fds += report_fds
        null_fd = -1
        if spec.redirect_stdio:
            null_fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
            fds.append(null_fd)
        persona, warning = _disable_randomization() if spec.disable_randomization else (-1, None)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                _run_child(spec, candidates, argv, to_default, null_fd, gate_fds, report_fds[1], seccomp_filter)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if persona != -1:
                ptrace_calls.personality(persona)
    except OSError as failure:
        for fd in fds:
            os.close(fd)
        raise TargetError(failure.errno or errno.EAGAIN, f"cannot start a process: {failure.strerror}") from None
    os.close(gate_fds[0])
    os.close(report_fds[1])
    if null_fd >= 0:
        os.close(null_fd)
    os.set_blocking(report_fds[0], False)
    if spec.own_group:
        # Both sides set it, so that it is done whichever runs first.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        _foreground.give(pid)
    what = [f"Cannot exec {argv[0]}", f"Cannot change directory to {spec.working_directory}"]
    what += [f"Cannot open {path}" for path in spec.streams]
    what.append("Cannot filter system calls")
    spawned = Spawned(Pid(pid), execs_to_skip, what, gate_fds[1], report_fds[0])
    spawned.warning = warning
    return spawned


# The terminal


class _Foreground:
    """Whose keys the terminal's are: a program's that we started, or our own group's."""

    def __init__(self) -> None:
        self._terminal = 2
        self._given: int | None = None
        #: Signals that this server ignores on account of the terminal.
        self.ignored: list[int] = []

    def give(self, group: int) -> None:
        """Make a program's group the foreground one, where that was ours to give."""
        terminal = next((fd for fd in (2, 0, 1) if os.isatty(fd)), None)
        if terminal is None:
            return
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(terminal) not in (os.getpgrp(), self._given):
                return
            if not self.ignored and signal.getsignal(signal.SIGTTOU) != signal.SIG_IGN:
                # In the background now, we must still be able to write, and to take the terminal back.
                signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                self.ignored.append(signal.SIGTTOU)
            os.tcsetpgrp(terminal, group)
            self._terminal, self._given = terminal, group

    def take_back(self) -> None:
        """Make our own group the foreground one, unless somebody else took over."""
        if self._given is None:
            return
        given, self._given = self._given, None
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._terminal) in (given, 0):
                os.tcsetpgrp(self._terminal, os.getpgrp())


_foreground = _Foreground()


def restore_terminal() -> None:
    """Take the terminal back from the last program that was started; harmless where there is none."""
    _foreground.take_back()
