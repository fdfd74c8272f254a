"""What a start loads: whoever waits for the server waits for each of these modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Loaded by a command line and by the address it names.
LISTENING = "import gdbstub.cli.gdbserver, gdbstub.cli.lldbserver, gdbstub.cli.main, gdbstub.server.listen"
#: Loaded before the first client is let in; as cli.main does it.
SERVING = f"""{LISTENING}
from gdbstub.cli import loop
loop.load_trio()
import gdbstub.server.server"""
PREPARED = f"""{SERVING}
from gdbstub.engines.gdbremote.dispatch import load_handlers
from gdbstub.rsp.families import USUAL
for family in USUAL:
    load_handlers(family)"""


def loaded(code: str) -> set[str]:
    """Return the modules that code loads and executes, beyond those of the interpreter itself."""
    show = "import sys\nprint(*(name for name, module in sys.modules.items() if type(module).__name__ != '_Waiting'))"
    # Without site, which loads what an environment's .pth files ask for.
    path = [each for each in sys.path if each]
    start = f"import sys\nsys.path[:] = {[str(ROOT), *path]!r}\n"

    def run(text: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", start + text], capture_output=True, text=True, check=True
        )
        return set(done.stdout.split())

    return run(f"{code}\n{show}") - run(show)


def packages(names: set[str], *forbidden: str) -> list[str]:
    return sorted(name for name in names if any(f"{name}.".startswith(f"{each}.") for each in forbidden))


def test_little_is_loaded_before_the_server_listens() -> None:
    names = loaded(LISTENING)
    assert (
        packages(names, "trio", "ptrace", "ctypes", "dataclasses", "inspect", "pathlib", "json", "gdbstub.linux")
        == []
    )
    assert packages(names, "gdbstub.tracer", "gdbstub.rsp", "gdbstub.target", "gdbstub.arch") == []


@pytest.mark.parametrize("code", [SERVING, PREPARED], ids=["serving", "prepared"])
def test_what_few_clients_ask_for_is_loaded_for_them(code: str) -> None:
    names = loaded(code)
    assert "gdbstub.server.server" in names
    assert packages(names, "elftools", "json", "difflib", "shlex", "asyncio", "http", "xml", "email", "zipfile") == []
    assert packages(names, "gdbstub.abi.tables", "gdbstub.abi.signatures", "gdbstub.abi.structures") == []
    assert packages(names, "gdbstub.agent.compiler", "gdbstub.agent.interpreter", "gdbstub.agent.formats") == []
    assert packages(names, "gdbstub.engines.tracing", "gdbstub.engines.syscalls", "gdbstub.engines.events") == []
    assert packages(names, "gdbstub.linux.diagnose", "gdbstub.linux.osdata", "gdbstub.linux.tls") == []
    assert (
        packages(names, "gdbstub.engines.gdbremote.monitor", "gdbstub.server.platform", "gdbstub.cli.platform") == []
    )


def test_what_trio_offers_and_nobody_uses_is_not_executed() -> None:
    assert (
        packages(loaded(SERVING), "ssl", "_ssl", "hmac", "hashlib", "idna", "shutil", "tempfile", "subprocess") == []
    )


def test_a_family_of_packets_is_loaded_when_it_is_asked_for() -> None:
    prefix = "gdbstub.rsp.commands."
    families = {name.removeprefix(prefix) for name in loaded(SERVING) if name.startswith(prefix)}
    # What the server itself and the reports of stops take from there.
    assert families <= {"lifecycle", "logs", "threadevents"}


def test_what_waits_is_executed_when_something_is_asked_of_it() -> None:
    code = f"""{SERVING}
import subprocess, shutil
before = [type(each).__name__ for each in (subprocess, shutil)]
assert before == ["_Waiting"] * 2, before
assert subprocess.Popen and shutil.which("sh")
assert [type(each).__name__ for each in (subprocess, shutil)] == ["module"] * 2
"""
    assert "_posixsubprocess" in loaded(code)


def test_of_trio_what_is_used_is_loaded() -> None:
    names = loaded(SERVING)
    assert packages(names, "trio._dtls", "trio._ssl", "trio._path", "trio._channel", "trio.socket") == []
    assert "trio._core._run" in names


def test_trio_is_whole_for_whoever_asks_more_of_it() -> None:
    code = f"""{SERVING}
import trio
used = trio.Event, trio.CancelScope, trio.lowlevel.open_process, trio.lowlevel
assert type(trio).__name__ == "_Facade"
from trio import open_memory_channel
assert type(trio).__name__ == "module" and trio.Path and trio.SSLStream
assert (trio.Event, trio.CancelScope, trio.lowlevel.open_process, trio.lowlevel) == used

async def main():
    sender, receiver = open_memory_channel(1)
    await sender.send("word")
    assert await receiver.receive() == "word"
    assert await trio.to_thread.run_sync(lambda: 7) == 7

trio.run(main)
"""
    assert {"trio._dtls", "trio._channel"} <= loaded(code)
