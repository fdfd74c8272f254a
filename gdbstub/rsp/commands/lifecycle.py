"""Packets about whole processes: ``? D k vKill vRun A qLaunchSuccess vAttach...  R``.

Layer: rsp.  Spec: GDB manual, "Packets"; LLDB's lldbgdbremote, "A", "qLaunchSuccess".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_number, parse_text
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Pid


@command(b"?", clients="gdb, lldb", without="cannot connect")
class WhyStopped(NamedTuple):
    """Ask why the process is stopped; stops it if it runs."""

    @classmethod
    def parse(cls, args: bytes) -> WhyStopped:
        """Parse nothing."""
        return cls()


@command(b"D", clients="gdb, lldb", without="cannot detach")
class Detach(NamedTuple):
    """Let a process go; ``D1``: so that it stands, as a stop signal has it."""

    pid: Pid | None
    stays_stopped: bool = False

    @classmethod
    def parse(cls, args: bytes) -> Detach:
        """Parse ``[1][;PID]``."""
        stays = args[:1] == b"1"
        rest = args[1:] if stays else args
        if not rest:
            return cls(None, stays)
        if rest[:1] != b";":
            raise PacketError(f"D;PID expected: D{args[:20]!r}")
        return cls(Pid(parse_number(rest[1:])), stays)


@command(b"k", clients="gdb, lldb", without="cannot kill")
class KillAll(NamedTuple):
    """Kill every process; there is no reply."""

    @classmethod
    def parse(cls, args: bytes) -> KillAll:
        """Parse nothing."""
        return cls()


@command(b"vKill", clients="gdb, lldb", without="uses k")
class Kill(NamedTuple):
    """Kill a process."""

    pid: Pid

    @classmethod
    def parse(cls, args: bytes) -> Kill:
        """Parse a pid."""
        return cls(Pid(parse_number(args)))


@command(b"vRun", clients="gdb extended-remote, lldb", without="cannot run a program")
class Run(NamedTuple):
    """Start a program; an empty name means the last one."""

    program: str
    arguments: tuple[str, ...]

    @classmethod
    def parse(cls, args: bytes) -> Run:
        """Parse ``PROGRAM[;ARGUMENT...]``, each in hex."""
        program, *arguments = (parse_text(each) for each in args.split(b";"))
        return cls(program, tuple(arguments))


@command(b"A", clients="lldb without vRun, Delve", without="cannot launch")
class LaunchArguments(NamedTuple):
    """Start a program; how that went is asked for by ``qLaunchSuccess``."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, args: bytes) -> LaunchArguments:
        """Parse ``LENGTH,INDEX,HEX`` for each word, with commas between; the lengths are decimal, of the hex text."""
        fields = args.split(b",")
        if len(fields) % 3:
            raise PacketError(f"LENGTH,INDEX,HEX expected: A{args[:60]!r}")
        words: list[str] = []
        for position in range(0, len(fields), 3):
            # QUIRK(lldb, its suite): a blank follows the ``A``.  Test: unit/rsp/test_commands.py.
            length, index, text = (each.strip() for each in fields[position : position + 3])
            if not (length.isdigit() and index.isdigit()) or int(length) != len(text):
                raise PacketError(f"a word of {length[:20]!r} hex digits expected: {text[:60]!r}")
            if int(index) != len(words):
                raise PacketError(f"word {len(words)} expected, not {index[:20]!r}")
            words.append(parse_text(text))
        return cls(tuple(words))


@command(b"qLaunchSuccess", clients="lldb without vRun, Delve", without="cannot launch")
class LaunchSuccess(NamedTuple):
    """Ask whether the last start went well; after ``E`` comes the text that says why not."""

    @classmethod
    def parse(cls, args: bytes) -> LaunchSuccess:
        """Parse nothing."""
        return cls()


@command(b"vAttach", clients="gdb extended-remote, lldb", without="cannot attach")
class Attach(NamedTuple):
    """Attach to a process."""

    pid: Pid

    @classmethod
    def parse(cls, args: bytes) -> Attach:
        """Parse a pid."""
        return cls(Pid(parse_number(args)))


class AttachByName(NamedTuple):
    """A process, by its name."""

    name: str

    @classmethod
    def parse(cls, args: bytes) -> AttachByName:
        """Parse a hex name."""
        name = parse_text(args)
        if not name:
            raise PacketError("the name of a process expected")
        return cls(name)


@command(b"vAttachName", clients="lldb", without="attaches by process id")
class AttachName(AttachByName):
    """Attach to the one process with a name."""


@command(b"vAttachWait", clients="lldb", without="cannot wait for a process")
class AttachWait(AttachByName):
    """Wait for a new process with a name and attach to it."""


@command(b"vAttachOrWait", clients="lldb", without="cannot wait for a process")
class AttachOrWait(AttachByName):
    """Attach to a process with a name, and wait for it where there is none."""


@command(b"qVAttachOrWaitSupported", clients="lldb", without="sends vAttachWait")
class CanAttachOrWait(NamedTuple):
    """Ask whether vAttachOrWait is understood."""

    @classmethod
    def parse(cls, args: bytes) -> CanAttachOrWait:
        """Parse nothing."""
        return cls()


@command(b"R", clients="gdb before vRun")
class Restart(NamedTuple):
    """Start the program anew; there is no reply."""

    @classmethod
    def parse(cls, args: bytes) -> Restart:
        """Parse and ignore an old argument."""
        return cls()
