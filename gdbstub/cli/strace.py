"""``gdbstub strace``: a log of system calls, of a program, of a process, or of what a running server traces.

Layer: cli.  Used by: main.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gdbstub.cli.logcommand import LogCommand

if TYPE_CHECKING:
    from gdbstub.engines.follower import MakeLog
    from gdbstub.engines.syscalls.options import LogOptions
    from gdbstub.rsp.commands.logs import LogChannel
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


class _Strace(LogCommand):
    name = "strace"

    def __init__(self) -> None:
        from gdbstub.engines.syscalls import options

        super().__init__()
        self._seccomp = True
        self._options: LogOptions = options.LogOptions()

    def usage(self) -> str:
        return USAGE

    def take(self, words: Sequence[str]) -> int:
        from gdbstub.engines.syscalls import options

        if words[0] in _SECCOMP:
            self._seccomp = _SECCOMP[words[0]]
            return 1
        self._options, count = options.take(self._options, words)
        self.wishes.log_words += words[:count]
        return count

    def channel(self) -> LogChannel:
        from gdbstub.rsp.commands.logs import STRACE

        return STRACE

    def asked(self) -> list[str]:
        return [*self.wishes.log_words, *(["--name-threads"] if self.wishes.output is not None else [])]

    def make(self) -> MakeLog:
        from gdbstub.engines.syscalls.log import log_with

        options = self._options
        return log_with(options if self.wishes.output is None else replace(options, name_threads=True))

    def prepare(self, spec: LaunchSpec) -> LaunchSpec:
        # PTRACE: a seccomp-stop, unlike a syscall-stop, sends no signal on.
        filtered = self._seccomp and not self._options.sends_signals
        return spec._replace(only_syscalls=self._options.caught if filtered else None)


_SECCOMP = {"--no-seccomp": False, "--seccomp-bpf": True}


def run(argv: list[str]) -> int:
    """Run the subcommand; return the exit status."""
    return _Strace().run(argv)
