"""Notifications: what a client is told without having asked, one after the other.

Layer: engines.  Used by: reports (stops), session (a program's output).
Spec: GDB manual, "Notification Packets".

Only the first of a row is sent unasked; the client acknowledges each by asking for the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from gdbstub.rsp.replies import OK


class Notifications:
    """The queue of one kind of notification.

    Args:
        name: The kind, as sent.
        send: Sends a notification.
    """

    def __init__(self, name: bytes, send: Callable[[bytes], None]) -> None:
        self._head = name + b":"
        self._send = send
        self._queue: deque[bytes] = deque()
        self._telling = False

    def tell(self, payload: bytes) -> None:
        """Send a notification, or queue it while the client has not acknowledged the last one."""
        self._queue.append(payload)
        if not self._telling:
            self._telling = True
            self._send(self._head + payload)

    @property
    def waiting(self) -> Sequence[bytes]:
        """What the client has not acknowledged."""
        return tuple(self._queue)

    @property
    def telling(self) -> bool:
        """Tell whether the client has something to acknowledge."""
        return self._telling

    def acknowledged(self) -> bytes:
        """Answer an acknowledgement: the next that was not told yet, or OK."""
        if self._telling and self._queue:
            self._queue.popleft()
        if self._queue:
            return self._queue[0]
        self._telling = False
        return OK

    def restart(self, payloads: Iterable[bytes]) -> None:
        """Replace the queue; the first of it is being told by other means."""
        self._queue = deque(payloads)
        self._telling = bool(self._queue)
