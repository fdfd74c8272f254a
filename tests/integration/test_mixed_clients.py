"""Clients of different kinds on one process: all-stop beside non-stop, gdb's dialect beside lldb's."""

from __future__ import annotations

import os
import re
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from operator import ne

from tests.support import proc
from tests.support.dialogue import at_ready, attached, expect_exit
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import RspClient, StopReply
from tests.support.stub import Stub
from tests.support.tracees import Program, TraceeBuilder

LLDB = "xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+;swbreak+;hwbreak+"


def next_stop(client: RspClient) -> StopReply:
    """Receive a ``%Stop`` notification and acknowledge it; there must be no further one."""
    text = client.receive_notification()
    assert text.startswith("Stop:"), text
    stop = client.stop_of(text.removeprefix("Stop:"))
    client.ok("vStopped")
    return stop


@contextmanager
def non_stop_beside(program: Program, *arguments: object) -> Iterator[tuple[Stub, RspClient, RspClient]]:
    """Launch a program, stop it for an all-stop client, and let one in non-stop look on with all threads running."""
    with at_ready(program, *arguments) as (stub, whole), stub.connect() as single:
        single.ok("QNonStop:1")
        text = single.ask("?")
        while text != "OK":
            single.stop_of(text)
            text = single.ask("vStopped")
        single.ok(f"vCont;c:p{stub.pid:x}.-1")
        yield stub, whole, single


def test_a_thread_that_one_holds_in_non_stop_stays_while_the_other_continues(build: TraceeBuilder) -> None:
    program = build("spin")
    with non_stop_beside(program, 3) as (stub, whole, single):
        held = next(tid for _, tid in whole.threads() if tid != stub.pid)
        whole.resume()
        stub.ping()
        single.ok(f"vCont;t:{single.thread_id(held)}")
        assert next_stop(single).tid == held
        assert whole.is_quiet(0.05)
        stub.ping()
        # Only that thread stands: its counter is the one that does not move.
        counters = program.address("counters")

        def counts() -> list[int]:
            return [single.read_word(counters + 8 * index) for index in range(3)]

        def moving() -> list[bool]:
            before = counts()
            proc.wait_until(lambda: sum(map(ne, counts(), before)) >= 2, "two of them count")
            return list(map(ne, counts(), before))

        assert moving() == moving() and sum(moving()) == 2
        # A stop of the other's whole process and its end change nothing of it.
        assert whole.interrupt().is_signal(GdbSignal.INT)
        whole.resume()
        stub.ping()
        assert sum(moving()) == 2
        single.ok(f"vCont;c:{single.thread_id(held)}")
        before = counts()
        proc.wait_until(lambda: all(map(ne, counts(), before)), "all count")


def test_a_hit_stops_all_for_the_one_and_its_thread_for_the_other(build: TraceeBuilder) -> None:
    program = build("hot")
    rounds = 25
    with non_stop_beside(program, 4, rounds) as (stub, whole, single):
        odd, even = program.address("hot_odd"), program.address("hot_even")
        whole.insert(0, odd)
        single.insert(0, even)
        whole.register_places()
        whole.resume()
        stub.tell("g")
        hits = {whole: 0, single: 0}
        while sum(hits.values()) < 4 * rounds:
            # What came in between two replies is read already.
            waiting = 0 if single.notifications else 10
            ready, _, _ = select.select([whole.socket, single.socket], [], [], waiting)
            assert ready or not waiting, f"nobody is told of anything; {hits}"
            if single.socket in ready or single.notifications:
                text = single.receive_notification().removeprefix("Stop:")
                while text != "OK":
                    stop = single.stop_of(text)
                    assert stop.is_breakpoint, stop
                    hits[single] += 1
                    text = single.ask("vStopped")
                    single.ok(f"vCont;c:{single.thread_id(stop.tid)}")
            if whole.socket in ready:
                stop = whole.expect_stop()
                assert whole.pc(stop) == odd, stop
                hits[whole] += 1
                whole.resume()
        assert stub.line(30) == f"total {4 * rounds}"
        assert hits == {whole: 2 * rounds, single: 2 * rounds}
        stub.tell("q")
        expect_exit(whole)
        stop = single.stop_of(single.receive_notification().removeprefix("Stop:"))
        assert (stop.kind, stop.value) == ("W", 0)


def test_a_late_client_stops_the_process_only_for_itself(build: TraceeBuilder) -> None:
    with attached(build("obey")) as (tracee, stub, first):
        first.current_stop()
        first.resume()
        tracee.ping()
        with stub.connect() as second:
            tracee.ping()  # connecting alone stops nothing
            assert second.current_stop().kind == "T"
            assert proc.state(tracee.pid) == "t"
            assert first.is_quiet(0.05)
            second.resume()
            tracee.ping()
            assert second.interrupt().is_signal(GdbSignal.INT)
            assert first.is_quiet(0.05)
            second.detach()
        tracee.ping()
        assert first.interrupt().is_signal(GdbSignal.INT)
        first.detach()
        tracee.ping()


def test_a_late_client_in_non_stop_stops_nothing(build: TraceeBuilder) -> None:
    with attached(build("obey")) as (tracee, stub, first):
        first.current_stop()
        first.resume()
        tracee.ping()
        with stub.connect() as second:
            second.ok("QNonStop:1")
            tracee.ping()
            assert re.fullmatch(r"OK|T.*", second.ask("?"))
            assert first.is_quiet(0.05)
        tracee.ping()
        assert first.interrupt().is_signal(GdbSignal.INT)
        first.detach()


def test_the_dialects_name_one_signal_in_their_own_way_and_it_is_delivered_once(build: TraceeBuilder) -> None:
    with at_ready(build("counting_signals")) as (stub, gdb), stub.connect(LLDB) as lldb:
        lldb.current_stop()
        gdb.resume()
        lldb.resume()
        stub.ping()
        # To pass it on is no change, so it is delivered only where both do.
        delivered = 0
        for one, other in ((True, True), (False, False), (False, True), (True, False)):
            os.kill(stub.pid, signal.SIGUSR1)
            assert gdb.expect_stop().is_signal(GdbSignal.USR1)
            assert lldb.expect_stop().value == signal.SIGUSR1  # Linux's number
            gdb.resume(f"vCont;C{GdbSignal.USR1:02x}" if one else "vCont;c")
            lldb.resume(f"vCont;C{signal.SIGUSR1:02x}" if other else "vCont;c")
            stub.tell("c")
            delivered += one and other
            assert stub.line() == f"usr1 {delivered} realtime 0", (one, other)
        stub.tell("q")
        expect_exit(gdb)
        expect_exit(lldb)


def test_a_signal_that_one_lets_pass_is_the_others_to_decide(build: TraceeBuilder) -> None:
    with at_ready(build("counting_signals")) as (stub, first), stub.connect() as second:
        second.current_stop()
        first.pass_signals(GdbSignal.USR1)
        first.resume()
        second.resume()
        stub.ping()
        for delivered in (True, False):
            os.kill(stub.pid, signal.SIGUSR1)
            assert second.expect_stop().is_signal(GdbSignal.USR1)
            assert first.is_quiet(0.05)
            second.resume(f"vCont;C{GdbSignal.USR1:02x}" if delivered else "vCont;c")
            stub.tell("c")
            assert stub.line() == "usr1 1 realtime 0"
        # Whoever was told of it and goes leaves it to the process: nothing is lost.
        os.kill(stub.pid, signal.SIGUSR1)
        assert second.expect_stop().is_signal(GdbSignal.USR1)
        second.close()
        stub.tell("c")
        assert stub.line() == "usr1 2 realtime 0"
        stub.tell("q")
        expect_exit(first)


def test_each_catches_its_own_calls(build: TraceeBuilder) -> None:
    getpid, write = 39, 1
    with at_ready(build("syscalls")) as (stub, first), stub.connect() as second:
        second.current_stop()
        first.ok(f"QCatchSyscalls:1;{getpid:x}")
        second.ok(f"QCatchSyscalls:1;{write:x}")
        first.resume()
        second.resume()
        stub.tell("g")
        for _ in range(3):
            for way in ("syscall_entry", "syscall_return"):
                stop = first.expect_stop()
                assert stop.fields.get(way) == f"{getpid:x}", stop
                first.resume()
        for way in ("syscall_entry", "syscall_return"):
            stop = second.expect_stop()
            assert stop.fields.get(way) == f"{write:x}", stop
            second.resume()
        assert stub.line() == "done"
        assert first.is_quiet(0.05) and second.is_quiet(0.05)


def test_a_kill_by_one_is_told_to_all(build: TraceeBuilder) -> None:
    with at_ready(build("obey")) as (stub, first), stub.connect() as second, stub.connect(LLDB) as third:
        second.current_stop()
        third.current_stop()
        second.resume()
        third.resume()
        first.ok(f"vKill;{stub.pid:x}")
        for client in (second, third):
            stop = client.expect_stop()
            assert (stop.kind, stop.value) == ("X", 9)


def test_who_comes_second_to_a_launched_program_is_told_it_was_attached_to(build: TraceeBuilder) -> None:
    """A gdb that quits kills what was launched and detaches from the rest: nobody may kill what others look at."""
    with at_ready(build("obey")) as (stub, first):
        assert first.ask(f"qAttached:{stub.pid:x}") == "0"
        with stub.connect() as second:
            second.current_stop()
            assert second.ask(f"qAttached:{stub.pid:x}") == "1"
            assert first.ask(f"qAttached:{stub.pid:x}") == "1"
        proc.wait_until(lambda: first.ask(f"qAttached:{stub.pid:x}") == "0", "it is alone again")
