"""``gdbstub events``: what happens to a program, to a process, or to what a running server traces.

Layer: cli.  Used by: main.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gdbstub.cli.strace import is_address, parse_pids, program_path, trace
from gdbstub.vocab.errors import StartupError

if TYPE_CHECKING:
    from gdbstub.engines.follower import MakeLog

USAGE = """\
Usage: gdbstub events [OPTIONS] PROG [ARGS ...]
       gdbstub events [OPTIONS] -p PID
       gdbstub events [OPTIONS] COMM

Tell what happens to a program, to a process that runs, or to what a gdbstub that
listens on COMM (HOST:PORT or the path of its socket) traces for its clients already.
Nothing is ever stopped for it, and no system call is looked at.

  -o FILE               Write there instead of stderr.
  -p PID                Attach to a process; may be given again.
  -f                    Follow children too.
  --json                One JSON object a line.
  --only=KIND,...       Only these:
{kinds}
  --perfetto=FILE       Write a trace for trace viewers: threads as tracks, system calls
                        and stops as slices, signals as marks.  This one looks at all
                        system calls, and follows children.
  --help                Print this text and exit.

The exit status is the program's; it is 1 where nothing could be traced.
"""


@dataclass
class _Wishes:
    """The command line, taken apart."""

    words: list[str] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    output: str | None = None
    perfetto: str | None = None
    #: The options that are about the stream, as they were given.
    stream: list[str] = field(default_factory=list)


def _read(argv: Sequence[str]) -> _Wishes:
    wishes = _Wishes()
    rest = list(argv)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            break
        if word in ("-o", "-p"):
            if not rest:
                raise StartupError(f"option requires an argument -- '{word[-1]}'")
            value = rest.pop(0)
            if word == "-o":
                wishes.output = value
            else:
                wishes.pids += parse_pids(value)
        elif name == "--perfetto" and equals:
            wishes.perfetto = value
        else:
            wishes.stream.append(word)
    wishes.words = rest
    return wishes


def usage() -> str:
    """Return what ``--help`` prints."""
    from gdbstub.engines.events.happening import KINDS

    width = max(map(len, KINDS))
    rows = (f"                          {name:<{width}}  {text}" for name, text in KINDS.items())
    return USAGE.format(kinds="\n".join(rows))


def run(argv: list[str]) -> int:
    """Run the subcommand; return the exit status."""
    if argv in (["--help"], ["-h"]):
        sys.stdout.write(usage())
        return 0
    try:
        wishes = _read(argv)
        if not wishes.words and not wishes.pids:
            raise StartupError("must have PROG [ARGS], -p PID or COMM\nMore: gdbstub events --help")
        if len(wishes.words) == 1 and not wishes.pids and is_address(wishes.words[0]):
            return _watch(wishes)
        return _trace(wishes)
    except StartupError as failure:
        sys.stderr.write(f"gdbstub events: {failure}\n")
        return 1


def _watch(wishes: _Wishes) -> int:
    from gdbstub.rsp.commands.logs import EVENTS
    from gdbstub.server.logclient import watch

    if wishes.perfetto is not None:
        raise StartupError("--perfetto traces PROG or -p PID, not what a server has")
    return watch(wishes.words[0], EVENTS, wishes.stream, wishes.output)


def _maker(wishes: _Wishes) -> MakeLog:
    from gdbstub.engines.events import options

    stream = options.parse(wishes.stream)
    if wishes.perfetto is None:
        from gdbstub.engines.events.eventlog import events_with

        return events_with(stream)
    from gdbstub.engines.events.perfetto import Perfetto
    from gdbstub.engines.syscalls.log import log_with
    from gdbstub.engines.syscalls.options import LogOptions

    return log_with(LogOptions(), lambda write, target: Perfetto(write, target.thread_name))


def _trace(wishes: _Wishes) -> int:
    from gdbstub.server.sink import open_file
    from gdbstub.target.ops import LaunchSpec

    make = _maker(wishes)
    launch = None
    if wishes.words:
        if wishes.pids:
            raise StartupError("PROG and -p PID exclude each other")
        path = program_path(wishes.words[0], None)
        launch = LaunchSpec(
            argv=wishes.words, path=path, with_shell=False, disable_randomization=False, own_group=False
        )
    output = wishes.perfetto if wishes.perfetto is not None else wishes.output
    fd = 2 if output is None else open_file(output)
    return trace(make, fd, launch, wishes.pids)
