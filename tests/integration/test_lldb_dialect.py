"""LLDB's dialect on real processes, packet by packet."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import proc
from tests.support.rsp_client import RspClient
from tests.support.stub import attach, launch
from tests.support.tracees import Program, Tracee, TraceeBuilder, running

LLDB = "xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+"
_field = re.compile(r"([^:;]+):([^;]*);")


def fields(reply: str) -> dict[str, str]:
    """Return the fields of a stop reply; ``T`` is the signal."""
    assert reply.startswith("T"), reply
    return {"T": reply[1:3], **dict(_field.findall(reply[3:]))}


def text(digits: str) -> str:
    return bytes.fromhex(digits).decode()


@contextmanager
def lldb(program: Program, *arguments: object) -> Iterator[tuple[Tracee, RspClient]]:
    """Attach to a running program and connect as lldb does."""
    with running(program, *arguments) as tracee, attach(tracee.pid) as stub, stub.connect(LLDB) as client:
        for packet in ("QThreadSuffixSupported", "QListThreadsInStopReply"):
            client.ok(packet)
        assert fields(client.ask("?"))["T"] == f"{signal.SIGSTOP:02x}"
        yield tracee, client


def number_of(client: RspClient, name: str) -> int:
    """Return the number of a register."""
    number = 0
    while (info := client.ask(f"qRegisterInfo{number:x}"))[:1] != "E":
        if info.startswith(f"name:{name};"):
            return number
        number += 1
    raise AssertionError(f"no register {name}")


def test_the_program_counter_of_a_hit_is_the_breakpoint(build: TraceeBuilder) -> None:
    program = build("obey")
    spot = program.address("spot")
    with lldb(program) as (tracee, client):
        client.insert(0, spot)
        client.resume(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.tell("g")
        reply = fields(client.receive())
        assert (reply["T"], reply["reason"], int(reply["thread-pcs"], 16)) == ("05", "breakpoint", spot)
        rip = number_of(client, "rip")
        assert int.from_bytes(bytes.fromhex(reply[f"{rip:02x}"]), "little") == spot
        assert client.ask(f"p{rip:x};thread:{tracee.pid:x};") == reply[f"{rip:02x}"]
        client.remove(0, spot)
        client.detach()


def test_all_that_was_read_is_what_is_there(build: TraceeBuilder) -> None:
    with lldb(build("obey")) as (tracee, client):
        pieces = []
        number = 0
        while (info := client.ask(f"qRegisterInfo{number:x}"))[:1] != "E":
            about = dict(_field.findall(info))
            pieces.append((number, int(about["offset"]), int(about["bitsize"]) // 8))
            number += 1
        whole = bytes.fromhex(client.ask("g"))
        for number, offset, size in pieces:
            assert bytes.fromhex(client.ask(f"p{number:x}")) == whole[offset : offset + size], number
        client.ok("G" + whole.hex())
        assert bytes.fromhex(client.ask("g")) == whole
        client.detach()
        tracee.ping()


def test_registers_kept_in_the_middle_of_a_call_bring_it_back(build: TraceeBuilder) -> None:
    program = build("restart")
    with lldb(program) as (tracee, client):
        client.resume(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.tell("r")
        assert tracee.line() == "reading"
        proc.wait_until(lambda: proc.state(tracee.pid) == "S", "it reads")
        client.send_interrupt()
        assert fields(client.receive())["T"] == f"{signal.SIGSTOP:02x}"
        suffix = f";thread:{tracee.pid:x};"
        kept = client.ask(f"QSaveRegisterState{suffix}")
        assert kept.isdigit()
        # As a function call does: another place, and a trap where it returns to.
        rip = number_of(client, "rip")
        at = program.address("trap_pad")
        client.insert(0, program.address("trap_at"))
        client.ok(f"P{rip:x}={at.to_bytes(8, 'little').hex()}{suffix}")
        client.resume(f"vCont;c:p{tracee.pid:x}.-1")
        assert fields(client.receive())["reason"] == "breakpoint"
        client.remove(0, program.address("trap_at"))
        client.ok(f"QRestoreRegisterState:{kept}{suffix}")
        client.resume(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.tell("k")
        assert tracee.line() == "read 1 k errno 0"
        client.send_interrupt()
        client.receive()
        client.detach()


def test_hits_of_two_threads_are_told_in_one_stop_or_in_two_but_never_lost(build: TraceeBuilder) -> None:
    program = build("e2e_pair")
    rounds = 40
    with lldb(program, rounds) as (tracee, client):
        for name in ("alpha", "done"):
            client.insert(0, program.address(name))
        client.resume(f"vCont;c:p{tracee.pid:x}.-1")
        tracee.tell("g")
        hits, ended = 0, False
        while not ended:
            reply = fields(client.receive())
            told = [{"tid": int(reply["thread"].partition(".")[2], 16), "reason": reply["reason"]}]
            told = json.loads(text(reply["jstopinfo"])) if "jstopinfo" in reply else told
            places = dict(zip(reply["threads"].split(","), reply["thread-pcs"].split(","), strict=True))
            for each in told:
                assert each["reason"] == "breakpoint", each
                at = int(places[f"{each['tid']:x}"], 16)
                hits += at == program.address("alpha")
                ended = ended or at == program.address("done")
            if not ended:
                client.resume(f"vCont;c:p{tracee.pid:x}.-1")
        assert hits == 8 * rounds
        client.remove(0, program.address("alpha"))
        client.remove(0, program.address("done"))
        client.detach()
        assert tracee.line() == f"alpha {8 * rounds} beta {8 * rounds}"


def test_a_fault_has_its_address(build: TraceeBuilder) -> None:
    with launch(build("faults"), "unmapped") as stub, stub.connect(LLDB) as client:
        client.ask("?")
        client.resume()
        reply = fields(client.receive())
        assert reply["T"] == f"{signal.SIGSEGV:02x}"
        assert text(reply["description"]) == "signal SIGSEGV: address not mapped to object (fault address: 0xbad000)"
        assert client.ask("k").startswith("X09;process:")


def test_signals_are_linuxs(build: TraceeBuilder) -> None:
    with lldb(build("obey")) as (tracee, client):
        client.resume(f"vCont;C{signal.SIGUSR1:x}:p{tracee.pid:x}.-1")
        assert client.receive() == f"X{signal.SIGUSR1:02x};process:{tracee.pid:x}"


def test_non_stop_stops_the_whole_process(build: TraceeBuilder) -> None:
    with lldb(build("spin"), 3) as (tracee, client):
        client.ok("QNonStop:1")
        client.ok("vCont;c")
        tracee.ping()
        assert client.ask("?") == "OK"
        assert client.ask("vCont;c") == "E37"
        client.ok("vCtrlC")
        stops = [client.receive_notification().removeprefix("Stop:")]
        while (reply := client.ask("vStopped")) != "OK":
            stops.append(reply)
        assert [fields(each)["T"] for each in stops] == [f"{signal.SIGSTOP:02x}", "00", "00", "00"]
        tids = [int(fields(each)["thread"].partition(".")[2], 16) for each in stops]
        assert sorted(tids) == sorted(proc.tids(tracee.pid))
        assert all(proc.state(tracee.pid, tid) == "t" for tid in tids)
        client.ok("vCont;c")
        tracee.ping()
        client.ok("QNonStop:0")
        client.ask("?")
        client.detach()
        tracee.ping()


def test_a_process_that_is_left_stopped_stands_until_somebody_continues_it(build: TraceeBuilder) -> None:
    with lldb(build("spin"), 2) as (tracee, client):
        client.ok(f"D1;{tracee.pid:x}")
        proc.wait_until(lambda: all(proc.state(tracee.pid, tid) == "T" for tid in proc.tids(tracee.pid)), "all stand")
        assert not proc.tracer_pid(tracee.pid)
        tracee.process.send_signal(signal.SIGCONT)
        tracee.ping()


def test_non_stop_stops_threads_that_are_being_born_and_waits_for_none_that_has_ended(build: TraceeBuilder) -> None:
    with lldb(build("thread_churn")) as (tracee, client):
        client.ok("QNonStop:1")
        for _ in range(60):
            client.ok("vCont;c")
            client.ok("vCtrlC")
            stops = 1
            assert client.receive_notification().startswith("Stop:T13")
            while client.ask("vStopped") != "OK":
                stops += 1
            standing = [tid for tid in proc.tids(tracee.pid) if proc.state(tracee.pid, tid) == "t"]
            assert len(standing) == stops == len(client.threads())
        client.ok("QNonStop:0")
        client.ask("?")
        client.detach()
        tracee.ping()


def told_name(client: RspClient, tracee: Tracee, order: str) -> str:
    """Step the leader and return the name in the stop reply, which is the one that it has."""
    client.resume(order)
    reply = fields(client.receive())
    assert reply["reason"] == "trace"
    name = Path(f"/proc/{tracee.pid}/task/{tracee.pid}/comm").read_text(encoding="ascii").removesuffix("\n")
    assert (text(reply["hexname"]) if "hexname" in reply else reply["name"]) == name
    return name


def at_place(client: RspClient, program: Program, tracee: Tracee, letter: str, symbol: str) -> None:
    """Let the program run to a function in which it does what a letter says."""
    client.insert(0, program.address(symbol))
    client.resume(f"vCont;c:p{tracee.pid:x}.-1")
    tracee.tell(letter)
    assert fields(client.receive())["reason"] == "breakpoint"
    client.remove(0, program.address(symbol))


def test_a_thread_that_renames_itself_in_a_step_has_its_new_name(build: TraceeBuilder) -> None:
    program = build("renames")
    with lldb(program) as (tracee, client):
        at_place(client, program, tracee, "s", "rename_self")
        seen = [told_name(client, tracee, f"vCont;s:p{tracee.pid:x}.{tracee.pid:x}")]
        while seen[-1] != "by itself":
            seen.append(told_name(client, tracee, f"vCont;s:p{tracee.pid:x}.{tracee.pid:x}"))
        assert set(seen) == {"renames", "by itself"}
        client.detach()


def test_a_thread_that_another_one_renames_meanwhile_has_its_new_name(build: TraceeBuilder) -> None:
    program = build("renames")
    with lldb(program) as (tracee, client):
        at_place(client, program, tracee, "o", "renamed")
        seen: set[str] = set()
        while not {"even", "odd"} <= seen:
            seen.add(told_name(client, tracee, f"vCont;s:p{tracee.pid:x}.{tracee.pid:x};c:p{tracee.pid:x}.-1"))
        client.detach()
