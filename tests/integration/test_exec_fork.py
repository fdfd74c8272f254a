"""Programs that replace or double themselves: ptrace gotchas G34, G36, G37, G42 to G44, G48, G50, G66."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.dialogue import at_entry, at_ready, attached, expect_exit, finish, order
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient, StopReply, parse_thread
from tests.support.stub import Stub
from tests.support.tracees import TraceeBuilder

WITH_EXEC = DEFAULT_FEATURES + ";exec-events+"


def check_exec_stop(stub: Stub, client: RspClient, stop: StopReply) -> None:
    assert "exec" in stop.fields, stop
    assert (stop.pid, stop.tid) == (stub.pid, stub.pid)
    assert client.threads() == [(stub.pid, stub.pid)]
    assert client.registers("rip")[0]


def goes_on_in_the_second_image(stub: Stub, client: RspClient) -> None:
    client.resume()
    assert stub.line() == f"after {stub.pid} {stub.pid}"
    stub.ping()
    assert client.interrupt().is_signal(GdbSignal.INT)
    finish(stub, client, 6)


@pytest.mark.parametrize("letter", ["e", "l"])
def test_g36_an_exec_is_reported_once_with_one_thread_left(build: TraceeBuilder, letter: str) -> None:
    with at_ready(build("exec_thread"), 3, features=WITH_EXEC) as (stub, client):
        client.require("exec-events")
        assert len(client.threads()) == 4
        check_exec_stop(stub, client, order(stub, client, letter))
        goes_on_in_the_second_image(stub, client)


def test_g36_an_exec_of_one_thread_while_the_leader_is_held(build: TraceeBuilder) -> None:
    program = build("exec_thread")
    with at_ready(program, 3, features=WITH_EXEC) as (stub, client):
        client.require("exec-events")
        client.insert(0, program.address("again"))
        stop = order(stub, client, "e")
        assert "swbreak" in stop.fields and stop.tid != stub.pid
        client.remove(0, program.address("again"))
        client.resume(f"vCont;c:{client.thread_id(stop.tid)}")
        check_exec_stop(stub, client, client.expect_stop())
        goes_on_in_the_second_image(stub, client)


@pytest.mark.parametrize("options", [[], ["--strace=/dev/null"]])
def test_the_first_step_of_a_program_runs_its_first_instruction(build: TraceeBuilder, options: list[str]) -> None:
    """At its beginning an exec has still to return, which is a step to the kernel."""
    with at_entry(build("exec_thread"), 1, features=WITH_EXEC, options=options) as (stub, client):

        def check_steps(stop: StopReply) -> None:
            places = [client.pc(stop), *(client.pc(client.step(stub.pid)) for _ in range(3))]
            assert len(set(places)) == 4, list(map(hex, places))

        check_steps(client.current_stop())
        client.resume()
        stub.line()
        stub.tell("e")
        stop = client.expect_stop()
        check_exec_stop(stub, client, stop)
        check_steps(stop)
        goes_on_in_the_second_image(stub, client)


def test_g36_breakpoints_can_be_set_in_the_new_image(build: TraceeBuilder) -> None:
    program = build("exec_thread")
    with at_ready(program, 2, features=WITH_EXEC) as (stub, client):
        client.require("exec-events")
        check_exec_stop(stub, client, order(stub, client, "e"))
        client.insert(0, program.address("second_image"))
        stop = client.cont()
        assert "swbreak" in stop.fields
        assert client.pc(stop) == program.address("second_image")
        assert client.read_word(program.address("image")) == 1
        client.remove(0, program.address("second_image"))
        goes_on_in_the_second_image(stub, client)


def test_g36_breakpoints_of_the_old_image_do_not_spoil_the_new_one(build: TraceeBuilder) -> None:
    program = build("exec_thread")
    with at_ready(program, 2, features=WITH_EXEC) as (stub, client):
        client.require("exec-events")
        client.insert(0, program.address("again"))
        assert "swbreak" in order(stub, client, "e").fields
        check_exec_stop(stub, client, client.cont())
        # A client forgets them too: it removes what it still believes inserted.
        client.ask(f"z0,{program.address('again'):x},1")
        goes_on_in_the_second_image(stub, client)


@pytest.mark.parametrize("letter", ["e", "l"])
def test_g37_an_exec_completes_while_the_client_reads_nothing(build: TraceeBuilder, letter: str) -> None:
    with at_ready(build("exec_thread"), 3) as (stub, client):
        client.resume()
        stub.tell(letter)
        assert stub.line(2.0) == f"after {stub.pid} {stub.pid}"
        stub.ping()


HITS_OF_CHILDREN = [("f", "fork: exited 8"), ("v", "vfork: exited 9"), ("s", "fork: exited 11")]


@pytest.mark.parametrize(("letter", "line"), HITS_OF_CHILDREN)
def test_g42_g43_a_child_never_meets_its_parents_breakpoints(build: TraceeBuilder, letter: str, line: str) -> None:
    program = build("forks")
    with at_ready(program) as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        client.insert(0, program.address("hot"))
        client.resume()
        stub.tell(letter)
        assert stub.line() == line
        assert client.is_quiet(0.05)
        # And the parent still has them.
        stub.tell("h")
        stop = client.expect_stop()
        assert "swbreak" in stop.fields and stop.pid == stub.pid
        client.resume()
        assert stub.line().startswith("hits ")


def test_g42_a_sibling_of_a_vfork_parent_misses_no_breakpoint(build: TraceeBuilder) -> None:
    program = build("forks")
    with at_ready(program) as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        client.insert(0, program.address("hot"))
        stop = order(stub, client, "V")
        for _ in range(20):
            assert "swbreak" in stop.fields and stop.pid == stub.pid, stop
            assert stop.tid != stub.pid
            assert client.pc(stop) == program.address("hot")
            if _ < 19:
                stop = client.cont()
        client.resume()
        assert stub.line() == "vfork: exited 9"
        assert stub.line() == "hits 22"
        assert client.is_quiet(0.05)


STEPPED = [("s", "fork_instruction", "fork: exited 11"), ("w", "vfork_instruction", "vfork: exited 12")]


@pytest.mark.parametrize(("letter", "symbol", "line"), STEPPED)
def test_g44_a_step_over_a_fork_is_not_inherited(build: TraceeBuilder, letter: str, symbol: str, line: str) -> None:
    program = build("forks")
    at = program.address(symbol)
    with at_ready(program) as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        client.insert(0, at)
        stop = order(stub, client, letter)
        assert "swbreak" in stop.fields
        client.remove(0, at)
        stop = client.step(stop.tid)
        assert stop.kind == "T" and client.pc(stop) == at + 2, stop
        client.resume()
        assert stub.line() == line
        assert client.interrupt().is_signal(GdbSignal.INT)
        finish(stub, client)


def test_an_exec_without_exec_events_keeps_the_session(build: TraceeBuilder) -> None:
    program = build("exec_thread")
    with at_ready(program, 2) as (stub, client):
        client.resume()
        stub.tell("e")
        assert stub.line().startswith("after ")
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert client.threads() == [(stub.pid, stub.pid)]
        assert client.read_word(program.address("image")) == 2
        client.resume()
        stub.tell("q")
        expect_exit(client, 6)


def test_g34_every_fork_of_a_storm_is_told_once(build: TraceeBuilder) -> None:
    rounds = 8
    with at_entry(build("fork_storm"), rounds, features=f"{WITH_EXEC};fork-events+;vfork-events+") as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        children: dict[str, set[int]] = {"fork": set(), "vfork": set()}
        done = 0
        stop = client.cont()
        while not stop.exited:
            if "vforkdone" in stop.fields:
                done += 1
            else:
                kind = "vfork" if "vfork" in stop.fields else "fork"
                child = parse_thread(stop.fields[kind])[0]
                assert child not in children["fork"] | children["vfork"]
                children[kind].add(child)
                client.ok(f"D;{child:x}")
            stop = client.cont()
        assert (stop.kind, stop.value) == ("W", 0)
        assert [len(each) for each in children.values()] == [2 * rounds, 2 * rounds]
        assert done == 2 * rounds
        assert stub.line() == f"good {4 * rounds} of {4 * rounds}"


def test_g43_every_breakpoint_hit_among_a_storm_of_forks_is_told_once(build: TraceeBuilder) -> None:
    rounds = 8
    program = build("fork_storm")
    with at_entry(program, rounds) as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        client.insert(0, program.address("hot"))
        hits = 0
        while not (stop := client.cont()).exited:
            assert "swbreak" in stop.fields, stop
            hits += 1
        assert (stop.kind, stop.value, hits) == ("W", 0, 4 * rounds)
        assert stub.line() == f"good {4 * rounds} of {4 * rounds}"


def test_g48_a_process_in_the_same_memory_is_a_thread_to_the_client(build: TraceeBuilder) -> None:
    program = build("memory_sharer")
    with at_ready(program) as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        client.insert(0, program.address("store"))
        client.insert(2, program.address("stored"), 8)
        stop = order(stub, client, "c")
        sharer = stop.tid
        assert "swbreak" in stop.fields and sharer != stub.pid and stop.pid == stub.pid
        assert proc.status_field(sharer, "Tgid") == str(sharer)
        assert sorted(client.threads()) == sorted([(stub.pid, stub.pid), (stub.pid, sharer)])
        stop = client.cont()
        assert (stop.watch_address, stop.tid) == (program.address("stored"), sharer)
        assert client.read_word(program.address("stored")) == 11
        client.resume()
        assert stub.line() == "stored 11 exited 1 status 17"
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert client.threads() == [(stub.pid, stub.pid)]
        client.remove(0, program.address("store"))
        client.remove(2, program.address("stored"), 8)
        finish(stub, client)


def test_g48_a_process_in_the_same_memory_is_let_go_with_the_other(build: TraceeBuilder) -> None:
    program = build("memory_sharer")
    with attached(program) as (tracee, _, client):
        client.current_stop()
        client.insert(0, program.address("store"))
        client.resume()
        tracee.tell("c")
        assert "swbreak" in client.expect_stop().fields
        client.detach()
        assert tracee.line() == "stored 11 exited 1 status 17"
        tracee.tell("s")
        assert tracee.line() == "stored 5"
        assert tracee.finish() == 0


def test_a_child_that_was_let_go_does_not_keep_the_server(build: TraceeBuilder) -> None:
    with at_ready(build("forks"), features=DEFAULT_FEATURES + ";fork-events+") as (stub, client):
        client.require("fork-events")
        stop = order(stub, client, "f")
        child, _ = parse_thread(stop.fields["fork"])
        client.ok(f"D;{child:x}")
        client.pass_signals(GdbSignal.CHLD)
        client.resume()
        assert stub.line() == "fork: exited 8"
        stub.tell("q")
        expect_exit(client)
        client.close()
        assert stub.exit_status() == 0


def test_a_fork_that_was_not_reported_yet_is_let_go_with_its_parent(build: TraceeBuilder) -> None:
    program = build("forks")
    with at_ready(program, features=DEFAULT_FEATURES + ";fork-events+") as (stub, client):
        client.require("fork-events")
        client.insert(0, program.address("hot"))
        # The sibling meets its breakpoint while the leader is forking: one is reported, the other one waits.
        stop = order(stub, client, "T")
        if "fork" in stop.fields:
            child, _ = parse_thread(stop.fields["fork"])
            client.ok(f"D;{child:x}")
        client.ok(f"D;{stub.pid:x}")
        assert stub.line() == "fork: exited 8"
        stub.ping()


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_g50_a_program_that_executes_one_of_32_bits_is_that_one(build: TraceeBuilder, told: bool) -> None:
    inner = build("obey", variant="m32")
    features = WITH_EXEC if told else DEFAULT_FEATURES
    with at_ready(build("becomes"), inner, features=features) as (stub, client):
        assert "i386:x86-64" in client.read_object("features", "target.xml").decode()
        if told:
            assert "exec" in order(stub, client, "e").fields
            client.resume()
        else:
            client.resume()
            stub.tell("e")
        assert stub.line() == f"ready {stub.pid}"
        assert client.interrupt().is_signal(GdbSignal.INT)
        description = client.read_object("features", "target.xml").decode()
        assert "i386:x86-64" not in description and "i386" in description
        client.forget_registers()
        assert client.register("esp") < 1 << 32
        client.insert(0, inner.address("spot"))
        client.resume()
        stub.tell("g")
        stop = client.expect_stop()
        assert stop.is_breakpoint
        assert client.register("eip") == inner.address("spot")
        client.write_register("eax", 0x12345678)
        assert client.register("eax") == 0x12345678
        client.remove(0, inner.address("spot"))
        client.resume()
        assert stub.line() == "spot 42"
        assert client.interrupt().is_signal(GdbSignal.INT)
        finish(stub, client)


def test_g66_a_traced_program_has_one_tracer_only(build: TraceeBuilder) -> None:
    features = f"{WITH_EXEC};fork-events+"
    with at_ready(build("nested"), features=features) as (stub, client):
        client.pass_signals(GdbSignal.CHLD)
        # Its child is its own to trace, once the client has let it go.
        stop = order(stub, client, "n")
        child = parse_thread(stop.fields["fork"])[0]
        client.ok(f"D;{child:x}")
        client.resume()
        assert stub.line() == "status 4 many 1"
        # While the client keeps it, PTRACE_TRACEME fails.
        stub.tell("n")
        assert "fork" in client.expect_stop().fields
        client.resume()
        assert client.expect_stop().text.startswith("W05")
        client.resume()
        assert stub.line() == "status 5 many 0"
        client.interrupt()
        finish(stub, client)


def test_a_child_whose_parent_is_killed_before_it_was_announced_runs_on_untraced(build: TraceeBuilder) -> None:
    program = build("forks")
    with at_ready(program) as (stub, client):
        client.insert(0, program.address("hot"))
        client.resume()
        stub.ping()
        # The server sees nothing of all this until it is over.
        os.kill(stub.server_pid, signal.SIGSTOP)
        proc.wait_until(lambda: proc.state(stub.server_pid) == "T", "the server stands")
        stub.tell("f")
        children = Path(f"/proc/{stub.pid}/task/{stub.pid}/children")
        child = int(proc.wait_until(children.read_text, "there is a child"))
        for pid in (stub.pid, child):
            proc.wait_until(lambda pid=pid: proc.state(pid) == "t", f"process {pid} stands for its tracer")  # type: ignore[misc]
        os.kill(stub.pid, signal.SIGKILL)
        proc.wait_until(lambda: proc.state(stub.pid) == "Z", "the parent is dead")
        os.kill(stub.server_pid, signal.SIGCONT)
        stop = client.expect_stop()
        assert (stop.kind, stop.value) == ("X", signal.SIGKILL)
        proc.wait_gone(child)
