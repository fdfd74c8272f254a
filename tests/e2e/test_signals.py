"""gdb and signals: stop, pass and nopass, siginfo, ``signal``."""

from __future__ import annotations

import os
import signal

from tests.support.debuggers.gdb_session import StartGdb
from tests.support.stub import launch
from tests.support.tracees import TraceeBuilder


def test_a_signal_stops_shows_its_sender_and_is_passed(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("signal_info")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        os.kill(stub.pid, signal.SIGUSR1)
        stop = session.end_cont()
        assert (stop.kind, stop.signal) == ("signal", "SIGUSR1")
        assert session.number("$_siginfo.si_signo") == signal.SIGUSR1
        assert session.number("$_siginfo.si_code") == 0
        assert session.number("$_siginfo._sifields._kill.si_pid") == os.getpid()
        session.begin_cont()
        assert stub.line() == f"usr1 code 0 pid {os.getpid()} value 0"
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_changed_siginfo_is_what_the_handler_gets(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("signal_info")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        os.kill(stub.pid, signal.SIGUSR1)
        session.end_cont()
        session.execute("set var $_siginfo._sifields._kill.si_pid = 4321")
        session.begin_cont()
        assert stub.line() == "usr1 code 0 pid 4321 value 0"


def test_a_signal_that_is_not_passed_never_arrives(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("signal_info")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.execute("handle SIGUSR1 stop print nopass")
        session.begin_cont()
        assert stub.line().startswith("ready")
        os.kill(stub.pid, signal.SIGUSR1)
        assert session.end_cont().signal == "SIGUSR1"
        session.begin_cont()
        stub.ping()
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_signal_that_is_to_be_passed_silently_does_not_stop(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("signal_info")
    with launch(program) as stub:
        session = gdb(program, log_packets=True)
        session.connect(stub.port)
        session.execute("handle SIGUSR1 nostop noprint pass")
        session.begin_cont()
        assert stub.line().startswith("ready")
        resumed = session.sent("vCont;")
        for _ in range(3):
            os.kill(stub.pid, signal.SIGUSR1)
            assert stub.line() == f"usr1 code 0 pid {os.getpid()} value 0"
        # QPassSignals: the server does not even ask.
        assert session.sent("vCont;") == resumed
        stub.tell("q")
        assert session.end_cont().is_exit(0)


def test_a_signal_of_the_users_is_delivered(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("signal_info")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        session.interrupt()
        session.end_cont()
        session.begin_line("signal SIGUSR2")
        assert stub.line() == "usr2"
        stub.ping()
        session.interrupt()
        session.end_cont()
        # `signal 0` drops what was reported.
        session.begin_cont()
        os.kill(stub.pid, signal.SIGUSR1)
        assert session.end_cont().signal == "SIGUSR1"
        session.begin_line("signal 0")
        stub.ping()
        stub.tell("q")
        assert session.end_line().stop.is_exit(0)


def test_a_fatal_signal_ends_the_program_by_its_name(build: TraceeBuilder, gdb: StartGdb) -> None:
    program = build("obey")
    with launch(program) as stub:
        session = gdb(program)
        session.connect(stub.port)
        session.begin_cont()
        assert stub.line().startswith("ready")
        os.kill(stub.pid, signal.SIGKILL)
        outcome = session.end_line()
        assert outcome.stop.kind == "exited"
        assert outcome.stop.signal == str(int(signal.SIGKILL))
        assert "SIGKILL" in outcome.text
