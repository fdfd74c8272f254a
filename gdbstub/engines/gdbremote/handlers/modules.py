"""Handlers of ``qModuleInfo jModulesInfo qFileLoadAddress qShlibInfoAddr``.

Layer: engines.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Generator
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.rsp.commands.modules import FileLoadAddress, LinkerPointer, ManyModules, OneModule
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.replies import EMPTY, Reply
from gdbstub.target.modules import ModuleInfo
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session

_I386 = re.compile("i[3-6]86").fullmatch
#: What the documents of LLDB call a file that is not loaded.
_NOT_LOADED = 1


def _find(session: Session, pid: Pid, asked: OneModule) -> ModuleInfo:
    """Identify one file.

    Raises:
        TargetError: There is none, or it is for another machine than the client thinks.
    """
    return check_machine(session.target.module(pid, asked.path), asked)


def check_machine(info: ModuleInfo, asked: OneModule) -> ModuleInfo:
    """Return what was found, where it is for the machine that the client thinks of.

    Raises:
        TargetError: It is for another.
    """
    wanted = asked.triple.partition("-")[0]
    if wanted and info.machine != ("i386" if _I386(wanted) else wanted):
        raise TargetError(errno.ENOEXEC, f"that file is for {info.machine}, not {wanted}")
    return info


@handles(OneModule)
def one_module(session: Session, cmd: OneModule) -> Reply:
    """Answer a file's identity; the texts in it are in hex."""
    return identity(_find(session, session.process(), cmd))


def identity(info: ModuleInfo) -> bytes:
    """Write what is known of a file."""
    texts = {
        "uuid": info.uuid.hex().upper().encode(),
        "triple": f"{info.machine}--linux".encode(),
        "file_path": info.path,
    }
    fields = [f"{name}:{text.hex()};" for name, text in texts.items()]
    return ("".join(fields) + f"file_offset:{0:016x};file_size:{info.size:016x};").encode()


@handles(ManyModules)
def many_modules(session: Session, cmd: ManyModules) -> Reply:
    """Answer the identities of those files that can be found."""
    return session.begin(_many(session, session.process(), cmd))


def _many(session: Session, pid: Pid, cmd: ManyModules) -> Generator[None, None, bytes]:
    # Imported on first use: only lldb asks.
    import json

    found = []
    for asked in cmd.modules:
        try:
            info = _find(session, pid, asked)
        except TargetError:
            # What is left out of the answer is unknown: the vDSO, say.
            continue
        found.append(
            {
                "file_offset": 0,
                "file_path": info.path.decode("utf-8", "replace"),
                "file_size": info.size,
                "triple": f"{info.machine}--linux",
                "uuid": info.uuid.hex().upper(),
            }
        )
        yield
    return escape(json.dumps(found, separators=(",", ":")).encode())


@handles(FileLoadAddress)
def file_load_address(session: Session, cmd: FileLoadAddress) -> Reply:
    """Answer where a file is mapped first."""
    base = session.target.file_base(session.process(), cmd.path)
    if base is None:
        raise TargetError(_NOT_LOADED, "that file is not loaded")
    return b"%016x" % base


@handles(LinkerPointer)
def linker_pointer(session: Session, cmd: LinkerPointer) -> Reply:
    """Answer the address of the pointer: lldb reads the pointer itself, again until it is set."""
    found = session.target.linker_pointer(session.process())
    return EMPTY if found is None else b"%x" % found[0]
