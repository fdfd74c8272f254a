"""What each side of one connection can do, decided once, at negotiation.

Layer: engines.  Used by: session, handlers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gdbstub.engines.gdbremote.dialect import Dialect

#: The longest packet we take, bytes; the value in ``qSupported`` is hex.
PACKET_SIZE = 0x20000


@dataclass(slots=True)
class Features:
    """What the client announced."""

    multiprocess: bool = False
    #: Understands ``E.text``.
    error_texts: bool = False
    swbreak: bool = False
    hwbreak: bool = False
    fork_events: bool = False
    vfork_events: bool = False
    exec_events: bool = False
    no_resumed: bool = False
    #: Writes a program's arguments as one line, as for a shell.
    single_argument: bool = False
    #: Takes several data addresses in one stop reply.
    several_watches: bool = False
    thread_events: bool = False
    thread_options: bool = False
    #: Packets about a thread end in ``;thread:TID;`` (``QThreadSuffixSupported``).
    thread_suffix: bool = False
    #: Stop replies list all threads (``QListThreadsInStopReply``).
    threads_in_stops: bool = False
    #: Understands ``Exx;HEX`` (``QEnableErrorStrings``).
    error_strings: bool = False


_FROM_CLIENT = {
    b"multiprocess+": "multiprocess",
    b"error-message+": "error_texts",
    b"swbreak+": "swbreak",
    b"hwbreak+": "hwbreak",
    b"fork-events+": "fork_events",
    b"vfork-events+": "vfork_events",
    b"exec-events+": "exec_events",
    b"no-resumed+": "no_resumed",
    b"single-inf-arg+": "single_argument",
    b"multi-wp-addr+": "several_watches",
    b"QThreadEvents+": "thread_events",
    b"QThreadOptions+": "thread_options",
}

#: What we offer to everybody; what one dialect alone is offered is a fact of ``dialect``.
_OFFERED = (
    f"PacketSize={PACKET_SIZE:x}",
    "QStartNoAckMode+",
    "QPassSignals+",
    "QProgramSignals+",
    "QCatchSyscalls+",
    "QStartupWithShell+",
    "QEnvironmentHexEncoded+",
    "QEnvironmentReset+",
    "QEnvironmentUnset+",
    "QSetWorkingDir+",
    "QDisableRandomization+",
    "QNonStop+",
    "qXfer:features:read+",
    "qXfer:threads:read+",
    "qXfer:auxv:read+",
    "qXfer:exec-file:read+",
    "qXfer:libraries-svr4:read+",
    "augmented-libraries-svr4-read+",
    "qXfer:siginfo:read+",
    "qXfer:siginfo:write+",
    "qXfer:osdata:read+",
    "vContSupported+",
    "QAllow+",
    "QAgent+",
    "ConditionalBreakpoints+",
    "BreakpointCommands+",
    "swbreak+",
    "hwbreak+",
)

#: What we offer to a client that announced it.
_ANSWERED = (
    ("multiprocess", "multiprocess+"),
    ("error_texts", "error-message+"),
    ("fork_events", "fork-events+"),
    ("vfork_events", "vfork-events+"),
    ("exec_events", "exec-events+"),
    ("no_resumed", "no-resumed+"),
    ("single_argument", "single-inf-arg+"),
    ("thread_events", "QThreadEvents+"),
    ("thread_options", "QThreadOptions=3"),
)


def negotiate(features: Features, dialect: Dialect, announced: Iterable[bytes]) -> bytes:
    """Take in what a client announced and return our side's answer in its dialect."""
    for each in announced:
        name = _FROM_CLIENT.get(each)
        if name is not None:
            setattr(features, name, True)
    answer = [*_OFFERED, *dialect.offers, *(text for name, text in _ANSWERED if getattr(features, name))]
    return ";".join(answer).encode()
