"""The addresses of lldb-server's command line."""

from __future__ import annotations

import pytest

from gdbstub.server.address import (
    ConnectEndpoint,
    DescriptorEndpoint,
    SerialEndpoint,
    TcpEndpoint,
    UnixEndpoint,
)
from gdbstub.server.url import parse_url
from gdbstub.vocab.errors import StartupError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:0", "127.0.0.1", 0),
        (":7", "127.0.0.1", 7),
        ("127.0.0.1:7", "127.0.0.1", 7),
        ("[127.0.0.1]:7", "127.0.0.1", 7),
        ("[localhost]:7", "127.0.0.1", 7),
        ("[::1]:7", "::1", 7),
        ("*:7", "0.0.0.0", 7),
        ("tcp://localhost:7", "127.0.0.1", 7),
        ("listen://[::1]:7", "::1", 7),
        ("accept://:7", "127.0.0.1", 7),
    ],
)
def test_ports_to_listen_on(text: str, host: str, port: int) -> None:
    found = parse_url(text, reverse=False)
    assert isinstance(found, TcpEndpoint)
    assert (found.addresses[0].host, found.port) == (host, port)


@pytest.mark.parametrize(
    ("text", "path", "abstract"),
    [
        ("/run/x.sock", "/run/x.sock", False),
        ("0", "0", False),
        ("a:b:c", "a:b:c", False),
        ("localhost:65536", "localhost:65536", False),
        ("unix:///run/x", "/run/x", False),
        ("unix-accept:///run/x", "/run/x", False),
        ("unix-abstract://name", "name", True),
    ],
)
def test_unix_domain_sockets(text: str, path: str, abstract: bool) -> None:
    assert parse_url(text, reverse=False) == UnixEndpoint(path, abstract)


@pytest.mark.parametrize(
    ("text", "reverse", "host", "port"),
    [
        ("[127.0.0.1]:7", True, "127.0.0.1", 7),
        ("host:7", True, "host", 7),
        (":7", True, "localhost", 7),
        ("tcp://host:7", True, "host", 7),
        ("connect://[::1]:7", False, "::1", 7),
        ("/run/x", True, "/run/x", None),
        ("unix-connect:///run/x", False, "/run/x", None),
        ("unix-abstract://name", True, "\0name", None),
    ],
)
def test_clients_that_listen(text: str, reverse: bool, host: str, port: int | None) -> None:
    found = parse_url(text, reverse=reverse)
    assert isinstance(found, ConnectEndpoint)
    assert (found.host, found.port) == (host, port)


def test_other_streams() -> None:
    assert parse_url("fd://5", reverse=False) == DescriptorEndpoint(5)
    assert parse_url("serial:///dev/ttyS0?baud=9600", reverse=False) == SerialEndpoint("/dev/ttyS0")
    assert parse_url("file:///dev/ttyS0", reverse=False) == SerialEndpoint("/dev/ttyS0")


@pytest.mark.parametrize(
    "text", ["bogus://x", "fd://x", "listen://x", "connect://:", "tcp://", "://", "listen://nowhere.invalid:1"]
)
def test_what_leads_nowhere(text: str) -> None:
    with pytest.raises(StartupError, match="failed to connect to client at"):
        parse_url(text, reverse=False)
