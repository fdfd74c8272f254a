"""What a client may do, by where it connected.

Layer: engines.  Used by: session, handlers, server (one role an endpoint).
"""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """The part a client plays; the value is the word of ``--listen ADDR,role=WORD``."""

    #: Everything; any number of them share a process.
    DEBUGGER = "debugger"
    #: Everything, and no other debugger beside it.
    EXCLUSIVE = "exclusive"
    #: Reads while the process goes on; holds nothing, changes nothing.
    OBSERVER = "observer"

    @property
    def observes(self) -> bool:
        """True where the client only looks."""
        return self is Role.OBSERVER


#: The packets of an observer, by name; every other one is refused, those yet to be written included.
OBSERVER_MAY = frozenset(
    {
        b"!",
        b"MultiMemRead",
        b"?",
        b"D",
        b"H",
        b"T",
        b"c",
        b"g",
        b"m",
        b"p",
        b"x",
        b"QEnableCompression",
        b"QAllow",
        b"QGdbstubEvents",
        b"QGdbstubStrace",
        b"QNonStop",
        b"QPassSignals",
        b"QProgramSignals",
        b"QStartNoAckMode",
        b"QThreadEvents",
        b"QTFrame",
        b"jModulesInfo",
        b"qAttached",
        b"qC",
        b"qCRC",
        b"qExecAndArgs",
        b"qFileLoadAddress",
        b"qMemoryRegionInfo",
        b"qModuleInfo",
        b"qShlibInfoAddr",
        b"qRcmd",
        b"qSearch:memory",
        b"qSupported",
        b"qSymbol",
        b"qTBuffer",
        b"qTMinFTPILen",
        b"qTP",
        b"qTStatus",
        b"qTV",
        b"qTfP",
        b"qTfV",
        b"qTsP",
        b"qTsV",
        b"qVAttachOrWaitSupported",
        b"qThreadExtraInfo",
        b"qXfer:auxv:read",
        b"qXfer:exec-file:read",
        b"qXfer:features:read",
        b"qXfer:libraries-svr4:read",
        b"qXfer:osdata:read",
        b"qXfer:threads:read",
        b"qXfer:traceframe-info:read",
        b"qfThreadInfo",
        b"qsThreadInfo",
        b"vCont",
        b"vCont?",
        b"vCtrlC",
        b"vFile:MD5",
        b"vFile:close",
        b"vFile:exists",
        b"vFile:fstat",
        b"vFile:lstat",
        b"vFile:mode",
        b"vFile:open",
        b"vFile:pread",
        b"vFile:readlink",
        b"vFile:setfs",
        b"vFile:size",
        b"vFile:stat",
        b"vStdio",
        b"vStopped",
    }
)
