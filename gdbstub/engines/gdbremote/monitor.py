"""Monitor commands: what ``monitor NAME`` does in gdb.

Layer: engines.  Used by: handlers.features.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from gdbstub.engines.gdbremote.stops import console
from gdbstub.rsp.replies import OK, Reply
from gdbstub.vocab.errors import StartupError, TargetError
from gdbstub.vocab.ids import TRACING, EngineId

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

Action = Callable[["Session", list[str]], Iterator[str]]


class _Command(NamedTuple):
    usage: str
    help: str
    action: Action
    #: An observer may use it.
    reads: bool


_commands: dict[str, _Command] = {}


def monitor(usage: str, text: str, *, reads: bool = False) -> Callable[[Action], Action]:
    """Enter a monitor command: its words as typed, one line of help, and whether it only reads."""

    def enter(action: Action) -> Action:
        name = " ".join(word for word in usage.split() if word.islower() and "|" not in word)
        _commands[name] = _Command(usage, text, action, reads)
        return action

    return enter


def run(session: Session, line: str) -> Reply:
    """Run a command line; its output becomes console packets, the reply is OK or an error."""
    words = line.split()
    for count in range(min(2, len(words)), 0, -1):
        command = _commands.get(" ".join(words[:count]))
        if command is not None:
            if session.role.observes and not command.reads:
                raise TargetError(errno.EPERM, f"an observer changes nothing: monitor {line} is refused")
            for text in command.action(session, words[count:]):
                session.send(console(text + "\n"))
            return OK
    near = difflib.get_close_matches(" ".join(words), _commands, 3, 0.5) if words else []
    hint = f"  Did you mean: {', '.join(near)}?" if near else ""
    session.send(console(f"Unknown monitor command.{hint}\nmonitor help lists them all.\n\n"))
    return b"E.unknown monitor command" if session.features.error_texts else b"E01"


@monitor("help", "List the monitor commands.", reads=True)
def _help(session: Session, words: list[str]) -> Iterator[str]:
    yield "The following monitor commands are supported:"
    for command in sorted(_commands.values()):
        yield f"  {command.usage}\n    {command.help}"


@monitor("exit", "End the server: programs are killed, attached processes let go.")
def _exit(session: Session, words: list[str]) -> Iterator[str]:
    session.host.end("monitor exit")
    return iter(())


@monitor("threads", "List the threads, what each does and who holds it.", reads=True)
def _threads(session: Session, words: list[str]) -> Iterator[str]:
    for thread in session.target.threads():
        name = session.target.thread_name(thread.tid) or ""
        holders = ", ".join(f"client {each}" for each in session.target.holders(thread.tid))
        held = f"  held by {holders}" if holders else ""
        yield f"{thread.pid}.{thread.tid}  {name:16}  {session.target.describe(thread.tid)}{held}"


@monitor("sites", "List the breakpoint sites and their owners.", reads=True)
def _sites(session: Session, words: list[str]) -> Iterator[str]:
    for pid in session.target.pids():
        for address, owners in session.target.sites(pid):
            yield f"{pid}  {address:#x}  {', '.join(map(_engine_name, sorted(owners)))}"


def _engine_name(engine_id: EngineId) -> str:
    return "tracepoints" if engine_id == TRACING else f"client {engine_id}"


@monitor("clients", "List who is connected.", reads=True)
def _clients(session: Session, words: list[str]) -> Iterator[str]:
    yield from session.host.clients()


@monitor("strace on|off|FILE [OPTIONS]", "Log system calls to stderr or to a file; the options are strace's.")
def _strace(session: Session, words: list[str]) -> Iterator[str]:
    if not words:
        yield "on, off or a file expected: monitor strace /tmp/log -e trace=%file"
        return
    where, *options = words
    target = "-" if where == "on" else where
    try:
        yield session.host.log_to_file(None if where == "off" else " ".join([target, *options]))
    except StartupError as mistake:
        yield str(mistake)


#: The server's kinds of debug output, by the component that ``set debug`` names.
_COMPONENTS = {
    "all": ("debug", "remote-debug", "event-loop-debug"),
    "threads": ("debug",),
    "event-loop": ("event-loop-debug",),
    "remote": ("remote-debug",),
}
_SWITCH = {"0": False, "off": False, "1": True, "on": True}


def _switch(session: Session, kinds: tuple[str, ...], title: str, words: list[str], example: str) -> Iterator[str]:
    on = _SWITCH.get(words[0]) if len(words) == 1 else None
    if on is None:
        yield f"0 or 1 expected: {example} 1"
        return
    for kind in kinds:
        session.host.set_debug(kind, on)
    yield f"{title} {'enabled' if on else 'disabled'}."


@monitor(
    "set debug [all|threads|event-loop|remote] 0|1", "Switch debug output: the tracer's, or that of a component."
)
def _set_debug(session: Session, words: list[str]) -> Iterator[str]:
    if words and words[0] in _COMPONENTS:
        name = words[0]
        title = f"Debug output for '{name}'"
        yield from _switch(session, _COMPONENTS[name], title, words[1:], f"set debug {name}")
    else:
        yield from _switch(session, ("debug",), "Debug output", words, "set debug")


@monitor("set event-loop-debug 0|1", "Switch the event loop's debug output.")
def _set_event_loop_debug(session: Session, words: list[str]) -> Iterator[str]:
    title = "Event loop debug output"
    yield from _switch(session, ("event-loop-debug",), title, words, "set event-loop-debug")


@monitor("set debug-hw-points 0|1", "Switch what is told about debug registers: a part of the tracer's debug output.")
def _set_debug_hw_points(session: Session, words: list[str]) -> Iterator[str]:
    yield from _switch(session, ("debug",), "H/W point debugging output", words, "set debug-hw-points")


@monitor("set debug-format all|none|timestamp", "Choose what precedes each line of debug output.")
def _set_debug_format(session: Session, words: list[str]) -> Iterator[str]:
    wanted = ",".join(words).split(",")
    if not words or not set(wanted) <= {"all", "none", "timestamp"}:
        yield "all, none or timestamp expected: set debug-format timestamp"
        return
    stamps = wanted[-1] != "none"
    session.host.set_debug("timestamps", stamps)
    yield f"All extra debug format options {'enabled' if stamps else 'disabled'}."


@monitor("set libthread-db-search-path PATH", "Accepted and ignored: thread-local storage needs no library here.")
def _set_search_path(session: Session, words: list[str]) -> Iterator[str]:
    # The first line is gdbserver's, because tools wait for it.
    yield f"libthread-db-search-path set to `{' '.join(words)}'"
    yield "It is not used: this server reads thread-local storage by itself."


@monitor("set remote-debug 0|1", "Switch the log of packets.")
def _set_remote_debug(session: Session, words: list[str]) -> Iterator[str]:
    yield from _switch(session, ("remote-debug",), "Protocol debug output", words, "set remote-debug")
