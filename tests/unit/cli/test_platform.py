from __future__ import annotations

import pytest

from gdbstub.cli.config import Outcome, PlatformConfig
from gdbstub.cli.platform import parse


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--listen", "*:0", "--socket-file", "/f"], PlatformConfig(listen="*:0", socket_file="/f")),
        (["-L", ":1", "-f", "/f"], PlatformConfig(listen=":1", socket_file="/f")),
        (["--server", "--listen=:1", "--port-file=/f"], PlatformConfig(listen=":1", many=True, socket_file="/f")),
        (
            ["--listen=:1", "--min-gdbserver-port", "5", "--max-gdbserver-port", "8"],
            PlatformConfig(listen=":1", ports=(5, 6, 7)),
        ),
        (["--listen=:1", "-P", "9", "-m", "5", "-M", "6"], PlatformConfig(listen=":1", ports=(9, 5))),
        (["--listen=:1", "--log-file", "/l", "--log-channels=x", "--debug"], PlatformConfig(listen=":1")),
        (["--listen=:1", "--allow-any-user"], PlatformConfig(listen=":1", allow_any_user=True)),
    ],
)
def test_what_is_understood(argv: list[str], expected: PlatformConfig) -> None:
    assert parse(argv) == expected


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        ([], "--listen is missing"),
        (["--listen"], "--listen: missing argument"),
        (["--listen=:1", "prog"], "unexpected argument 'prog'"),
        (["--bogus"], "unknown argument '--bogus'"),
        (["--server=1"], "unknown argument '--server=1'"),
        (["--listen=:1", "-P", "0"], "invalid port '0'"),
        (["--listen=:1", "-m", "5"], "--min-gdbserver-port must be less"),
        (["--listen=:1", "-m", "5", "-M", "5"], "--min-gdbserver-port must be less"),
    ],
)
def test_what_is_refused(argv: list[str], text: str) -> None:
    found = parse(argv)
    assert isinstance(found, Outcome)
    assert found.status == 1
    assert found.stderr.startswith(f"error: {text}")


def test_help() -> None:
    found = parse(["--help"])
    assert isinstance(found, Outcome)
    assert found.status == 0
    for option in ("--listen", "--server", "--socket-file", "--min-gdbserver-port", "--gdbserver-port"):
        assert option in found.stdout
