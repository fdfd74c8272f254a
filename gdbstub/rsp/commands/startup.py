"""Packets that say how the next program starts: environment, shell, directory, streams, address space.

Layer: rsp.  Spec: GDB manual, "General Query Packets"; LLDB's lldbgdbremote, "QSetSTDIN" and its neighbours.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_text
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError


def _flag(args: bytes) -> bool:
    if args not in (b"0", b"1"):
        raise PacketError(f"0 or 1 expected, not {args[:20]!r}")
    return args == b"1"


def _parse_assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise PacketError("NAME=VALUE expected")
    return name, value


@command(b"QStartupWithShell", clients="gdb", without="cannot choose")
class StartupWithShell(NamedTuple):
    """Choose whether a shell starts the program."""

    on: bool

    @classmethod
    def parse(cls, args: bytes) -> StartupWithShell:
        """Parse ``0`` or ``1``."""
        return cls(_flag(args))


@command(b"QDisableRandomization", clients="gdb", without="cannot choose")
class DisableRandomization(NamedTuple):
    """Choose whether the program's addresses are the same in every run."""

    on: bool

    @classmethod
    def parse(cls, args: bytes) -> DisableRandomization:
        """Parse ``0`` or ``1``."""
        return cls(_flag(args))


@command(b"QEnvironmentHexEncoded", clients="gdb, lldb", without="cannot set variables")
class SetVariable(NamedTuple):
    """Set an environment variable of the next program."""

    name: str
    value: str

    @classmethod
    def parse(cls, args: bytes) -> SetVariable:
        """Parse hex ``NAME=VALUE``."""
        return cls(*_parse_assignment(parse_text(args)))


@command(b"QEnvironment", clients="lldb", without="sends QEnvironmentHexEncoded")
class SetPlainVariable(NamedTuple):
    """Set an environment variable of the next program whose value has nothing that the framing uses."""

    name: str
    value: str

    @classmethod
    def parse(cls, args: bytes) -> SetPlainVariable:
        """Parse ``NAME=VALUE``."""
        return cls(*_parse_assignment(args.decode("utf-8", "surrogateescape")))


@command(b"QEnvironmentUnset", clients="gdb", without="cannot unset variables")
class UnsetVariable(NamedTuple):
    """Unset an environment variable of the next program."""

    name: str

    @classmethod
    def parse(cls, args: bytes) -> UnsetVariable:
        """Parse a hex name."""
        name = parse_text(args)
        if not name or "=" in name:
            raise PacketError("a variable's name expected")
        return cls(name)


@command(b"QEnvironmentReset", clients="gdb")
class ResetEnvironment(NamedTuple):
    """Forget what was set and unset."""

    @classmethod
    def parse(cls, args: bytes) -> ResetEnvironment:
        """Parse nothing."""
        return cls()


@command(b"QSetWorkingDir", clients="gdb, lldb", without="cannot choose")
class SetWorkingDirectory(NamedTuple):
    """Set the directory of the next program; empty: the server's own."""

    path: str

    @classmethod
    def parse(cls, args: bytes) -> SetWorkingDirectory:
        """Parse a hex path."""
        return cls(parse_text(args))


@command(b"QSetDisableASLR", clients="lldb", without="cannot choose")
class SetDisableRandomization(NamedTuple):
    """Choose whether the program's addresses are the same in every run."""

    on: bool

    @classmethod
    def parse(cls, args: bytes) -> SetDisableRandomization:
        """Parse ``0`` or ``1``."""
        return cls(_flag(args))


class SetStream(NamedTuple):
    """A file for one of the next program's standard streams."""

    #: Empty: the server chooses.
    path: str

    @classmethod
    def parse(cls, args: bytes) -> SetStream:
        """Parse a hex path."""
        return cls(parse_text(args))


@command(b"QSetSTDIN", clients="lldb", without="cannot choose")
class SetStdin(SetStream):
    """Name the file that the next program reads from."""


@command(b"QSetSTDOUT", clients="lldb", without="cannot choose")
class SetStdout(SetStream):
    """Name the file that the next program writes to."""


@command(b"QSetSTDERR", clients="lldb", without="cannot choose")
class SetStderr(SetStream):
    """Name the file that the next program writes its errors to."""


@command(b"QSetDetachOnError", clients="lldb")
class SetDetachOnError(NamedTuple):
    """Choose whether a lost connection lets the program go rather than kill it."""

    on: bool

    @classmethod
    def parse(cls, args: bytes) -> SetDetachOnError:
        """Parse ``0`` or ``1``."""
        return cls(_flag(args))


@command(b"QLaunchArch", clients="lldb")
class LaunchArchitecture(NamedTuple):
    """Name the instruction set of the next program."""

    name: str

    @classmethod
    def parse(cls, args: bytes) -> LaunchArchitecture:
        """Parse a name."""
        if not args:
            raise PacketError("the name of an architecture expected")
        return cls(args.decode("ascii", "replace"))
