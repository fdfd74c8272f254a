"""What gdb asks beside registers and memory: sums, searches, permissions, arguments, reports about threads."""

from __future__ import annotations

import select
import time

from tests.support.dialogue import at_entry, at_ready, extended, finish, order
from tests.support.gdb_signals import GdbSignal
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient, StopReply
from tests.support.stub import Stub
from tests.support.tracees import TraceeBuilder

SAMPLE = b"123456789"
#: CRC-32/MPEG-2's published check value, which is this checksum of the digits 1 to 9.
SAMPLE_SUM = "C376e6e7"
NEEDLE = b"needle in a haystack"
HAYSTACK = 96 << 20

WRITE, READ, ACCESS = 2, 3, 4
CLONE, EXIT = 1, 2
EVENTS = f"{DEFAULT_FEATURES};QThreadEvents+;QThreadOptions+;no-resumed+"


def say(stub: Stub, client: RspClient, letter: str) -> str:
    """Give the program one letter, return its line and stop it again."""
    client.resume()
    stub.tell(letter)
    line = stub.line()
    assert client.interrupt().is_signal(GdbSignal.INT)
    return line


def search(client: RspClient, start: int, length: int, pattern: bytes, timeout: float | None = None) -> str:
    return client.ask(f"qSearch:memory:{start:x};{length:x};".encode() + pattern, timeout)


# Memory


def test_a_checksum_is_that_of_the_program_s_own_bytes(build: TraceeBuilder) -> None:
    program = build("information")
    with at_entry(program) as (_, client):
        sample = program.address("sample")
        assert client.ask(f"qCRC:{sample:x},9") == SAMPLE_SUM
        main = program.address("main")
        before = client.ask(f"qCRC:{main:x},40")
        client.insert(0, main)
        assert client.ask(f"qCRC:{main:x},40") == before
        assert client.ask(f"qCRC:{sample:x},0") == "Cffffffff"
        assert client.ask("qCRC:10,4").startswith("E")
        assert client.ask("qCRC:10").startswith("E")


def test_a_search_finds_the_first_place(build: TraceeBuilder) -> None:
    program = build("information")
    with at_entry(program) as (_, client):
        place = program.address("needle")
        assert search(client, place - 64, 128, NEEDLE) == f"1,{place:x}"
        assert search(client, place, len(NEEDLE), NEEDLE) == f"1,{place:x}"
        assert search(client, place + 1, 64, NEEDLE) == "0"
        assert search(client, place, len(NEEDLE) - 1, NEEDLE) == "0"
        assert search(client, 0x10, 0x100, NEEDLE).startswith("E")


def test_a_search_takes_any_bytes_and_sees_no_breakpoints(build: TraceeBuilder) -> None:
    program = build("information")
    with at_entry(program) as (_, client):
        main = program.address("main")
        code = client.read_memory(main, 16)
        client.insert(0, main)
        assert search(client, main, 64, code) == f"1,{main:x}"
        place = program.address("both")
        odd = b"a#$}*;:,z"
        client.write_memory(place, odd)
        assert search(client, place, 16, odd) == f"1,{place:x}"


def test_a_search_goes_over_holes_and_joins_nothing_across_them(build: TraceeBuilder) -> None:
    with at_ready(build("information")) as (stub, client):
        place = int(say(stub, client, "h"), 16)
        assert search(client, place, 3 * 4096, NEEDLE) == f"1,{place + 8192 + 100:x}"
        assert search(client, place + 4096, 8192, NEEDLE) == f"1,{place + 8192 + 100:x}"
        assert search(client, place, 4096, NEEDLE) == "0"
        assert search(client, place + 4096, 4096, NEEDLE).startswith("E")


def test_a_long_search_lets_another_client_be_served(build: TraceeBuilder) -> None:
    with at_ready(build("information")) as (stub, client), stub.connect() as other:
        place = int(say(stub, client, "m"), 16)
        other.current_stop()
        start = time.monotonic()
        client.send(f"qSearch:memory:{place:x};{HAYSTACK:x};".encode() + NEEDLE)
        client.send("qC")
        answers = 0
        while not select.select([client.socket], [], [], 0)[0]:
            assert other.ask("qC").startswith("QC")
            answers += 1
        assert client.receive() == f"1,{place + HAYSTACK - len(NEEDLE) - 1:x}"
        # What came meanwhile has waited for its turn.
        assert client.receive().startswith("QC")
        assert answers > 1 and time.monotonic() - start < 10


# The program


def test_the_program_and_its_arguments_are_told(build: TraceeBuilder) -> None:
    program = build("information")
    with at_entry(program, "a b", "c") as (_, client):
        words = rb"a\ b c".hex()
        assert client.ask("qExecAndArgs") == f"S;{str(program).encode().hex()};{words};"


def test_without_a_program_none_is_told() -> None:
    with extended() as (_, client):
        assert client.ask("qExecAndArgs") == "U"


def test_arguments_in_one_piece_are_the_shell_s_to_read() -> None:
    with extended() as (stub, client):
        assert "single-inf-arg" in client.ask(f"qSupported:{DEFAULT_FEATURES};single-inf-arg+")
        for shell in (1, 0):
            client.ok(f"QStartupWithShell:{shell}")
            line = rb"""'a  b' c\ d "e" """
            client.stop_of(client.ask(f"vRun;{b'/bin/echo'.hex()};{line.hex()}"))
            assert client.ask("qExecAndArgs") == f"S;{b'/bin/echo'.hex()};{line.hex()};"
            assert client.cont().exited
            assert stub.line() == "a  b c d e"


# Permissions


def test_what_is_not_allowed_is_refused_with_a_reason(build: TraceeBuilder) -> None:
    program = build("information")
    with at_entry(program, features=f"{DEFAULT_FEATURES};error-message+") as (_, client):
        assert client.features["QAllow"] == "+"
        place = program.address("both")
        client.ok("QAllow:WriteReg:0;WriteMem:0;InsertBreak:0;InsertTrace:1;Stop:1")
        for body in (f"M{place:x},1:00", f"X{place:x},1:a", "P0=0000000000000000", "G00", f"Z0,{place:x},1"):
            reply = client.ask(body)
            assert reply.startswith("E.") and "QAllow" in reply, (body, reply)
        client.read_memory(place, 8)
        client.ok("QAllow:WriteMem:1")
        client.write_memory(place, b"\1")
        assert client.ask(f"Z0,{place:x},1").startswith("E.")
        assert client.ask("QAllow:WriteMem:2").startswith("E")


def test_a_client_that_may_not_stop_stops_nothing(build: TraceeBuilder) -> None:
    with at_entry(build("information")) as (stub, client):
        client.ok("QAllow:Stop:0")
        client.resume()
        assert stub.line().startswith("ready")
        client.send_interrupt()
        stub.tell("r")
        assert stub.line() == "done"
        stub.tell("q")
        assert client.expect_stop().exited


# Threads


def end_reply(client: RspClient) -> tuple[int, int, int]:
    text = client.receive()
    assert text.startswith("w"), text
    status, _, thread = text[1:].partition(";")
    pid, _, tid = thread[1:].partition(".")
    return int(status, 16), int(pid, 16), int(tid, 16)


def test_the_beginning_and_the_end_of_threads_are_reported_on_request(build: TraceeBuilder) -> None:
    with at_ready(build("information"), features=EVENTS) as (stub, client):
        assert client.features["QThreadEvents"] == "+"
        client.ok("QThreadEvents:1")
        born = order(stub, client, "c")
        assert "create" in born.fields and born.tid != stub.pid
        client.select_thread(born.tid)
        assert client.register("rip")
        client.resume()
        assert end_reply(client) == (0, stub.pid, born.tid)
        assert client.threads() == [(stub.pid, stub.pid)]
        client.ok("QThreadEvents:0")
        assert say(stub, client, "r") == "done"
        assert say(stub, client, "c") == "done"
        finish(stub, client)


def clone_of(stop: StopReply) -> int:
    return int(stop.fields["clone"].partition(".")[2], 16)


def test_thread_options_stop_parent_and_child_of_a_clone(build: TraceeBuilder) -> None:
    with at_ready(build("information"), features=EVENTS) as (stub, client):
        assert client.features["QThreadOptions"] == "3"
        client.ok(f"QThreadOptions;0;3:{client.thread_id(stub.pid)}")
        stop = order(stub, client, "c")
        child = clone_of(stop)
        assert stop.tid == stub.pid
        client.select_thread(child)
        assert client.register("rax") == 0
        # The child keeps standing while the parent is stepped.
        at = client.register("rip")
        assert client.step(stub.pid).tid == stub.pid
        client.select_thread(child)
        assert client.register("rip") == at
        client.ok(f"QThreadOptions;{EXIT:x}:{client.thread_id(child)};{CLONE:x}:{client.thread_id(stub.pid)}")
        client.resume()
        assert end_reply(client) == (0, stub.pid, child)
        client.ok("QThreadOptions;0")
        assert say(stub, client, "r") == "done"
        assert say(stub, client, "c") == "done"
        finish(stub, client)


def test_bad_thread_options_are_refused(build: TraceeBuilder) -> None:
    with at_entry(build("information"), features=EVENTS) as (_, client):
        for body in ("QThreadOptions", "QThreadOptions;", "QThreadOptions;4", "QThreadOptions;1:", "QThreadEvents:2"):
            assert client.ask(body).startswith("E"), body


def test_an_options_clone_is_reported_without_stopping_others_in_non_stop(build: TraceeBuilder) -> None:
    with at_ready(build("information"), features=EVENTS) as (stub, client):
        client.ok("QNonStop:1")
        client.stop_of(client.ask("?"))
        assert client.ask("vStopped") == "OK"
        client.ok(f"QThreadOptions;1:{client.thread_id(stub.pid)}")
        client.ok("vCont;c")
        stub.tell("c")
        while not client.notifications:
            client.ask("qC")
        stop = StopReply.parse(client.notifications.pop().removeprefix("Stop:"))
        child = clone_of(stop)
        assert client.ask("vStopped") == "OK"
        client.select_thread(child)
        assert client.register("rip")
        client.ok(f"vCont;c:{client.thread_id(child)};c:{client.thread_id(stub.pid)}")
        assert stub.line() == "done"


# Watchpoints


def test_a_read_watchpoint_is_silent_about_writes(build: TraceeBuilder) -> None:
    program = build("information")
    with at_ready(program) as (stub, client):
        both = program.address("both")
        client.insert(READ, both, 8)
        for _ in range(2):
            stop = order(stub, client, "r")
            assert stop.watch_address == both and "rwatch" in stop.fields
            assert say_rest(stub, client) == "done"
            assert say(stub, client, "w") == "done"
            assert say(stub, client, "x") == "done"
        client.write_memory(both, b"12345678")
        assert order(stub, client, "r").watch_address == both


def say_rest(stub: Stub, client: RspClient) -> str:
    """Continue from a hit to the program's line, and stop it again."""
    client.resume()
    line = stub.line()
    assert client.interrupt().is_signal(GdbSignal.INT)
    return line


def test_with_a_write_watchpoint_beside_it_the_same_value_is_a_write_too(build: TraceeBuilder) -> None:
    program = build("information")
    with at_ready(program) as (stub, client):
        both = program.address("both")
        client.insert(READ, both, 8)
        client.insert(WRITE, both, 8)
        stop = order(stub, client, "s")
        assert "watch" in stop.fields and "rwatch" not in stop.fields
        say_rest(stub, client)
        stop = order(stub, client, "r")
        assert "rwatch" in stop.fields and "watch" not in stop.fields


def test_addresses_of_several_watchpoints_come_in_one_reply(build: TraceeBuilder) -> None:
    program = build("information")
    for features, many in ((f"{DEFAULT_FEATURES};multi-wp-addr+", True), (DEFAULT_FEATURES, False)):
        with at_ready(program, features=features) as (stub, client):
            both = program.address("both")
            client.insert(WRITE, both, 8)
            client.insert(WRITE, both + 8, 8)
            stop = order(stub, client, "x")
            assert stop.text.count("watch:") == (2 if many else 1)
            assert f"watch:{both:x};" in stop.text
            assert (f"watch:{both + 8:x};" in stop.text) is many
