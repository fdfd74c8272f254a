"""cli.strace: the command line, as far as nothing is traced."""

from __future__ import annotations

import pytest

from gdbstub.cli import events, gdbserver, strace
from gdbstub.cli.config import Config


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "must have PROG"),
        (["-o"], "requires an argument"),
        (["-p", "x"], "Invalid process id"),
        (["--colour", "true"], "unknown option"),
        (["-e", "trace=nothing", "true"], "invalid system call 'nothing'"),
        (["/no/such/program"], "No such file"),
        (["no-such-program-anywhere"], "Can't stat"),
        (["-p", "1", "true"], "exclude each other"),
        (["-o", "/no/such/folder/log", "true"], "Can't fopen"),
        (["unix:/no/such/socket"], "cannot connect"),
    ],
)
def test_mistakes_are_named(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert strace.run(words) == 1
    assert reason in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert strace.run(["--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: gdbstub strace")


def test_a_servers_log() -> None:
    config = gdbserver.parse(["--strace=/tmp/log -e trace=%file", ":0", "prog"])
    assert isinstance(config, Config) and config.strace == "/tmp/log -e trace=%file"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "must have PROG"),
        (["-o"], "requires an argument"),
        (["-p", "0"], "Invalid process id"),
        (["--colour", "/bin/true"], "unknown option '--colour'"),
        (["--only=nothing", "/bin/true"], "there is no event 'nothing'"),
        (["-p", "1", "/bin/true"], "exclude each other"),
        (["-o/no/such/folder/log", "/bin/true"], "Can't fopen"),
        (["-E", "PATH=/none", "true"], "Can't stat"),
    ],
)
def test_mistakes_about_events_are_named(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert events.run(words) == 1
    told = capsys.readouterr().err
    assert told.startswith("gdbstub events: ") and reason in told
