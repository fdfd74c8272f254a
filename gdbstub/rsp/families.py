"""Which file of ``rsp.commands`` knows which packets.

Layer: rsp.  Used by: registry, engines.gdbremote.dispatch.

A client uses a third of the packets, and a class for each takes its time to be made: a family is loaded when the
first of its packets comes.  Its handlers have a file of the same name in ``engines.gdbremote.handlers``.
"""

from __future__ import annotations

from importlib import import_module

#: The packets' names by the file that parses them.
FAMILIES: dict[str, tuple[bytes, ...]] = {
    "allocation": (b"_M", b"_m"),
    "batches": (b"MultiMemRead", b"jMultiBreakpoint"),
    "branches": (b"Qbtrace", b"Qbtrace-conf", b"qXfer:btrace-conf:read", b"qXfer:btrace:read"),
    "breakpoints": (b"Z", b"z"),
    "compression": (b"QEnableCompression",),
    "console": (b"I", b"vStdio"),
    "features": (b"!", b"QNonStop", b"QStartNoAckMode", b"qRcmd", b"qSupported"),
    "hostio": (
        b"qPlatform_chmod",
        b"qPlatform_mkdir",
        b"vFile:MD5",
        b"vFile:close",
        b"vFile:exists",
        b"vFile:fstat",
        b"vFile:lstat",
        b"vFile:mode",
        b"vFile:open",
        b"vFile:pread",
        b"vFile:pwrite",
        b"vFile:readlink",
        b"vFile:setfs",
        b"vFile:size",
        b"vFile:stat",
        b"vFile:symlink",
        b"vFile:unlink",
    ),
    "information": (b"QAgent", b"QAllow", b"qCRC", b"qExecAndArgs", b"qSearch:memory", b"qSymbol"),
    "lifecycle": (
        b"?",
        b"A",
        b"D",
        b"R",
        b"k",
        b"qLaunchSuccess",
        b"qVAttachOrWaitSupported",
        b"vAttach",
        b"vAttachName",
        b"vAttachOrWait",
        b"vAttachWait",
        b"vKill",
        b"vRun",
    ),
    "logs": (b"QGdbstubEvents", b"QGdbstubStrace"),
    "memory": (b"M", b"X", b"m", b"x"),
    "modules": (b"jModulesInfo", b"qFileLoadAddress", b"qModuleInfo", b"qShlibInfoAddr"),
    "platform": (
        b"jSignalsInfo",
        b"qGetWorkingDir",
        b"qGroupName",
        b"qKillSpawnedProcess",
        b"qLaunchGDBServer",
        b"qPathComplete",
        b"qPlatform_shell",
        b"qProcessInfoPID",
        b"qQueryGDBServer",
        b"qSpeedTest",
        b"qUserName",
        b"qfProcessInfo",
        b"qsProcessInfo",
    ),
    "probes": (
        b"QEnableErrorStrings",
        b"QListThreadsInStopReply",
        b"QThreadSuffixSupported",
        b"qEcho",
        b"qGDBServerVersion",
        b"qStructuredDataPlugins",
        b"qSupportsDetachAndStayStopped",
        b"qWatchpointSupportInfo",
    ),
    "regions": (b"qMemoryRegionInfo",),
    "registers": (b"G", b"P", b"QRestoreRegisterState", b"QSaveRegisterState", b"g", b"p", b"qRegisterInfo"),
    "resume": (b"C", b"S", b"c", b"s", b"vCont", b"vCont?", b"vCtrlC", b"vStopped"),
    "signals": (b"QCatchSyscalls", b"QPassSignals", b"QProgramSignals"),
    "startup": (
        b"QDisableRandomization",
        b"QEnvironment",
        b"QEnvironmentHexEncoded",
        b"QEnvironmentReset",
        b"QEnvironmentUnset",
        b"QLaunchArch",
        b"QSetDetachOnError",
        b"QSetDisableASLR",
        b"QSetSTDERR",
        b"QSetSTDIN",
        b"QSetSTDOUT",
        b"QSetWorkingDir",
        b"QStartupWithShell",
    ),
    "threadevents": (b"QThreadEvents", b"QThreadOptions"),
    "threadinfo": (b"jThreadExtendedInfo", b"jThreadsInfo", b"qHostInfo", b"qProcessInfo", b"qThreadStopInfo"),
    "threads": (b"H", b"T", b"qAttached", b"qC", b"qThreadExtraInfo", b"qfThreadInfo", b"qsThreadInfo"),
    "tls": (b"qGetTLSAddr",),
    "tracepoints": (
        b"QTDP",
        b"QTDPsrc",
        b"QTDV",
        b"QTDisable",
        b"QTEnable",
        b"QTinit",
        b"QTro",
        b"qTMinFTPILen",
        b"qTP",
        b"qTV",
        b"qTfP",
        b"qTfV",
        b"qTsP",
        b"qTsV",
    ),
    "tracing": (
        b"QTBuffer:circular",
        b"QTBuffer:size",
        b"QTDisconnected",
        b"QTFrame",
        b"QTNotes",
        b"QTSave",
        b"QTStart",
        b"QTStop",
        b"qTBuffer",
        b"qTStatus",
        b"qXfer:traceframe-info:read",
    ),
    "xfer": (
        b"qXfer:auxv:read",
        b"qXfer:exec-file:read",
        b"qXfer:features:read",
        b"qXfer:libraries-svr4:read",
        b"qXfer:osdata:read",
        b"qXfer:siginfo:read",
        b"qXfer:siginfo:write",
        b"qXfer:threads:read",
    ),
}

#: Those whose arguments follow the name without a separator.
GLUED = frozenset({b"_M", b"_m", b"qRegisterInfo", b"qThreadStopInfo"})

#: What gdb asks for besides.
LIKELY = ("tracing", "tracepoints", "hostio")
#: What every debugger asks for between connecting and its first continue, in about this order.
USUAL = (
    "features",
    "lifecycle",
    "probes",
    "resume",
    "threads",
    "threadinfo",
    "xfer",
    "registers",
    "memory",
    "compression",
    "modules",
    "regions",
    "breakpoints",
    "information",
    "signals",
)

_COMMANDS = "gdbstub.rsp.commands"


def load_commands(family: str) -> None:
    """Enter a family's packets into the packet table."""
    import_module(f"{_COMMANDS}.{family}")


def family_of(command: type) -> str | None:
    """Return the family of a command class; None for one that is none of ours."""
    package, _, family = command.__module__.rpartition(".")
    return family if package == _COMMANDS else None
