"""From a command line to a running server.

Layer: cli.  The only place that knows all layers.

Start-up order matters to those who wait for it: the address is taken before
anything heavy is loaded, so that a client can connect while the rest loads.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from gdbstub.cli import gdbserver
from gdbstub.cli.config import CommandLine, Config, Outcome
from gdbstub.cli.loop import load_trio, run
from gdbstub.vocab.errors import StartupError

if TYPE_CHECKING:
    from gdbstub.server.settings import EngineMaker

if TYPE_CHECKING:
    from gdbstub.server.address import Endpoint
    from gdbstub.server.wording import Wording


def _doctor(argv: list[str]) -> int:
    from gdbstub.cli import doctor

    return doctor.run(argv)


def _packets(argv: list[str]) -> int:
    from gdbstub.cli import packets

    return packets.run(argv)


def _lldb_server(argv: list[str]) -> int:
    from gdbstub.cli import lldbserver

    return _run(lldbserver.parse(argv))


def _platform(argv: list[str]) -> int:
    from gdbstub.cli import platform

    parsed = platform.parse(argv)
    if isinstance(parsed, Outcome):
        return _run(parsed)
    _guard_standard_streams()
    try:
        return platform.run(parsed)
    except StartupError as failure:
        from gdbstub.server.wording import LLDB_SERVER, say

        say(LLDB_SERVER.failed.format(reason=failure))
        return 1


def _strace(argv: list[str]) -> int:
    from gdbstub.cli import strace

    return strace.run(argv)


def _events(argv: list[str]) -> int:
    from gdbstub.cli import events

    return events.run(argv)


def _version(argv: list[str]) -> int:
    from gdbstub.cli import usage

    return _run(Outcome(stdout=usage.version_text()))


#: What a first word may ask for; every other one begins gdbserver's command line.
_SUBCOMMANDS: dict[str, Callable[[list[str]], int]] = {
    "doctor": _doctor,
    "packets": _packets,
    "strace": _strace,
    "events": _events,
    "gdbserver": _lldb_server,
    "g": _lldb_server,
    "platform": _platform,
    "p": _platform,
    "version": _version,
    "v": _version,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in _SUBCOMMANDS:
        gc.enable()
        return _SUBCOMMANDS[words[0]](words[1:])
    return _run(gdbserver.parse(words))


def _run(parsed: Config | Outcome) -> int:
    if isinstance(parsed, Outcome):
        sys.stdout.write(parsed.stdout)
        sys.stderr.write(parsed.stderr)
        return parsed.status
    try:
        return _serve(parsed)
    except StartupError as failure:
        from gdbstub.server.wording import say

        say(_wording(parsed).failed.format(reason=failure))
        return 1


def _wording(config: Config) -> Wording:
    from gdbstub.server import wording

    return wording.GDBSERVER if config.command_line is CommandLine.GDBSERVER else wording.LLDB_SERVER


def _endpoint(config: Config) -> Endpoint:
    assert config.comm is not None
    if config.command_line is CommandLine.GDBSERVER:
        from gdbstub.server.address import parse_comm

        return parse_comm(config.comm)
    from gdbstub.server.url import parse_url

    return parse_url(config.comm, reverse=config.reverse)


def _serve(config: Config) -> int:
    from gdbstub.server.address import StdioEndpoint, TcpEndpoint, UnixEndpoint, parse_comm
    from gdbstub.server.listen import Listener, claim_ready_fd, open_listener

    _guard_standard_streams()
    if config.new_session:
        # It fails for a leader of a process group, which then has no terminal to lose.
        with contextlib.suppress(OSError):
            os.setsid()
    for option, fd in (("--ready-fd", config.ready_fd), ("--pipe", config.pipe_fd)):
        if fd is not None:
            claim_ready_fd(fd, option)
    endpoint = _endpoint(config)
    listener: Listener | None = None
    if isinstance(endpoint, TcpEndpoint | UnixEndpoint):
        listener = open_listener(endpoint)
    side_doors = []
    for door in config.side_doors:
        place = parse_comm(door.comm)
        if not isinstance(place, TcpEndpoint | UnixEndpoint):
            raise StartupError(f"--listen={door.comm}: only sockets can be listened on")
        side_doors.append((open_listener(place), door.role))
    on_stdio = isinstance(endpoint, StdioEndpoint)
    if on_stdio and config.program:
        sys.stderr.write("stdin/stdout redirected\n")
        sys.stderr.flush()

    load_trio()

    from gdbstub.engines.gdbremote.dialect import GDB, LLDB
    from gdbstub.server.debuglog import DebugLog
    from gdbstub.server.serial import FdPair, open_pair
    from gdbstub.server.server import Server
    from gdbstub.server.settings import ServerSettings
    from gdbstub.target.ops import LaunchSpec

    open_later: Callable[[], FdPair] | None = None
    if isinstance(endpoint, StdioEndpoint):
        stdio = open_pair(endpoint)
        open_later = lambda: stdio  # noqa: E731  (two ways to open, one name)
    elif not isinstance(endpoint, TcpEndpoint | UnixEndpoint):
        open_later = partial(open_pair, endpoint)
    kinds = {
        "threads": config.debug_threads,
        "remote": config.debug_remote,
        "event-loop": config.debug_event_loop,
    }
    as_lldb_server = config.command_line is CommandLine.LLDB_SERVER
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
        attach_name=config.attach_name,
        multi=config.multi,
        once=config.once,
        disabled_packets=config.disabled_packets,
        on_disconnect=config.on_disconnect,
        allow_any_user=config.allow_any_user,
        engines=_engines(config),
        ready_fd=config.ready_fd,
        ready_file=config.ready_file,
        strace=config.strace,
        pipe_fd=config.pipe_fd,
        named_pipe=config.named_pipe,
        dialect=LLDB if as_lldb_server else GDB,
        wording=_wording(config),
        bare_environment=as_lldb_server,
        lives_with_client=as_lldb_server,
        hangups=1 if as_lldb_server else 0,
        debug=debug,
    )
    log = DebugLog(debug, timestamps="timestamp" in config.debug_format, path=config.debug_file)

    async def serve() -> int:
        return await Server(settings, log).run(listener, open_later, side_doors)

    return run(serve)


def _engines(config: Config) -> tuple[EngineMaker, ...]:
    if not config.engines:
        return ()
    from gdbstub.cli.plugin import load

    return tuple(load(each) for each in config.engines)


def _guard_standard_streams() -> None:
    """Open /dev/null on standard descriptors that are closed, lest a socket take their place."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
