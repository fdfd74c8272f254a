"""lldb-server's command line: ``gdbstub gdbserver ...``, as lldb and Delve start their server.

Layer: cli.  Used by: main.  Source: the behaviour of lldb-server 19 and 23.

Options begin with one dash or two and may stand before or behind the address; their values follow ``=`` or
are the next word.  One thing is different: a wrong command line ends with status 1, not with 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdbstub.cli.config import CommandLine, Config, Outcome
from gdbstub.cli.options import Answered, refuse, split_option
from gdbstub.server.policy import OnDisconnect

HELP = """\
Usage:\tgdbstub g[dbserver] [OPTIONS] [[HOST]:PORT | PATH | URL] [[--] PROG ARGS ...]

The server that lldb starts to debug a program: lldb-server's command line.  It serves
one client, gdb as well as lldb, and ends with it; what was debugged runs on.

Where the client is:

  [HOST]:PORT           Listen there; without HOST on localhost, with * on every
                        interface.  Port 0 takes a free one.
  PATH                  Listen on a Unix-domain socket; any word without a port is one.
  SCHEME://REST         listen, tcp, unix, unix-accept, unix-abstract, serial, fd, file;
                        connect, unix-connect and unix-abstract-connect call the client.
  --fd N                The connection is descriptor N.
  --reverse-connect     Call a client that listens at HOST:PORT.
  --pipe N              Write the port, or the socket's path, and a NUL to descriptor N.
  --named-pipe FIFO     Write the same there.

What to debug; without any of these the client says it:

  --attach PID|NAME     A process that runs; one with this NAME is waited for.
  -- PROG ARGS ...      Start a program.

Other options:

  --log-file FILE       Where the log goes; to stderr if it cannot be opened.
  --log-channels WHAT   For example "gdb-remote packets:posix ptrace".
  --setsid, -S          Run in a new session.
  --native-regs         Accepted for compatibility; does nothing.
  --help, -h            Print this text and exit.
"""

_HINT = "Use 'gdbstub g[dbserver] --help' for a complete list of options."

#: lldb's log channels, and what of ours says the same.
_CHANNELS = {"gdb-remote": "debug_remote", "lldb": "debug_threads", "posix": "debug_threads"}


def _misuse(reason: str) -> Answered:
    return refuse(f"error: {reason}\n{_HINT}")


class _Draft:
    """The options seen so far."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def attach(self, value: str) -> None:
        if value.isascii() and value.isdigit():
            self.fields["attach_pid"] = int(value)
        elif value:
            self.fields["attach_name"] = value
        else:
            raise _misuse("invalid '--attach' argument")

    def fd(self, value: str) -> None:
        self.fields["comm"] = f"fd://{_number('--fd', value)}"

    def pipe(self, value: str) -> None:
        self.fields["pipe_fd"] = _number("--pipe", value)

    def named_pipe(self, value: str) -> None:
        self.fields["named_pipe"] = value or None

    def log_file(self, value: str) -> None:
        self.fields["debug_file"] = value or None

    def log_channels(self, value: str) -> None:
        for channel in value.split(":"):
            name = channel.split()[:1]
            if not name:
                continue
            if name[0] not in _CHANNELS:
                raise _misuse(f"unknown log channel '{name[0]}'")
            self.fields[_CHANNELS[name[0]]] = True


def _number(option: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise _misuse(f"invalid '{option}' argument")
    return int(value)


_VALUES: dict[str, Callable[[_Draft, str], None]] = {
    "attach": _Draft.attach,
    "fd": _Draft.fd,
    "pipe": _Draft.pipe,
    "named-pipe": _Draft.named_pipe,
    "log-file": _Draft.log_file,
    "log-channels": _Draft.log_channels,
}

_FLAGS: dict[str, dict[str, bool]] = {
    "reverse-connect": {"reverse": True},
    "setsid": {"new_session": True},
    "S": {"new_session": True},
    "native-regs": {},
}

_HELP_OPTIONS = frozenset({"help", "h"})


def _read(draft: _Draft, argv: Sequence[str]) -> list[str]:
    """Read the options; return the words that are none."""
    words: list[str] = []
    at = 0
    while at < len(argv):
        word = argv[at]
        at += 1
        if word == "--":
            return [*words, *argv[at:]]
        if len(words) == 2 or (words and "comm" in draft.fields):
            # From the program's name on, everything is the program's.
            return [*words, word, *argv[at:]]
        option = split_option(word)
        if option is None:
            words.append(word)
            continue
        name, value = option
        if name in _VALUES:
            if value is None:
                if at == len(argv):
                    raise _misuse(f"--{name}: missing argument")
                value = argv[at]
                at += 1
            _VALUES[name](draft, value)
        elif name in _FLAGS and value is None:
            draft.fields.update(_FLAGS[name])
        elif name in _HELP_OPTIONS and value is None:
            raise Answered(Outcome(stdout=HELP))
        else:
            raise _misuse(f"unknown argument '{word}'")
    return words


def parse(argv: Sequence[str]) -> Config | Outcome:
    """Read the words after ``gdbserver``.

    Returns:
        What to do, or what to print and the exit status.
    """
    draft = _Draft()
    try:
        words = _read(draft, argv)
        fields = draft.fields
        if "comm" not in fields:
            if not words:
                raise _misuse("no connection arguments")
            fields["comm"] = words.pop(0)
        if "attach_pid" not in fields and "attach_name" not in fields:
            fields["program"] = words
    except Answered as answer:
        return answer.outcome
    return Config(
        command_line=CommandLine.LLDB_SERVER,
        once=True,
        on_disconnect=OnDisconnect.DETACH,
        startup_with_shell=False,
        **fields,
    )
