"""Engines from files: the two examples of the documentation, and those that go wrong."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.dialogue import at_entry, at_ready, expect_exit, finish
from tests.support.endless import endless_symbols
from tests.support.gdb_signals import GdbSignal
from tests.support.stub import server
from tests.support.tracees import TraceeBuilder

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
#: Lines; what is longer is no example.
LIMIT = 50


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(example: Path) -> None:
    assert len(example.read_text().splitlines()) < LIMIT


def test_the_crash_catcher_writes_and_changes_nothing(build: TraceeBuilder, tmp_path: Path) -> None:
    program = build("obey", "-fno-omit-frame-pointer")
    report = tmp_path / "crash.txt"
    with at_ready(program, options=[f"--engine={EXAMPLES}/crash_catcher.py,{report}"]) as (stub, client):
        client.resume()
        stub.tell("a")
        stop = client.expect_stop()
        assert stop.is_signal(GdbSignal.ABRT)
        text = report.read_text()
        assert text.startswith(f"SIGABRT in thread {stub.pid} of process {stub.pid}\n")
        assert f"   rip {client.pc():016x}\n" in text
        assert f"    at {client.pc():#x}\n" in text
        final = client.cont(signal=GdbSignal.ABRT)
        assert (final.kind, final.value) == ("X", GdbSignal.ABRT)


def test_the_call_counter_counts_beside_a_client_with_its_breakpoint(build: TraceeBuilder, tmp_path: Path) -> None:
    program = build("hot")
    counts = tmp_path / "counts"
    rounds, threads = 50, 3
    option = f"--engine={EXAMPLES}/call_counter.py,hot:-9223372036854775808:{counts}"
    with at_entry(program, threads, rounds, options=[option]) as (stub, client):
        address = program.address("hot")
        client.insert(0, address)
        stub.tell("gq")
        hits = 0
        while (stop := client.cont()).kind == "T":
            assert stop.is_breakpoint
            hits += 1
        assert (stop.kind, stop.value) == ("W", 0)
        assert hits == rounds * threads
        assert counts.read_text() == f"{stub.pid}: hot was called {hits} times\n"


def test_a_condition_of_the_call_counter_that_is_never_true_counts_nothing(
    build: TraceeBuilder, tmp_path: Path
) -> None:
    counts = tmp_path / "counts"
    option = f"--engine={EXAMPLES}/call_counter.py,hot:9223372036854775807:{counts}"
    with at_entry(build("hot"), 2, 20, options=[option]) as (stub, client):
        client.resume()
        stub.tell("gq")
        expect_exit(client)
        assert counts.read_text() == f"{stub.pid}: hot was called 0 times\n"


def _has_read(pid: int, count: int) -> bool:
    return proc.bytes_read(pid) >= count


def test_a_search_for_a_symbol_keeps_nobody_waiting(build: TraceeBuilder, tmp_path: Path) -> None:
    plain = build("obey")
    program = endless_symbols(plain, tmp_path / "endless")
    spot = plain.address("spot")
    found = tmp_path / "found"
    file = tmp_path / "asks.py"
    file.write_text(
        "from pathlib import Path\n"
        "from gdbstub.api import IdleEngine, Joined, Vote\n"
        "class Asks(IdleEngine):\n"
        "    wants = frozenset({Joined})\n"
        "    def __init__(self, engine_id, target, path):\n"
        "        super().__init__(engine_id)\n"
        "        self.target, self.path = target, Path(path)\n"
        "    def on_event(self, event):\n"
        "        self.target.find_symbol(self.engine_id, event.pid, 'main', self.found)\n"
        "        return Vote.CONTINUE\n"
        "    def found(self, address):\n"
        "        self.path.write_text(f'{address}')\n"
        "def engine(engine_id, target, argument):\n"
        "    return Asks(engine_id, target, argument)\n"
    )
    with at_ready(program, options=[f"--engine={file},{found}"]) as (stub, client):
        # It would take minutes; meanwhile a client sets a breakpoint, and a stop is reported.
        for count in range(1, 4):
            goal = proc.bytes_read(stub.server_pid) + 2**24
            proc.wait_until(partial(_has_read, stub.server_pid, goal), "the search goes on")
            client.insert(0, spot)
            client.resume()
            stub.tell("g")
            assert client.expect_stop().is_breakpoint
            client.remove(0, spot)
            client.resume()
            assert stub.line() == f"spot {41 + count}"
            client.interrupt()
        assert not found.exists()
        finish(stub, client)
        assert not found.exists()


def test_an_engine_that_raises_is_detached_and_the_process_runs_on(build: TraceeBuilder, tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(
        "from gdbstub.api import IdleEngine, ThreadStarted\n"
        "class Bad(IdleEngine):\n"
        "    wants = frozenset({ThreadStarted})\n"
        "    def on_event(self, event):\n"
        "        raise RuntimeError('as bad as can be')\n"
        "def engine(engine_id, target, argument):\n"
        "    return Bad(engine_id)\n"
    )
    with at_ready(build("spin"), 2, options=[f"--engine={file}"]) as (stub, client):
        stub.wait_for_words("engine Bad is dropped after an internal error")
        stub.wait_for_words("RuntimeError: as bad as can be")
        finish(stub, client)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def engine(:", "SyntaxError"),
        ("x = 1", "it has no function engine"),
        ("def engine(engine_id, target, argument): raise ValueError('no')", "ValueError: no"),
    ],
)
def test_a_file_that_is_no_engine_is_refused(build: TraceeBuilder, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.py"
    file.write_text(text)
    with server("localhost:0", build("obey"), options=[f"--engine={file}"]) as stub:
        assert stub.exit_status() == 1
        assert words in stub.stderr and "Exiting" in stub.stderr
    assert proc.leftovers() == []
