"""gdb and the machine: vector registers, watched stores, signals on another stack, sparse memory, seccomp."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.test_running import line_of
from tests.support import proc
from tests.support.debuggers.gdb_session import GdbError, StartGdb
from tests.support.stub import launch
from tests.support.tracees import TraceeBuilder


def vector_width() -> int:
    """Return the bits of the widest vector register that this processor has."""
    text = Path("/proc/cpuinfo").read_text()
    flags = next(line for line in text.splitlines() if line.startswith("flags")).split()
    return 512 if "avx512f" in flags else 256 if "avx" in flags else 128


def pattern(number: int, length: int) -> bytes:
    """Return what vectors.c puts into a register."""
    return bytes((8 * number + index + 1) & 0xFF for index in range(length))


WIDTHS = [128, 256, 512]
_NAME = {128: "xmm", 256: "ymm", 512: "zmm"}


@pytest.mark.parametrize("width", WIDTHS)
def test_vector_registers_hold_what_the_program_loaded(build: TraceeBuilder, gdb: StartGdb, width: int) -> None:
    if width > vector_width():
        pytest.skip(f"[processor] there are no vector registers of {width} bits")
    program = build("vectors")
    with launch(program, width) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.break_at("*vectors_loaded")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("l")
        session.end_cont()
        length = width // 8

        def value(name: str, size: int) -> bytes:
            elements = size // 8
            lanes = [session.number(f"${name}.v{elements}_int64[{lane}]") for lane in range(elements)]
            return b"".join((lane & (1 << 64) - 1).to_bytes(8, "little") for lane in lanes)

        for number in range(32 if width == 512 else 16):
            assert value(f"{_NAME[width]}{number}", length) == pattern(number, length)
        assert value("xmm3", 16) == pattern(3, 16)
        if width == 512:
            masks = [session.number(f"$k{number}") & 0xFFFF for number in range(1, 8)]
            assert masks == [8 * number + 1 | 8 * number + 2 << 8 for number in range(1, 8)]
        # To look changes nothing; to write one byte changes that one.
        session.execute("info all-registers")
        session.begin_cont()
        assert stub.line() == "different 0"
        stub.tell("l")
        session.end_line()
        session.execute(f"set var ${_NAME[width]}7.v{length}_int8[{length - 1}] = 0")
        session.begin_cont()
        assert stub.line() == "different 1"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_looking_at_a_running_programs_vectors_spoils_none(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("vectors")
    with launch(program, vector_width()) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("s")
        for _ in range(5):
            proc.wait_until(lambda: proc.state(stub.pid) in ("R", "S"), "the program runs")
            session.interrupt()
            assert session.end_cont().signal == "SIGINT"
            session.execute("info all-registers")
            session.begin_cont()
        stub.tell("p")
        assert stub.line() == "rounds 1 wrong 0"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_stores_are_watched_where_they_change_something(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("stores")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.watch("watched")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        seen = []
        outcome = session.end_line()
        for _ in range(4):
            assert outcome.stop.numbers == [number]
            found = re.search(r"Old value = (\d+)\nNew value = (\d+)\n", outcome.text)
            assert found, outcome.text
            seen.append((int(found.group(1)), int(found.group(2)), outcome.stop.tid == stub.pid))
            if len(seen) < 4:
                outcome = session.execute("continue")
        # To store the same value again is no change; the last store is a thread's that was not there at first.
        assert seen == [(0, 1, True), (1, 2, True), (2, 3, True), (3, 100, False)]
        assert outcome.stop.function == "late"
        session.execute(f"delete {number}")
        session.begin_cont()
        assert stub.line() == "sum 110"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_reads_accesses_and_execution_are_watched_by_hardware(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("stores")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        executed = session.hbreak("executed")
        read = session.watch("looked_at", "read")
        cell = session.watch("cells[2]", "access")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        stop = session.end_cont()
        assert (stop.numbers, stop.function) == ([executed], "executed")
        outcome = session.execute("continue")
        assert outcome.stop.numbers == [read]
        assert "Value = 5\n" in outcome.text
        outcome = session.execute("continue")
        assert outcome.stop.numbers == [cell]
        assert "Old value = 0\nNew value = 3\n" in outcome.text


def test_a_fifth_watchpoint_is_refused_and_four_work(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("stores")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.execute("tbreak executed")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("g")
        session.end_cont()
        numbers = [session.watch(f"cells[{index}]") for index in range(5)]
        with pytest.raises(GdbError, match=f"(?i)could not insert hardware watchpoint {numbers[4]}"):
            session.execute("continue")
        session.execute(f"delete {numbers[4]}")
        for index in range(4):
            outcome = session.execute("continue")
            assert outcome.stop.numbers == [numbers[index]]
            assert f"New value = {index + 1}\n" in outcome.text
        session.execute("delete")
        session.begin_cont()
        assert stub.line() == "sum 110"


def test_queued_signals_carry_their_value_and_handlers_their_stack(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("alternate_stack")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.execute("handle SIGUSR2 nostop noprint pass")
        session.execute("handle SIGALRM nostop noprint pass")
        handler = session.break_at("on_signal")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("n")
        stop = session.end_cont()
        for _ in range(2):
            # gdb knows realtime signals by their numbers.
            assert stop.signal == "SIG37"
            assert session.number("$_siginfo.si_code") == -1
            assert session.number("$_siginfo._sifields._rt.si_sigval.sival_int") == 42
            stop = session.cont()
            assert stop.numbers == [handler]
            # Both were queued: the second may come before the first handler's end, on the same stack.
            assert session.number("(char *)$sp >= stack && (char *)$sp < stack + sizeof stack") == 1
            stop = session.execute("continue").stop if _ == 0 else stop
        session.execute(f"delete {handler}")
        session.begin_cont()
        assert stub.line() == "0 0 2 42 0 on stack 2"
        stub.tell("2a")
        assert stub.line() == "0 1 2 42 0 on stack 3"
        assert stub.line() == "0 1 2 42 1 on stack 4"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_step_over_a_raise_enters_the_handler_or_passes_it(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("alternate_stack")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.execute("handle SIGUSR1 nostop noprint pass")
        session.break_at(f"alternate_stack.c:{line_of('alternate_stack.c', 'raises')}")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("1")
        line = session.end_cont().line
        # The handler runs within the step.
        stop = session.next()
        assert (stop.function, stop.line > line) == ("raise_usr1", True)
        assert session.number("usr1") == 1
        # Reported instead, the signal is stepped into.
        session.execute("handle SIGUSR1 stop print pass")
        session.begin_cont()
        assert stub.line() == "1 0 0 0 0 on stack 1"
        stub.tell("1")
        session.end_line()
        session.execute("delete")
        stop = session.cont()
        assert (stop.kind, stop.signal) == ("signal", "SIGUSR1")
        assert session.execute("stepi").stop.function == "on_signal"
        session.begin_cont()
        assert stub.line() == "2 0 0 0 0 on stack 2"


def test_a_hole_of_gigabytes_is_shown_and_not_crawled_through(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("sparse")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        session.end_cont()
        assert session.show("(char *)first").endswith('"first page"')
        assert session.show("(char *)middle").endswith('"middle page"')
        assert session.show("(char *)last").endswith('"last page with a needle"')
        first, middle, last = (session.number(f"(unsigned long){name}") for name in ("first", "middle", "last"))
        page = 4096
        # A tracer reads what no access keeps the program from, and the kernel gives it zeros.
        assert session.read(first + page - 8, 16) == bytes(16)
        with pytest.raises(GdbError, match="Cannot access memory at address 0x10"):
            session.execute("x/1xb 0x10")
        text = session.execute("info proc mappings").text
        starts = {int(line.split()[0], 16) for line in text.splitlines() if line.strip().startswith("0x")}
        assert {first, first + page, middle, middle + page, last} <= starts
        found = session.execute(f"find {last:#x}, +{page}, 'n', 'e', 'e', 'd', 'l', 'e'").text
        assert f"{last + 17:#x}" in found
        # All of the 64 GiB, in no time: what is reserved and was never written is jumped over.
        found = session.execute(
            f"find {first:#x}, {last + page - 1:#x}, 'n', 'e', 'e', 'd', 'l', 'e'", seconds=5
        ).text
        assert f"{last + 17:#x}" in found and "1 pattern found" in found
        at = session.number("(unsigned long)buffer")
        data = session.read(at, 4 << 20)
        assert data == b"".join(bytes((index ^ block) & 0xFF for index in range(256)) * 16 for block in range(1024))


def test_a_confined_program_is_stopped_stepped_and_called(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("sandbox")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        number = session.break_at("spot")
        session.begin_cont()
        assert stub.line().startswith("ready")
        stub.tell("u")
        assert stub.line() == "uname -1 errno 1"
        stub.tell("t")
        stop = session.end_cont()
        assert (stop.kind, stop.signal) == ("signal", "SIGSYS")
        assert session.number("$_siginfo.si_code") == 1
        assert session.number("$_siginfo._sifields._sigsys._syscall") == 110
        session.begin_cont()
        assert stub.line() == "sigsys 1 code 1 call 110"
        stub.tell("s")
        assert session.end_line().stop.numbers == [number]
        assert session.number("(int)getpid()") == stub.pid
        # The call that the filter refuses is refused to the debugger's call too.
        assert session.next().function == "spot"
        session.begin_cont()
        assert stub.line() == "spot 1"
        stub.tell("k")
        end = session.end_line()
        assert end.stop.kind == "exited"
        assert "Program terminated with signal SIGSYS" in end.text
