"""``gdbstub events``: what happens to a program, to a process, or to what a running server traces.

Layer: cli.  Used by: main.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gdbstub.cli.logcommand import LogCommand

if TYPE_CHECKING:
    from gdbstub.engines.follower import MakeLog
    from gdbstub.rsp.commands.logs import LogChannel

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
  -E NAME=VALUE, -E NAME
                        Put a variable into the program's environment, or take it out.
  --perfetto=FILE       Write a trace for trace viewers: threads as tracks, system calls
                        and stops as slices (by job control and by debuggers: who, why
                        and how long), signals as marks.  This one looks at all system
                        calls, and follows children.
  --help                Print this text and exit.

The exit status is the program's; it is 1 where nothing could be traced.
"""


class _Events(LogCommand):
    name = "events"

    def usage(self) -> str:
        from gdbstub.engines.events.happening import KINDS

        width = max(map(len, KINDS))
        rows = (f"                          {name:<{width}}  {text}" for name, text in KINDS.items())
        return USAGE.format(kinds="\n".join(rows))

    def take(self, words: Sequence[str]) -> int:
        name, equals, value = words[0].partition("=")
        if name == "--perfetto" and equals:
            self.wishes.output = value
            self.wishes.log_words.append(name)
        else:
            # Whether it is an option is for those to say who read it.
            self.wishes.log_words.append(words[0])
        return 1

    def channel(self) -> LogChannel:
        from gdbstub.rsp.commands.logs import EVENTS

        return EVENTS

    def make(self) -> MakeLog:
        from gdbstub.engines.events import options
        from gdbstub.engines.events.streams import stream_with

        return stream_with(options.parse(self.wishes.log_words))


def run(argv: list[str]) -> int:
    """Run the subcommand; return the exit status."""
    return _Events().run(argv)
