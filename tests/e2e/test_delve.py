"""Delve starts our server in place of lldb-server (``dlv --backend=lldb``)."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.stub import server_command
from tests.support.tracees import DEADLINE, TraceeBuilder, environment


@pytest.fixture
def folder_of_lldb_server(tmp_path: Path) -> Path:
    """Make a folder for the path in which Delve finds its server."""
    script = tmp_path / "lldb-server"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(server_command())} "$@"\n')
    script.chmod(0o700)
    return tmp_path


def test_goroutines_are_stopped_looked_at_and_let_go(build: TraceeBuilder, folder_of_lldb_server: Path) -> None:
    delve = shutil.which("dlv")
    if delve is None:
        pytest.skip("[missing-tool] dlv is not installed")
    program = build("goroutines")
    commands = folder_of_lldb_server / "commands"
    lines = ("break main.work", "continue", "args", "stack", "next", "goroutines", "clear 1", "continue", "exit")
    commands.write_text("".join(f"{line}\n" for line in lines))
    words = [delve, "exec", "--backend=lldb", "--allow-non-terminal-interactive=true", str(program)]
    words += ["--init", str(commands)]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=6 * DEADLINE,
        check=False,
        stdin=subprocess.DEVNULL,
        env={
            **environment(),
            "PATH": f"{folder_of_lldb_server}:{os.environ['PATH']}",
            "HOME": str(folder_of_lldb_server),
        },
        cwd=folder_of_lldb_server,
    )
    said = done.stdout + done.stderr
    assert re.search(r"> main\.work\(\) .*goroutines\.go:12", said), said
    assert re.search(r"number = \d+", said), said
    assert "in main.main.func1" in said, said
    assert re.search(r"\[\d+ goroutines\]", said), said
    assert "sum 1310910" in said, said
    assert re.search(r"has exited with status 0", said), said
