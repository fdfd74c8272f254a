"""Listening sockets, and telling others that they are there.

Layer: server.  Used by: cli (early in start-up), pump.  Source: ip(7), ipv6(7), unix(7).

Only the standard library is used, so that the address is taken, or found
taken, before anything heavier is loaded and before a program is started.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat

from gdbstub.server.address import BindAddress, ListenEndpoint, TcpEndpoint, UnixEndpoint
from gdbstub.vocab.errors import StartupError

_BACKLOG = 16

#: With port 0 the first address chooses the port and another may find it taken: then all are tried again.
_PORT_ATTEMPTS = 16

#: This machine has no IPv6, or not that address.
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Listener:
    """Sockets that accept the clients of one endpoint."""

    def __init__(
        self,
        sockets: list[socket.socket],
        address: str,
        port: int | None,
        warning: str | None,
        path: str | None = None,
    ) -> None:
        #: Non-blocking.  More than one where IPv4 and IPv6 are served side by side.
        self.sockets = sockets
        #: Numeric address, or the path of a Unix-domain socket.
        self.address = address
        self.port = port
        #: What to tell the user about who can connect.  Not as the first line: tools expect the pid there.
        self.warning = warning
        self._path = path
        self._inode = _inode_of(path) if path is not None else None

    @property
    def socket_id(self) -> str:
        """What a client needs to connect: the port, or the path or abstract name of a Unix-domain socket."""
        return self.address if self.port is None else str(self.port)

    @property
    def message(self) -> str:
        """The line that tools wait for; printed at the start and after each lost client."""
        return f"Listening on port {self.port}" if self.port is not None else f"Listening on {self.address}"

    def announce(self, pid: int | None, ready_fd: int | None, ready_file: str | None) -> None:
        """Tell whoever started this server that clients can connect, as one line of JSON.

        Raises:
            StartupError: The file cannot be written.
        """
        announce(self.address, self.port, pid, ready_fd, ready_file)

    def close(self) -> None:
        """Accept no more; remove the path of a Unix-domain socket, unless another server has taken it."""
        for listening in self.sockets:
            listening.close()
        self.sockets = []
        if self._path is not None and self._inode == _inode_of(self._path):
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        self._path = None


def open_listener(endpoint: ListenEndpoint) -> Listener:
    """Bind and listen.

    Raises:
        StartupError: The address is taken, or not this machine's.
    """
    if isinstance(endpoint, UnixEndpoint):
        return _open_unix(endpoint)
    return _open_tcp(endpoint)


# TCP


def _cannot_bind(failure: OSError, host: str | None = None) -> StartupError:
    text = f"Can't bind address: {failure.strerror or failure}."
    if host is not None and failure.errno == errno.EADDRNOTAVAIL:
        text += f"\n{host} is not an address of this machine; *:PORT listens on all of its addresses."
    return StartupError(text)


def _bind(address: BindAddress, port: int) -> socket.socket:
    bound = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not address.dual_stack))
            bound.bind((address.host, port, 0, address.scope))
        else:
            bound.bind((address.host, port))
        # Two sockets with SO_REUSEADDR may share a port until one listens: only now is it ours.
        bound.listen(_BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


def _bind_all(endpoint: TcpEndpoint) -> list[socket.socket]:
    """Bind every address of an endpoint to one port; those that the machine has not got are left out.

    Raises:
        OSError: EADDRINUSE for any of them, or none could be bound.
    """
    bound: list[socket.socket] = []
    absent: OSError | None = None
    port = endpoint.port
    try:
        for address in endpoint.addresses:
            try:
                bound.append(_bind(address, port))
            except OSError as failure:
                if failure.errno not in _ABSENT:
                    raise
                absent = absent or failure
            else:
                port = bound[0].getsockname()[1]
        if not bound and absent is not None:
            raise absent
    except BaseException:
        for one in bound:
            one.close()
        raise
    return bound


def _open_tcp(endpoint: TcpEndpoint) -> Listener:
    attempts = _PORT_ATTEMPTS if endpoint.port == 0 and len(endpoint.addresses) > 1 else 1
    while True:
        attempts -= 1
        try:
            sockets = _bind_all(endpoint)
        except OSError as failure:
            if attempts == 0 or failure.errno != errno.EADDRINUSE:
                raise _cannot_bind(failure, endpoint.host) from None
        else:
            host, port = sockets[0].getsockname()[:2]
            return Listener(sockets, host, port, endpoint.warning)


# Unix-domain sockets


def _inode_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody answers any more.

    Raises:
        OSError: EADDRINUSE where somebody does, or where the path is something else.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISSOCK(mode):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
                return
            except OSError:
                # A full backlog, another socket type, no permission: there is an owner.
                pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _open_abstract(endpoint: UnixEndpoint) -> Listener:
    # It has no permissions; who connects is looked at when they do.
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.bind("\0" + endpoint.path)
        listening.listen(_BACKLOG)
    except OSError as failure:
        listening.close()
        raise _cannot_bind(failure) from None
    return Listener([listening], endpoint.path, None, None)


def _open_unix(endpoint: UnixEndpoint) -> Listener:
    if endpoint.abstract:
        return _open_abstract(endpoint)
    # The path must mean the same file when it is removed, wherever the working directory is by then.
    path = os.path.abspath(endpoint.path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _remove_stale(path)
        # The socket's own mode becomes that of the file which bind creates: nobody else can open it, ever.
        os.fchmod(listening.fileno(), 0o600)
        listening.bind(path)
        listening.listen(_BACKLOG)
    except OSError as failure:
        listening.close()
        raise _cannot_bind(failure) from None
    return Listener([listening], path, None, None, path)


# Readiness


def claim_ready_fd(fd: int, option: str = "--ready-fd") -> None:
    """Check the descriptor of an option and keep it from the programs that are started.

    Raises:
        StartupError: It is not open.
    """
    try:
        if fd > 2:
            os.set_inheritable(fd, False)
        else:
            os.fstat(fd)
    except OSError as failure:
        raise StartupError(f"{option}={fd}: {failure.strerror}") from None


def announce(address: str, port: int | None, pid: int | None, ready_fd: int | None, ready_file: str | None) -> None:
    """Write ``{"address":..., "port":..., "pid":...}`` to a descriptor, which is closed, and into a file.

    The file appears complete: it is renamed into place.  A descriptor whose reader has gone is nobody's loss.

    Raises:
        StartupError: The file cannot be written.
    """
    if ready_fd is None and ready_file is None:
        return
    import json

    line = json.dumps({"address": address, "port": port, "pid": pid}).encode() + b"\n"
    if ready_fd is not None:
        with contextlib.suppress(OSError):
            os.write(ready_fd, line)
        if ready_fd > 2:
            with contextlib.suppress(OSError):
                os.close(ready_fd)
    if ready_file is not None:
        folder, name = os.path.split(ready_file)
        part = os.path.join(folder, f".{name}.{os.getpid()}")
        try:
            with open(part, "wb") as file:  # noqa: PTH123  (a Path would be loaded before every start)
                file.write(line)
            os.replace(part, ready_file)
        except OSError as failure:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise StartupError(f"--ready-file={ready_file}: {failure.strerror}") from None
