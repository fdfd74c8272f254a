"""From a packet's command to the function that answers it.

Layer: engines.  Used by: conversation, handlers.

There are two kinds of sessions, and some packets are for both.  The handlers of
a family of packets are loaded when the first of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias, TypeVar

from gdbstub.rsp.families import family_of
from gdbstub.rsp.replies import Reply

#: Takes the session, of the kind that the table is for, and the command.
Handler: TypeAlias = Callable[[Any, Any], Reply]
Handlers: TypeAlias = dict[type[Any], Handler]
H = TypeVar("H", bound=Callable[..., Reply])

_HANDLERS = "gdbstub.engines.gdbremote.handlers"

#: What a session about processes under trace answers.
DEBUGGING: Handlers = {}
#: What a session about the machine, without a process, answers.
PLATFORM: Handlers = {}


def handles(command: type[Any], *sessions: Handlers) -> Callable[[H], H]:
    """Make a function ``(session, command) -> Reply`` the handler of one command class.

    Args:
        command: Which.
        sessions: The kinds of sessions that it is for; DEBUGGING unless something is said.
    """

    def enter(fn: H) -> H:
        for table in sessions or (DEBUGGING,):
            if command in table:
                raise ValueError(f"{command.__name__} has two handlers")
            table[command] = fn
        return fn

    return enter


def load_handlers(family: str) -> None:
    """Enter a family's handlers, and its packets into the packet table."""
    import_module(f"{_HANDLERS}.{family}")


def handler_of(command: type[Any], sessions: Handlers = DEBUGGING) -> Handler | None:
    """Return the handler of a command class, or None where the packet is declined."""
    handler = sessions.get(command)
    if handler is None:
        family = family_of(command)
        if family is not None:
            load_handlers(family)
            handler = sessions.get(command)
    return handler
