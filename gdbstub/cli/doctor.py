"""``gdbstub doctor [PID]``: whether tracing works here, and if not, which rule forbids it.

Layer: cli.  Used by: the command line.
"""

from __future__ import annotations

import sys

USAGE = """\
Usage: gdbstub doctor [PID]

Check whether this machine lets gdbstub trace processes, and with PID, whether it
could attach to that process.  Nothing is attached to or stopped.

Each line is a rule, after what it says:
  ok       it allows tracing
  info     worth knowing
  doubt    it may forbid tracing; that cannot be told from outside
  refused  it forbids tracing; the next line says what to do

The exit status is 0 where attaching should work, 1 where it should not, and 2 for
a wrong command line.
"""


def run(argv: list[str]) -> int:
    """Run the subcommand.

    Args:
        argv: The words after ``doctor``.

    Returns:
        The exit status.
    """
    pid: int | None = None
    for word in argv:
        if word in ("--help", "-h"):
            sys.stdout.write(USAGE)
            return 0
        if pid is not None or not (word.isascii() and word.isdigit()):
            sys.stderr.write(f"gdbstub doctor: not a process id: {word}\n{USAGE.splitlines()[0]}\n")
            return 2
        pid = int(word)

    from gdbstub.linux.diagnose import Verdict, examine

    findings = examine(pid)
    for finding in findings:
        sys.stdout.write(f"{finding.verdict.value:<8} {finding.rule:<16} {finding.text}\n")
        if finding.remedy:
            sys.stdout.write(f"{'':<25} {finding.remedy}\n")
    refused = [finding for finding in findings if finding.verdict is Verdict.REFUSED]
    what = "Tracing" if pid is None else f"Attaching to process {pid}"
    sys.stdout.write(f"{what} {'will not work' if refused else 'should work'}.\n")
    return 1 if refused else 0
