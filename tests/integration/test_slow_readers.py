"""Logs whose reader does not read: they delay nobody, and are dropped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support import proc
from tests.support.dialogue import attached
from tests.support.gdb_signals import GdbSignal
from tests.support.proc import TOKEN, TOKEN_NAME
from tests.support.rsp_client import RspClient
from tests.support.stub import multi
from tests.support.tracees import LineReader, TraceeBuilder, environment

STRACE = [sys.executable, "-m", "gdbstub", "strace"]


@pytest.mark.parametrize("how", ["stopped", "never reads"])
def test_a_log_that_nobody_reads_delays_nobody_and_is_dropped(build: TraceeBuilder, how: str) -> None:
    program = build("flood")
    with attached(program) as (tracee, stub, client):
        client.insert(0, program.address("between"))
        client.resume()
        tracee.ping()
        with subprocess.Popen(
            [*STRACE, "-s", str(1 << 20), f"localhost:{stub.port}"],
            stderr=subprocess.PIPE,
            env=environment(),
            process_group=0,
        ) as log:
            try:
                assert log.stderr is not None
                lines = LineReader(log.stderr.fileno())
                lines.until("read(0, ")  # the log has begun, and the program waits in this call
                if how == "stopped":
                    os.kill(log.pid, signal.SIGSTOP)
                    proc.wait_until(lambda: proc.state(log.pid) == "T", "the reader is stopped")
                # Each write is a line of a MiB; between any two the debugger is answered as ever.
                tracee.tell("f")
                for _ in range(120):
                    assert client.expect_stop().is_breakpoint
                    client.resume()
                assert tracee.line() == "written"
                stub.wait_for_words(r"Client at .* has left \d+ MiB unread and is dropped")
                # Nothing is left of it, and a debugger's stop is that of the program alone.
                assert client.interrupt().is_signal(GdbSignal.INT)
                client.remove(0, program.address("between"))
                os.kill(log.pid, signal.SIGCONT)
                _, rest = log.communicate(timeout=30)
                assert log.returncode == 1
                assert rest.endswith(b"gdbstub: the server has gone: it has closed the connection\n"), rest[-200:]
            finally:
                log.kill()
        client.resume()
        tracee.tell("f")
        assert tracee.line() == "written"
        client.interrupt()
        client.ok(f"D;{client.pid:x}")
        assert tracee.finish() == 0


LLDB = "xmlRegisters=i386,arm,mips,arc;multiprocess+"
#: What the program writes.
LINE = "a" * 98
LINES = 400_000


def test_a_debugger_that_does_not_read_a_programs_output_delays_no_other_and_is_dropped() -> None:
    with multi() as stub, RspClient(stub.port, timeout=30) as first:
        first.handshake(LLDB)
        first.ok(f"QEnvironmentHexEncoded:{f'{TOKEN_NAME}={TOKEN}'.encode().hex()}")
        words = ["/bin/sh", "-c", f"yes {LINE} | head -n {LINES}"]
        stop = first.stop_of(first.ask("vRun;" + ";".join(word.encode().hex() for word in words)))
        with RspClient(stub.port) as second:
            second.handshake(LLDB)
            assert second.current_stop().pid == stop.pid
            for client in (first, second):
                client.ok(f"QPassSignals:{signal.SIGCHLD:x}")
            second.resume()
            # It reads nothing from here on.
            first.resume()
            written = 0
            while (text := first.receive()).startswith("O"):
                written += len(text) // 2
            assert text.startswith("W00") and written == LINES * len(LINE + "\r\n")
            stub.wait_for_words(r"Client at .* has left \d+ MiB unread and is dropped")
