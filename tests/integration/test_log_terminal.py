"""``gdbstub strace PROG`` on a terminal: its keys are the program's, as under strace and as without either."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import proc
from tests.support.tracees import LineReader, environment

#: As a shell does: takes the terminal on stdin for its session and runs the command in the foreground.  A group
#: without a parent in its session could not be stopped by a key.
ON_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    print("job", os.getpid(), flush=True)
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""

PROGRAM = 'trap "echo caught; exit 3" INT; echo ready $$; while read line; do echo $line; done'


@contextmanager
def on_terminal(log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int, LineReader]]:
    """Run the program under the log on a terminal of its own; give the log's pid and the terminal's other side."""
    controller, device = pty.openpty()
    words = [sys.executable, "-c", ON_TERMINAL, sys.executable, "-m", "gdbstub", "strace", "-o", str(log)]
    process = subprocess.Popen(
        [*words, "/bin/sh", "-c", PROGRAM],
        stdin=device,
        stdout=device,
        stderr=device,
        env=environment(),
        start_new_session=True,
    )
    os.close(device)
    lines = LineReader(controller)
    job = int(lines.line().split()[-1])
    try:
        yield process, job, controller, lines
    finally:
        if process.poll() is None:
            os.killpg(job, signal.SIGKILL)
            process.wait(30)
        os.close(controller)


def test_ctrl_c_is_the_programs_to_decide_on(tmp_path: Path) -> None:
    with on_terminal(tmp_path / "log") as (process, _, keys, lines):
        lines.until("ready")
        os.write(keys, b"\x03")
        lines.until("caught")
        assert process.wait(30) == 3
    text = (tmp_path / "log").read_text()
    assert "--- SIGINT {si_signo=SIGINT, si_code=SI_KERNEL} ---" in text
    assert text.endswith("+++ exited with 3 +++\n")


def test_ctrl_z_stops_the_program_and_the_log_until_both_are_continued(tmp_path: Path) -> None:
    with on_terminal(tmp_path / "log") as (process, job, keys, lines):
        lines.until("ready ")
        pid = int(lines.line().split()[-1])
        os.write(keys, b"\x1a")
        proc.wait_until(lambda: proc.state(job) == "T", "the log stands")
        os.killpg(job, signal.SIGCONT)
        os.write(keys, b"again\n")
        lines.until("again\r\nagain\r\n")
        assert os.getpgid(pid) == job
        os.write(keys, b"\x03")
        assert process.wait(30) == 3
    text = (tmp_path / "log").read_text()
    # The stop may be undone before the log, which stands, could let it happen; the continuation cannot be missed.
    assert "--- SIGCONT {si_signo=SIGCONT, si_code=SI_USER, " in text
