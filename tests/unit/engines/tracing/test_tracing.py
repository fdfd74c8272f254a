"""The engine behind tracepoints on a target without processes."""

from __future__ import annotations

import errno

import pytest

from gdbstub.engines.tracing.tracefile import trace_file
from gdbstub.engines.tracing.tracing import Tracing
from gdbstub.rsp.commands.tracepoints import DefineTracepoint, DefineVariable
from gdbstub.target.engine import Vote
from gdbstub.target.events import Execed, ProcessExited, SignalStop, SiteHit, StepDone, ThreadExited
from gdbstub.vocab.errors import PacketError, TargetError
from gdbstub.vocab.ids import TRACING, Addr, EngineId, Pid, Signo, Tid
from tests.support.fake_target import BASE, SPEC, FakeTarget
from tests.support.playbook import PID, T1, T2, process

CLIENT = EngineId(1)
OTHER = EngineId(2)
SECOND = Pid(0x200)


class Bench:
    """An engine, its target and a clock that a test turns."""

    def __init__(self) -> None:
        self.target = FakeTarget(process(threads=2), process(SECOND))
        self.now = 1000
        self.tracing = Tracing(self.target, lambda: self.now, lambda text: None)

    def define(self, *packets: str, pid: Pid = PID) -> None:
        for each in packets:
            self.tracing.define(DefineTracepoint.parse(each.encode()), pid)

    def hit(self, address: int = BASE, tid: Tid = T1, pid: Pid = PID) -> None:
        self.target.thread(tid).stopped = True
        self.target.set_pc(tid, Addr(address))
        event = SiteHit(pid, tid, Addr(address), hardware=False)
        assert self.tracing.on_event(event) is Vote.CONTINUE

    def step(self, address: int, tid: Tid = T1) -> None:
        self.target.thread(tid).stopped = True
        self.target.set_pc(tid, Addr(address))
        assert self.tracing.on_event(StepDone(PID, tid)) is not Vote.STOP

    def sites(self) -> set[tuple[Pid, Addr]]:
        return {(pid, address) for engine, pid, address in self.target.claims if engine == TRACING}

    @property
    def frames(self) -> int:
        return len(self.tracing.buffer)

    @property
    def why(self) -> str:
        return self.tracing.status().split(";")[1]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_takes_part_only_while_a_trace_runs(bench: Bench) -> None:
    bench.define("1:400000:E:0:0")
    assert bench.target.calls == [] and bench.sites() == set()
    bench.tracing.start(CLIENT)
    assert bench.target.joined(TRACING) == [PID]
    assert bench.sites() == {(PID, BASE)}
    bench.tracing.stop()
    assert bench.sites() == set()
    assert bench.target.calls[-1] == ("detach_engine",)
    bench.hit()
    assert bench.frames == 0


def test_a_site_that_cannot_be_inserted_ends_the_start(bench: Bench) -> None:
    bench.define("1:400000:E:0:0", "2:400010:E:0:0")
    bench.target.failures["insert_breakpoint"] = TargetError(errno.EIO, "no memory")
    with pytest.raises(TargetError, match="tracepoint at 0x400000: no memory"):
        bench.tracing.start(CLIENT)
    assert not bench.tracing.running and bench.sites() == set()
    assert bench.why == "tnotrun:0"


def test_the_site_is_there_as_long_as_one_tracepoint_is_enabled(bench: Bench) -> None:
    bench.define("1:400000:E:0:0", "2:400000:D:0:0")
    bench.tracing.start(CLIENT)
    for number, on, there in (
        (1, False, False),
        (2, True, True),
        (1, True, True),
        (2, False, True),
        (1, False, False),
    ):
        bench.tracing.enable(number, BASE, PID, on=on)
        assert bool(bench.sites()) is there


def test_a_definition_counts_when_it_is_complete(bench: Bench) -> None:
    bench.tracing.start(CLIENT)
    bench.define("1:400000:E:0:0-", "-1:400000:M-1,400010,2-")
    assert bench.sites() == set()
    bench.define("-1:400000:M-1,400020,2")
    assert bench.sites() == {(PID, BASE)}
    bench.hit()
    frame = bench.tracing.buffer.frame(0)
    assert frame is not None
    assert [address for address, _ in frame.contents.memory] == [0x400010, 0x400020]


def test_a_bad_expression_is_refused_when_it_is_defined(bench: Bench) -> None:
    with pytest.raises(PacketError):
        bench.define("1:400000:E:0:0:X1,02")
    bench.define("1:400000:E:0:0-")
    with pytest.raises(PacketError):
        bench.define("-1:400000:X1,02")
    with pytest.raises(TargetError, match="not defined"):
        bench.define("-9:400000:R1")


def test_a_register_that_does_not_exist_ends_the_trace(bench: Bench) -> None:
    bench.define("3:400000:E:0:0-", "-3:400000:M7f,0,8")
    bench.tracing.start(CLIENT)
    bench.hit()
    assert bench.why.startswith("terror:") and bench.why.endswith(":3")
    assert bench.sites() == set()


def test_steps_are_voted_for_and_counted(bench: Bench) -> None:
    bench.define("1:400000:E:2:0-", "-1:400000:M-1,400010,1-", "-1:400000:SM-1,400020,1-", "-1:400000:M-1,400030,1")
    bench.tracing.start(CLIENT)
    bench.target.take_calls()
    bench.hit()
    assert bench.target.votes[TRACING, T1] is Vote.STEP
    bench.step(0x400001)
    bench.step(0x400003)
    assert bench.target.votes[TRACING, T1] is Vote.CONTINUE
    assert bench.frames == 3
    pieces = []
    for number in range(3):
        frame = bench.tracing.buffer.frame(number)
        assert frame is not None
        pieces.append((frame.pc, [address for address, _ in frame.contents.memory]))
    assert pieces == [(0x400000, [0x400010]), (0x400001, [0x400020, 0x400030]), (0x400003, [0x400020, 0x400030])]


def test_a_step_that_nobody_waits_for_is_let_go(bench: Bench) -> None:
    bench.step(0x400001)
    assert bench.target.votes[TRACING, T1] is Vote.CONTINUE


def test_a_second_hit_while_stepping_begins_the_count_anew(bench: Bench) -> None:
    bench.define("1:400000:E:3:0")
    bench.tracing.start(CLIENT)
    bench.hit()
    bench.step(0x400001)
    bench.hit()
    for _ in range(3):
        assert bench.target.votes[TRACING, T1] is Vote.STEP
        bench.step(0x400001)
    assert bench.target.votes[TRACING, T1] is Vote.CONTINUE
    assert bench.frames == 2 + 4


def test_the_last_steps_of_a_count_of_passes_are_collected_after_its_end(bench: Bench) -> None:
    bench.define("1:400000:E:2:1")
    bench.tracing.start(CLIENT)
    bench.now = 5000
    bench.hit()
    assert bench.why == "tpasscount:1" and bench.sites() == set()
    assert "starttime:3e8;stoptime:1388" in bench.tracing.status()
    assert bench.target.calls[-1][0] != "detach_engine"
    bench.step(0x400001)
    bench.step(0x400002)
    assert bench.frames == 3
    assert bench.target.calls[-1] == ("detach_engine",)


def test_steps_end_with_their_thread_and_with_the_trace(bench: Bench) -> None:
    bench.define("1:400000:E:5:0")
    bench.tracing.start(CLIENT)
    bench.hit()
    bench.tracing.on_event(ThreadExited(PID, T1, 0))
    bench.hit(tid=T2)
    bench.tracing.stop()
    frames = bench.frames
    bench.step(0x400001, T2)
    assert bench.frames == frames == 2


def test_an_exec_takes_the_definitions_of_its_process(bench: Bench) -> None:
    bench.define("1:400000:E:5:0")
    bench.define("1:400000:E:0:0", pid=SECOND)
    bench.tracing.start(CLIENT)
    bench.hit()
    assert bench.tracing.on_event(Execed(PID, T1, b"/bin/x", T1)) is Vote.CONTINUE
    assert [each.pid for each in bench.tracing.definitions.tracepoints()] == [SECOND]
    assert bench.target.votes[TRACING, T1] is Vote.CONTINUE
    assert bench.tracing.running


def test_the_trace_ends_with_its_last_process(bench: Bench) -> None:
    bench.define("1:400000:E:0:0")
    bench.define("1:400000:E:0:0", pid=SECOND)
    bench.tracing.start(CLIENT)
    bench.tracing.on_event(ProcessExited(PID, Tid(PID), 0, None))
    assert bench.tracing.running
    bench.tracing.on_lost(SECOND)
    assert not bench.tracing.running and bench.why == "tdisconnected:0"


def test_it_stands_in_nobodys_way(bench: Bench) -> None:
    assert bench.tracing.passes(PID, Signo(11))
    assert not bench.tracing.catches(PID, -1)
    assert bench.tracing.on_event(SignalStop(PID, T1, Signo(11))) is Vote.CONTINUE
    bench.tracing.on_quiet()
    assert not bench.tracing.keeps_traced


def test_whose_leaving_ends_it(bench: Bench) -> None:
    bench.define("1:400000:E:0:0")
    bench.tracing.start(CLIENT)
    bench.tracing.client_left(OTHER)
    assert bench.tracing.running and not bench.tracing.keeps_traced
    bench.tracing.set_disconnected(OTHER, on=True)
    assert bench.tracing.keeps_traced
    bench.tracing.client_left(CLIENT)
    bench.tracing.client_left(OTHER)
    assert bench.tracing.running
    bench.tracing.set_disconnected(CLIENT, on=False)
    bench.tracing.client_left(CLIENT)
    assert bench.why == "tdisconnected:0"


def test_the_clock_cannot_be_redefined(bench: Bench) -> None:
    bench.tracing.define_variable(DefineVariable(1, 0, True, "trace_timestamp"))
    with pytest.raises(PacketError):
        bench.tracing.define_variable(DefineVariable(1, 0, False, "mine"))
    bench.tracing.define_variable(DefineVariable(2, 7, False, "mine"))
    bench.tracing.define_variable(DefineVariable(2, 8, False, "mine"))
    assert [each.upload() for each in bench.tracing.definitions.variables()] == [
        "2:8:0:6d696e65",
        "1:0:1:74726163655f74696d657374616d70",
    ]
    assert bench.tracing.variable(2, None) == 8
    assert bench.tracing.variable(3, None) is None


def test_clearing_forgets_all(bench: Bench) -> None:
    bench.define("1:400000:E:0:0")
    bench.tracing.define_variable(DefineVariable(2, 7, False, "mine"))
    bench.tracing.start(CLIENT)
    bench.hit()
    bench.tracing.clear()
    assert (bench.frames, bench.sites(), bench.why) == (0, set(), "tnotrun:0")
    assert bench.tracing.definitions.tracepoints() == []
    assert len(bench.tracing.definitions.variables()) == 1


def test_a_trace_file_has_no_line_that_gdb_does_not_read(bench: Bench) -> None:
    bench.define("1:400000:E:0:0-", "-1:400000:R1")
    bench.tracing.start(CLIENT)
    for _ in range(200):
        bench.hit()
    data = b"".join(trace_file(bench.tracing, SPEC))
    head, _, frames = data.partition(b"\n\n")
    assert max(map(len, head.split(b"\n"))) < 1000
    assert frames == bench.tracing.buffer.read(0, 1 << 30) + b"\0\0"
