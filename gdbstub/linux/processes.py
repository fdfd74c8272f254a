"""The processes of this machine, for ``platform process list``.

Layer: linux.  Used by: server.platform.  Implements: target.machine.ProcessTable.  Source: proc(5).
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator

from gdbstub.linux import procfs
from gdbstub.linux.machine import machine
from gdbstub.linux.modules import module_info
from gdbstub.target.machine import ProcessFacts
from gdbstub.target.modules import ModuleInfo
from gdbstub.vocab.ids import Pid, Tid

#: LLVM's words for a 32-bit program on a 64-bit machine.
_NARROW = {"x86_64": "i386"}


class LinuxProcesses:
    """What /proc and the user database say.

    Args:
        proc: Where /proc is.
    """

    def __init__(self, proc: str = procfs.PROC) -> None:
        self._proc = proc

    def processes(self) -> Iterator[ProcessFacts]:
        """Return every process but this server and those that have ended."""
        for pid in procfs.process_ids(root=self._proc):
            facts = self.process(pid) if pid != os.getpid() else None
            if facts is not None:
                yield facts

    def process(self, pid: Pid) -> ProcessFacts | None:
        """Return one process; None where there is none, or a zombie."""
        status = procfs.status_fields(pid, root=self._proc)
        if not status or status.get("State", "Z")[:1] in "ZX":
            return None
        uids, gids = status.get("Uid", "").split(), status.get("Gid", "").split()
        if len(uids) < 2 or len(gids) < 2:
            return None
        path = procfs.exec_path(pid, root=self._proc)
        command = procfs.read_file(f"{self._proc}/{pid}/cmdline") or b""
        here = machine()
        wide = procfs.elf_class(Tid(pid), root=self._proc) == 64 if path else here.pointer_size == 8
        arch, _, rest = here.triple.partition("-")
        return ProcessFacts(
            pid=pid,
            parent=Pid(int(status.get("PPid", "0"))),
            uid=int(uids[0]),
            gid=int(gids[0]),
            effective_uid=int(uids[1]),
            effective_gid=int(gids[1]),
            path=path,
            arguments=tuple(command.rstrip(b"\0").split(b"\0")) if command else (),
            triple=here.triple if wide else f"{_NARROW.get(arch, arch)}-{rest}",
            pointer_size=here.pointer_size if wide else 4,
        )

    def module(self, path: bytes) -> ModuleInfo:
        """Identify an ELF file."""
        return module_info(Pid(os.getpid()), path)

    def own_uid(self) -> int:
        """Return whose this server is."""
        return os.geteuid()

    def user_name(self, uid: int) -> str | None:
        """Return a user's name."""
        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            return None

    def group_name(self, gid: int) -> str | None:
        """Return a group's name."""
        try:
            return grp.getgrgid(gid).gr_name
        except (KeyError, OverflowError):
            return None
