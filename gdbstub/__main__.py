"""``python -m gdbstub``, and the entry point of the command."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and exit with its status."""
    # What is loaded before the server listens is no garbage; the command enables it again.
    gc.disable()
    from gdbstub.cli.main import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
