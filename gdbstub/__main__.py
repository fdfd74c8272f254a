"""``python -m gdbstub``, and the entry point of the command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from gdbstub.cli.main import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
