"""Non-stop: each thread's stop is a notification of its own."""

from __future__ import annotations

from tests.support import proc
from tests.support.dialogue import extended
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient, StopReply, parse_thread
from tests.support.stub import attach
from tests.support.tracees import TraceeBuilder, running


def next_stop(client: RspClient) -> StopReply:
    """Receive a ``%Stop`` notification and acknowledge it; there must be no further one."""
    text = client.receive_notification()
    assert text.startswith("Stop:"), text
    stop = client.stop_of(text.removeprefix("Stop:"))
    client.ok("vStopped")
    return stop


def test_an_attach_stops_nothing_until_the_client_does(build: TraceeBuilder) -> None:
    """gdb reads the registers' description between the two; an earlier stop it could not parse."""
    with running(build("obey")) as tracee, extended() as (_, client):
        client.ok("QNonStop:1")
        client.ok(f"vAttach;{tracee.pid:x}")
        tracee.ping()
        assert client.is_quiet(0.05)
        client.ok(f"vCont;t:p{tracee.pid:x}.-1")
        stop = next_stop(client)
        assert (stop.kind, stop.value, stop.tid) == ("T", 0, tracee.pid)
        assert proc.state(tracee.pid) == "t"
        client.ok(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.ping()
        assert client.is_quiet(0.05)
        client.detach()
        tracee.ping()


def test_ctrl_c_stops_one_thread_with_sigint(build: TraceeBuilder) -> None:
    with running(build("obey")) as tracee, extended() as (_, client):
        client.ok("QNonStop:1")
        client.ok(f"vAttach;{tracee.pid:x}")
        client.ok("vCtrlC")
        stop = next_stop(client)
        assert (stop.kind, stop.value) == ("T", 2)
        client.ok(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.ping()
        client.detach()


def test_threads_born_after_a_resume_run_in_a_process_that_the_server_attached(build: TraceeBuilder) -> None:
    with running(build("forks")) as tracee, attach(tracee.pid) as stub, stub.connect() as client:
        client.pass_signals(GdbSignal.CHLD)
        client.ok("QNonStop:1")
        assert client.stop_of(client.ask("?")).tid == tracee.pid
        client.ok("vStopped")
        client.ok(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.tell("V")
        assert tracee.line() == "vfork: exited 9"
        assert tracee.line() == "hits 22"
        client.detach()


def test_threads_born_after_a_resume_run_in_a_child_that_was_kept(build: TraceeBuilder) -> None:
    with (
        running(build("forks")) as tracee,
        attach(tracee.pid) as stub,
        stub.connect(DEFAULT_FEATURES + ";fork-events+") as client,
    ):
        client.pass_signals(GdbSignal.CHLD)
        client.ok("QNonStop:1")
        assert client.stop_of(client.ask("?")).tid == tracee.pid
        client.ok("vStopped")
        client.ok(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.tell("t")
        child, _ = parse_thread(next_stop(client).fields["fork"])
        client.ok(f"vCont;c:p{tracee.pid:x}.-1;c:p{child:x}.-1")
        assert next_stop(client).exited
        assert tracee.line() == "fork: exited 13"
        client.ok(f"D;{tracee.pid:x}")


def next_stops(client: RspClient, count: int) -> set[int]:
    """Receive a notification and what is queued behind it; return the threads."""
    text = client.receive_notification()
    tids = {client.stop_of(text.removeprefix("Stop:")).tid}
    while (reply := client.ask("vStopped")) != "OK":
        tids.add(client.stop_of(reply).tid)
    assert len(tids) == count, tids
    return tids


def test_two_clients_that_hold_everything_and_step_a_thread_each_take_turns(build: TraceeBuilder) -> None:
    """So does a gdb that steps over its own breakpoint with all other threads stopped."""
    with (
        running(build("spin"), 2) as tracee,
        attach(tracee.pid) as stub,
        stub.connect() as first,
        stub.connect() as second,
    ):
        for client in (first, second):
            client.ok("QNonStop:1")
        everything = f"p{tracee.pid:x}.-1"
        leader = first.stop_of(first.ask("?")).tid
        first.ok("vStopped")
        # The others follow as soon as it asks for something else.
        assert first.ask("vCont?").startswith("vCont")
        one, other = next_stops(first, 2)
        second.ok(f"vCont;t:{everything}")
        assert next_stops(second, 3) == {leader, one, other}
        first.ok(f"vCont;s:p{tracee.pid:x}.{one:x}")
        second.ok(f"vCont;s:p{tracee.pid:x}.{other:x}")
        assert next_stops(first, 1) == {one}
        # It stands now, so the other's step waits until it goes on.
        assert second.is_quiet(0.05)
        first.ok(f"vCont;c:{everything}")
        assert next_stops(second, 1) == {other}
        second.ok(f"vCont;c:{everything}")
        tracee.ping()
        for client in (first, second):
            client.ok(f"D;{tracee.pid:x}")
        tracee.ping()
        assert tracee.finish() == 0


def test_a_breakpoint_set_while_a_vfork_child_has_the_memory_is_not_in_it_yet(build: TraceeBuilder) -> None:
    program = build("forks")
    hot = program.address("hot")
    with running(program) as tracee, attach(tracee.pid) as stub, stub.connect() as client:
        client.pass_signals(GdbSignal.CHLD)
        client.ok("QNonStop:1")
        client.stop_of(client.ask("?"))
        client.ok("vStopped")
        client.ok(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.tell("b")
        assert tracee.line() == "borrowing"
        client.insert(0, hot)
        tracee.tell("x")
        assert tracee.line() == "vfork: exited 9"
        # The memory is the program's own again.
        tracee.tell("h")
        stop = next_stop(client)
        assert stop.is_breakpoint and stop.tid == tracee.pid
        client.remove(0, hot)
        client.detach()
