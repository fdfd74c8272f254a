"""LLDB's switches and probes.

Layer: rsp.  Spec: LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.registry import command


@command(b"QThreadSuffixSupported", clients="lldb", without="selects a thread before each packet about one")
class ThreadSuffix(NamedTuple):
    """Name the thread in the packets about one."""

    @classmethod
    def parse(cls, args: bytes) -> ThreadSuffix:
        """Parse nothing."""
        return cls()


@command(b"QListThreadsInStopReply", clients="lldb", without="asks for the threads after each stop")
class ThreadsInStops(NamedTuple):
    """List all threads in stop replies, with where they stand."""

    @classmethod
    def parse(cls, args: bytes) -> ThreadsInStops:
        """Parse nothing."""
        return cls()


@command(b"QEnableErrorStrings", clients="lldb", without="shows the numbers of errors")
class ErrorStrings(NamedTuple):
    """Say in errors what went wrong."""

    @classmethod
    def parse(cls, args: bytes) -> ErrorStrings:
        """Parse nothing."""
        return cls()


@command(b"qEcho", clients="lldb", without="cannot tell a late reply from a lost one")
class Echo(NamedTuple):
    """Ask for the packet itself as the reply."""

    text: bytes

    @classmethod
    def parse(cls, args: bytes) -> Echo:
        """Parse anything."""
        return cls(args)


@command(b"qGDBServerVersion", clients="lldb", without="assumes the oldest server")
class ServerVersion(NamedTuple):
    """Ask for the name and the version of the server."""

    @classmethod
    def parse(cls, args: bytes) -> ServerVersion:
        """Parse nothing."""
        return cls()


@command(b"qStructuredDataPlugins", clients="lldb")
class StructuredData(NamedTuple):
    """Ask which kinds of structured data the server sends by itself."""

    @classmethod
    def parse(cls, args: bytes) -> StructuredData:
        """Parse nothing."""
        return cls()


@command(b"qSupportsDetachAndStayStopped", clients="lldb", without="cannot leave a process stopped")
class StayStopped(NamedTuple):
    """Ask whether ``D1`` is understood."""

    @classmethod
    def parse(cls, args: bytes) -> StayStopped:
        """Parse nothing."""
        return cls()


@command(b"qWatchpointSupportInfo", clients="lldb", without="does not know how many watchpoints there can be")
class WatchpointSupport(NamedTuple):
    """Ask how many watchpoints there can be."""

    @classmethod
    def parse(cls, args: bytes) -> WatchpointSupport:
        """Parse nothing."""
        return cls()
