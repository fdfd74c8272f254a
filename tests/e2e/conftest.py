"""What the end-to-end tests share: debuggers that end with the test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.debuggers.gdb_session import GdbSession, StartGdb
from tests.support.debuggers.lldb_session import LldbSession, StartLldb
from tests.support.tracees import SOURCES, Program


@pytest.fixture
def gdb(tmp_path: Path) -> Iterator[StartGdb]:
    """Start gdbs that end with the test."""
    with ExitStack() as stack:
        count = 0

        def start(
            program: Program | None = None, settings: Sequence[str] = (), *, log_packets: bool = False
        ) -> GdbSession:
            nonlocal count
            count += 1
            folder = tmp_path / f"gdb{count}"
            folder.mkdir()
            return stack.enter_context(GdbSession(folder, program, settings, log_packets=log_packets))

        yield start


@pytest.fixture
def lldb(tmp_path: Path) -> Iterator[StartLldb]:
    """Start lldbs that end with the test."""
    with ExitStack() as stack:
        count = 0

        def start(program: Program | None = None, settings: Sequence[str] = ()) -> LldbSession:
            nonlocal count
            count += 1
            folder = tmp_path / f"lldb{count}"
            folder.mkdir()
            return stack.enter_context(LldbSession(folder, program, settings))

        yield start


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the library that e2e_plugin_host loads."""
    target = tmp_path_factory.mktemp("plugin") / "plugin.so"
    source = SOURCES / "e2e_plugin.c"
    subprocess.run(["gcc", "-g", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", target, source], check=True)
    return target
