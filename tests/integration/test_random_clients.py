"""Clients that come, ask for anything in any order, and go: each is answered, and nothing of them is left.

``GDBSTUB_RANDOM_SESSIONS=N`` makes each client come N times; a failure names its seed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.support import proc
from tests.support.rsp_client import ConnectionEnded, RspClient
from tests.support.stub import attach
from tests.support.tracees import TraceeBuilder, running

SESSIONS = int(os.environ.get("GDBSTUB_RANDOM_SESSIONS", "6"))
CLIENTS = 5
#: How long an answer may take on a loaded machine, seconds.
PATIENCE = 30.0

GDB = "multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386"
LLDB = "xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+;swbreak+;hwbreak+"

QUESTIONS = ("g", "p10", "p7", "qC", "qfThreadInfo", "qsThreadInfo", "qAttached", "jThreadsInfo", "?")
OBJECTS = ("qXfer:threads:read::0,1000", "qXfer:libraries-svr4:read::0,1000", "qXfer:auxv:read::0,1000")
WISHES = ("QPassSignals:e", "QPassSignals:", "QCatchSyscalls:1;1", "QCatchSyscalls:0", "QCatchSyscalls:1", "Hg0")
FAULTS = (
    "vCont;x", "Z9,0,0", "mzz", "Hgp0.0", "qXfer:foo:read::0,1", "vFile:open:zz", "P", "vCont;s:p1.1", "QFoo",
    "z0,0,0", "Z0,0,1", "Z2,1,9", "D;1", "vKill;1", "T1", "vCont;c:p1.-1", "M0,1:00", "X0,1:a",
)  # fmt: skip


class Visitor(threading.Thread):
    """One client's visits."""

    def __init__(self, seed: int, port: int, pid: int, addresses: list[int], data: int) -> None:
        super().__init__(daemon=True)
        self.random = Random(seed)
        self.port = port
        self.pid = pid
        self.addresses = addresses
        self.data = data
        self.doing = "nothing"
        self.packets = 0
        self.problem: str | None = None

    def run(self) -> None:
        try:
            for _ in range(SESSIONS):
                self.visit()
        except (AssertionError, TimeoutError, OSError, ConnectionEnded) as failure:
            self.problem = f"{self.doing}: {failure!r}"

    def ask(self, client: RspClient, packet: str) -> str:
        self.doing = packet
        self.packets += 1
        return client.ask(packet, PATIENCE)

    def visit(self) -> None:
        pick = self.random.choice
        lldb = self.random.random() < 0.3
        nonstop = not lldb and self.random.random() < 0.3
        client = RspClient(self.port, timeout=PATIENCE)
        self.doing = "a greeting"
        client.handshake(LLDB if lldb else GDB)
        if lldb:
            self.ask(client, "QThreadSuffixSupported")
            self.ask(client, "QListThreadsInStopReply")
        if nonstop:
            self.ask(client, "QNonStop:1")
        self.take_stops(client, nonstop, self.ask(client, "?"))
        runs = nonstop
        act = self.act_nonstop if nonstop else self.act
        for _ in range(self.random.randint(1, 40)):
            if nonstop:
                while client.notifications:
                    self.take_stops(client, nonstop, client.notifications.pop(0))
                act(client)
            elif runs:
                self.stop(client)
                runs = False
            else:
                runs = act(client)
        ending = pick(["drop", "drop half a packet", "detach"])
        self.doing = ending
        if ending == "detach":
            if runs and not nonstop:
                self.stop(client)
            self.ask(client, f"D;{self.pid:x}")
        elif ending != "drop":
            client.send_raw(b"$m")
        client.close()

    def take_stops(self, client: RspClient, nonstop: bool, text: str) -> None:
        while nonstop and text != "OK":
            text = self.ask(client, "vStopped")

    def stop(self, client: RspClient) -> None:
        """Wait a little for a stop, or interrupt."""
        self.doing += ", then a wait for its stop"
        try:
            client.expect_stop(self.random.random() * 0.02)
        except TimeoutError:
            client.send_interrupt()
            client.expect_stop(PATIENCE)

    def thread(self) -> str:
        return f"p{self.pid:x}.{self.random.choice(proc.tids(self.pid)):x}"

    def simple(self, client: RspClient) -> None:
        """Ask for something that is answered at once."""
        pick = self.random.choice
        address = pick(self.addresses)
        makers: list[Callable[[], str]] = [
            lambda: pick(QUESTIONS),
            lambda: pick(OBJECTS),
            lambda: pick(WISHES),
            lambda: pick(FAULTS),
            lambda: f"m{address:x},20",
            lambda: f"qMemoryRegionInfo:{address:x}",
            lambda: f"{pick('Zz')}0,{address:x},1",
            lambda: f"{pick('Zz')}1,{address:x},1",
            lambda: f"{pick('Zz')}2,{self.data:x},8",
            lambda: f"M{address:x},4:{self.ask(client, f'm{address:x},4')}",
        ]
        packet = pick(makers)()
        if packet == "?":
            # In non-stop it begins a sequence.
            packet = "qC"
        self.ask(client, packet)

    def act(self, client: RspClient) -> bool:
        """Do something in all-stop; tell whether the process runs now."""
        if self.random.random() < 0.7:
            self.simple(client)
            return False
        self.doing = self.random.choice(["vCont;c", f"vCont;s:{self.thread()};c", f"vCont;s:{self.thread()}"])
        self.packets += 1
        client.send(self.doing)
        return True

    def act_nonstop(self, client: RspClient) -> bool:
        """Do something in non-stop."""
        if self.random.random() < 0.7:
            self.simple(client)
        else:
            whole = f"p{self.pid:x}.-1"
            action = self.random.choice("cst")
            self.ask(client, f"vCont;{action}:{self.thread() if action == 's' else whole}")
        return True


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "symbols", "data", "arguments"),
    [
        ("spin", ["tick"], "counters", (4,)),
        ("hot", ["hot", "hot_odd", "hot_even"], "total", (4, 1_000_000_000)),
        ("thread_churn", ["brief", "spawner"], "born", ()),
    ],
)
def test_clients_that_do_anything_leave_nothing_behind(
    build: TraceeBuilder, name: str, symbols: list[str], data: str, arguments: tuple[int, ...]
) -> None:
    program = build(name)
    seed = Random().randrange(1 << 30)
    addresses = [program.address(symbol) for symbol in symbols]
    with running(program, *arguments) as tracee:
        before = code(tracee.pid, addresses)
        with attach(tracee.pid) as stub:
            # Somebody stays, so that a client that detaches takes the process from nobody.
            host = stub.connect()
            host.current_stop()
            host.resume()
            if name == "hot":
                tracee.tell("g")
            visitors = [
                Visitor(seed + index, stub.port, tracee.pid, addresses, program.address(data))
                for index in range(CLIENTS)
            ]
            for visitor in visitors:
                visitor.start()
            for visitor in visitors:
                visitor.join(200)
            problems = [visitor.problem or "hangs" for visitor in visitors if visitor.problem or visitor.is_alive()]
            assert not problems, (seed, problems)
            assert "Traceback" not in stub.stderr, (seed, stub.stderr)
            assert sum(visitor.packets for visitor in visitors) > CLIENTS * SESSIONS
            # What they held is let go, and the one that stayed still has the process.
            if name != "hot":
                tracee.ping()
            host.interrupt()
            host.detach()
            host.close()
        proc.wait_untraced(tracee.pid)
        assert code(tracee.pid, addresses) == before, seed
        assert not {"t", "T"} & {proc.state(tracee.pid, tid) for tid in proc.tids(tracee.pid)}, seed


def code(pid: int, addresses: list[int]) -> list[bytes]:
    """Return what the process has at some addresses."""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        return [os.pread(memory.fileno(), 32, address) for address in addresses]
