"""Tracepoints: what is collected while the program runs on, and what a client sees of it afterwards.

The packets are made here from the GDB manual ("Tracepoint Packets"), and frames taken apart by "Trace File Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.dialogue import at_ready, attached, expect_exit, order
from tests.support.gdb_signals import GdbSignal
from tests.support.proc import status_field
from tests.support.rsp_client import DEFAULT_FEATURES, RspClient
from tests.support.stub import Stub
from tests.support.tracees import Program, TraceeBuilder

#: ``rip`` and ``rsp`` on the wire.
RIP, RSP = 16, 7
NO_FRAME = "QTFrame:ffffffff"


def fetch(address: int, opcode: str = "1a") -> str:
    """Push memory: 8 bytes, or what the opcode says."""
    return "25" + address.to_bytes(8, "big").hex() + opcode


def number(value: int) -> str:
    return "24" + value.to_bytes(4, "big").hex()


def tracer_of(pid: int) -> int:
    """Return who traces a process, or 0."""
    return int(status_field(pid, "TracerPid") or 0)


def expression(code: str) -> str:
    return f"X{len(code) // 2:x},{code}"


def greater(address: int, value: int) -> str:
    """Be true where a variable of the program is above a value."""
    return number(value) + fetch(address) + "1527"


def define(
    client: RspClient,
    tracepoint: int,
    address: int,
    *actions: str,
    steps: Sequence[str] = (),
    step_count: int = 0,
    passes: int = 0,
    condition: str = "",
    enabled: bool = True,
) -> None:
    """Define a tracepoint as gdb does, one packet for each action."""
    head = f"QTDP:{tracepoint:x}:{address:016x}:{'E' if enabled else 'D'}:{step_count:x}:{passes:x}"
    if condition:
        head += f":{expression(condition)}"
    packets = [f"QTDP:-{tracepoint:x}:{address:016x}:{each}" for each in actions]
    packets += [f"QTDP:-{tracepoint:x}:{address:016x}:{'S' if not at else ''}{each}" for at, each in enumerate(steps)]
    packets.insert(0, head)
    for packet in packets[:-1]:
        client.ok(packet + "-")
    client.ok(packets[-1])


def status(client: RspClient) -> dict[str, str]:
    """Return the fields of qTStatus; ``run`` is the state and ``why`` the reason."""
    run, why, *fields = client.ask("qTStatus").split(";")
    found = {"run": run, "why": why}
    for each in fields:
        name, _, value = each.partition(":")
        found[name] = value
    return found


def frames(client: RspClient) -> int:
    return int(status(client)["tframes"], 16)


def word(client: RspClient, address: int) -> int:
    return int.from_bytes(bytes.fromhex(client.ask(f"m{address:x},8")), "little")


class Traced:
    """A program with a loop over ``hot``, about to run it."""

    def __init__(self, program: Program, stub: Stub, client: RspClient, rounds: int) -> None:
        self.stub = stub
        self.client = client
        self.pid = stub.pid
        self.hot = program.address("hot")
        self.odd = program.address("hot_odd")
        self.even = program.address("hot_even")
        self.total = program.address("total")
        self.rounds = rounds

    @property
    def memory(self) -> str:
        """The action that records ``total``."""
        return f"M-1,{self.total:x},8"

    def run(self) -> None:
        """Run the loop and stop after it."""
        self.client.resume()
        self.stub.tell("g")
        assert self.stub.line().startswith("total")
        assert self.client.interrupt().is_signal(GdbSignal.INT)

    def finish(self) -> None:
        self.client.resume()
        self.stub.tell("q")
        expect_exit(self.client)


@contextmanager
def traced(
    build: TraceeBuilder, threads: int = 1, rounds: int = 20, features: str = DEFAULT_FEATURES
) -> Iterator[Traced]:
    program = build("hot")
    with at_ready(program, threads, rounds, features=features) as (stub, client):
        client.require("TracepointSource")
        client.ok("QTinit")
        yield Traced(program, stub, client, rounds)


def test_each_hit_gives_a_frame_of_what_the_actions_say(build: TraceeBuilder) -> None:
    with traced(build) as it:
        client = it.client
        define(client, 1, it.hot, "R03ffff", it.memory, f"M{RSP:x},0,8")
        client.ok("QTStart")
        assert status(client)["run"] == "T1"
        it.run()
        client.ok("QTStop")
        said = status(client)
        assert (said["run"], said["why"]) == ("T0", "tstop::0")
        assert (said["tframes"], said["tcreated"]) == ("14", "14")
        for at in range(20):
            assert client.ask(f"QTFrame:{at:x}") == f"F{at:x}T1"
            assert client.pc() == it.hot
            assert word(client, it.total) == at
            assert client.ask(f"m{client.register('rsp'):x},8")[0] != "E"
            assert client.ask(f"m{it.odd:x},1")[0] == "E", "not collected"
        assert client.ask("QTFrame:14") == "F-1"
        client.ok(NO_FRAME)
        assert word(client, it.total) == 20
        hits, usage = client.ask(f"qTP:1:{it.hot:x}")[1:].split(":")
        assert hits == "14" and int(usage, 16) == 0x500000 - int(said["tfree"], 16) - 20 * 6
        it.finish()


def test_nothing_is_left_in_the_program_when_the_trace_ends(build: TraceeBuilder) -> None:
    with traced(build) as it:
        text = Path(f"/proc/{it.pid}/mem")

        def byte() -> bytes:
            with text.open("rb") as memory:
                memory.seek(it.hot)
                return memory.read(1)

        before = byte()
        define(it.client, 1, it.hot, it.memory)
        assert byte() == before
        it.client.ok("QTStart")
        assert byte() != before
        assert it.client.read_memory(it.hot, 1) == before, "masked"
        it.client.ok("QTStop")
        assert byte() == before
        it.finish()


def test_a_condition_decides_at_the_target(build: TraceeBuilder) -> None:
    with traced(build) as it:
        define(it.client, 1, it.hot, it.memory, condition=greater(it.total, 14))
        it.client.ok("QTStart")
        it.run()
        assert frames(it.client) == 5
        assert it.client.ask("QTFrame:0") == "F0T1"
        assert word(it.client, it.total) == 15
        it.finish()


def test_a_condition_that_cannot_be_evaluated_ends_the_trace_and_says_so(build: TraceeBuilder) -> None:
    with traced(build) as it:
        define(it.client, 4, it.hot, it.memory, condition=number(1) + fetch(it.total) + "0627")
        it.client.ok("QTStart")
        it.run()
        said = status(it.client)
        kind, text, tracepoint = said["why"].split(":")
        assert (said["run"], kind, tracepoint) == ("T0", "terror", "4")
        assert b"division by zero" in bytes.fromhex(text)
        it.finish()


def test_an_action_that_meets_bad_memory_spoils_only_itself(build: TraceeBuilder) -> None:
    with traced(build) as it:
        client = it.client
        define(client, 1, it.hot, expression(fetch(0x10) + "0d0827"), "M-1,10,8", it.memory)
        client.ok("QTStart")
        it.run()
        assert frames(client) == 20
        client.ask("QTFrame:3")
        assert word(client, it.total) == 3
        assert client.ask("m10,8")[0] == "E"
        it.finish()


def test_the_count_of_passes_ends_the_trace(build: TraceeBuilder) -> None:
    with traced(build) as it:
        define(it.client, 2, it.hot, it.memory, passes=3)
        it.client.ok("QTStart")
        it.run()
        said = status(it.client)
        assert (said["run"], said["why"], said["tframes"]) == ("T0", "tpasscount:2", "3")
        it.finish()


def test_steps_after_a_hit_have_frames_of_their_own(build: TraceeBuilder) -> None:
    with traced(build, rounds=4) as it:
        client = it.client
        define(client, 1, it.hot, it.memory, steps=("R01", it.memory), step_count=3)
        client.ok("QTStart")
        it.run()
        assert frames(client) == 16
        pcs = []
        for at in range(16):
            client.ask(f"QTFrame:{at:x}")
            pcs.append(client.pc())
        assert pcs[0::4] == [it.hot] * 4
        assert len(set(pcs[:4])) == 4, "each step is one instruction further"
        assert pcs[4:8] == pcs[:4]
        client.ok(NO_FRAME)
        it.finish()


def test_the_steps_of_the_last_pass_are_made(build: TraceeBuilder) -> None:
    with traced(build, rounds=4) as it:
        define(it.client, 1, it.hot, it.memory, steps=("R01",), step_count=2, passes=2)
        it.client.ok("QTStart")
        it.run()
        assert status(it.client)["why"] == "tpasscount:1"
        assert frames(it.client) == 6
        it.finish()


def test_several_tracepoints_at_one_address(build: TraceeBuilder) -> None:
    with traced(build, rounds=6) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        define(client, 2, it.hot, it.memory, condition=greater(it.total, 3))
        define(client, 3, it.hot, it.memory, enabled=False)
        client.ok("QTStart")
        it.run()
        assert [int(client.ask(f"qTP:{each}:{it.hot:x}")[1:].split(":")[0], 16) for each in (1, 2, 3)] == [6, 2, 0]
        assert client.ask("QTFrame:tdp:2") == "F5T2"
        assert client.ask("QTFrame:tdp:2") == "F7T2"
        assert client.ask("QTFrame:tdp:2") == "F-1"
        client.ok(NO_FRAME)
        it.finish()


def test_a_breakpoint_at_the_same_address_stops_and_is_collected(build: TraceeBuilder) -> None:
    with traced(build, rounds=5) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        client.ok("QTStart")
        client.insert(0, it.hot)
        client.resume()
        it.stub.tell("g")
        for at in range(5):
            stop = client.expect_stop()
            assert stop.is_breakpoint and client.pc(stop) == it.hot
            assert frames(client) == at + 1
            if at == 4:
                client.remove(0, it.hot)
            client.resume()
        assert it.stub.line() == "total 5"
        it.stub.tell("q")
        expect_exit(client)
        assert frames(client) == 5


def test_threads_that_hit_at_once_are_all_collected(build: TraceeBuilder) -> None:
    with traced(build, threads=6, rounds=50) as it:
        client = it.client
        define(client, 1, it.odd, it.memory)
        define(client, 2, it.hot, it.memory, steps=(it.memory,), step_count=1)
        client.ok("QTStart")
        it.run()
        hits = {
            each: int(client.ask(f"qTP:{each}:{at:x}")[1:].split(":")[0], 16)
            for each, at in ((1, it.odd), (2, it.hot))
        }
        assert hits == {1: 150, 2: 300}
        assert frames(client) == 150 + 600
        it.finish()


def test_a_step_of_the_client_onto_a_tracepoint_counts_once(build: TraceeBuilder) -> None:
    with traced(build, rounds=3) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        client.ok("QTStart")
        client.insert(0, it.even)
        stop = order(it.stub, client, "g")
        client.remove(0, it.even)
        while client.pc(stop) != it.hot:
            stop = client.step(stop.tid)
        assert frames(client) == 0
        stop = client.step(stop.tid)
        assert client.pc(stop) != it.hot
        assert frames(client) == 1
        client.resume()
        assert it.stub.line() == "total 3"
        it.stub.tell("q")
        expect_exit(client)
        assert frames(client) == 3


def test_enable_and_disable_while_it_traces(build: TraceeBuilder) -> None:
    with traced(build, rounds=10) as it:
        client = it.client
        define(client, 1, it.hot, it.memory, enabled=False)
        client.ok("QTStart")
        client.insert(0, it.even)
        stop = order(it.stub, client, "g")
        for enabled in (True, True, False, True):
            assert stop.is_breakpoint
            client.ok(f"QT{'Enable' if enabled else 'Disable'}:1:{it.hot:x}")
            stop = client.cont()
        client.ok(f"QTDisable:1:{it.hot:x}")
        client.remove(0, it.even)
        client.resume()
        assert it.stub.line() == "total 10"
        it.stub.tell("q")
        expect_exit(client)
        assert frames(client) == 3
        assert client.ask("QTEnable:9:10")[0] == "E"


def test_redefinition_while_it_traces_replaces_the_actions(build: TraceeBuilder) -> None:
    with traced(build, rounds=4) as it:
        client = it.client
        define(client, 1, it.even, it.memory)
        client.ok("QTStart")
        define(client, 2, it.hot)
        define(client, 2, it.hot, it.memory)
        it.run()
        client.ask("QTFrame:tdp:2")
        assert word(client, it.total) == 0
        client.ok(NO_FRAME)
        assert client.ask(f"qTP:2:{it.hot:x}").startswith("V4:")
        it.finish()


def test_an_address_that_cannot_be_patched_is_refused_by_name(build: TraceeBuilder) -> None:
    with traced(build) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        define(client, 2, 0x10, it.memory)
        reply = client.ask("QTStart")
        assert reply.startswith("E.") and "0x10" in reply
        assert status(client)["run"] == "T0"
        client.ok("QTinit")
        define(client, 1, it.hot, it.memory)
        client.ok("QTStart")
        client.ok("QTDP:2:10:E:0:0-")
        assert client.ask("QTDP:-2:10:R01").startswith("E.")
        it.run()
        assert frames(client) == 20
        it.finish()


def test_fast_and_static_tracepoints_are_refused(build: TraceeBuilder) -> None:
    with traced(build) as it:
        assert it.client.ask(f"QTDP:1:{it.hot:x}:E:0:0:F5").startswith("E.fast")
        assert it.client.ask(f"QTDP:1:{it.hot:x}:E:0:0:S").startswith("E.static")
        it.client.ok(f"QTDP:1:{it.hot:x}:E:0:0-")
        assert it.client.ask(f"QTDP:-1:{it.hot:x}:L") == ""
        it.client.ok("QTinit")
        it.finish()


# ------------------------------------------------------------ the buffer


def test_a_full_buffer_ends_the_trace(build: TraceeBuilder) -> None:
    with traced(build) as it:
        define(it.client, 1, it.hot, it.memory)
        # A frame of 8 bytes of memory takes 6 + 11 + 8.
        it.client.ok(f"QTBuffer:size:{25 * 7 + 5:x}")
        it.client.ok("QTStart")
        assert it.client.ask("QTBuffer:size:1000").startswith("E.")
        it.run()
        said = status(it.client)
        assert (said["run"], said["why"], said["tframes"], said["tfree"]) == ("T0", "tfull:0", "7", "5")
        it.finish()


def test_a_circular_buffer_keeps_the_last_frames(build: TraceeBuilder) -> None:
    with traced(build) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        client.ok(f"QTBuffer:size:{25 * 7 + 5:x}")
        client.ok("QTBuffer:circular:1")
        client.ok("QTStart")
        it.run()
        said = status(client)
        assert (said["run"], said["tframes"], said["tcreated"], said["circular"]) == ("T1", "7", "14", "1")
        client.ask("QTFrame:0")
        assert word(client, it.total) == 13
        client.ask("QTFrame:6")
        assert word(client, it.total) == 19
        client.ok(NO_FRAME)
        client.ok("QTStop")
        client.ok("QTBuffer:size:-1")
        assert status(client)["tsize"] == "500000"
        it.finish()


def test_a_huge_piece_of_memory_is_no_more_than_the_buffer_holds(build: TraceeBuilder) -> None:
    with traced(build) as it:
        define(it.client, 1, it.hot, f"M-1,{it.hot:x},ffffffffffff")
        it.client.ok("QTStart")
        it.run()
        assert status(it.client)["why"] == "tfull:0"
        assert frames(it.client) == 0
        it.finish()


def parse_blocks(data: bytes, registers: int) -> Iterator[tuple[str, int, bytes]]:
    at = 0
    while at < len(data):
        match data[at : at + 1]:
            case b"R":
                yield "R", 0, data[at + 1 : at + 1 + registers]
                at += 1 + registers
            case b"M":
                address, length = struct.unpack_from("<QH", data, at + 1)
                yield "M", address, data[at + 11 : at + 11 + length]
                at += 11 + length
            case b"V":
                which, value = struct.unpack_from("<IQ", data, at + 1)
                yield "V", which, value.to_bytes(8, "little")
                at += 13
            case other:
                raise AssertionError(f"block {other!r}")


def test_the_buffer_is_read_in_parts_in_the_form_of_a_trace_file(build: TraceeBuilder, tmp_path: Path) -> None:
    with traced(build, rounds=9) as it:
        client = it.client
        client.ok("QTDV:2:0000000000000005:0:" + b"tv".hex())
        # Add 1 to the variable and record it.
        code = "2c0002220102" + "2d0002" + "2e0002" + "27"
        define(client, 0x21, it.hot, "R03ffff", it.memory, expression(code))
        client.ok(f"QTDPsrc:21:{it.hot:x}:at:0:3:" + b"hot".hex())
        client.ok(f"QTDPsrc:21:{it.hot:x}:cmd:0:6:" + b"col".hex())
        client.ok(f"QTDPsrc:21:{it.hot:x}:cmd:3:6:" + b"lec".hex())
        client.ok("QTNotes:user:" + b"me".hex() + ";notes:" + b"why".hex() + ";")
        client.ok("QTStart")
        it.run()
        client.ok("QTStop")
        client.ok("QTNotes:tstop:" + b"done".hex() + ";")
        assert status(client)["why"] == f"tstop:{b'done'.hex()}:0"
        data = b""
        while (part := client.ask(f"qTBuffer:{len(data):x},1fb")) != "l":
            data += bytes.fromhex(part)
        width = sum(each.size for each in client.register_places().values())
        at = 0
        for hit in range(9):
            which, length = struct.unpack_from("<HI", data, at)
            assert which == 0x21
            blocks = list(parse_blocks(data[at + 6 : at + 6 + length], width))
            assert [each[0] for each in blocks] == ["R", "M", "V"]
            assert blocks[1][1:] == (it.total, hit.to_bytes(8, "little"))
            assert blocks[2][1:] == (2, (6 + hit).to_bytes(8, "little"))
            at += 6 + length
        assert at == len(data)

        path = tmp_path / "saved.tf"
        client.ok("QTSave:" + str(path).encode().hex())
        head, _, rest = path.read_bytes().partition(b"\n\n")
        lines = head.decode("latin-1").split("\n")
        assert lines[0] == "\x7fTRACE0" and lines[1] == f"R {width:x}"
        assert lines[2].startswith(f"status 0;tstop:{b'done'.hex()}:0;tframes:9;")
        assert f"tsv 2:5:0:{b'tv'.hex()}" in lines
        place = f"21:{it.hot:x}"
        assert f"tp T{place}:E:0:0" in lines and f"tp A{place}:{expression(code)}" in lines
        assert f"tp Z{place}:cmd:0:6:{b'collec'.hex()}" in lines
        assert any(line.startswith(f"tp V{place}:9:") for line in lines)
        assert max(map(len, lines)) < 1000, "gdb reads no longer ones"
        assert any(line.startswith("tdesc <target") for line in lines)
        assert rest == data + b"\0\0"
        it.finish()


# ------------------------------------------------------------ looking at frames


def test_searches_begin_after_the_selected_frame(build: TraceeBuilder) -> None:
    with traced(build, rounds=3) as it:
        client = it.client
        define(client, 1, it.even, it.memory)
        define(client, 2, it.hot, it.memory)
        client.ok("QTStart")
        it.run()
        assert client.ask(f"QTFrame:pc:{it.hot:x}") == "F1T2"
        assert client.ask(f"QTFrame:pc:{it.even:x}") == "F2T1"
        assert client.ask(f"QTFrame:range:{it.hot - 1:x}:{it.hot:x}") == "F3T2"
        assert client.ask(f"QTFrame:outside:{it.hot - 1:x}:{it.hot:x}") == "F4T1"
        assert client.ask("QTFrame:tdp:1") == "F-1"
        assert client.ask("QTFrame:tdp:2") == "F5T2", "what found nothing has changed nothing"
        assert client.ask("QTFrame:bogus:1")[0] == "E"
        client.ok(NO_FRAME)
        assert client.ask("QTFrame:tdp:1") == "F0T1"
        it.finish()


def test_a_frame_without_registers_has_the_pc_alone(build: TraceeBuilder) -> None:
    with traced(build, rounds=1) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        client.ok("QTStart")
        it.run()
        client.ask("QTFrame:0")
        data = client.ask("g")
        place = client.register_places()["rip"]
        rip = data[2 * place.offset : 2 * (place.offset + 8)]
        assert int.from_bytes(bytes.fromhex(rip), "little") == it.hot
        assert set(data[: 2 * place.offset]) == {"x"} == set(data[2 * (place.offset + 8) :])
        assert client.ask(f"p{RIP:x}") == rip
        assert client.ask("p0") == "x" * 16
        client.ok(NO_FRAME)
        it.finish()


def test_the_past_cannot_be_written_and_a_resume_leaves_it(build: TraceeBuilder) -> None:
    with traced(build, rounds=2) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        client.ok("QTStart")
        it.run()
        client.ask("QTFrame:1")
        for packet in (f"M{it.total:x},1:00", f"X{it.total:x},1:a", "P0=0000000000000000", "G00"):
            assert client.ask(packet)[0] == "E"
        client.resume()
        it.stub.ping()
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert word(client, it.total) == 2
        it.finish()


def test_each_client_looks_at_a_frame_of_its_own(build: TraceeBuilder) -> None:
    with traced(build, rounds=5) as it, it.stub.connect() as other:
        client = it.client
        define(client, 1, it.hot, it.memory)
        client.ok("QTStart")
        other.current_stop()
        other.resume()
        it.run()
        assert other.interrupt().is_signal(GdbSignal.INT)
        client.ask("QTFrame:1")
        other.ask("QTFrame:4")
        assert (word(client, it.total), word(other, it.total)) == (1, 4)
        other.ok(NO_FRAME)
        assert (word(client, it.total), word(other, it.total)) == (1, 5)


def test_memory_that_does_not_change_is_shown_with_any_frame(build: TraceeBuilder) -> None:
    with traced(build, rounds=2) as it:
        client = it.client
        define(client, 1, it.hot, it.memory)
        client.ok(f"QTro:{it.hot:x},{it.hot + 8:x}")
        client.ok("QTStart")
        it.run()
        now = client.read_memory(it.hot, 8)
        client.ask("QTFrame:1")
        assert client.read_memory(it.hot, 8) == now
        assert client.ask(f"m{it.hot + 4:x},8") == now[4:].hex()
        assert client.ask(f"m{it.hot + 8:x},1")[0] == "E"
        client.ok(NO_FRAME)
        it.finish()


def test_a_frame_says_what_it_has(build: TraceeBuilder) -> None:
    with traced(build, rounds=2) as it:
        client = it.client
        client.ok("QTDV:3:7:0:" + b"mine".hex())
        define(client, 1, it.hot, it.memory, expression("2e000327"))
        client.ok("QTStart")
        it.run()
        assert client.ask("qXfer:traceframe-info:read::0,100")[0] == "E"
        client.ask("QTFrame:0")
        root = ElementTree.fromstring(client.read_object("traceframe-info"))
        assert [(each.tag, dict(each.attrib)) for each in root] == [
            ("memory", {"start": hex(it.total), "length": "0x8"}),
            ("tvar", {"id": "0x3"}),
        ]
        assert client.ask("qTV:3") == "V7"
        assert client.ask("qTV:1") == "U", "not collected"
        client.ok(NO_FRAME)
        it.finish()


# ------------------------------------------------------------ variables


def test_variables_are_shared_with_the_conditions_of_breakpoints(build: TraceeBuilder) -> None:
    with traced(build, rounds=30) as it:
        client = it.client
        client.ok("QTDV:2:0000000000000000:0:" + b"count".hex())
        define(client, 1, it.even, expression("2c0002220102" + "2d0002" + "27"))
        client.ok("QTStart")
        condition = "2c0002" + "220a" + "1327"
        client.ok(f"Z0,{it.hot:x},1;{expression(condition)}")
        stop = order(it.stub, client, "g")
        assert stop.is_breakpoint
        assert client.ask("qTV:2") == "Va"
        assert client.read_word(it.total) == 9
        client.remove(0, it.hot)
        first, second = (int(client.ask("qTV:1")[1:], 16) for _ in range(2))
        assert 0 < first <= second, "the clock"
        assert client.ask("qTV:9") == "U"
        client.ok("QTStop")
        client.resume()
        assert it.stub.line() == "total 30"
        it.stub.tell("q")
        expect_exit(client)


def test_a_new_run_begins_with_initial_values_and_no_frames(build: TraceeBuilder) -> None:
    with traced(build, rounds=4) as it:
        client = it.client
        client.ok("QTDV:2:fffffffffffffffe:0:" + b"count".hex())
        define(client, 1, it.hot, expression("2c0002220102" + "2d0002" + "27"))
        client.ok("QTStart")
        assert client.ask("QTStart").startswith("E.")
        it.run()
        assert client.ask("qTV:2") == "V2"
        client.ok("QTStop")
        client.ok("QTStart")
        assert client.ask("qTV:2") == "Vfffffffffffffffe"
        assert (frames(client), client.ask(f"qTP:1:{it.hot:x}")) == (0, "V0:0")
        it.finish()


# ------------------------------------------------------------ clients that come and go


def upload(client: RspClient, first: str, more: str) -> list[str]:
    lines = []
    reply = client.ask(first)
    while reply != "l":
        lines.append(reply)
        reply = client.ask(more)
    return lines


def test_a_trace_goes_on_without_its_client_where_that_is_wished(build: TraceeBuilder) -> None:
    program = build("hot")
    with attached(program, 1, 40) as (tracee, stub, client):
        hot, total = program.address("hot"), program.address("total")
        client.current_stop()
        client.ok("QTinit")
        define(client, 1, hot, f"M-1,{total:x},8", condition=greater(total, 29))
        client.ok(f"QTDPsrc:1:{hot:x}:cond:0:3:" + b"x>y".hex())
        client.ok("QTDV:2:5:0:" + b"tv".hex())
        client.ok("QTDisconnected:1")
        client.ok("QTStart")
        client.close()
        # It stood when the client left, and runs on to be traced.
        tracee.tell("g")
        assert tracee.line() == "total 40"
        with stub.connect() as second:
            said = status(second)
            assert (said["run"], said["disconn"], said["tframes"]) == ("T1", "1", "a")
            assert upload(second, "qTfP", "qTsP") == [
                f"T1:{hot:x}:E:0:0:{expression(greater(total, 29))}",
                f"A1:{hot:x}:M-1,{total:x},8",
                f"Z1:{hot:x}:cond:0:3:{b'x>y'.hex()}",
            ]
            assert upload(second, "qTfV", "qTsV") == [
                f"2:5:0:{b'tv'.hex()}",
                f"1:0:1:{b'trace_timestamp'.hex()}",
            ]
            second.current_stop()
            second.ask("QTFrame:0")
            assert word(second, total) == 30
            second.ok(NO_FRAME)
            second.ok("QTStop")
            second.detach()
        assert tracer_of(tracee.pid) == 0
        tracee.tell("q")


def test_a_trace_ends_with_its_client_otherwise(build: TraceeBuilder) -> None:
    program = build("hot")
    with attached(program, 1, 40) as (_, stub, client):
        hot = program.address("hot")
        client.current_stop()
        client.ok("QTinit")
        define(client, 1, hot, "R01")
        client.ok("QTStart")
        client.close()
        with stub.connect() as second:
            assert status(second)["why"] == "tdisconnected:0"
            second.current_stop()
            second.detach()


def test_a_detach_with_a_trace_that_goes_on_leaves_the_process_traced(build: TraceeBuilder) -> None:
    program = build("forks")
    with attached(program) as (tracee, stub, client):
        client.ok("!")
        client.current_stop()
        client.ok("QTinit")
        client.insert(0, program.address("hot"))
        client.resume()
        tracee.tell("h")
        assert client.expect_stop().is_breakpoint
        client.remove(0, program.address("hot"))
        define(client, 1, program.address("hot"), "R01")
        client.ok("QTDisconnected:1")
        client.ok("QTStart")
        client.detach()
        assert tracer_of(tracee.pid) == stub.server_pid
        assert tracee.line() == "hits 1"
        tracee.tell("h")
        assert tracee.line() == "hits 2"
        with stub.connect() as second:
            assert frames(second) == 2
            assert not second.current_stop().is_breakpoint, "that is long past"
            second.ok("QTStop")
            second.detach()
        assert tracer_of(tracee.pid) == 0
        tracee.tell("q")


def test_a_detach_ends_a_trace_otherwise(build: TraceeBuilder) -> None:
    program = build("hot")
    with attached(program, 1, 10) as (tracee, _, client):
        client.ok("!")
        client.current_stop()
        client.ok("QTinit")
        define(client, 1, program.address("hot"), "R01")
        client.ok("QTStart")
        client.detach()
        assert tracer_of(tracee.pid) == 0
        assert status(client)["why"] == "tdisconnected:0"
        tracee.tell("gq")
        assert tracee.line() == "total 10"


# ------------------------------------------------------------ processes that come and go


def test_frames_outlive_the_process(build: TraceeBuilder) -> None:
    with traced(build, rounds=5) as it:
        client = it.client
        client.ok("!")
        define(client, 1, it.hot, "R01", it.memory)
        client.ok("QTStart")
        client.resume()
        it.stub.tell("gq")
        expect_exit(client)
        said = status(client)
        assert said["run"] == "T0" and said["why"].startswith("terror:")
        assert b"has ended" in bytes.fromhex(said["why"].split(":")[1])
        assert said["tframes"] == "5"
        assert client.ask("QTFrame:4") == "F4T1"
        assert word(client, it.total) == 4
        assert len(client.ask("g")) > 300
        assert client.ask(f"m{it.hot:x},4")[0] == "E"
        client.ok(NO_FRAME)
        assert client.ask("g")[0] == "E"


def test_an_exec_forgets_the_tracepoints_of_the_old_program(build: TraceeBuilder) -> None:
    program = build("exec_thread")
    with at_ready(program, 2, features=DEFAULT_FEATURES + ";exec-events+") as (stub, client):
        client.ok("QTinit")
        again = program.address("again")
        define(client, 1, again, "R01", steps=("R01",), step_count=5)
        client.ok("QTStart")
        stop = order(stub, client, "e")
        assert "exec" in stop.fields
        assert upload(client, "qTfP", "qTsP") == []
        assert status(client)["run"] == "T1"
        define(client, 1, program.address("second_image"), "R01")
        client.resume()
        assert stub.line() == f"after {stub.pid} {stub.pid}"
        stub.ping()
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert client.ask(f"qTP:1:{program.address('second_image'):x}").startswith("V1:")
        client.ok("QTStop")
        client.resume()
        stub.tell("q")
        expect_exit(client, 6)


@pytest.mark.parametrize("letter", ["f", "v", "V"])
def test_children_are_not_traced_and_do_not_stumble(build: TraceeBuilder, letter: str) -> None:
    program = build("forks")
    with at_ready(program) as (stub, client):
        client.ok("QTinit")
        client.pass_signals(GdbSignal.CHLD)
        define(client, 1, program.address("hot"), "R01")
        client.ok("QTStart")
        client.resume()
        stub.tell(letter)
        assert stub.line() == ("fork: exited 8" if letter == "f" else "vfork: exited 9")
        if letter == "V":
            assert stub.line().startswith("hits")
        stub.tell("h")
        assert stub.line().startswith("hits")
        assert client.interrupt().is_signal(GdbSignal.INT)
        mine = 21 if letter == "V" else 1
        assert frames(client) == mine
        client.ok("QTStop")
        client.resume()
        stub.tell("q")
        expect_exit(client)


@pytest.mark.parametrize(("letter", "kind"), [("f", "fork"), ("v", "vfork")])
def test_a_child_that_a_client_follows_runs_over_the_parents_tracepoints(
    build: TraceeBuilder, letter: str, kind: str
) -> None:
    program = build("forks")
    with at_ready(program, features=f"{DEFAULT_FEATURES};{kind}-events+") as (stub, client):
        client.ok("QTinit")
        client.pass_signals(GdbSignal.CHLD)
        define(client, 1, program.address("hot"), "R01")
        client.ok("QTStart")
        stop = order(stub, client, letter)
        child = int(stop.fields[kind][1:].partition(".")[0], 16)
        # The child's end and that of its borrowing come in either order.
        expected = {"exit", "vforkdone"} if kind == "vfork" else {"exit"}
        while expected:
            client.resume("vCont;c")
            stop = client.expect_stop()
            assert not stop.exited or stop.pid == child
            expected.remove("exit" if stop.exited else "vforkdone")
        client.resume("vCont;c")
        line = stub.line()
        assert line.startswith(f"{kind}: exited")
        stub.tell("q")
        while client.expect_stop().pid != stub.pid:
            client.resume("vCont;c")


def test_a_32_bit_program(build: TraceeBuilder) -> None:
    program = build("hot", "-m32")
    with at_ready(program, 1, 5) as (stub, client):
        hot, total = program.address("hot"), program.address("total")
        client.ok("QTinit")
        # esp holds the return address; the offset is negative, in 64 bits.
        define(client, 1, hot, "R01", f"M-1,{total:x},4", "M4,fffffffffffffffc,8")
        client.ok("QTStart")
        client.resume()
        stub.tell("g")
        assert stub.line() == "total 5"
        assert client.interrupt().is_signal(GdbSignal.INT)
        assert frames(client) == 5
        client.ask("QTFrame:3")
        (esp,) = client.registers("esp")
        assert client.registers("eip") == (hot,)
        assert client.read_word(total, 4) == 3
        assert client.read_word(esp, 4) != 0
        client.ok(NO_FRAME)
        client.resume()
        stub.tell("q")
        expect_exit(client)


def test_without_stopping_all_threads(build: TraceeBuilder) -> None:
    program = build("hot")
    with at_ready(program, 3, 20) as (stub, client):
        client.ok("QNonStop:1")
        client.ok("QTinit")
        hot, total = program.address("hot"), program.address("total")
        define(client, 1, hot, f"M-1,{total:x},8", steps=("R01",), step_count=2)
        client.ok("QTStart")
        client.ok("vCont;c")
        stub.tell("g")
        assert stub.line() == "total 60"
        assert frames(client) == 180
        client.ok("QTStop")
        assert client.ask("QTFrame:tdp:1") == "F0T1"
        assert word(client, total) < 60
        client.ok(NO_FRAME)
        stub.tell("q")
        assert client.receive_notification().startswith("Stop:W00")


def test_a_client_may_be_forbidden_to_define_tracepoints(build: TraceeBuilder) -> None:
    with traced(build) as it:
        it.client.ok("QAllow:InsertTrace:0")
        assert it.client.ask(f"QTDP:1:{it.hot:x}:E:0:0").startswith("E.QAllow")
        it.finish()
