"""lldb takes a program to lie where it does."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.debuggers.lldb_session import find_lldb
from tests.support.stub import launch
from tests.support.tracees import DEADLINE, TraceeBuilder, environment

LAYOUTS = {"fixed": (), "pie": ("-fpie", "-pie"), "static pie": ("-fpie", "-static-pie"), "32-bit": ("-m32",)}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_a_breakpoint_by_its_name_is_hit(build: TraceeBuilder, options: tuple[str, ...]) -> None:
    program = build("obey", *options)
    with launch(program) as stub:
        stub.tell("g")
        lines = (
            f"target create {program}",
            f"gdb-remote localhost:{stub.port}",
            "breakpoint set -n spot",
            "continue",
            "thread backtrace",
            "print counter",
            "detach",
        )
        words = [find_lldb(), "-b", *(word for line in lines for word in ("-o", line))]
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=3 * DEADLINE,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
        assert re.search(r"frame #0: .*`spot", done.stdout), done.stdout + done.stderr
        assert re.search(r"long\)( \$0 =)? 41\b", done.stdout), done.stdout
