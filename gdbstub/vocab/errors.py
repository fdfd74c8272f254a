"""The error classes, by who is at fault.

Layer: vocab.  Raised anywhere below a session; turned into bytes in one place
(``rsp.replies.error_reply``).
"""

from __future__ import annotations

import errno as _errno
import os


class StubError(Exception):
    """Everything this package raises on purpose."""


class PacketError(StubError):
    """The peer broke framing or grammar.  The inferior has not been touched."""


class BadThreadId(PacketError):
    """A thread-id is written wrongly, or names what cannot be named."""


class Unsupported(StubError):
    """We do not offer this: the reply is empty, and the client does without."""


class TargetError(StubError):
    """An operation on the target failed.

    Args:
        errno: The kernel's error number, for ``Enn``.
        text: One short sentence for clients that asked for error texts.
    """

    def __init__(self, errno: int, text: str | None = None) -> None:
        self.errno = errno
        self.text = text if text is not None else os.strerror(errno)
        super().__init__(self.text)


class TraceeGone(TargetError):
    """ESRCH in the middle of something: the tracee has died or was never stopped.

    Its exit arrives by the event route; whoever catches this must not clean up after it.
    """

    def __init__(self, tid: int) -> None:
        super().__init__(_errno.ESRCH, f"thread {tid} is gone or not stopped")
        self.tid = tid


class Disconnected(StubError):
    """The stream to a client ended."""


class StartupError(StubError):
    """The program could not be started, the process not attached to, or the address not listened on.

    The text is complete: it is printed as it is, followed by ``Exiting``.
    """
