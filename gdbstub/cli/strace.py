"""``gdbstub strace``: a log of system calls, of a program, of a process, or of what a running server traces.

Layer: cli.  Used by: main.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gdbstub.vocab.errors import StartupError

if TYPE_CHECKING:
    from gdbstub.engines.follower import MakeLog
    from gdbstub.target.ops import LaunchSpec

USAGE = """\
Usage: gdbstub strace [OPTIONS] PROG [ARGS ...]
       gdbstub strace [OPTIONS] -p PID
       gdbstub strace [OPTIONS] COMM

Log the system calls of a program, of a process that runs, or of what a gdbstub that
listens on COMM (HOST:PORT or the path of its socket) traces for its clients already:
they notice nothing of it.  Threads and children are followed.

  -o FILE               Write there instead of stderr; each line begins with a thread's id.
  -p PID                Attach to a process; may be given again.
  -e trace=SET          Only these calls: names, /patterns/, and the classes %file %desc
                        %process %network %signal %memory %ipc %creds %clock %stat ..., with
                        commas; ! in front means all others.  "-e SET" is the same.
  -e signal=SET         Only these signals.
  -e inject=SET:WHAT    Do something to these calls: error=E or retval=N (they do not
                        happen), signal=S, delay_enter=N, delay_exit=N (microseconds, or
                        with ns, us, ms, s); when=FIRST[..LAST][+[STEP]] chooses among them.
  -e fault=SET[:error=E][:when=...]
                        The same as inject=SET:error=E.
  -t, -tt, -ttt         The time of day, with microseconds, or as seconds since 1970.
  -r                    The time since the line before.
  -T                    How long each call took.
  -c, -C                A table of counts and times at the end, alone or besides.
  -S KEY                Sort it by time, calls, errors, name or nothing.
  -y                    What descriptors are open on.
  -s N                  Show up to N bytes of texts and buffers (32).
  -v                    Show structures whole.
  -q, -qq               Say less about what is attached to, and about exits.
  --json                One JSON object a line.
  -E NAME=VALUE, -E NAME
                        Put a variable into the program's environment, or take it out.
  --no-seccomp          With -e trace=, do not let the kernel pass over other calls.
  -f                    Accepted: threads and children are always followed.
  --help                Print this text and exit.

With -e trace= the program gets a seccomp filter, so that all other calls run at full
speed.  Without the right to install one as it is (CAP_SYS_ADMIN) it runs with
no_new_privs set; a program under trace gains no rights by exec anyway.

The exit status is the program's; it is 1 where nothing could be traced.
"""


@dataclass
class _Wishes:
    """The command line, taken apart."""

    words: list[str] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    output: str | None = None
    environment: dict[str, str] | None = None
    seccomp: bool = True
    #: The options that are about the log, as they were given.
    log_words: list[str] = field(default_factory=list)


def _value(argv: Sequence[str], at: int, letter: str) -> tuple[str, int]:
    """Return an option's value and how many words it took."""
    rest = argv[at][len(letter) :]
    if rest:
        return rest, 1
    if at + 1 >= len(argv):
        raise StartupError(f"option requires an argument -- '{letter[-1]}'")
    return argv[at + 1], 2


def parse_pids(text: str) -> list[int]:
    """Read the numbers of processes, with commas or blanks between them."""
    words = text.replace(",", " ").split()
    if not words or not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise StartupError(f"Invalid process id: '{text}'")
    return [int(word) for word in words]


def _read(argv: Sequence[str]) -> _Wishes:
    from gdbstub.engines.syscalls import options

    wishes = _Wishes()
    at = 0
    draft = options.LogOptions()
    while at < len(argv):
        word = argv[at]
        if not word.startswith("-") or word == "-":
            break
        if word == "--":
            at += 1
            break
        count = 1
        if word == "--no-seccomp":
            wishes.seccomp = False
        elif word == "--seccomp-bpf":
            wishes.seccomp = True
        elif word.startswith("-o"):
            wishes.output, count = _value(argv, at, "-o")
        elif word.startswith("--output="):
            wishes.output = word.partition("=")[2]
        elif word.startswith("-p"):
            text, count = _value(argv, at, "-p")
            wishes.pids += parse_pids(text)
        elif word.startswith("--attach="):
            wishes.pids += parse_pids(word.partition("=")[2])
        elif word.startswith("-E"):
            text, count = _value(argv, at, "-E")
            _change_environment(wishes, text)
        else:
            draft, count = options.take(draft, argv[at:])
            if not count:
                raise StartupError(f"unknown option '{word}'")
            wishes.log_words += argv[at : at + count]
        at += count
    wishes.words = list(argv[at:])
    return wishes


def _change_environment(wishes: _Wishes, text: str) -> None:
    if wishes.environment is None:
        wishes.environment = dict(os.environ)
    name, equals, value = text.partition("=")
    if equals:
        wishes.environment[name] = value
    else:
        wishes.environment.pop(name, None)


def is_address(word: str) -> bool:
    """Tell where a server listens from a program's name."""
    if word.startswith("unix:"):
        return True
    try:
        return stat.S_ISSOCK(os.stat(word).st_mode)
    except OSError:
        return ":" in word and word.rpartition(":")[2].isdigit() and "/" not in word


def program_path(name: str, environment: dict[str, str] | None) -> str:
    """Return the path of a program, looked for as a shell does."""
    folders = [""] if "/" in name else os.get_exec_path(environment)
    for folder in folders:
        path = os.path.join(folder, name)
        try:
            mode = os.stat(path).st_mode
        except OSError as failure:
            if "/" in name:
                raise StartupError(f"Can't stat '{name}': {failure.strerror}") from None
            continue
        if stat.S_ISREG(mode) and mode & 0o111:
            return path
        if "/" in name:
            return path
    raise StartupError(f"Can't stat '{name}': No such file or directory")


def run(argv: list[str]) -> int:
    """Run the subcommand; return the exit status."""
    if argv in (["--help"], ["-h"]):
        sys.stdout.write(USAGE)
        return 0
    try:
        wishes = _read(argv)
        if not wishes.words and not wishes.pids:
            raise StartupError("must have PROG [ARGS], -p PID or COMM\nMore: gdbstub strace --help")
        if len(wishes.words) == 1 and not wishes.pids and is_address(wishes.words[0]):
            return _watch(wishes)
        return _trace(wishes)
    except StartupError as failure:
        sys.stderr.write(f"gdbstub strace: {failure}\n")
        return 1


def _watch(wishes: _Wishes) -> int:
    from gdbstub.rsp.commands.logs import STRACE
    from gdbstub.server.logclient import watch

    named = ["--name-threads"] if wishes.output is not None else []
    return watch(wishes.words[0], STRACE, [*wishes.log_words, *named], wishes.output)


def _trace(wishes: _Wishes) -> int:
    from gdbstub.engines.syscalls import options as log_options
    from gdbstub.engines.syscalls.log import log_with
    from gdbstub.server.sink import open_file
    from gdbstub.target.ops import LaunchSpec

    options = log_options.parse(wishes.log_words)
    if wishes.output is not None:
        options = replace(options, name_threads=True)
    launch = None
    if wishes.words:
        if wishes.pids:
            raise StartupError("PROG and -p PID exclude each other")
        launch = LaunchSpec(
            argv=wishes.words,
            path=program_path(wishes.words[0], wishes.environment),
            environment=wishes.environment,
            with_shell=False,
            disable_randomization=False,
            own_group=False,
            # PTRACE: a seccomp-stop, unlike a syscall-stop, sends no signal on.
            only_syscalls=None if not wishes.seccomp or options.sends_signals else options.caught,
        )
    fd = 2 if wishes.output is None else open_file(wishes.output)
    return trace(log_with(options), fd, launch, wishes.pids)


def trace(make: MakeLog, fd: int, launch: LaunchSpec | None, pids: Sequence[int]) -> int:
    """Keep a log of a program or of processes until they or the user end it; return the exit status."""
    from gdbstub.cli import loop

    loop.load_trio()

    from gdbstub.server.logrun import LogRun
    from gdbstub.server.sink import waiting_sink
    from gdbstub.vocab.ids import Pid

    async def main() -> tuple[int, int | None]:
        return await LogRun(make, waiting_sink(fd), launch, [Pid(pid) for pid in pids]).run()

    code, killer = 1, None
    try:
        code, killer = loop.run(main)
    except* KeyboardInterrupt:
        # It came before the run looked for it, or when all was over.
        killer = signal.SIGINT
    if killer is not None:
        _die_of(killer)
    return code


def _die_of(number: int) -> None:
    """End as the program did, without a core of our own."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
