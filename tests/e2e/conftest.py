"""What the end-to-end tests share: debuggers that end with the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.debuggers.gdb_session import GdbSession, StartGdb
from tests.support.debuggers.lldb_session import LldbSession, StartLldb
from tests.support.tracees import Program


@pytest.fixture
def gdb(tmp_path: Path) -> Iterator[StartGdb]:
    """Start gdbs that end with the test."""
    with ExitStack() as stack:
        count = 0

        def start(
            program: Program | None = None,
            settings: Sequence[str] = (),
            *,
            log_packets: bool = False,
            command: str | None = None,
        ) -> GdbSession:
            nonlocal count
            count += 1
            folder = tmp_path / f"gdb{count}"
            folder.mkdir()
            return stack.enter_context(
                GdbSession(folder, program, settings, log_packets=log_packets, command=command)
            )

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
