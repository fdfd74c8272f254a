"""From a packet's command to the function that answers it.

Layer: engines.  Used by: session, handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from gdbstub.rsp.replies import Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

Handler = Callable[["Session", Any], Reply]
H = TypeVar("H", bound=Callable[..., Reply])

_handlers: dict[type[Any], Handler] = {}


def handles(command: type[Any]) -> Callable[[H], H]:
    """Make a function ``(session, command) -> Reply`` the handler of one command class."""

    def enter(fn: H) -> H:
        if command in _handlers:
            raise ValueError(f"{command.__name__} has two handlers")
        _handlers[command] = fn
        return fn

    return enter


def handler_of(command: type[Any]) -> Handler | None:
    """Return the handler of a command class, or None where the packet is declined."""
    return _handlers.get(command)
