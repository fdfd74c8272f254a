"""From a command line to a running server.

Layer: cli.  The only place that knows all layers.

Start-up order matters to those who wait for it: the address is taken before
anything heavy is loaded, so that a client can connect while the rest loads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from gdbstub.cli import gdbserver
from gdbstub.cli.config import Config, Outcome
from gdbstub.vocab.errors import StartupError


def _doctor(argv: list[str]) -> int:
    from gdbstub.cli import doctor

    return doctor.run(argv)


def _packets(argv: list[str]) -> int:
    from gdbstub.cli import packets

    return packets.run(argv)


#: Our own subcommands; every other first word is gdbserver's command line.
_SUBCOMMANDS: dict[str, Callable[[list[str]], int]] = {"doctor": _doctor, "packets": _packets}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in _SUBCOMMANDS:
        return _SUBCOMMANDS[words[0]](words[1:])
    parsed = gdbserver.parse(words)
    if isinstance(parsed, Outcome):
        sys.stdout.write(parsed.stdout)
        sys.stderr.write(parsed.stderr)
        return parsed.status
    try:
        return _serve(parsed)
    except StartupError as failure:
        sys.stderr.write(f"{failure}\nExiting\n")
        return 1


def _serve(config: Config) -> int:
    from gdbstub.server.address import SerialEndpoint, StdioEndpoint, parse_comm
    from gdbstub.server.listen import Listener, claim_ready_fd, open_listener

    _guard_standard_streams()
    if config.ready_fd is not None:
        claim_ready_fd(config.ready_fd)
    assert config.comm is not None
    endpoint = parse_comm(config.comm)
    listener: Listener | None = None
    if not isinstance(endpoint, SerialEndpoint | StdioEndpoint):
        listener = open_listener(endpoint)
    side_doors = []
    for door in config.side_doors:
        place = parse_comm(door.comm)
        if isinstance(place, SerialEndpoint | StdioEndpoint):
            raise StartupError(f"--listen={door.comm}: only sockets can be listened on")
        side_doors.append((open_listener(place), door.role))
    on_stdio = isinstance(endpoint, StdioEndpoint)
    if on_stdio and config.program:
        sys.stderr.write("stdin/stdout redirected\n")
        sys.stderr.flush()

    import trio

    from gdbstub.server.debuglog import DebugLog
    from gdbstub.server.serial import FdPair, open_pair
    from gdbstub.server.server import Server
    from gdbstub.server.settings import ServerSettings
    from gdbstub.target.ops import LaunchSpec

    open_later: Callable[[], FdPair] | None = None
    if isinstance(endpoint, StdioEndpoint):
        stdio = open_pair(endpoint)
        open_later = lambda: stdio  # noqa: E731  (two ways to open, one name)
    elif isinstance(endpoint, SerialEndpoint):
        serial = endpoint
        open_later = lambda: open_pair(serial)  # noqa: E731  (two ways to open, one name)
    kinds = {
        "threads": config.debug_threads,
        "remote": config.debug_remote,
        "event-loop": config.debug_event_loop,
    }
    debug = frozenset(kind for kind, on in kinds.items() if on)
    settings = ServerSettings(
        launch=LaunchSpec(
            argv=config.program,
            wrapper=config.wrapper,
            with_shell=config.startup_with_shell,
            disable_randomization=config.disable_randomization,
            redirect_stdio=on_stdio,
            raw_arguments=not config.escape_args,
        ),
        attach_pid=config.attach_pid,
        multi=config.multi,
        once=config.once,
        disabled_packets=config.disabled_packets,
        on_disconnect=config.on_disconnect,
        allow_any_user=config.allow_any_user,
        ready_fd=config.ready_fd,
        ready_file=config.ready_file,
        debug=debug,
    )
    log = DebugLog(debug, timestamps="timestamp" in config.debug_format, path=config.debug_file)

    async def serve() -> int:
        return await Server(settings, log).run(listener, open_later, side_doors)

    return trio.run(serve)


def _guard_standard_streams() -> None:
    """Open /dev/null on standard descriptors that are closed, lest a socket take their place."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
