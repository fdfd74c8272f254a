"""What ``qSupported`` offers, and on which condition: one row each.

Layer: engines.  Used by: dialect (each has its list), features (the negotiation).
Spec: GDB manual, "General Query Packets", ``qSupported``; LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.compression import TYPE

#: The longest packet we take, bytes; the value in ``qSupported`` is hex.
PACKET_SIZE = 0x20000


class Offer(NamedTuple):
    """One word of the answer."""

    text: str
    #: What the client must have announced, by the names of ``Features``.
    needs: tuple[str, ...] = ()


_EVERYBODY = (
    Offer(f"PacketSize={PACKET_SIZE:x}"),
    Offer("QStartNoAckMode+"),
    Offer("QPassSignals+"),
    Offer("QNonStop+"),
    Offer("qXfer:features:read+"),
    Offer("qXfer:auxv:read+"),
    Offer("qXfer:libraries-svr4:read+"),
    Offer("augmented-libraries-svr4-read+"),
    Offer("qXfer:siginfo:read+"),
    Offer("multiprocess+", ("multiprocess",)),
)

TO_GDB = (
    *_EVERYBODY,
    Offer("QProgramSignals+"),
    Offer("QCatchSyscalls+"),
    Offer("QStartupWithShell+"),
    Offer("QEnvironmentHexEncoded+"),
    Offer("QEnvironmentReset+"),
    Offer("QEnvironmentUnset+"),
    Offer("QSetWorkingDir+"),
    Offer("QDisableRandomization+"),
    Offer("qXfer:threads:read+"),
    Offer("qXfer:exec-file:read+"),
    Offer("qXfer:siginfo:write+"),
    Offer("qXfer:osdata:read+"),
    Offer("binary-upload+"),
    Offer("vContSupported+"),
    Offer("QAllow+"),
    Offer("QAgent+"),
    Offer("ConditionalBreakpoints+"),
    Offer("BreakpointCommands+"),
    Offer("ConditionalTracepoints+"),
    Offer("TraceStateVariables+"),
    Offer("TracepointSource+"),
    Offer("DisconnectedTracing+"),
    Offer("InstallInTrace+"),
    Offer("EnableDisableTracepoints+"),
    Offer("QTBuffer:size+"),
    Offer("tracenz+"),
    Offer("qXfer:traceframe-info:read+"),
    Offer("swbreak+"),
    Offer("hwbreak+"),
    Offer("error-message+", ("error_texts",)),
    Offer("fork-events+", ("fork_events",)),
    Offer("vfork-events+", ("vfork_events",)),
    Offer("exec-events+", ("exec_events",)),
    Offer("no-resumed+", ("no_resumed",)),
    Offer("single-inf-arg+", ("single_argument",)),
    Offer("QThreadEvents+", ("thread_events",)),
    Offer("QThreadOptions=3", ("thread_options",)),
)

#: LLDB's own tests of servers take no word here that they do not know; what is younger needs a client that shows it.
TO_LLDB = (
    *_EVERYBODY,
    Offer("native-signals+"),
    Offer("QThreadSuffixSupported+"),
    Offer("QListThreadsInStopReply+"),
    Offer("qEcho+"),
    Offer(f"SupportedCompressions={TYPE}"),
    # QUIRK(lldb, 22 and later): the versions that read these two announce ``swbreak+``.
    Offer("MultiMemRead+", ("swbreak",)),
    Offer("jMultiBreakpoint+", ("swbreak",)),
    # A child can be told of only by a thread-id with a process.
    Offer("fork-events+", ("fork_events", "multiprocess")),
    Offer("vfork-events+", ("vfork_events", "multiprocess")),
)

#: To a client of the platform.
TO_PLATFORM = (
    Offer(f"PacketSize={PACKET_SIZE:x}"),
    Offer("QStartNoAckMode+"),
    Offer("native-signals+"),
    Offer("qEcho+"),
)
