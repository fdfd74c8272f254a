"""What lldb gets here and not from its own server: jobs left stopped, reasons of refusals, more breakpoints."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support import proc
from tests.support.dialogue import at_entry
from tests.support.rsp_client import RspClient, StopReply
from tests.support.stub import attach, multi
from tests.support.tracees import TraceeBuilder, running

LLDB = "xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+;swbreak+;hwbreak+"
SIGSTOP, SIGTRAP = signal.SIGSTOP, signal.SIGTRAP


def become_lldb(client: RspClient) -> None:
    for packet in ("QThreadSuffixSupported", "QListThreadsInStopReply", "QEnableErrorStrings"):
        client.ok(packet)


def step(client: RspClient, stop: StopReply) -> StopReply:
    return client.stop_of(client.ask(f"vCont;s:p{stop.pid:x}.{stop.tid:x}"))


def test_g6_a_stopped_job_can_be_attached_to_stepped_and_left_stopped(build: TraceeBuilder) -> None:
    program = build("spin")
    with running(program, 1) as tracee:
        # Not the leader: its step would be that of a call which waits for the test.
        (worker,) = set(proc.tids(tracee.pid)) - {tracee.pid}
        os.kill(tracee.pid, SIGSTOP)
        proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the job has stopped")
        with multi() as stub, stub.connect(LLDB) as client:
            become_lldb(client)
            stop = client.stop_of(client.ask(f"vAttach;{tracee.pid:x}"))
            assert (stop.kind, stop.value, stop.pid) == ("T", SIGSTOP, tracee.pid)
            before = client.ask(f"p10;thread:{worker:x};")
            stepped = client.stop_of(client.ask(f"vCont;s:p{stop.pid:x}.{worker:x}"))
            assert (stepped.value, stepped.tid) == (SIGTRAP, worker)
            assert client.ask(f"p10;thread:{worker:x};") != before
            client.ok(f"D;{tracee.pid:x}")
            proc.wait_untraced(tracee.pid)
            # PTRACE: a detached thread is woken, and finds by itself that its job is stopped.
            proc.wait_until(lambda: proc.state(tracee.pid) == "T", "the job is left stopped")
        os.kill(tracee.pid, signal.SIGCONT)
        tracee.finish()


def test_a_refused_attach_says_who_is_in_the_way(build: TraceeBuilder) -> None:
    with (
        running(build("obey")) as tracee,
        attach(tracee.pid) as first,
        multi() as second,
        second.connect(LLDB) as client,
    ):
        become_lldb(client)
        code, _, text = client.ask(f"vAttach;{tracee.pid:x}").partition(";")
        assert len(code) == 3 and code.startswith("E")
        assert str(first.server_pid) in bytes.fromhex(text).decode()
        code, _, text = client.ask("vAttach;7ffffff0").partition(";")
        assert code.startswith("E") and bytes.fromhex(text)


def test_a_hardware_breakpoint(build: TraceeBuilder) -> None:
    program = build("signal_info")
    with at_entry(program, features=LLDB) as (stub, client):
        become_lldb(client)
        client.ok(f"Z1,{program.address('spot'):x},1")
        client.send("vCont;c")
        assert stub.line().startswith("ready")
        stub.tell("b")
        stop = client.stop_of(client.receive())
        assert (stop.value, stop.fields["reason"]) == (SIGTRAP, "breakpoint")
        assert client.ask(f"p10;thread:{stop.tid:x};") == program.address("spot").to_bytes(8, "little").hex()
        client.ok(f"z1,{program.address('spot'):x},1")


@pytest.mark.parametrize(("at", "length"), [(1, 4), (3, 1), (0, 3), (1, 7)])
def test_a_watchpoint_of_any_place_and_length(build: TraceeBuilder, at: int, length: int) -> None:
    program = build("watch")
    with at_entry(program, features=LLDB) as (stub, client):
        become_lldb(client)
        start = program.address("odd") + at
        client.ok(f"Z2,{start:x},{length:x}")
        client.send("vCont;c")
        assert stub.line().startswith("ready")
        stub.tell("u")
        stop = client.stop_of(client.receive())
        assert stop.fields["reason"] == "watchpoint"
        # The first number is looked up among the client's watchpoints.
        hit = int(bytes.fromhex(stop.fields["description"]).split()[0])
        assert start <= hit < start + length
        client.ok(f"z2,{start:x},{length:x}")
