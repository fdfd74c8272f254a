"""``gdbstub packets``: the packet table, for people.

Layer: cli.  Used by: main.  Makes docs/PACKETS.md.
"""

from __future__ import annotations

import sys

_HELP = """\
Usage: gdbstub packets [--markdown]

List the packets that are understood: who sends each, what it asks, and what a
client does where a server does not offer it.

  --markdown   As the table of docs/PACKETS.md.
"""

_HEAD = """\
# Packets

Made by `gdbstub packets --markdown` from the packet table; do not edit.

| packet | sent by | what it asks | without it, a client |
| --- | --- | --- | --- |
"""


def markdown() -> str:
    """Return docs/PACKETS.md."""
    from gdbstub.rsp import registry

    lines = [
        f"| `{row.name.decode()}` | {row.clients} | {row.purpose} | {row.without or ''} |\n"
        for row in registry.rows()
    ]
    return _HEAD + "".join(lines)


def run(argv: list[str]) -> int:
    """Print the table."""
    if argv == ["--markdown"]:
        sys.stdout.write(markdown())
        return 0
    if argv:
        (sys.stdout if argv[0] == "--help" else sys.stderr).write(_HELP)
        return 0 if argv[0] == "--help" else 1
    from gdbstub.rsp import registry

    for row in registry.rows():
        sys.stdout.write(f"{row.name.decode():28} {row.purpose}\n")
    return 0
