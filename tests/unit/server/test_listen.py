from __future__ import annotations

import errno
import json
import os
import select
import socket
import stat
from pathlib import Path

import pytest

from gdbstub.server import listen
from gdbstub.server.address import BindAddress, TcpEndpoint, UnixEndpoint, parse_comm
from gdbstub.server.listen import Listener, announce, claim_ready_fd, open_listener
from gdbstub.vocab.errors import StartupError

try:
    with socket.socket(socket.AF_INET6) as _probe:
        _probe.bind(("::1", 0))
    HAS_IPV6 = True
except OSError:
    HAS_IPV6 = False

needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="[missing-kernel] this machine has no IPv6")


def opened(comm: str) -> Listener:
    endpoint = parse_comm(comm)
    assert isinstance(endpoint, TcpEndpoint | UnixEndpoint)
    return open_listener(endpoint)


def serves(listener: Listener, family: socket.AddressFamily, where: str | tuple[str, int | None]) -> bool:
    """Connect, and tell whether one of the sockets has the connection."""
    with socket.socket(family) as client:
        client.connect(where)
        ready, _, _ = select.select(listener.sockets, [], [], 5)
        accepted, _ = ready[0].accept()
        accepted.close()
    return True


@pytest.mark.parametrize("comm", [":0", "localhost:0", "127.0.0.1:0", "0.0.0.0:0", "*:0"])
def test_ipv4_clients_are_served_on_the_port_that_is_printed(comm: str) -> None:
    listener = opened(comm)
    try:
        assert listener.port
        assert listener.message == f"Listening on port {listener.port}"
        assert serves(listener, socket.AF_INET, ("127.0.0.1", listener.port))
    finally:
        listener.close()


@needs_ipv6
@pytest.mark.parametrize("comm", [":0", "localhost:0", "[::1]:0", "::1:0", "*:0", "[::]:0", "tcp6::0"])
def test_ipv6_clients_are_served_on_the_same_port(comm: str) -> None:
    listener = opened(comm)
    try:
        assert serves(listener, socket.AF_INET6, ("::1", listener.port))
    finally:
        listener.close()


@needs_ipv6
def test_the_ipv6_wildcard_serves_ipv4_clients() -> None:
    listener = opened("[::]:0")
    try:
        assert serves(listener, socket.AF_INET, ("127.0.0.1", listener.port))
    finally:
        listener.close()


def test_localhost_is_bound_to_loopback_only() -> None:
    listener = opened(":0")
    try:
        assert listener.address == "127.0.0.1"
        assert listener.warning is None
        assert {bound.getsockname()[0] for bound in listener.sockets} <= {"127.0.0.1", "::1"}
    finally:
        listener.close()


def test_sockets_do_not_block_and_are_not_inherited() -> None:
    listener = opened("*:0")
    try:
        assert listener.warning is not None
        for bound in listener.sockets:
            assert not bound.getblocking()
            assert not bound.get_inheritable()
    finally:
        listener.close()


@pytest.mark.parametrize("busy_host", ["0.0.0.0", "127.0.0.1"])
def test_a_port_in_use_is_refused_in_gdbservers_words(busy_host: str) -> None:
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind((busy_host, 0))
        busy.listen()
        with pytest.raises(StartupError) as refused:
            opened(f":{busy.getsockname()[1]}")
    assert str(refused.value) == "Can't bind address: Address already in use."


@needs_ipv6
def test_a_port_in_use_in_one_family_only_is_refused() -> None:
    with socket.socket(socket.AF_INET6) as busy:
        busy.bind(("::1", 0))
        busy.listen()
        with pytest.raises(StartupError, match="Address already in use"):
            opened(f"localhost:{busy.getsockname()[1]}")


def test_port_0_is_tried_again_where_the_second_address_has_it_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = listen._bind, []

    def bind(address: BindAddress, port: int) -> socket.socket:
        calls.append(port)
        if len(calls) == 2:
            raise OSError(errno.EADDRINUSE, "taken")
        return real(BindAddress(socket.AF_INET, "127.0.0.1") if port == 0 else address, port)

    monkeypatch.setattr(listen, "_bind", bind)
    listener = opened(":0")
    listener.close()
    assert calls[0] == calls[2] == 0
    assert len(calls) == 4


def test_an_address_family_that_the_machine_has_not_got_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = listen._bind

    def bind(address: BindAddress, port: int) -> socket.socket:
        if address.family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        return real(address, port)

    monkeypatch.setattr(listen, "_bind", bind)
    listener = opened(":0")
    assert [bound.family for bound in listener.sockets] == [socket.AF_INET]
    listener.close()


def test_an_address_of_another_machine_is_refused_with_a_hint() -> None:
    with pytest.raises(StartupError, match=r"^Can't bind address: .*\n192\.0\.2\.1 is not an address of this"):
        opened("192.0.2.1:0")


def test_a_unix_socket_is_private_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    old = os.umask(0)
    try:
        listener = opened(str(path))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert listener.port is None
    assert listener.message == f"Listening on {path}"
    assert serves(listener, socket.AF_UNIX, str(path))
    listener.close()
    listener.close()
    assert not path.exists()


def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = opened(f"unix:{path}")
    assert serves(listener, socket.AF_UNIX, str(path))
    listener.close()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_unix_socket_that_somebody_answers_is_left_alone(tmp_path: Path, kind: socket.SocketKind) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, kind) as alive:
        alive.bind(str(path))
        if kind == socket.SOCK_STREAM:
            alive.listen()
        with pytest.raises(StartupError, match="Address already in use"):
            opened(str(path))
    assert path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("precious")
    with pytest.raises(StartupError, match="Address already in use"):
        opened(str(path))
    assert path.read_text() == "precious"


def test_a_unix_socket_in_no_folder_or_with_a_long_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="No such file or directory"):
        opened(str(tmp_path / "no" / "s"))
    with pytest.raises(StartupError, match="too long"):
        opened("/" + "x" * 200)


def test_closing_does_not_remove_the_socket_of_a_successor(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = opened(str(path))
    first.sockets[0].close()
    path.rename(tmp_path / "kept")
    second = opened(str(path))
    first.close()
    assert path.exists()
    second.close()
    assert not path.exists()


def test_a_relative_path_is_removed_wherever_the_server_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listener = opened("unix:s")
    monkeypatch.chdir("/")
    listener.close()
    assert not (tmp_path / "s").exists()


def test_readiness_is_one_line_of_json_and_the_descriptor_is_closed() -> None:
    reader, writer = os.pipe()
    listener = opened("127.0.0.1:0")
    port = listener.port
    listener.announce(17, writer, None)
    listener.close()
    with os.fdopen(reader, "rb") as lines:
        assert [json.loads(line) for line in lines] == [{"address": "127.0.0.1", "port": port, "pid": 17}]


def test_the_ready_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    path.write_text("from an earlier run")
    announce("/run/s", None, None, None, str(path))
    assert json.loads(path.read_text()) == {"address": "/run/s", "port": None, "pid": None}
    assert os.listdir(tmp_path) == ["ready"]


def test_a_reader_that_has_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    announce("a", 1, None, writer, None)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writer)


def test_a_ready_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="No such file or directory"):
        announce("a", 1, None, None, str(tmp_path / "no" / "ready"))


def test_a_ready_fd_is_checked_early_and_kept_from_programs() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    claim_ready_fd(writer)
    assert not os.get_inheritable(writer)
    os.close(reader)
    os.close(writer)
    with pytest.raises(StartupError, match="--ready-fd="):
        claim_ready_fd(writer)
