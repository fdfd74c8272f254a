"""Packets about the program's files: ``qModuleInfo jModulesInfo qFileLoadAddress qShlibInfoAddr``.

Layer: rsp.  Spec: LLDB's "GDB Remote Protocol Extensions".
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.rsp.hexcodec import parse_bytes, parse_fields, unescape
from gdbstub.rsp.registry import command
from gdbstub.vocab.errors import PacketError


@command(b"qModuleInfo", clients="lldb", without="reads the file's identity from memory, or does without")
class OneModule(NamedTuple):
    """Ask for the identity of a file that the program uses."""

    path: bytes
    triple: str

    @classmethod
    def parse(cls, args: bytes) -> OneModule:
        """Parse ``HEXPATH;HEXTRIPLE``."""
        path, triple = parse_fields(args, 2, b";")
        return cls(parse_bytes(path), parse_bytes(triple).decode("utf-8", "replace"))


@command(b"jModulesInfo", clients="lldb", without="asks for one file after the other")
class ManyModules(NamedTuple):
    """Ask for the identities of several files."""

    modules: tuple[OneModule, ...]

    @classmethod
    def parse(cls, args: bytes) -> ManyModules:
        """Parse ``[{"file":PATH,"triple":TRIPLE},...]``, escaped as binary data is."""
        # Imported on first use: only lldb asks.
        import json

        try:
            asked = [
                OneModule(str(each["file"]).encode("utf-8", "surrogateescape"), str(each["triple"]))
                for each in json.loads(unescape(args).decode("utf-8", "surrogateescape"))
            ]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise PacketError(f'[{{"file":PATH,"triple":TRIPLE}},...] expected: {args[:60]!r}') from None
        return cls(tuple(asked))


@command(b"qFileLoadAddress", clients="lldb for Android", without="takes the address from the linker's list")
class FileLoadAddress(NamedTuple):
    """Ask where a file is mapped first."""

    path: bytes

    @classmethod
    def parse(cls, args: bytes) -> FileLoadAddress:
        """Parse ``HEXPATH``."""
        return cls(parse_bytes(args))


@command(b"qShlibInfoAddr", clients="lldb", without="looks in the program's own file, if it has one")
class LinkerPointer(NamedTuple):
    """Ask where the program keeps the address of its dynamic linker's list."""

    @classmethod
    def parse(cls, args: bytes) -> LinkerPointer:
        """Parse nothing."""
        if args:
            raise PacketError("qShlibInfoAddr takes no arguments")
        return cls()
