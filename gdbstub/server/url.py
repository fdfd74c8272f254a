"""Where lldb-server's command line says that the client is.

Layer: server.  Used by: cli.  Source: the behaviour of lldb-server 19 and 23.

A plain word is ``[HOST]:PORT`` or else the path of a Unix-domain socket, even ``0``.  Anything else is
``SCHEME://REST``; a scheme may itself say whether we listen or connect, and those that do not do as
``--reverse-connect`` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gdbstub.server.address import (
    ConnectEndpoint,
    DescriptorEndpoint,
    Endpoint,
    SerialEndpoint,
    UnixEndpoint,
    parse_comm,
)
from gdbstub.vocab.errors import StartupError

_host_and_port = re.compile(r"(\[[^\]]*\]|[^:/\[\]]*):([0-9]{1,5})").fullmatch
_PORT_MAX = 65535

#: What a client's own names for the two ends stand for: (listening, connecting).
_EITHER = {
    "tcp": ("listen", "connect"),
    "unix": ("unix-accept", "unix-connect"),
    "unix-abstract": ("unix-abstract-accept", "unix-abstract-connect"),
}


def _unreachable(text: str, reason: str) -> StartupError:
    return StartupError(f"failed to connect to client at '{text}': {reason}")


def _tcp(rest: str) -> tuple[str, int] | None:
    found = _host_and_port(rest)
    if found is None or int(found[2]) > _PORT_MAX:
        return None
    return found[1].removeprefix("[").removesuffix("]"), int(found[2])


def _listen(url: str, rest: str) -> Endpoint:
    found = _tcp(rest)
    if found is None:
        raise _unreachable(url, "HOST:PORT expected")
    host, port = found
    try:
        return parse_comm(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except StartupError as failure:
        raise _unreachable(url, str(failure)) from None


def _connect(url: str, rest: str) -> Endpoint:
    found = _tcp(rest)
    if found is None:
        raise _unreachable(url, "HOST:PORT expected")
    return ConnectEndpoint(url, found[0] or "localhost", found[1])


def _descriptor(url: str, rest: str) -> Endpoint:
    if not (rest.isascii() and rest.isdigit()):
        raise _unreachable(url, "the number of a descriptor expected")
    return DescriptorEndpoint(int(rest))


def _serial(_url: str, rest: str) -> Endpoint:
    # What follows a question mark sets the speed, which stays as it is here.
    return SerialEndpoint(rest.partition("?")[0])


_SCHEMES: dict[str, Callable[[str, str], Endpoint]] = {
    "listen": _listen,
    "accept": _listen,
    "connect": _connect,
    "tcp-connect": _connect,
    "unix-accept": lambda _, rest: UnixEndpoint(rest),
    "accept-unix": lambda _, rest: UnixEndpoint(rest),
    "unix-abstract-accept": lambda _, rest: UnixEndpoint(rest, abstract=True),
    "unix-connect": lambda url, rest: ConnectEndpoint(url, rest, None),
    "unix-abstract-connect": lambda url, rest: ConnectEndpoint(url, "\0" + rest, None),
    "fd": _descriptor,
    "file": _serial,
    "serial": _serial,
}


def parse_url(text: str, *, reverse: bool) -> Endpoint:
    """Read an address.

    Args:
        text: As it was written.
        reverse: Connect, where it does not say which.

    Raises:
        StartupError: There is no such scheme, host or port.
    """
    scheme, colon, rest = text.partition("://")
    if not colon:
        scheme, rest = ("tcp" if _tcp(text) else "unix"), text
    scheme = _EITHER[scheme][reverse] if scheme in _EITHER else scheme
    make = _SCHEMES.get(scheme)
    if make is None or not rest:
        raise _unreachable(text, "this form of an address is not supported")
    return make(f"{scheme}://{rest}", rest)
