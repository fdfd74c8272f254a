"""A whole trace as a file that gdb's ``target tfile`` reads.

Layer: engines.  Used by: engines.gdbremote.handlers.tracing.
Spec: GDB manual, "Trace File Format".
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.arch.spec import ArchSpec
from gdbstub.arch.tdesc import target_xml
from gdbstub.engines.tracing.tracing import Tracing

_MAGIC = b"\x7fTRACE0\n"
#: A frame of the tracepoint 0 is the end.
_END = b"\0\0"
#: Frames given at once, bytes.
_PART = 1 << 16


def trace_file(tracing: Tracing, arch: ArchSpec) -> Iterator[bytes]:
    """Give the file part by part.

    Args:
        tracing: What is to be saved.
        arch: Whose registers the frames hold.
    """
    lines = [f"R {sum(each.bits // 8 for each in arch.registers):x}", f"status {tracing.status()}"]
    lines += [f"tsv {variable.upload()}" for variable in tracing.definitions.variables()]
    for tracepoint in tracing.definitions.tracepoints():
        lines += [f"tp {line}" for line in tracepoint.upload()]
        place = f"{tracepoint.number:x}:{tracepoint.address:x}"
        lines.append(f"tp V{place}:{tracepoint.hits:x}:{tracepoint.usage:x}")
    lines += [f"tdesc {line}" for line in target_xml(arch).decode().splitlines()]
    yield _MAGIC + "".join(line + "\n" for line in lines).encode() + b"\n"
    offset = 0
    while True:
        part = tracing.buffer.read(offset, _PART)
        if not part:
            break
        yield part
        offset += len(part)
    yield _END
