"""gdb and programs that end badly: it stops at the instruction at fault, knows why, and then tells how they ended."""

from __future__ import annotations

import signal

import pytest

from tests.support.debuggers.gdb_session import StartGdb
from tests.support.stub import launch
from tests.support.tracees import TraceeBuilder

SEGV_MAPERR, SEGV_ACCERR, FPE_INTDIV, ILL_ILLOPN, BUS_ADRERR = 1, 2, 1, 2, 2

#: The kind, the signal, its code.
FAULTS = [
    ("unmapped", signal.SIGSEGV, SEGV_MAPERR),
    ("protected", signal.SIGSEGV, SEGV_ACCERR),
    ("division", signal.SIGFPE, FPE_INTDIV),
    ("illegal", signal.SIGILL, ILL_ILLOPN),
    ("beyond", signal.SIGBUS, BUS_ADRERR),
]


@pytest.mark.parametrize("variant", ["no-pie", "m32"])
@pytest.mark.parametrize(("kind", "number", "code"), FAULTS)
def test_a_fault_stops_at_its_instruction_and_then_ends_the_program(
    build: TraceeBuilder, gdb: StartGdb, variant: str, kind: str, number: signal.Signals, code: int
) -> None:
    program = build("faults", variant=variant)
    with launch(program, kind) as stub:
        session = gdb(program)
        session.connect(stub.port)
        stop = session.cont()
        assert (stop.kind, stop.signal, stop.function) == ("signal", number.name, kind)
        assert session.number("$_siginfo.si_signo") == number
        assert session.number("$_siginfo.si_code") == code
        fault = session.number("(unsigned long)$_siginfo._sifields._sigfault.si_addr")
        if kind == "unmapped":
            assert fault == 0xBAD000
        elif kind == "protected":
            assert fault == session.number("(unsigned long)&constant")
        elif kind != "beyond":
            assert fault == stop.pc
        # To go on from a fault is to have it again, unless the signal is passed on.
        again = session.execute("signal 0").stop
        assert (again.signal, again.pc) == (number.name, stop.pc)
        end = session.execute("continue")
        assert f"Program terminated with signal {number.name}" in end.text
        assert (end.stop.kind, end.stop.signal) == ("exited", str(int(number)))


def test_an_int3_of_the_program_is_a_sigtrap_that_can_be_dropped(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("faults")
    with launch(program, "trap", 6) as stub:
        session = gdb(program)
        session.connect(stub.port)
        outcome = session.execute("continue")
        assert "Program received signal SIGTRAP" in outcome.text
        assert outcome.stop.function == "trap"
        # gdb passes no SIGTRAP unless told so: the program goes on behind its trap instruction.
        assert session.cont().is_exit(6)
        assert stub.line() == "alive"


def test_an_abort_is_a_signal_with_its_stack(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("faults")
    with launch(program, "abort") as stub:
        session = gdb(program)
        session.connect(stub.port)
        assert session.cont().signal == "SIGABRT"
        above, last = session.backtrace()[-2:]
        assert above.endswith("abort")
        assert last == "main"
        assert session.cont().signal == str(int(signal.SIGABRT))


def test_a_kill_and_a_status_are_told(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("faults")
    with launch(program, "kill") as stub:
        session = gdb(program)
        session.connect(stub.port)
        outcome = session.execute("continue")
        assert "Program terminated with signal SIGKILL" in outcome.text
    with launch(program, "nothing", 99) as stub:
        session = gdb(program)
        session.connect(stub.port)
        assert session.cont().is_exit(99)
