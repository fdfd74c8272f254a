from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gdbstub.server import access
from gdbstub.server.access import peer_name, peer_refusal

ROW = "   0: {local} {remote} 01 00000000:00000000 00:00000000 00000000 {uid:>5} 0 {inode} 1 0 20 4 30 10 -1\n"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


@contextmanager
def connection(
    family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1", to: str | None = None
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield the client's side and the server's side."""
    with socket.socket(family) as listening:
        try:
            listening.bind((host, 0))
        except OSError:
            pytest.skip("[missing-kernel] this machine has no IPv6")
        listening.listen()
        port = listening.getsockname()[1]
        with closing(socket.create_connection((to or host, port))) as client:
            accepted, _ = listening.accept()
            with accepted:
                yield client, accepted


@pytest.fixture
def as_nobody_special(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust no real uid: what is looked up is then told in the refusal."""
    monkeypatch.setattr(access, "_trusted_uids", set)


def no_sock_diag(*_: object) -> None:
    raise OSError(93, "Protocol not supported")


@pytest.fixture(params=["sock_diag", "tables"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look owners up in each of the two ways, with the other one out of reach."""
    if request.param == "sock_diag":
        monkeypatch.setattr(access, "Path", no_sock_diag)
    else:
        monkeypatch.setattr(access, "_ask_sock_diag", no_sock_diag)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("family", "host", "to"),
    [
        (socket.AF_INET, "127.0.0.1", None),
        (socket.AF_INET, "0.0.0.0", "127.0.0.1"),
        (socket.AF_INET6, "::1", None),
        (socket.AF_INET6, "::", "127.0.0.1"),
        (socket.AF_INET6, "::", "::1"),
    ],
)
def test_our_own_connections_are_found_in_the_kernels_table(
    family: socket.AddressFamily, host: str, to: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection(family, host, to) as (_, accepted):
        assert peer_refusal(accepted, allow_any_user=False) is None
        monkeypatch.setattr(access, "_trusted_uids", set)
        refusal = peer_refusal(accepted, allow_any_user=False)
        assert refusal is not None
        assert f"the peer belongs to uid {os.getuid()}" in refusal
        assert peer_refusal(accepted, allow_any_user=True) is None


@pytest.mark.usefixtures("as_nobody_special", "way")
def test_an_ipv4_server_finds_a_client_that_used_an_ipv6_socket() -> None:
    with socket.socket() as listening, socket.socket(socket.AF_INET6) as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        try:
            client.connect(("::ffff:127.0.0.1", listening.getsockname()[1]))
        except OSError:
            pytest.skip("[missing-kernel] this machine has no IPv6")
        accepted, _ = listening.accept()
        with accepted:
            assert f"uid {os.getuid()}" in (peer_refusal(accepted, allow_any_user=False) or "")


@pytest.mark.usefixtures("way")
def test_a_peer_that_closed_its_socket_vouches_for_nobody() -> None:
    with connection() as (client, accepted):
        client.close()
        assert "cannot tell" in (peer_refusal(accepted, allow_any_user=False) or "")


@pytest.mark.usefixtures("way")
def test_a_peer_that_only_ended_its_sending_is_served() -> None:
    with connection() as (client, accepted):
        client.shutdown(socket.SHUT_WR)
        assert peer_refusal(accepted, allow_any_user=False) is None


def test_whoever_listens_on_the_peers_port_is_not_the_peer() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        here = socket.inet_aton("127.0.0.1")
        assert access._ask_sock_diag((here, listening.getsockname()[1]), (here, 9)) is None


def fake_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **tables: str) -> None:
    for name, rows in tables.items():
        (tmp_path / name).write_text(HEAD + rows)
    monkeypatch.setattr(access, "Path", lambda _, table: tmp_path / table)
    monkeypatch.setattr(access, "_ask_sock_diag", no_sock_diag)


LOCAL, PEER = ("127.0.0.1", 0x1234), ("127.0.0.1", 0xABCD)


@pytest.mark.parametrize(("uid", "inode", "found"), [(1000, 77, 1000), (0, 77, 0), (0, 0, None), (1000, 0, None)])
def test_the_owner_is_read_from_the_peers_row(
    uid: int, inode: int, found: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = ROW.format(local="0100007F:1234", remote="0100007F:ABCD", uid=5, inode=3)
    theirs = ROW.format(local="0100007F:ABCD", remote="0100007F:1234", uid=uid, inode=inode)
    fake_tables(monkeypatch, tmp_path, tcp=ours + theirs, tcp6="")
    assert access._socket_owner(PEER, LOCAL) == found


def test_the_table_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(access, "Path", lambda _, table: tmp_path / table)
    assert access._socket_owner(PEER, LOCAL) is None


def test_ipv6_rows_are_read_as_the_kernel_prints_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = "00000000000000000000000001000000"
    row = ROW.format(local=f"{one}:ABCD", remote=f"{one}:1234", uid=1000, inode=9)
    fake_tables(monkeypatch, tmp_path, tcp6=row)
    assert access._socket_owner(("::1", 0xABCD), ("::1", 0x1234)) == 1000


class FakeSocket:
    """A connection between addresses that this machine has not got."""

    family = socket.AF_INET

    def __init__(self, local: str, peer: str) -> None:
        self._local, self._peer = (local, 1), (peer, 2)

    def getsockname(self) -> tuple[str, int]:
        return self._local

    def getpeername(self) -> tuple[str, int]:
        if not self._peer[0]:
            raise OSError
        return self._peer


@pytest.mark.parametrize(
    ("local", "peer", "served"),
    [
        ("192.0.2.1", "192.0.2.9", True),
        ("192.0.2.1", "192.0.2.1", False),
        ("127.0.0.1", "127.9.9.9", False),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", False),
        ("127.0.0.1", "", False),
    ],
)
def test_only_peers_on_this_machine_are_asked_for_their_user(local: str, peer: str, served: bool) -> None:
    sock = FakeSocket(local, peer)
    refusal = peer_refusal(sock, allow_any_user=False)  # type: ignore[arg-type]  # the calls that are used
    assert (refusal is None) == served


def test_a_unix_peer_is_known_by_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_refusal(one, allow_any_user=False) is None
        assert peer_name(one) == ("unix", os.getpid())
        monkeypatch.setattr(access, "_trusted_uids", set)
        assert "belongs to uid" in (peer_refusal(one, allow_any_user=False) or "")


@pytest.mark.parametrize(("euid", "trusted"), [(0, {0, 1000}), (500, {0, 500})])
def test_who_asked_root_to_run_this_is_trusted_by_root(
    euid: int, trusted: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: euid)
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    monkeypatch.setenv("SUDO_UID", "1000")
    monkeypatch.setenv("PKEXEC_UID", "x")
    assert access._trusted_uids() == trusted


def test_peers_are_named_by_numeric_address_and_port() -> None:
    with connection() as (client, accepted):
        assert peer_name(accepted) == ("127.0.0.1", client.getsockname()[1])
    with connection(socket.AF_INET6, "::", "127.0.0.1") as (client, accepted):
        assert peer_name(accepted) == ("::ffff:127.0.0.1", client.getsockname()[1])
