from __future__ import annotations

import os
import pty
import socket
from pathlib import Path

import pytest

from gdbstub.server.address import (
    BindAddress,
    SerialEndpoint,
    StdioEndpoint,
    TcpEndpoint,
    UnixEndpoint,
    parse_comm,
)
from gdbstub.vocab.errors import StartupError


def tcp(comm: str) -> TcpEndpoint:
    found = parse_comm(comm)
    assert isinstance(found, TcpEndpoint), found
    return found


def hosts(comm: str) -> list[str]:
    return [where.host for where in tcp(comm).addresses]


@pytest.mark.parametrize("comm", ["-", "stdio"])
def test_a_dash_and_stdio_are_standard_input_and_output(comm: str) -> None:
    assert parse_comm(comm) == StdioEndpoint()


@pytest.mark.parametrize("comm", [":0", "localhost:0", "LOCALHOST:0", "tcp::0", "tcp:localhost:0"])
def test_no_host_and_localhost_are_loopback_in_both_families(comm: str) -> None:
    assert hosts(comm) == ["127.0.0.1", "::1"]
    assert tcp(comm).warning is None


@pytest.mark.parametrize(
    ("comm", "wanted"),
    [
        ("tcp4:localhost:0", ["127.0.0.1"]),
        ("tcp6:localhost:0", ["::1"]),
        ("tcp6::0", ["::1"]),
        ("127.0.0.1:0", ["127.0.0.1"]),
        ("127.1.2.3:0", ["127.1.2.3"]),
        ("[::1]:0", ["::1"]),
        ("::1:0", ["::1"]),
        ("tcp:[::1]:0", ["::1"]),
        ("tcp6:::1:0", ["::1"]),
        ("::ffff:127.0.0.1:0", ["::ffff:127.0.0.1"]),
    ],
)
def test_a_loopback_address_is_that_address_alone(comm: str, wanted: list[str]) -> None:
    assert hosts(comm) == wanted
    assert tcp(comm).warning is None


@pytest.mark.parametrize(
    ("comm", "wanted"),
    [
        ("*:0", ["0.0.0.0", "::"]),
        ("[*]:0", ["0.0.0.0", "::"]),
        ("tcp4:*:0", ["0.0.0.0"]),
        ("0.0.0.0:0", ["0.0.0.0"]),
        ("[::]:0", ["::"]),
        (":::0", ["::"]),
    ],
)
def test_every_interface_comes_with_a_warning(comm: str, wanted: list[str]) -> None:
    assert hosts(comm) == wanted
    warning = tcp(comm).warning
    assert warning is not None
    assert "every interface" in warning
    assert "no authentication" in warning


def test_an_address_that_others_reach_comes_with_a_warning_that_names_it() -> None:
    assert "192.0.2.7" in (tcp("192.0.2.7:0").warning or "")


def test_brackets_around_the_ipv6_wildcard_serve_ipv4_too() -> None:
    assert tcp("[::]:0").addresses == (BindAddress(socket.AF_INET6, "::", 0, True),)
    assert not tcp("tcp6:[::]:0").addresses[0].dual_stack


@pytest.mark.parametrize(
    ("comm", "port"),
    [
        (":1234", 1234),
        (":70000", 4464),
        (":65536", 0),
        ("localhost:99999999999", 59391),
        (":" + "9" * 5000, int("9" * 16) % 65536),
        (":+5", 5),
        (": 5", 5),
        ("[::1]:7", 7),
    ],
)
def test_ports_are_numbers_that_wrap(comm: str, port: int) -> None:
    assert tcp(comm).port == port


def test_host_is_kept_as_written() -> None:
    assert tcp(":1").host is None
    assert tcp("127.0.0.1:1").host == "127.0.0.1"


@pytest.mark.parametrize("comm", [":abc", "localhost:12abc", ":-1", ":", "localhost:", ":0x50", "[::1]", "[::1]x"])
def test_a_bad_port_is_refused_in_gdbservers_words(comm: str) -> None:
    with pytest.raises(StartupError) as refused:
        parse_comm(comm)
    assert str(refused.value) == f"{comm}: cannot resolve name: Servname not supported for ai_socktype"


@pytest.mark.parametrize("comm", ["999.1.1.1:0", "1.2.3.4.5:0", "::1", "[abc:x]:0", "tcp4:::1:0"])
def test_a_bad_address_is_refused_without_asking_a_name_server(comm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flags_seen = []
    real = socket.getaddrinfo

    def asked(host: str, port: int, family: int, kind: int, *, flags: int) -> object:
        flags_seen.append(flags)
        return real(host, port, family, kind, flags=flags)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    with pytest.raises(StartupError) as refused:
        parse_comm(comm)
    assert str(refused.value).startswith(f"{comm}: cannot resolve name: ")
    assert all(flags & socket.AI_NUMERICHOST for flags in flags_seen)


def test_a_host_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> object:
        v4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))
        v6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%eth0", 0, 0, 3))
        return [v4, v6, v4]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert tcp("box:5").addresses == (
        BindAddress(socket.AF_INET, "192.0.2.1"),
        BindAddress(socket.AF_INET6, "fe80::1%eth0", 3),
    )


def test_an_unknown_name_is_refused_in_the_resolvers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(StartupError, match=r"^box:5: cannot resolve name: Name or service not known$"):
        parse_comm("box:5")


def test_a_name_that_cannot_be_encoded_is_unknown() -> None:
    with pytest.raises(StartupError, match="cannot resolve name"):
        parse_comm("a" * 300 + "..b:5")


def test_a_missing_bracket_is_named() -> None:
    with pytest.raises(StartupError, match=r"^Missing close bracket in hostname '\[::1:0'$"):
        parse_comm("[::1:0")


def test_udp_is_refused() -> None:
    with pytest.raises(StartupError, match="UDP is not supported"):
        parse_comm("udp:localhost:0")


@pytest.mark.parametrize(("comm", "path"), [("unix:/a/b", "/a/b"), ("unix:b", "b"), ("/no/such", "/no/such")])
def test_a_path_is_a_unix_domain_socket(comm: str, path: str) -> None:
    assert parse_comm(comm) == UnixEndpoint(path)


def test_a_path_may_hold_a_colon(tmp_path: Path) -> None:
    assert parse_comm(f"{tmp_path}/a:1") == UnixEndpoint(f"{tmp_path}/a:1")


def test_a_character_device_is_a_serial_line() -> None:
    controller, device = pty.openpty()
    try:
        assert parse_comm(os.ttyname(device)) == SerialEndpoint(os.ttyname(device))
    finally:
        os.close(controller)
        os.close(device)


@pytest.mark.parametrize("comm", ["nocolon", "localhost", "1234", ""])
def test_a_plain_word_is_a_device_that_is_opened_later(comm: str) -> None:
    assert parse_comm(comm) == SerialEndpoint(comm)
