"""Which libraries a process has: its dynamic linker's list, and the place it passes when the list has changed.

Layer: engines.  Used by: eventlog.
Spec: System V ABI, "Dynamic Linking"; the debugger interface of <link.h>: struct r_debug, struct link_map.
"""

from __future__ import annotations

from gdbstub.target.ops import Target
from gdbstub.vocab.errors import StubError
from gdbstub.vocab.ids import Addr, Pid

#: r_state of a list that is not being changed.
RT_CONSISTENT = 0

_MOST = 10_000
_NAME = 4096


class LinkMap:
    """One process's libraries.

    Args:
        target: The tracer.
        pid: Whose.
    """

    def __init__(self, target: Target, pid: Pid) -> None:
        self._target = target
        self._pid = pid
        #: By the address of each entry: its name, and how far the library has moved.
        self.known: dict[int, tuple[str, int]] = {}

    def changes(self) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        """Read the list; return what was loaded and what was unloaded since the last time."""
        found = self._read()
        if found is None:
            return [], []
        loaded = [each for at, each in found.items() if self.known.get(at) != each]
        unloaded = [each for at, each in self.known.items() if found.get(at) != each]
        self.known = found
        return loaded, unloaded

    def _words(self, address: int, count: int, size: int) -> list[int]:
        data = self._target.read_memory(self._pid, Addr(address), count * size)
        if len(data) < count * size:
            raise StubError("the list ends in nothing")
        return [int.from_bytes(data[at : at + size], "little") for at in range(0, count * size, size)]

    def _read(self) -> dict[int, tuple[str, int]] | None:
        try:
            size = self._target.arch(self._pid).pointer_size
            pointer = self._target.linker_pointer(self._pid)
            if pointer is None or not pointer[1]:
                return None
            _, entry, _, state, *_ = self._words(pointer[1], 5, size)
            if state & 0xFFFFFFFF != RT_CONSISTENT:
                return None
            found: dict[int, tuple[str, int]] = {}
            first = True
            while entry and entry not in found and len(found) < _MOST:
                bias, name, _, after = self._words(entry, 4, size)
                text = self._target.read_memory(self._pid, Addr(name), _NAME) if name else b""
                path = text.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
                # The first one is the program itself, and one without a folder is the kernel's, not a file.
                if not first and "/" in path:
                    found[entry] = (path, bias)
                first = False
                entry = after
        except StubError:
            return None
        return found
