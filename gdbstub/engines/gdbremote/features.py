"""What each side of one connection can do, decided once, at negotiation.

Layer: engines.  Used by: session, handlers.
"""

from __future__ import annotations

from collections.abc import Iterable

from gdbstub.engines.gdbremote.dialect import REGISTERS, Dialect


class Features:
    """What the client announced: nothing, until ``negotiate``."""

    multiprocess: bool = False
    #: Reads descriptions of registers.
    descriptions: bool = False
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


def negotiate(features: Features, dialect: Dialect, announced: Iterable[bytes]) -> bytes:
    """Take in what a client announced and return our side's answer in its dialect."""
    for each in announced:
        if each.startswith(REGISTERS):
            features.descriptions = True
        name = _FROM_CLIENT.get(each)
        if name is not None:
            setattr(features, name, True)
    answer: list[str] = []
    for offer in dialect.offers:
        if all(getattr(features, name) for name in offer.needs):
            answer.append(offer.text)
        else:
            # It was announced in vain: what depends on it must not happen.
            setattr(features, offer.needs[0], False)
    return ";".join(answer).encode()
