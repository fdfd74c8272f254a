"""gdb and programs of other languages than C: C++, Go, Rust, Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e.test_running import line_of
from tests.support import proc
from tests.support.debuggers.gdb_session import StartGdb
from tests.support.stub import attach, launch
from tests.support.tracees import SOURCES, Program, TraceeBuilder, running

SOURCE = "exceptions.cpp"


def test_cpp_throws_and_catches_stop(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("exceptions")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.tbreak("main")
        session.cont()
        session.execute("catch throw")
        session.execute("catch catch")
        for number in range(1, 4):
            outcome = session.execute("continue")
            assert "(exception thrown)" in outcome.text
            assert "thrower" in session.backtrace()
            outcome = session.execute("continue")
            assert "(exception caught)" in outcome.text
            session.execute("up")
            assert session.number("i") == number
        assert session.cont().is_exit(0)
        assert stub.line() == "caught 3 jumped 3 nothing stays behind"


def test_cpp_next_over_a_throw_lands_in_the_catch(build: TraceeBuilder, gdb: StartGdb) -> None:
    # Optimised, a catch has no line of its own to stop at.
    program = build("exceptions", "-O0")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at(f"{SOURCE}:{line_of(SOURCE, 'throws')}")
        session.cont()
        session.execute("delete")
        # gdb waits at the unwinder's landing, which is in the middle of main.
        stop = session.next()
        assert stop.function == "main"
        assert session.number("caught") <= 1
        assert stop.line in range(line_of(SOURCE, "throws") - 3, line_of(SOURCE, "catches") + 1)
        session.break_at(f"{SOURCE}:{line_of(SOURCE, 'jumps')}")
        session.cont()
        session.execute("delete")
        # As for longjmp: the step ends where it jumps to.
        stop = session.next()
        assert stop.function == "main"
        while stop.line != line_of(SOURCE, "tells"):
            stop = session.next()
        assert session.number("caught") == 3
        assert '"nothing stays behind"' in session.show("motto")
        assert session.cont().is_exit(0)


def test_go_runs_to_its_functions_and_its_end(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("goroutines")
    with launch(program) as stub:
        # Go preempts by SIGURG, which stops nobody.
        session = gdb(program, log_packets=True)
        session.connect(stub.port)
        number = session.break_at("main.work")
        seen: set[int] = set()
        stop = session.cont()
        # One that is preempted before its first instruction has run comes there again: on a slow machine some do.
        while not stop.is_exit(0):
            assert (stop.numbers, stop.function) == ([number], "main.work"), stop
            seen.add(session.number("number"))
            stop = session.cont()
        assert seen == set(range(20))
        assert stub.line() == f"sum {sum(range(20)) + 20 * 65536}"
        assert "QPassSignals:" in session.packets.read_text(errors="replace")


def pretty_printers() -> Path:
    """Return the folder of the printers that come with the compiler, or with the package rust-gdb."""
    done = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip()) / "lib" / "rustlib" / "etc"
    assert (folder / "gdb_load_rust_pretty_printers.py").exists(), f"no pretty-printers in {folder}: install rust-gdb"
    return folder


def test_rust_values_threads_and_panics_are_shown(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("oxide")
    folder = pretty_printers()
    with launch(program) as stub:
        # gdb does not load by itself what a program names as its printers; it says so.
        session = gdb(program, ["set auto-load python-scripts off"])
        session.execute(f"python import sys; sys.path.insert(0, '{folder}')")
        session.execute("python import gdb_lookup; gdb_lookup.register_printers(gdb.objfiles()[0])")
        session.connect(stub.port)
        session.break_at("oxide::pick")
        session.break_at("oxide::settled")
        for place in range(3):
            stop = session.cont()
            assert stop.function == "oxide::pick"
            assert session.number("place") == place
            assert "Vec(size=3) = {10, 20, 30}" in session.execute("print *values").text
            here = next(each for each in session.threads() if each.tid == stop.tid)
            assert here.name == f"oxide-{place}"
            assert session.cont().function == "oxide::settled"
            assert f"Some({10 * (place + 1)})" in session.execute("print *found").text
        session.execute("delete")
        session.break_at("rust_panic")
        assert session.cont().function.startswith("std::panicking::rust_panic")  # type: ignore[union-attr]
        assert "oxide::main" in session.backtrace()
        assert session.cont().is_exit(0)
        assert stub.line() == "sum 60 caught true"


def test_python_is_attached_looked_at_called_and_let_go(gdb: StartGdb) -> None:
    interpreter = Program(Path(sys.executable).resolve())
    with running(interpreter, SOURCES / "counting_threads.py") as tracee, attach(tracee.pid) as stub:
        session = gdb(interpreter)
        session.connect(stub.port)
        threads = session.threads()
        assert len(threads) == 4
        for thread in threads:
            assert len(session.backtrace(thread.tid)) > 2
        assert session.number("(long)getpid()") == tracee.pid
        assert session.number("(int)getppid()") == int(proc.status_field(tracee.pid, "PPid") or 0)
        session.detach()
        proc.wait_untraced(tracee.pid)

        def counted() -> int:
            tracee.tell("c")
            return int(tracee.line().removeprefix("sum "))

        before = counted()
        proc.wait_until(lambda: counted() > before + 10, "the threads count")
        assert tracee.finish() == 0
