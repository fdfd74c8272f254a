"""``gdbstub platform``: lldb-server's command line for ``platform connect``.

Layer: cli.  Used by: main.  Source: the behaviour of lldb-server 19 and 23.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gdbstub.cli.config import Outcome, PlatformConfig
from gdbstub.cli.options import Answered, refuse, split_option
from gdbstub.vocab.errors import StartupError

HELP = """\
Usage:\tgdbstub p[latform] --listen [HOST]:PORT [OPTIONS]

The server that lldb's "platform connect" talks to: it copies files, lists processes,
runs commands, and starts a server for each program that is debugged.

  --listen [HOST]:PORT  Where clients connect; also PATH or unix://PATH.  Port 0 takes
                        a free one; with * as HOST every interface is listened on.
  --server              Serve any number of clients; else end with the first one.
  --socket-file FILE    Write the port, or the socket's path, into FILE, which appears
                        complete (also --port-file).
  --gdbserver-port PORT Where a program's server listens (may be repeated).
  --min-gdbserver-port PORT, --max-gdbserver-port PORT
                        The first such port, and the one behind the last.
  --allow-any-user      Serve local clients of other users too.
  --log-file FILE, --log-channels WHAT, --debug, --verbose
                        Accepted for compatibility; there is no log here.
  --help, -h            Print this text and exit.
"""

_HINT = "Use 'gdbstub p[latform] --help' for a complete list of options."
_PORT_MAX = 65535


def _misuse(reason: str) -> Answered:
    return refuse(f"error: {reason}\n{_HINT}")


def _port(option: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or not 0 < int(value) <= _PORT_MAX:
        raise _misuse(f"invalid port '{value}' for --{option}")
    return int(value)


_FLAGS = {"server": "many", "allow-any-user": "allow_any_user"}
_IGNORED_FLAGS = frozenset(("debug", "verbose"))
_IGNORED_VALUES = frozenset(("log-file", "log-channels", "l", "c"))
_ALIASES = {
    "L": "listen",
    "f": "socket-file",
    "port-file": "socket-file",
    "P": "gdbserver-port",
    "m": "min-gdbserver-port",
    "M": "max-gdbserver-port",
    "h": "help",
}
_VALUES = frozenset(("listen", "socket-file", "gdbserver-port", "min-gdbserver-port", "max-gdbserver-port"))


def _read(argv: Sequence[str]) -> PlatformConfig:
    fields: dict[str, Any] = {}
    ports: list[int] = []
    bounds: dict[str, int] = {}
    at = 0
    while at < len(argv):
        word = argv[at]
        at += 1
        option = split_option(word)
        if option is None:
            raise _misuse(f"unexpected argument '{word}'")
        name, value = option
        name = _ALIASES.get(name, name)
        if name == "help":
            raise Answered(Outcome(stdout=HELP))
        if name in _FLAGS and value is None:
            fields[_FLAGS[name]] = True
            continue
        if name in _IGNORED_FLAGS and value is None:
            continue
        if name not in _VALUES | _IGNORED_VALUES:
            raise _misuse(f"unknown argument '{word}'")
        if value is None:
            if at == len(argv):
                raise _misuse(f"--{name}: missing argument")
            value = argv[at]
            at += 1
        if name == "listen":
            fields["listen"] = value
        elif name == "socket-file":
            fields["socket_file"] = value
        elif name == "gdbserver-port":
            ports.append(_port(name, value))
        elif name in _VALUES:
            bounds[name] = _port(name, value)
    if "listen" not in fields:
        raise _misuse("--listen is missing: where clients connect")
    if bounds:
        first, end = bounds.get("min-gdbserver-port"), bounds.get("max-gdbserver-port")
        if first is None or end is None or first >= end:
            raise _misuse("--min-gdbserver-port must be less than --max-gdbserver-port")
        ports += range(first, end)
    return PlatformConfig(ports=tuple(ports), **fields)


def parse(argv: Sequence[str]) -> PlatformConfig | Outcome:
    """Read the words after ``platform``.

    Returns:
        What to do, or what to print and the exit status.
    """
    try:
        return _read(argv)
    except Answered as answer:
        return answer.outcome


def run(config: PlatformConfig) -> int:
    """Serve.

    Raises:
        StartupError: It cannot listen there.
    """
    from gdbstub.server.address import TcpEndpoint, UnixEndpoint
    from gdbstub.server.listen import open_listener
    from gdbstub.server.url import parse_url

    endpoint = parse_url(config.listen, reverse=False)
    if not isinstance(endpoint, TcpEndpoint | UnixEndpoint):
        raise StartupError(f"--listen {config.listen}: only sockets can be listened on")
    listener = open_listener(endpoint)

    from gdbstub.cli import loop

    loop.load_trio()

    from gdbstub.server.platform import PlatformServer, PlatformSettings

    settings = PlatformSettings(many=config.many, ports=config.ports, allow_any_user=config.allow_any_user)
    server = PlatformServer(settings, listener)
    sys.stderr.write(listener.message + "\n")
    if listener.warning:
        sys.stderr.write(listener.warning + "\n")
    if config.socket_file is not None:
        _write_whole(Path(config.socket_file), listener.socket_id)
    return loop.run(server.run)


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as failure:
        raise StartupError(f"--socket-file {path}: {failure.strerror}") from None
