"""Packets about the machine, when no process is debugged: what ``platform connect`` speaks.

Layer: rsp.  Spec: LLDB's lldbgdbremote and lldbplatformpackets.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes, parse_number, parse_text
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Pid


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 10:
        raise PacketError(f"a decimal number expected: {text[:40]!r}")
    return int(text)


def _pairs(args: bytes) -> dict[bytes, bytes]:
    """Parse ``KEY:VALUE;...``; a word without a value is left out."""
    return dict(each.split(b":", 1) for each in args.split(b";") if b":" in each)


class _Plain(NamedTuple):
    """A packet without arguments."""

    @classmethod
    def parse(cls, args: bytes) -> _Plain:
        """Parse nothing."""
        return cls()


@command(b"qLaunchGDBServer", clients="lldb platform", without="cannot debug through the platform")
class LaunchServer(NamedTuple):
    """Start a server for one debugging session; the reply says where it listens."""

    #: None: any that is free.
    port: int | None

    @classmethod
    def parse(cls, args: bytes) -> LaunchServer:
        """Parse ``[port:N;][host:NAME;]``; the name is what the client calls itself and decides nothing."""
        port = _pairs(args).get(b"port")
        return cls(None if port is None else _decimal(port) or None)


@command(b"qQueryGDBServer", clients="lldb platform")
class RunningServer(_Plain):
    """Ask for a server that waits for its client."""


@command(b"qKillSpawnedProcess", clients="lldb platform", without="leaves a server behind")
class KillSpawned(NamedTuple):
    """End a server that ``qLaunchGDBServer`` started."""

    pid: Pid

    @classmethod
    def parse(cls, args: bytes) -> KillSpawned:
        """Parse a decimal pid."""
        return cls(Pid(_decimal(args)))


class ProcessFilter(NamedTuple):
    """Which processes are wanted; None: any."""

    name: str | None = None
    #: ``equals starts_with ends_with contains regex``.
    match: str = "equals"
    pid: int | None = None
    parent_pid: int | None = None
    uid: int | None = None
    gid: int | None = None
    effective_uid: int | None = None
    effective_gid: int | None = None
    #: Not only the server's user's.
    all_users: bool = True


_NUMBERS = {
    b"pid": "pid",
    b"parent_pid": "parent_pid",
    b"uid": "uid",
    b"gid": "gid",
    b"euid": "effective_uid",
    b"egid": "effective_gid",
}
_MATCHES = frozenset(("equals", "starts_with", "ends_with", "contains", "regex"))


@command(b"qfProcessInfo", clients="lldb platform", without="cannot list processes")
class FirstProcess(NamedTuple):
    """List processes, one a reply, from the start."""

    wanted: ProcessFilter

    @classmethod
    def parse(cls, args: bytes) -> FirstProcess:
        """Parse ``[KEY:VALUE;...]``; a name is hex, numbers are decimal."""
        given: dict[str, Any] = {}
        for key, value in _pairs(args).items():
            if key in _NUMBERS:
                given[_NUMBERS[key]] = _decimal(value)
            elif key == b"name":
                given["name"] = parse_text(value)
            elif key == b"name_match":
                match = value.decode("ascii", "replace")
                if match not in _MATCHES:
                    raise PacketError(f"unknown way to match a name: {match[:20]}")
                given["match"] = match
            elif key == b"all_users":
                given["all_users"] = value == b"1"
        return cls(ProcessFilter(**given))


@command(b"qsProcessInfo", clients="lldb platform")
class NextProcess(_Plain):
    """Go on with the list of processes."""


@command(b"qProcessInfoPID", clients="lldb platform", without="knows nothing of a process before it attaches")
class ProcessById(NamedTuple):
    """Describe one process."""

    pid: Pid

    @classmethod
    def parse(cls, args: bytes) -> ProcessById:
        """Parse a decimal pid."""
        return cls(Pid(_decimal(args)))


class _NumberOfName(NamedTuple):
    """The number behind a name."""

    number: int

    @classmethod
    def parse(cls, args: bytes) -> _NumberOfName:
        """Parse a decimal number."""
        return cls(_decimal(args))


@command(b"qUserName", clients="lldb platform", without="shows numbers")
class UserName(_NumberOfName):
    """Name a user."""


@command(b"qGroupName", clients="lldb platform", without="shows numbers")
class GroupName(_NumberOfName):
    """Name a group."""


@command(b"qGetWorkingDir", clients="lldb platform", without="shows none")
class WorkingDirectory(_Plain):
    """Ask for the directory where relative paths begin."""


@command(b"qPathComplete", clients="lldb platform", without="completes no remote paths")
class CompletePath(NamedTuple):
    """Complete a path."""

    only_directories: bool
    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> CompletePath:
        """Parse ``0,HEX`` or ``1,HEX``."""
        only, comma, path = args.partition(b",")
        if only not in (b"0", b"1") or not comma:
            raise PacketError(f"0,PATH or 1,PATH expected: {args[:40]!r}")
        return cls(only == b"1", parse_bytes(path))


@command(b"qPlatform_shell", clients="lldb platform", without="cannot run commands")
class RunShell(NamedTuple):
    """Run a command line in a shell."""

    line: str
    #: Seconds; None: as long as it takes.
    timeout: int | None
    directory: bytes | None

    @classmethod
    def parse(cls, args: bytes) -> RunShell:
        """Parse ``LINE,SECONDS[,DIRECTORY]``, the texts in hex."""
        fields = args.split(b",")
        if len(fields) not in (2, 3):
            raise PacketError(f"LINE,SECONDS expected: {args[:40]!r}")
        seconds = parse_number(fields[1])
        return cls(
            parse_text(fields[0]),
            seconds if 0 < seconds < _FOR_EVER else None,
            parse_bytes(fields[2]) if len(fields) == 3 and fields[2] else None,
        )


_FOR_EVER = 0xFFFFFFFF


@command(b"jSignalsInfo", clients="lldb platform", without="takes its own machine's signals")
class SignalTable(_Plain):
    """List the signals of this machine."""


@command(b"qSpeedTest", clients="lldb platform", without="cannot measure the link")
class SpeedTest(NamedTuple):
    """Send so many bytes."""

    size: int

    @classmethod
    def parse(cls, args: bytes) -> SpeedTest:
        """Parse ``response_size:N;data:...``; the data only makes the packet long."""
        return cls(_decimal(_pairs(args).get(b"response_size", b"")))
