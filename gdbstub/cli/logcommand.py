"""The command line of a log: what ``gdbstub strace`` and ``gdbstub events`` have in common.

Layer: cli.  Used by: strace, events.

A log is kept of a program that is started for it, of processes that run, or of what a running server traces.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gdbstub.vocab.errors import StartupError

if TYPE_CHECKING:
    from gdbstub.engines.follower import MakeLog
    from gdbstub.rsp.commands.logs import LogChannel
    from gdbstub.target.ops import LaunchSpec

_STDERR = 2


@dataclass
class Wishes:
    """The command line, taken apart."""

    words: list[str] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    output: str | None = None
    environment: dict[str, str] | None = None
    #: The options that are about the log, as they were given.
    log_words: list[str] = field(default_factory=list)


class LogCommand:
    """One subcommand; what it has of its own is said by its class."""

    #: As it is called.
    name: str

    def __init__(self) -> None:
        self.wishes = Wishes()

    def usage(self) -> str:
        """Return what ``--help`` prints."""
        raise NotImplementedError

    def take(self, words: Sequence[str]) -> int:
        """Read an option of its own, the first of the words; return how many it takes, 0 for one that is none.

        Raises:
            StartupError: It makes no sense.
        """
        raise NotImplementedError

    def channel(self) -> LogChannel:
        """Return what a server is asked for.

        Raises:
            StartupError: There is no such log of what a server has.
        """
        raise NotImplementedError

    def make(self) -> MakeLog:
        """Return what makes the log."""
        raise NotImplementedError

    def asked(self) -> list[str]:
        """Return the options that a server is asked for."""
        return self.wishes.log_words

    def prepare(self, spec: LaunchSpec) -> LaunchSpec:
        """Change how the program is started."""
        return spec

    # ------------------------------------------------------------ running

    def run(self, argv: list[str]) -> int:
        """Run the subcommand; return the exit status."""
        if argv in (["--help"], ["-h"]):
            sys.stdout.write(self.usage())
            return 0
        try:
            self._read(argv)
            wishes = self.wishes
            if not wishes.words and not wishes.pids:
                raise StartupError(f"must have PROG [ARGS], -p PID or COMM\nMore: gdbstub {self.name} --help")
            if len(wishes.words) == 1 and not wishes.pids and is_address(wishes.words[0]):
                return self._watch()
            return self._trace()
        except StartupError as failure:
            sys.stderr.write(f"gdbstub {self.name}: {failure}\n")
            return 1

    def _read(self, argv: Sequence[str]) -> None:
        wishes = self.wishes
        at = 0
        while at < len(argv):
            word = argv[at]
            if not word.startswith("-") or word == "-":
                break
            if word == "--":
                at += 1
                break
            count = 1
            if word.startswith("-o"):
                wishes.output, count = _value(argv, at)
            elif word.startswith("--output="):
                wishes.output = word.partition("=")[2]
            elif word.startswith("-p"):
                text, count = _value(argv, at)
                wishes.pids += parse_pids(text)
            elif word.startswith("--attach="):
                wishes.pids += parse_pids(word.partition("=")[2])
            elif word.startswith("-E"):
                text, count = _value(argv, at)
                _change_environment(wishes, text)
            else:
                count = self.take(argv[at:])
                if not count:
                    raise StartupError(f"unknown option '{word}'")
            at += count
        wishes.words = list(argv[at:])

    def _watch(self) -> int:
        from gdbstub.server.logclient import watch

        return watch(self.wishes.words[0], self.channel(), self.asked(), self.wishes.output)

    def _trace(self) -> int:
        from gdbstub.server.sink import open_file
        from gdbstub.target.ops import LaunchSpec

        make = self.make()
        wishes = self.wishes
        launch = None
        if wishes.words:
            if wishes.pids:
                raise StartupError("PROG and -p PID exclude each other")
            path = program_path(wishes.words[0], wishes.environment)
            launch = self.prepare(
                LaunchSpec(
                    argv=wishes.words,
                    path=path,
                    environment=wishes.environment,
                    with_shell=False,
                    disable_randomization=False,
                    own_group=False,
                )
            )
        fd = _STDERR if wishes.output is None else open_file(wishes.output)
        return trace(make, fd, launch, wishes.pids)


def _value(argv: Sequence[str], at: int) -> tuple[str, int]:
    """Return the value of an option of one letter, and how many words the two are."""
    rest = argv[at][2:]
    if rest:
        return rest, 1
    if at + 1 >= len(argv):
        raise StartupError(f"option requires an argument -- '{argv[at][1]}'")
    return argv[at + 1], 2


def parse_pids(text: str) -> list[int]:
    """Read the numbers of processes, with commas or blanks between them."""
    words = text.replace(",", " ").split()
    if not words or not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise StartupError(f"Invalid process id: '{text}'")
    return [int(word) for word in words]


def _change_environment(wishes: Wishes, text: str) -> None:
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
