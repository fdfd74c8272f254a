"""One running gdb that a test drives through gdb_driver.py.

Used by: the end-to-end tests.

``GDB`` in the environment names another gdb than the one in the path, ``OTHER_GDB`` the second one where two differ.
``GDB_PACKETS=1`` adds the packets to what a failure shows.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tests.support import proc
from tests.support.tracees import Program, environment

DRIVER = Path(__file__).with_name("gdb_driver.py")
#: Seconds for one verb.
DEADLINE = 20.0
#: Another gdb than the first one; None where there is none, and the first one does for both.
OTHER_GDB = shutil.which(os.environ.get("OTHER_GDB", "/usr/local/bin/gdb"))

_settings = (
    "set confirm off",
    "set pagination off",
    "set width 0",
    "set height 0",
    "set style enabled off",
    "set debuginfod enabled off",
    "set breakpoint pending on",
)


#: What gdb says on stderr although nothing failed: warnings, and source lines whose file is not there.
_is_remark = re.compile(r"$|warning:|\d+\t|Download failed|\[|Continuing with").match


class GdbError(Exception):
    """gdb refused what it was told; the text is gdb's."""


@dataclass(frozen=True)
class Stop:
    """One stop or exit, as gdb's event and selected frame tell it."""

    kind: str
    numbers: Sequence[int] = ()
    signal: str | None = None
    code: int | None = None
    pid: int = 0
    tid: int = 0
    function: str | None = None
    line: int = 0
    pc: int = 0

    def is_exit(self, code: int) -> bool:
        """Tell whether the program ended with a status."""
        return self.kind == "exited" and self.code == code


@dataclass(frozen=True)
class Outcome:
    """What a command line of gdb's said, and the stops that it led to."""

    text: str
    stops: Sequence[Stop] = field(default_factory=tuple)

    @property
    def stop(self) -> Stop:
        """The one stop that the command led to."""
        assert len(self.stops) == 1, self
        return self.stops[0]


@dataclass(frozen=True)
class Thread:
    """One thread, as gdb lists it."""

    number: int
    pid: int
    tid: int
    name: str | None
    running: bool


class GdbSession:
    """gdb with its symbols of one program, in a session of its own."""

    def __init__(
        self,
        folder: Path,
        program: Program | None = None,
        settings: Sequence[str] = (),
        *,
        log_packets: bool = False,
        command: str | None = None,
    ) -> None:
        command = command or os.environ.get("GDB", "gdb")
        self.output = folder / "output"
        self.errors = folder / "errors"
        self.packets = folder / "packets"
        ours, theirs = socket.socketpair()
        self._link = ours
        self._received = b""
        self._lines = self._read_output = self._read_errors = 0
        lines = [*_settings, *settings]
        if log_packets or os.environ.get("GDB_PACKETS"):
            # Reading the libraries through the server would be most of the log, and most of the time.
            lines += [f"set remotelogfile {self.packets}", "set sysroot /"]
        words = [shutil.which(command) or command, "-nx", "-q"]
        for line in lines:
            words += ["-iex", line]
        words += ["-x", str(DRIVER), *([str(program)] if program else [])]
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self._process = subprocess.Popen(
                words,
                # gdb ends when this pipe does, so it cannot outlive the tests.
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                env={**environment(), "GDB_DRIVER_FD": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd=folder,
            )
        theirs.close()
        assert self._process.stdin is not None
        self._stdin = self._process.stdin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.crash()

    def crash(self) -> None:
        """End gdb without a word to the server."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdin.close()
        self._link.close()

    def send_signal(self, number: int) -> None:
        """Send gdb a signal; return once it has stopped, if that is what stops it."""
        os.killpg(self._process.pid, number)
        if number == signal.SIGSTOP:
            proc.wait_until(lambda: proc.state(self._process.pid) == "T", "gdb is stopped")

    # The conversation with the driver

    def _evidence(self) -> str:
        said = "".join(each.read_text(errors="replace")[-2000:] for each in (self.output, self.errors))
        packets = self.packets.read_text(errors="replace")[-3000:] if self.packets.exists() else ""
        return f"\n--- gdb said\n{said}\n--- packets\n{packets}"

    def begin(self, verb: str, **arguments: object) -> None:
        """Start a verb and return at once; ``end`` collects it."""
        self._link.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")

    def end(self, seconds: float = DEADLINE) -> Any:
        """Return the answer to the verb that was begun."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._link], [], [], left)[0]:
                raise AssertionError(f"gdb does not answer within {seconds} s{self._evidence()}")
            chunk = self._link.recv(65536)
            if not chunk:
                raise AssertionError(f"gdb has ended{self._evidence()}")
            self._received += chunk
        line, self._received = self._received.split(b"\n", 1)
        answer: Mapping[str, Any] = json.loads(line)
        if "error" in answer:
            raise GdbError(answer["error"])
        return answer["value"]

    def has_answered(self) -> bool:
        """Tell whether ``end`` would not have to wait."""
        return bool(select.select([self._link], [], [], 0)[0])

    def ask(self, verb: str, **arguments: object) -> Any:
        """Do one verb and return its fact."""
        self.begin(verb, **arguments)
        return self.end()

    def begin_line(self, line: str) -> None:
        """Type a command line; ``end_line`` collects what came of it."""
        self._lines += 1
        self._read_output = self.output.stat().st_size
        self._read_errors = self.errors.stat().st_size
        # gdb reads the second line once the first command is done, in the foreground.
        self._stdin.write(f"{line}\npython line_done({self._lines})\n".encode())
        self._stdin.flush()
        # Stops of background commands are for wait_stops, however soon they come.
        background = line.endswith("&") or line.startswith("interrupt")
        self.begin("wait_line", number=self._lines, take=not background)

    def end_line(self, seconds: float = DEADLINE, *, strict: bool = True) -> Outcome:
        """Wait for the command line that was begun; unless ``strict``, what it says on stderr is no error."""
        answer = self.end(seconds)
        errors = self.errors.read_bytes()[self._read_errors :].decode(errors="replace")
        complaints = [each for each in errors.splitlines() if not _is_remark(each)]
        if complaints and strict:
            raise GdbError("\n".join(complaints))
        text = self.output.read_bytes()[self._read_output :].decode(errors="replace")
        return Outcome(text.replace("(gdb) ", "") + errors, [Stop(**each) for each in answer])

    def execute(self, line: str, seconds: float = DEADLINE, *, strict: bool = True) -> Outcome:
        """Run a command line of gdb's to its end."""
        self.begin_line(line)
        return self.end_line(seconds, strict=strict)

    # Connections and processes

    def connect(self, port: int) -> None:
        """Connect to a server that has a program."""
        self.execute(f"target remote localhost:{port}")

    def connect_extended(self, port: int) -> None:
        """Connect in extended mode."""
        self.execute(f"target extended-remote localhost:{port}")

    def attach(self, pid: int) -> None:
        """Attach to a process through an extended connection."""
        self.execute(f"attach {pid}")

    def run(self) -> Outcome:
        """Start the program through an extended connection, up to the first stop."""
        return self.execute("run")

    def detach(self) -> None:
        """Let the selected process go."""
        self.execute("detach")

    def disconnect(self) -> None:
        """Leave the server with everything as it is."""
        self.execute("disconnect")

    def kill(self) -> None:
        """Kill the selected process."""
        self.execute("kill")

    # Breakpoints

    def break_at(self, location: str, kind: str = "software") -> int:
        """Set a breakpoint and return its number."""
        return int(self.ask("breakpoint_at", location=location, kind=kind))

    def hbreak(self, location: str) -> int:
        """Set a hardware breakpoint."""
        return self.break_at(location, "hardware")

    def tbreak(self, location: str) -> int:
        """Set a breakpoint that goes with its first hit."""
        return self.break_at(location, "temporary")

    def watch(self, expression: str, kind: str = "write") -> int:
        """Set a watchpoint: write, read or access."""
        return self.break_at(expression, kind)

    def count_hits(self, location: str, last: int = 0) -> int:
        """Set a breakpoint that counts its hits and stops at the last one only."""
        return int(self.ask("count_hits", location=location, last=last))

    def ignore_hits(self, location: str, count: int) -> int:
        """Set a breakpoint whose first hits gdb ignores by itself."""
        return int(self.ask("ignore_hits", location=location, count=count))

    def hits(self, number: int) -> int:
        """Return how often a breakpoint was hit."""
        return int(self.ask("hits", number=number))

    def begin_meet(self, number: int, count: int, counter: str, base: int) -> None:
        """Continue to a breakpoint so many times; ``end_meet`` returns what was odd about that."""
        self.begin("meet", number=number, count=count, counter=counter, base=base)

    def end_meet(self, seconds: float = DEADLINE) -> tuple[int, list[Any]]:
        """Return how often it was met, and a stop that was another, or at which an expression was not ``base`` and
        the hits before."""
        met, odd = self.end(seconds)
        return met, odd

    # Running

    def cont(self, seconds: float = DEADLINE) -> Stop:
        """Continue to the next stop."""
        return self.execute("continue", seconds).stop

    def begin_cont(self) -> None:
        """Continue; ``end_cont`` waits for the stop."""
        self.begin_line("continue")

    def end_cont(self, seconds: float = DEADLINE) -> Stop:
        """Return the stop that the begun continue led to."""
        return self.end_line(seconds).stop

    def step(self) -> Stop:
        """Step one line, into calls."""
        return self.execute("step").stop

    def next(self) -> Stop:
        """Step one line, over calls."""
        return self.execute("next").stop

    def finish(self) -> Outcome:
        """Run until the selected function returns."""
        return self.execute("finish")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.kill(self._process.pid, signal.SIGINT)

    def wait_stops(self, count: int = 1, seconds: float = DEADLINE) -> list[Stop]:
        """Wait for stops of background commands."""
        self.begin("wait_stops", count=count, seconds=seconds)
        stops = [Stop(**each) for each in self.end(seconds + 1)]
        assert len(stops) >= count, f"{stops}{self._evidence()}"
        return stops

    # Facts

    def number(self, expression: str) -> int:
        """Return the value of an expression, calls included."""
        return int(self.ask("evaluate", expression=expression))

    def show(self, expression: str, form: str = "") -> str:
        """Return the value of an expression as gdb prints it."""
        return str(self.ask("show", expression=expression, form=form))

    def place(self) -> Stop:
        """Return where the selected thread is."""
        return Stop("place", **self.ask("place"))

    def registers(self, *names: str) -> dict[str, int]:
        """Return registers of the selected frame, without sign."""
        return {name: self.number(f"${name}") & 0xFFFFFFFFFFFFFFFF for name in names}

    def backtrace(self, tid: int | None = None) -> list[str]:
        """Return the functions on a thread's stack, the innermost first."""
        if tid is not None:
            self.ask("select", tid=tid)
        return [name or "?" for name in self.ask("backtrace")]

    def threads(self) -> list[Thread]:
        """Return all threads in gdb's order."""
        return [Thread(**each) for each in self.ask("threads")]

    def read(self, address: int, length: int) -> bytes:
        """Read the selected process's memory."""
        return bytes.fromhex(self.ask("read", address=address, length=length))

    def write(self, address: int, data: bytes) -> None:
        """Write the selected process's memory."""
        self.ask("write", address=address, data=data.hex())

    def inferiors(self) -> dict[int, int]:
        """Return the pid of each inferior by its number; 0 where there is none."""
        return {each["number"]: each["pid"] for each in self.ask("inferiors")}

    def libraries(self) -> list[str]:
        """Return the files whose symbols gdb has."""
        return [str(each) for each in self.ask("libraries")]

    def packet(self, text: str) -> str:
        """Send one packet of our own and return the reply."""
        return str(self.ask("packet", text=text))

    def sent(self, prefix: str) -> int:
        """Return how many packets with a prefix gdb has sent; the session must log packets.

        gdb keeps the end of its log to itself until the connection is closed.
        """
        log = self.packets.read_text(errors="replace")
        # An acknowledgement that went before it is on the same line.
        return sum(log.count(f"w {ack}${prefix}") for ack in ("", "+"))

    def fileno(self) -> int:
        """Return the descriptor that is readable once a begun verb is answered."""
        return self._link.fileno()


def first_to_answer(sessions: Sequence[GdbSession], seconds: float = DEADLINE) -> GdbSession:
    """Wait until one of several sessions with a begun verb can answer, and return it."""
    readable, _, _ = select.select(sessions, [], [], seconds)
    assert readable, f"no gdb answers within {seconds} s"
    answered: GdbSession = readable[0]
    return answered


class StartGdb(Protocol):
    """Starts one more gdb, which ends with the test."""

    def __call__(
        self,
        program: Program | None = None,
        settings: Sequence[str] = (),
        *,
        log_packets: bool = False,
        command: str | None = None,
    ) -> GdbSession: ...
