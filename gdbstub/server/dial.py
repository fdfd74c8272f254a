"""Connections that this server opens itself, or finds open.

Layer: server.  Used by: cli, through ``server.serial.open_pair``.  Source: connect(2), unix(7).
"""

from __future__ import annotations

import os
import socket
import stat

from gdbstub.server.address import ConnectEndpoint, DescriptorEndpoint
from gdbstub.server.serial import FdPair, raw_pair
from gdbstub.vocab.errors import StartupError

#: How long a client that said where it listens may take to answer, seconds.
_PATIENCE = 10.0


def _failed(url: str, failure: OSError) -> StartupError:
    reason = "it does not answer" if isinstance(failure, TimeoutError) else failure.strerror
    return StartupError(f"failed to connect to client at '{url}': {reason}")


def _socket_pair(sock: socket.socket, name: str) -> FdPair:
    sock.setblocking(False)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return FdPair(sock.fileno(), sock.fileno(), name, lambda: None, sock)


def connect(endpoint: ConnectEndpoint) -> FdPair:
    """Connect to a client that listens.

    Raises:
        StartupError: It does not.
    """
    try:
        if endpoint.port is not None:
            return _socket_pair(socket.create_connection((endpoint.host, endpoint.port), _PATIENCE), endpoint.url)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(_PATIENCE)
            sock.connect(endpoint.host)
        except BaseException:
            sock.close()
            raise
    except OSError as failure:
        raise _failed(endpoint.url, failure) from None
    return _socket_pair(sock, endpoint.url)


def take_descriptor(endpoint: DescriptorEndpoint) -> FdPair:
    """Speak on a descriptor that was inherited; programs that are started do not get it.

    Raises:
        StartupError: It is not open.
    """
    fd = endpoint.fd
    name = f"fd://{fd}"
    try:
        is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
        os.set_inheritable(fd, False)
    except OSError as failure:
        raise _failed(name, failure) from None
    if is_socket:
        return _socket_pair(socket.socket(fileno=fd), name)
    return raw_pair(fd, name)
