"""Programs in a file system, or among processes, of their own: namespaces and chroot.

Used by: the end-to-end tests.  Source: unshare(1), mount_namespaces(7), pid_namespaces(7).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.support.proc import wait_until
from tests.support.tracees import DEADLINE, Conversation, Program, environment

#: Copies two files into a place that only this mount namespace has, and runs the first one there.
_SETUP = 'mount -t tmpfs none "$1" && cp "$2" "$1/program" && cp "$3" "$1/" && shift 3 && exec "$@"'


class Confined(Conversation):
    """A program that is confined in some way; ``pid`` is ours of it, not its own."""

    def __init__(self, process: subprocess.Popen[bytes], path: str) -> None:
        super().__init__(process)
        #: The program's path as it sees it.
        self.path = path
        #: What the program takes for its pid.
        self.own_pid = int(self.line().removeprefix("ready "))
        self.pid = process.pid if self.own_pid == process.pid else _only_child(process.pid)

    def finish(self) -> None:
        """Tell the program to end."""
        self.tell("q")
        self.process.wait(DEADLINE)


def _only_child(pid: int) -> int:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return int(text.split()[0])


@cache
def _may_unshare() -> bool:
    done = subprocess.run(["unshare", "-m", "-p", "-f", "--mount-proc", "true"], capture_output=True, check=False)
    return done.returncode == 0


@contextmanager
def _started(words: Sequence[object], path: str) -> Iterator[Confined]:
    with subprocess.Popen(
        list(map(str, words)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        process_group=0,
    ) as process:
        try:
            yield Confined(process, path)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def contained(
    program: Program, folder: Path, *arguments: object, own_pids: bool = False, beside: Path | None = None
) -> Iterator[Confined]:
    """Run a program in a mount namespace, where alone its path exists.

    Args:
        program: Which.
        folder: The place of that path; what it has outside is hidden.
        arguments: Of the program.
        own_pids: Run it as the first process of a PID namespace too, with a /proc of its own.
        beside: A file to be copied beside it.
    """
    if not _may_unshare():
        pytest.skip("[needs-root] this machine lets the test make no namespaces")
    pids = ["-p", "-f", "--mount-proc", "--kill-child"] if own_pids else []
    inside = folder / "program"
    words = ["unshare", "-m", *pids, "sh", "-c", _SETUP, "sh", folder, program, beside or program, inside, *arguments]
    with _started(words, str(inside)) as confined:
        yield confined


@contextmanager
def jailed(program: Program, root: Path, *arguments: object) -> Iterator[Confined]:
    """Run a static program in a chroot."""
    if os.geteuid() != 0:
        pytest.skip("[needs-root] this machine lets the test make no chroot")
    (root / "bin").mkdir(parents=True)
    shutil.copy(program, root / "bin" / "program")
    with _started(["chroot", root, "/bin/program", *arguments], "/bin/program") as confined:
        yield confined


def remove_inside(confined: Confined) -> None:
    """Remove a contained program's file, in its own mount namespace."""
    subprocess.run(["nsenter", "-t", str(confined.pid), "-m", "rm", confined.path], check=True)
    wait_until(lambda: os.readlink(f"/proc/{confined.pid}/exe").endswith(" (deleted)"), "the file is gone")
