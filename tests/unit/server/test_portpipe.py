from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from gdbstub.server import portpipe
from gdbstub.server.portpipe import tell_descriptor, tell_fifo


def test_a_pipe_is_told_and_closed() -> None:
    reader, writer = os.pipe()
    tell_descriptor(writer, "1234")
    assert os.read(reader, 100) == b"1234\0"
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_pipe_that_is_not_open(capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    tell_descriptor(writer, "1234")
    assert "failed to write to the unnamed pipe: Bad file descriptor" in capsys.readouterr().err


async def test_a_reader_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell_fifo, str(path), "/run/x")
        await trio.testing.wait_all_tasks_blocked()
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        await trio.lowlevel.wait_readable(reader)
        assert os.read(reader, 100) == b"/run/x\0"
        os.close(reader)


async def test_a_fifo_that_nobody_reads_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portpipe, "_PATIENCE", 0.05)
    await tell_fifo(str(tmp_path / "nothing"), "1")
    assert "failed to write to the named pipe" in capsys.readouterr().err
