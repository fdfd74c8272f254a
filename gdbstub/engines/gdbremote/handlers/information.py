"""Handlers of ``qCRC qSearch qExecAndArgs qSymbol QAllow QAgent``.

Layer: engines.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.information import (
    Allow,
    MemoryChecksum,
    OfferSymbols,
    ProgramAndArguments,
    SearchMemory,
    UseAgent,
)
from gdbstub.rsp.crc import Crc32
from gdbstub.rsp.replies import EMPTY, OK, Reply
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Pid
from gdbstub.vocab.shellwords import escape_for_shell

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

#: Summed at once, bytes.
_PART = 1 << 18

#: What each of ``QAllow``'s permissions covers, by packet.
_PACKETS_OF = {
    "WriteReg": (b"G", b"P"),
    "WriteMem": (b"M", b"X"),
    "InsertBreak": (b"Z",),
    "InsertTrace": (b"QTDP",),
    "Stop": (b"vCtrlC",),
}


@handles(MemoryChecksum)
def memory_checksum(session: Session, cmd: MemoryChecksum) -> Reply:
    """Answer the sum of memory, all of which must be readable."""
    return session.begin(_checksum(session, session.process(), cmd.address, cmd.length))


def _checksum(session: Session, pid: Pid, address: Addr, length: int) -> Generator[None, None, bytes]:
    crc = Crc32()
    at, end = address, address + length
    while at < end:
        data = session.target.read_memory(pid, at, min(_PART, end - at))
        if not data:
            raise TargetError(errno.EIO, f"cannot read memory at {at:#x}")
        crc.add(data)
        at = Addr(at + len(data))
        yield
    return b"C%x" % crc.value


@handles(SearchMemory)
def search_memory(session: Session, cmd: SearchMemory) -> Reply:
    """Answer ``1`` and the first place of the pattern, or ``0``."""
    return session.begin(_search(session, session.process(), cmd))


def _search(session: Session, pid: Pid, cmd: SearchMemory) -> Generator[None, None, bytes]:
    found = yield from session.target.search_memory(pid, cmd.address, cmd.length, cmd.pattern)
    return b"0" if found is None else b"1,%x" % found


@handles(ProgramAndArguments)
def program_and_arguments(session: Session, cmd: ProgramAndArguments) -> Reply:
    """Answer ``S`` with the program and one line of arguments, or ``U`` where none is set."""
    program, *arguments = session.last_program or ("",)
    if not program:
        return b"U"
    words = arguments if session.launch_spec.raw_arguments else map(escape_for_shell, arguments)
    fields = (each.encode("utf-8", "surrogateescape").hex() for each in (program, " ".join(words)))
    return f"S;{';'.join(fields)};".encode()


@handles(OfferSymbols)
def offer_symbols(session: Session, cmd: OfferSymbols) -> Reply:
    """Decline.

    QUIRK(gdb, all): after an OK, which also means "none needed", it offers again for every library that is
    loaded, one round trip each; after the empty reply never again.  Test: e2e/test_information.py.
    """
    return EMPTY


@handles(UseAgent)
def use_agent(session: Session, cmd: UseAgent) -> Reply:
    """Take either choice: what an agent in the process would evaluate is evaluated here."""
    return OK


@handles(Allow)
def allow(session: Session, cmd: Allow) -> Reply:
    """Refuse from now on what this client may not do; what is not named stays as it is."""
    denied = set(session.denied)
    for name, allowed in cmd.permissions:
        packets = _PACKETS_OF.get(name, ())
        denied = denied.difference(packets) if allowed else denied.union(packets)
        if name == "Stop":
            session.may_stop = allowed
    session.denied = frozenset(denied)
    return OK
