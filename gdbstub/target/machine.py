"""What a client may know about the machine and about who a process is.

Layer: target.  Made by: linux.  Read by: engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from gdbstub.target.modules import ModuleInfo
from gdbstub.vocab.ids import Pid


class Machine(NamedTuple):
    """The machine that the server runs on."""

    #: LLVM's words for it.
    triple: str
    #: Bytes.
    pointer_size: int
    #: Bytes.
    page_size: int
    #: The numbers of the kernel's version, ``6.1.0``.
    version: str
    kernel_release: str
    kernel_version: str
    hostname: str
    #: ``debian`` and the like, or empty.
    distribution: str


class Identity(NamedTuple):
    """Whose a process is."""

    parent: Pid
    real_uid: int
    real_gid: int
    effective_uid: int
    effective_gid: int


class ProcessFacts(NamedTuple):
    """A process of this machine, as a list shows it."""

    pid: Pid
    parent: Pid
    uid: int
    gid: int
    effective_uid: int
    effective_gid: int
    #: Of the program; empty for a kernel thread.
    path: bytes
    arguments: tuple[bytes, ...]
    triple: str
    #: Bytes.
    pointer_size: int


class ProcessTable(Protocol):
    """The processes and users of this machine."""

    def processes(self) -> Iterator[ProcessFacts]:
        """Return every process but this server and those that have ended."""

    def process(self, pid: Pid) -> ProcessFacts | None:
        """Return one process; None where there is none."""

    def module(self, path: bytes) -> ModuleInfo:
        """Identify an ELF file.

        Raises:
            TargetError: There is none.
        """

    def own_uid(self) -> int:
        """Return whose this server is."""

    def user_name(self, uid: int) -> str | None:
        """Return a user's name."""

    def group_name(self, gid: int) -> str | None:
        """Return a group's name."""
