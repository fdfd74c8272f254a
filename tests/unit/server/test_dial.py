"""Connections that are found open or made by the server."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gdbstub.server.address import ConnectEndpoint, DescriptorEndpoint
from gdbstub.server.serial import open_pair
from gdbstub.vocab.errors import StartupError


def test_a_socket_that_was_left_open() -> None:
    ours, theirs = socket.socketpair()
    fd = theirs.detach()
    os.set_inheritable(fd, True)
    pair = open_pair(DescriptorEndpoint(fd))
    assert pair.sock is not None
    assert not os.get_inheritable(fd)
    assert not pair.sock.getblocking()
    with ours:
        pair.sock.send(b"x")
        assert ours.recv(1) == b"x"
        pair.close()
        assert ours.recv(1) == b""


def test_a_descriptor_that_is_no_socket() -> None:
    reader, writer = os.pipe()
    pair = open_pair(DescriptorEndpoint(writer))
    assert pair.sock is None
    os.write(pair.write_fd, b"x")
    assert os.read(reader, 1) == b"x"
    pair.close()
    os.close(reader)


def test_a_descriptor_that_is_not_open() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(StartupError, match=f"fd://{reader}': Bad file descriptor"):
        open_pair(DescriptorEndpoint(reader))


@pytest.mark.parametrize("abstract", [False, True])
def test_a_client_that_listens_on_a_path(tmp_path: Path, abstract: bool) -> None:
    name = f"\0gdbstub-test-{os.getpid()}" if abstract else str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        pair = open_pair(ConnectEndpoint("unix-connect://x", name, None))
        client, _ = listening.accept()
        with client:
            pair.close()
            assert client.recv(1) == b""


def test_a_client_that_listens_on_a_port_or_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        pair = open_pair(ConnectEndpoint("connect://x", "127.0.0.1", port))
        client, _ = listening.accept()
        client.close()
        pair.close()
    with pytest.raises(StartupError, match="failed to connect to client at 'connect://x': Connection refused"):
        open_pair(ConnectEndpoint("connect://x", "127.0.0.1", port))
