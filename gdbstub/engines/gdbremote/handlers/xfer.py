"""Handlers of the ``qXfer`` family.

Layer: engines.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.stops import thread_id
from gdbstub.rsp.commands.xfer import (
    ReadAuxv,
    ReadExecFile,
    ReadFeatures,
    ReadLibraries,
    ReadOsdata,
    ReadSiginfo,
    ReadThreads,
    WriteSiginfo,
    XferRead,
)
from gdbstub.rsp.hexcodec import parse_number
from gdbstub.rsp.replies import Reply, chunk
from gdbstub.vocab.errors import PacketError, StubError, TargetError
from gdbstub.vocab.ids import Pid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

_namespace = re.compile(rb' lmid="[^"]*"')
#: A thread's name as an attribute's value.  What may not stand in XML at all is left out; xml.sax.saxutils would do
#: the rest, and loads an HTTP client for it.
_IN_ATTRIBUTE = {
    **{code: None for code in range(0x20) if code not in (9, 10, 13)},
    **{ord(char): f"&#{ord(char)};" for char in "\t\n\r"},
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
}


def _serve(session: Session, cmd: XferRead, name: str, make: Callable[[], bytes]) -> Reply:
    """Answer a part; the object is made at offset 0 and kept until its last part has been read."""
    key = f"{name}:{cmd.annex}"
    data = session.snapshots.get(key)
    if cmd.offset == 0 or data is None:
        data = session.snapshots[key] = make()
    if cmd.offset > len(data):
        raise TargetError(errno.EINVAL, "offset beyond the end of the object")
    reply = chunk(data, cmd.offset, cmd.length, limit=session.packet_size - 16)
    if reply[:1] == b"l":
        del session.snapshots[key]
    return reply


@handles(ReadFeatures)
def read_features(session: Session, cmd: ReadFeatures) -> Reply:
    """Give the target description."""
    if cmd.annex != "target.xml":
        raise TargetError(errno.ENOENT, f"there is no {cmd.annex!r}, only target.xml")
    session.features.descriptions = True
    return _serve(session, cmd, "features", lambda: session.numbering(session.thread()).description())


@handles(ReadThreads)
def read_threads(session: Session, cmd: ReadThreads) -> Reply:
    """Give the list of threads."""
    return _serve(session, cmd, "threads", lambda: _threads_xml(session))


def _threads_xml(session: Session) -> bytes:
    mine = set(session.pids())
    untold = session.reports.untold_threads()
    lines = ['<?xml version="1.0"?>\n<threads>\n']
    for each in session.target.threads():
        if each.pid not in mine or each.tid in untold:
            continue
        attributes = f'id="{thread_id(session, each.pid, each.tid)}"'
        try:
            core = session.target.thread_core(each.tid)
            if core is not None:
                attributes += f' core="{core}"'
            name = session.target.thread_name(each.tid)
            if name:
                attributes += f' name="{name.translate(_IN_ATTRIBUTE)}"'
            handle = session.target.thread_handle(each.tid)
            if handle is not None:
                attributes += f' handle="{handle.hex()}"'
        except StubError:
            continue
        lines.append(f"<thread {attributes}/>\n")
    lines.append("</threads>\n")
    return "".join(lines).encode("utf-8", "replace")


@handles(ReadAuxv)
def read_auxv(session: Session, cmd: ReadAuxv) -> Reply:
    """Give the auxiliary vector."""
    return _serve(session, cmd, "auxv", lambda: session.target.auxv(session.process()))


@handles(ReadExecFile)
def read_exec_file(session: Session, cmd: ReadExecFile) -> Reply:
    """Give the path of the running program."""
    pid = Pid(parse_number(cmd.annex.encode())) if cmd.annex else session.process()
    return _serve(session, cmd, "exec-file", lambda: session.target.exec_file(pid))


@handles(ReadLibraries)
def read_libraries(session: Session, cmd: ReadLibraries) -> Reply:
    """Give the list of shared libraries, or the part that the annex asks for."""
    wanted: dict[str, int] = {}
    for each in cmd.annex.split(";"):
        if each:
            name, equals, value = each.partition("=")
            if not equals:
                raise PacketError(f"NAME=VALUE expected: {each[:40]!r}")
            wanted[name] = parse_number(value.encode())

    def make() -> bytes:
        pid = session.process()
        if session.dialect.early_libraries_fail:
            found = session.target.linker_pointer(pid)
            if found is not None and not found[1]:
                raise TargetError(errno.EAGAIN, "the dynamic linker has not made its list yet")
        start, prev, lmid = wanted.get("start"), wanted.get("prev"), wanted.get("lmid")
        document = session.target.libraries(pid, start=start, prev=prev, lmid=lmid)
        return document if session.dialect.tells_namespaces else _namespace.sub(b"", document)

    return _serve(session, cmd, "libraries", make)


@handles(ReadOsdata)
def read_osdata(session: Session, cmd: ReadOsdata) -> Reply:
    """Give a table about the operating system."""

    def make() -> bytes:
        try:
            return session.target.osdata(cmd.annex)
        except TargetError:
            # QUIRK(gdb, all): an error reads as a passing failure; the empty table as a name that does not exist.
            return b""

    return _serve(session, cmd, "osdata", make)


@handles(ReadSiginfo)
def read_siginfo(session: Session, cmd: ReadSiginfo) -> Reply:
    """Give the siginfo of the selected thread."""
    # Read field by field, at any offset: nothing of an earlier stop may be given.
    data = session.target.read_siginfo(session.thread())
    return chunk(data, cmd.offset, cmd.length, limit=session.packet_size - 16)


@handles(WriteSiginfo)
def write_siginfo(session: Session, cmd: WriteSiginfo) -> Reply:
    """Replace a part of the siginfo; the number of bytes written is the answer."""
    tid = session.thread()
    data = bytearray(session.target.read_siginfo(tid))
    end = cmd.offset + len(cmd.data)
    if end > len(data):
        raise TargetError(errno.EINVAL, f"siginfo has {len(data)} bytes")
    data[cmd.offset : end] = cmd.data
    session.target.write_siginfo(tid, bytes(data))
    return b"%x" % len(cmd.data)
