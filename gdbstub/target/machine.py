"""What a client may know about the machine and about who a process is.

Layer: target.  Made by: linux.  Read by: engines.
"""

from __future__ import annotations

from dataclasses import dataclass

from gdbstub.vocab.ids import Pid


@dataclass(frozen=True, slots=True)
class Machine:
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


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose a process is."""

    parent: Pid
    real_uid: int
    real_gid: int
    effective_uid: int
    effective_gid: int
