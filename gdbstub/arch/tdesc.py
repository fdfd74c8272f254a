"""The target description: an ArchSpec as the XML document that both debuggers read.

Layer: arch.  Used by: engines.gdbremote (qXfer:features:read).
Spec source: GDB manual, "Target Description Format".
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.arch.spec import ArchSpec


def target_xml(spec: ArchSpec) -> bytes:
    """Return the whole description as one document, without includes."""
    return "".join(_lines(spec)).encode("ascii")


def _lines(spec: ArchSpec) -> Iterator[str]:
    yield '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n<target version="1.0">\n'
    yield f"<architecture>{spec.gdb_name}</architecture>\n<osabi>{spec.osabi}</osabi>\n"
    for feature in spec.features:
        yield f'<feature name="{feature.name}">\n'
        if feature.types:
            # QUIRK(gdb, all): it copies the description into a trace file, of which it reads lines below 1000 bytes.
            yield feature.types.replace("><", ">\n<") + "\n"
        implied = -1
        for register in feature.registers:
            # A reader counts on from the register before; the first of a feature states where it is.
            regnum = "" if register.number == implied else f' regnum="{register.number}"'
            group = f' group="{register.group}"' if register.group else ""
            kind = f'bitsize="{register.bits}" type="{register.type}"'
            yield f'<reg name="{register.name}" {kind}{regnum}{group}/>\n'
            implied = register.number + 1
        yield "</feature>\n"
    yield "</target>\n"
