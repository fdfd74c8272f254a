"""COMM: where clients are to connect, as a command line writes it.

Layer: server.  Used by: listen, serial, cli.

gdbserver listens on every interface whatever HOST says.  Here HOST is meant:
``:PORT`` and ``localhost:PORT`` are loopback, ``*:PORT`` is everything.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import NamedTuple, TypeAlias

from gdbstub.vocab.errors import StartupError

#: The C library's texts for a host and a port that name nothing.
_NO_HOST = "Name or service not known"
_NO_PORT = "Servname not supported for ai_socktype"

_FAMILIES = {"tcp": socket.AF_UNSPEC, "tcp4": socket.AF_INET, "tcp6": socket.AF_INET6}


class BindAddress(NamedTuple):
    """One numeric address to bind."""

    family: socket.AddressFamily
    host: str
    scope: int = 0
    #: An IPv6 socket that serves IPv4 clients as well.
    dual_stack: bool = False

    @property
    def is_loopback(self) -> bool:
        """True where only this machine can reach it."""
        return self.host == "::1" or self.host.startswith(("127.", "::ffff:127."))


_LOOPBACK = (BindAddress(socket.AF_INET, "127.0.0.1"), BindAddress(socket.AF_INET6, "::1"))
_EVERYWHERE = (BindAddress(socket.AF_INET, "0.0.0.0"), BindAddress(socket.AF_INET6, "::"))
_HOSTS = {"": _LOOPBACK, "localhost": _LOOPBACK, "*": _EVERYWHERE}


class TcpEndpoint(NamedTuple):
    """A TCP port on one or more of this machine's addresses."""

    #: As written; None where it was left out.
    host: str | None
    #: 0: the kernel chooses.
    port: int
    family: socket.AddressFamily
    #: The first one must be bound; the others may be missing on this machine.
    addresses: tuple[BindAddress, ...]

    @property
    def warning(self) -> str | None:
        """What to tell the user about who can connect; None where it is only this machine."""
        exposed = [address.host for address in self.addresses if not address.is_loopback]
        if not exposed:
            return None
        where = "every interface" if {"0.0.0.0", "::"} & set(exposed) else ", ".join(exposed)
        return (
            f"warning: listening on {where}; the protocol has no authentication, so whoever can connect"
            " can run programs as this user (localhost:PORT and a tunnel are safer)"
        )


class UnixEndpoint(NamedTuple):
    """A Unix-domain stream socket."""

    path: str
    #: Its name is not in the file system.
    abstract: bool = False
    warning: None = None


class StdioEndpoint(NamedTuple):
    """Standard input and output; one client, there from the start."""

    warning: None = None


class SerialEndpoint(NamedTuple):
    """A character device.

    As with gdbserver it is opened after the program was started: where that fails, the caller prints
    ``Killing process(es): N``, the error and ``Exiting``, in this order.
    """

    path: str
    warning: None = None


class DescriptorEndpoint(NamedTuple):
    """A descriptor that whoever started this server left open."""

    fd: int
    warning: None = None


class ConnectEndpoint(NamedTuple):
    """A client that listens for us."""

    #: For messages.
    url: str
    #: Or the path of a Unix-domain socket; an abstract one begins with NUL.
    host: str
    #: None for a Unix-domain socket.
    port: int | None
    warning: None = None


ListenEndpoint: TypeAlias = TcpEndpoint | UnixEndpoint
#: One connection, there from the start.
StreamEndpoint: TypeAlias = StdioEndpoint | SerialEndpoint | DescriptorEndpoint | ConnectEndpoint
Endpoint: TypeAlias = ListenEndpoint | StreamEndpoint


def parse_comm(comm: str) -> Endpoint:
    """Read COMM; a host name is resolved here.

    Raises:
        StartupError: No such host or port, or a form that is not supported.
    """
    if comm in ("-", "stdio"):
        return StdioEndpoint()
    scheme, colon, rest = comm.partition(":")
    if colon and scheme == "unix" and rest:
        return UnixEndpoint(rest)
    if "/" in comm or ":" not in comm:
        return _parse_path(comm)
    if scheme in _FAMILIES and ":" in rest:
        return _parse_tcp(comm, rest, _FAMILIES[scheme])
    if scheme == "udp" and ":" in rest:
        raise StartupError(f"{comm}: cannot resolve name: UDP is not supported")
    return _parse_tcp(comm, comm, socket.AF_UNSPEC)


def _parse_path(path: str) -> UnixEndpoint | SerialEndpoint:
    try:
        is_device = stat.S_ISCHR(os.stat(path).st_mode)
    except (OSError, ValueError):
        is_device = False
    return UnixEndpoint(path) if "/" in path and not is_device else SerialEndpoint(path)


def _parse_tcp(comm: str, text: str, family: socket.AddressFamily) -> TcpEndpoint:
    if text.startswith("["):
        host, bracket, tail = text[1:].partition("]")
        if not bracket:
            raise StartupError(f"Missing close bracket in hostname '{text}'")
        if not tail.startswith(":"):
            raise StartupError(f"{comm}: cannot resolve name: {_NO_PORT}")
        port_text = tail[1:]
    else:
        host, _, port_text = text.rpartition(":")
    port = _parse_port(comm, port_text)
    return TcpEndpoint(host or None, port, family, _resolve(comm, host, family))


def _parse_port(comm: str, text: str) -> int:
    digits = text.strip().removeprefix("+")
    if digits.isascii() and digits.isdigit():
        # Ports wrap as gdbserver's do.  65536 divides 10**16: the last 16 digits decide, whatever the length.
        return int(digits[-16:]) % 65536
    try:
        return socket.getservbyname(text, "tcp")
    except OSError:
        raise StartupError(f"{comm}: cannot resolve name: {_NO_PORT}") from None


def _resolve(comm: str, host: str, family: socket.AddressFamily) -> tuple[BindAddress, ...]:
    known = _HOSTS.get(host.lower())
    if known is not None:
        return tuple(address for address in known if family in (socket.AF_UNSPEC, address.family))
    # A dotted number is never a name: no name server is asked, which could take half a minute to say so.
    numeric = host.replace(".", "").isdigit() or ":" in host
    try:
        found = socket.getaddrinfo(
            # Of text Python would make IDNA, for which it loads the tables of Unicode.
            host.encode() if host.isascii() else host,
            0,
            family,
            socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE | (socket.AI_NUMERICHOST if numeric else 0),
        )
    except (socket.gaierror, UnicodeError) as failure:
        text = failure.strerror if isinstance(failure, socket.gaierror) else _NO_HOST
        raise StartupError(f"{comm}: cannot resolve name: {text}") from None
    addresses: dict[BindAddress, None] = {}
    for found_family, _, _, _, where in found:
        scope = int(where[3]) if len(where) == 4 else 0
        name = str(where[0])
        address = BindAddress(found_family, name, scope, dual_stack=name == "::" and family == socket.AF_UNSPEC)
        addresses[address] = None
    return tuple(addresses)
