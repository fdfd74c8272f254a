"""Handlers of ``MultiMemRead`` and ``jMultiBreakpoint``.

Layer: engines.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.handlers.breakpoints import insert_point, remove_point
from gdbstub.rsp.commands.batches import ChangePoints, ReadRanges
from gdbstub.rsp.commands.breakpoints import InsertPoint, RemovePoint
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.replies import Reply, error_reply
from gdbstub.vocab.errors import StubError, TargetError, Unsupported

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

#: The most that one reply carries, bytes: no client's number is a reason to allocate gigabytes.
_MOST = 1 << 21


@handles(ReadRanges)
def read_ranges(session: Session, cmd: ReadRanges) -> Reply:
    """Answer how much of each range could be read, from its start, and then all of the bytes."""
    pid = session.process()
    left = _MOST
    parts = []
    for address, length in cmd.ranges:
        data = b""
        if length and left:
            try:
                data = session.target.read_memory(pid, address, min(length, left))
            except TargetError:
                # A range of which nothing is readable is one of no bytes.
                data = b""
        left -= len(data)
        parts.append(data)
    lengths = ",".join(f"{len(data):x}" for data in parts)
    return lengths.encode() + b";" + escape(b"".join(parts))


@handles(ChangePoints)
def change_points(session: Session, cmd: ChangePoints) -> Reply:
    """Answer a result for each request, in their order; one that fails stops none of the others."""
    results = ",".join(f'"{_result(session, each)}"' for each in cmd.requests)
    return escape(f'{{"results":[{results}]}}'.encode())


def _result(session: Session, request: InsertPoint | RemovePoint | StubError) -> str:
    try:
        match request:
            case InsertPoint():
                if b"Z" in session.denied:
                    raise TargetError(errno.EPERM, "QAllow forbids Z")
                insert_point(session, request)
            case RemovePoint():
                remove_point(session, request)
            case _:
                raise request
    except Unsupported:
        return error_reply(TargetError(errno.EOPNOTSUPP), texts=False).decode()
    except StubError as failure:
        return error_reply(failure, texts=False).decode()
    return "OK"
