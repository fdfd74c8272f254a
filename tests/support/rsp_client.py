"""A small synchronous RSP client.

Used by: the integration tests.  Spec: GDB manual, "Remote Protocol".

It is written from the manual and shares no code with the server, so that an error in the server's framing
or parsing cannot hide behind the same error here.
"""

from __future__ import annotations

import re
import select
import socket
import time
from dataclasses import dataclass, field
from xml.etree import ElementTree

from tests.support.gdb_signals import GdbSignal
from tests.support.offers import not_offered

DEFAULT_FEATURES = "multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386"
_STOP_REASONS = ("watch", "rwatch", "awatch")


class ConnectionEnded(Exception):
    """The server closed the connection."""


def encode(body: bytes) -> bytes:
    """Frame one packet, escaping what must be."""
    escaped = b"".join(b"}" + bytes([byte ^ 0x20]) if byte in b"#$}*" else bytes([byte]) for byte in body)
    return b"$" + escaped + b"#%02x" % (sum(escaped) % 256)


def decode(body: bytes) -> bytes:
    """Undo escapes and run-length encoding."""
    if b"}" not in body and b"*" not in body:
        return body
    out = bytearray()
    at = 0
    while at < len(body):
        byte = body[at]
        if byte == 0x7D:
            out.append(body[at + 1] ^ 0x20)
            at += 2
        elif byte == 0x2A:
            out += out[-1:] * (body[at + 1] - 29)
            at += 2
        else:
            out.append(byte)
            at += 1
    return bytes(out)


def parse_thread(text: str) -> tuple[int, int]:
    """Return (pid, tid) of a thread-id; a pid that is not given is 0."""
    if text.startswith("p"):
        pid, _, tid = text[1:].partition(".")
        return int(pid, 16), int(tid or "0", 16)
    return 0, int(text, 16)


@dataclass(frozen=True)
class StopReply:
    """A parsed stop reply (``S``, ``T``, ``W``, ``X``)."""

    text: str
    kind: str
    #: RSP's signal number of an S, T or X; the exit status of a W.
    value: int
    pid: int = 0
    tid: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    registers: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> StopReply:
        """Take a stop reply apart; fail the test where it is none."""
        match = re.match(r"([STWX])([0-9a-fA-F]{1,2})(.*)", text, re.DOTALL)
        assert match, f"not a stop reply: {text!r}"
        kind, value, rest = match.group(1), int(match.group(2), 16), match.group(3)
        pid = tid = 0
        fields: dict[str, str] = {}
        registers: dict[int, bytes] = {}
        for item in filter(None, rest.split(";")):
            name, _, content = item.partition(":")
            if kind in "WX":
                pid = int(content, 16)
            elif name == "thread":
                pid, tid = parse_thread(content)
            elif re.fullmatch(r"[0-9a-fA-F]+", name):
                registers[int(name, 16)] = bytes.fromhex(content) if "x" not in content else b""
            else:
                fields[name] = content
        return cls(text, kind, value, pid, tid, fields, registers)

    @property
    def exited(self) -> bool:
        """The process is gone."""
        return self.kind in "WX"

    @property
    def watch_address(self) -> int | None:
        """The data address that a watchpoint reports."""
        for name in _STOP_REASONS:
            if name in self.fields:
                return int(self.fields[name], 16)
        return None

    def is_signal(self, signal: GdbSignal) -> bool:
        """Tell whether this is a stop by that signal and nothing else."""
        return self.kind in "ST" and self.value == signal and not self.is_breakpoint

    @property
    def is_breakpoint(self) -> bool:
        """Tell whether a breakpoint of this client was hit."""
        return "swbreak" in self.fields or "hwbreak" in self.fields


@dataclass(frozen=True)
class RegisterPlace:
    """Where a register is in the description: its number, and its bytes in a ``g`` reply."""

    number: int
    offset: int
    size: int


class RspClient:
    """One connection to a server.

    Args:
        port: Of this machine; or a socket that is connected already.
        timeout: How long to wait for anything, seconds.
    """

    def __init__(self, port: int | socket.socket, *, timeout: float = 30.0) -> None:
        if isinstance(port, socket.socket):
            self.socket = port
            self.socket.settimeout(timeout)
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.no_ack = False
        self.features: dict[str, str] = {}
        self.notifications: list[str] = []
        #: The process of the last stop reply: what thread-ids and ``D`` name unless told otherwise.
        self.pid = 0
        #: Console output (``O`` packets) that came before a stop reply.
        self.console = ""
        self._buffer = b""
        self._places: dict[str, RegisterPlace] = {}

    def __enter__(self) -> RspClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        self.socket.close()

    # The wire

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def send(self, body: str | bytes) -> None:
        """Send one packet and wait for nothing."""
        self.send_raw(encode(body.encode("latin-1") if isinstance(body, str) else body))

    def _receive_more(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise TimeoutError(f"no packet in time; buffered {self._buffer[:200]!r}")
        try:
            chunk = self.socket.recv(1 << 18)
        except ConnectionError as problem:
            raise ConnectionEnded from problem
        if not chunk:
            raise ConnectionEnded
        self._buffer += chunk

    def receive_notification(self, timeout: float | None = None) -> str:
        """Return the next notification; no packet may come before it."""
        if not self.notifications:
            body = self.receive_bytes(timeout, for_notification=True)
            assert not body, f"unexpected packet {body!r}"
        return self.notifications.pop(0)

    def receive_bytes(self, timeout: float | None = None, *, for_notification: bool = False) -> bytes:
        """Return the body of the next packet, decoded; notifications are kept aside."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            start = re.search(rb"[$%]", self._buffer)
            end = self._buffer.find(b"#", start.start()) if start else -1
            if start is None or end < 0 or len(self._buffer) < end + 3:
                if for_notification and self.notifications:
                    return b""
                self._receive_more(deadline)
                continue
            body = self._buffer[start.end() : end]
            said = self._buffer[end + 1 : end + 3]
            self._buffer = self._buffer[end + 3 :]
            assert int(said, 16) == sum(body) % 256, f"bad checksum {said!r} of {body!r}"
            if start.group() == b"%":
                self.notifications.append(decode(body).decode("latin-1"))
                if for_notification:
                    return b""
                continue
            if not self.no_ack:
                self.send_raw(b"+")
            return decode(body)

    def receive(self, timeout: float | None = None) -> str:
        """Return the next packet as text."""
        return self.receive_bytes(timeout).decode("latin-1")

    def ask(self, body: str | bytes, timeout: float | None = None) -> str:
        """Send one packet and return the reply."""
        self.send(body)
        return self.receive(timeout)

    def is_quiet(self, seconds: float = 0.15) -> bool:
        """Tell whether no packet arrives for a time; for tests that something is not reported."""
        try:
            text = self.receive(seconds)
        except TimeoutError:
            return True
        raise AssertionError(f"unexpected packet {text!r}")

    def receive_ack(self, timeout: float | None = None) -> bytes:
        """Return the next ``+`` or ``-``."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not self._buffer:
            self._receive_more(deadline)
        byte, self._buffer = self._buffer[:1], self._buffer[1:]
        return byte

    # The conversation

    def handshake(self, features: str = DEFAULT_FEATURES) -> None:
        """Negotiate features and switch acknowledgements off."""
        reply = self.ask(f"qSupported:{features}")
        for item in filter(None, reply.split(";")):
            name, equals, value = item.partition("=")
            if equals:
                self.features[name] = value
            else:
                self.features[item[:-1]] = item[-1]
        if self.ask("QStartNoAckMode") == "OK":
            self.no_ack = True

    def require(self, feature: str) -> None:
        """End the test where the server does not offer a feature."""
        if self.features.get(feature, "-") == "-":
            not_offered(feature)

    def ok(self, body: str | bytes) -> None:
        """Send one packet that must be answered ``OK``."""
        reply = self.ask(body)
        assert reply == "OK", f"{body!r} answered {reply!r}"

    def stop_of(self, text: str) -> StopReply:
        """Parse a stop reply and remember its process."""
        stop = StopReply.parse(text)
        self.pid = stop.pid or self.pid
        return stop

    def current_stop(self) -> StopReply:
        """Ask why the target is stopped."""
        return self.stop_of(self.ask("?"))

    def attach(self, pid: int) -> StopReply:
        """Attach to a process; the client is in extended mode."""
        return self.stop_of(self.ask(f"vAttach;{pid:x}"))

    def expect_stop(self, timeout: float | None = None) -> StopReply:
        """Return the next stop reply; console output before it is collected."""
        while True:
            text = self.receive(timeout)
            if text.startswith("O") and text != "OK":
                self.console += bytes.fromhex(text[1:]).decode(errors="replace")
                continue
            return self.stop_of(text)

    def resume(self, body: str = "vCont;c") -> None:
        """Let the target run; the stop reply is asked for with ``expect_stop``."""
        self.send(body)

    def cont(self, signal: int = 0, timeout: float | None = None) -> StopReply:
        """Continue, with a signal if one is given, until the next stop."""
        self.send(f"vCont;C{signal:02x}" if signal else "vCont;c")
        return self.expect_stop(timeout)

    def step(self, tid: int, signal: int = 0) -> StopReply:
        """Step one thread by one instruction; the others stay."""
        action = f"S{signal:02x}" if signal else "s"
        self.send(f"vCont;{action}:{self.thread_id(tid)}")
        return self.expect_stop()

    def step_all(self, tid: int) -> StopReply:
        """Step one thread by one instruction while the others run."""
        self.send(f"vCont;s:{self.thread_id(tid)};c")
        return self.expect_stop()

    def send_interrupt(self) -> None:
        """Send the interrupt byte."""
        self.send_raw(b"\x03")

    def interrupt(self) -> StopReply:
        """Stop the running target and return the stop reply."""
        self.send_interrupt()
        return self.expect_stop()

    def detach(self) -> None:
        """Let the process go."""
        self.ok(f"D;{self.pid:x}" if self.pid else "D")

    def pass_signals(self, *signals: int) -> None:
        """Have signals delivered without a stop."""
        self.ok("QPassSignals:" + ";".join(f"{signal:x}" for signal in signals))

    # Threads

    def thread_id(self, tid: int) -> str:
        """Write a thread-id the way the connection agreed on."""
        return f"p{self.pid:x}.{tid:x}" if self.pid else f"{tid:x}"

    def select_thread(self, tid: int) -> None:
        """Choose the thread that registers are read from."""
        self.ok(f"Hg{self.thread_id(tid)}")

    def threads(self) -> list[tuple[int, int]]:
        """Return every thread as (pid, tid)."""
        found = []
        reply = self.ask("qfThreadInfo")
        while reply.startswith("m"):
            found += [parse_thread(item) for item in reply[1:].split(",")]
            reply = self.ask("qsThreadInfo")
        assert reply == "l", f"the thread list ends with {reply!r}"
        return found

    def monitor(self, words: str) -> str:
        """Return what a monitor command prints, which may come in the reply or before it."""
        text = ""
        reply = self.ask("qRcmd," + words.encode().hex())
        while reply.startswith("O") and reply != "OK":
            text += bytes.fromhex(reply[1:]).decode()
            reply = self.receive()
        assert reply == "OK", f"monitor {words} answered {reply!r}"
        return text

    # Objects, registers, memory

    def read_object(self, name: str, annex: str = "") -> bytes:
        """Return a whole qXfer object."""
        data = b""
        while True:
            self.send(f"qXfer:{name}:read:{annex}:{len(data):x},2000")
            reply = self.receive_bytes()
            assert reply[:1] in (b"m", b"l"), f"qXfer:{name}:{annex} answered {reply!r}"
            data += reply[1:]
            if reply[:1] == b"l":
                return data

    def _register_elements(self, annex: str) -> list[ElementTree.Element]:
        found: list[ElementTree.Element] = []
        for element in ElementTree.fromstring(self.read_object("features", annex)).iter():
            if element.tag.endswith("}include"):
                found += self._register_elements(element.attrib["href"])
            elif element.tag == "reg":
                found.append(element)
        return found

    def register_places(self) -> dict[str, RegisterPlace]:
        """Return each register of the target description by name."""
        if not self._places:
            registers = []
            number = 0
            for element in self._register_elements("target.xml"):
                number = int(element.attrib.get("regnum", number))
                registers.append((number, element.attrib["name"], int(element.attrib["bitsize"]) // 8))
                number += 1
            offset = 0
            for number, name, size in sorted(registers):
                self._places[name] = RegisterPlace(number, offset, size)
                offset += size
        return self._places

    def forget_registers(self) -> None:
        """Read the description anew: the program is another one."""
        self._places = {}

    def register(self, name: str) -> int:
        """Return one register of the selected thread."""
        return self.registers(name)[0]

    def registers(self, *names: str) -> tuple[int, ...]:
        """Return registers of the selected thread from one ``g``."""
        data = self.ask("g")
        assert not data.startswith("E"), f"g answered {data!r}"
        values = []
        for name in names:
            place = self.register_places()[name]
            text = data[2 * place.offset : 2 * (place.offset + place.size)]
            values.append(int.from_bytes(bytes.fromhex(text), "little"))
        return tuple(values)

    def write_register(self, name: str, value: int) -> None:
        """Replace one register of the selected thread; by ``G`` where the server has no ``P``."""
        place = self.register_places()[name]
        text = (value & ((1 << (8 * place.size)) - 1)).to_bytes(place.size, "little").hex()
        reply = self.ask(f"P{place.number:x}={text}")
        if reply == "":
            data = self.ask("g")
            reply = self.ask(f"G{data[: 2 * place.offset]}{text}{data[2 * (place.offset + place.size) :]}")
        assert reply == "OK", f"writing {name} answered {reply!r}"

    def pc(self, stop: StopReply | None = None) -> int:
        """Return the program counter: of a stop reply where it is expedited, else of the selected thread."""
        place = self.register_places()["rip"]
        if stop and stop.registers.get(place.number):
            return int.from_bytes(stop.registers[place.number], "little")
        return self.register("rip")

    def read_memory(self, address: int, length: int) -> bytes:
        """Read memory; fail the test unless all of it is there."""
        reply = self.ask(f"m{address:x},{length:x}")
        assert not reply.startswith("E"), f"m{address:x},{length:x} answered {reply!r}"
        data = bytes.fromhex(reply)
        assert len(data) == length, f"{len(data)} of {length} bytes at {address:#x}"
        return data

    def read_word(self, address: int, length: int = 8) -> int:
        """Read one little-endian number."""
        return int.from_bytes(self.read_memory(address, length), "little")

    def write_memory(self, address: int, data: bytes) -> None:
        """Write memory."""
        self.ok(f"M{address:x},{len(data):x}:{data.hex()}")

    # Breakpoints

    def insert(self, kind: int, address: int, length: int = 1) -> None:
        """Insert a breakpoint (0, 1) or watchpoint (2 write, 3 read, 4 access)."""
        self.ok(f"Z{kind},{address:x},{length:x}")

    def remove(self, kind: int, address: int, length: int = 1) -> None:
        """Remove what ``insert`` made."""
        self.ok(f"z{kind},{address:x},{length:x}")

    def run_to(self, address: int) -> StopReply:
        """Continue to an address by a breakpoint that is gone afterwards."""
        self.insert(0, address)
        stop = self.cont()
        assert stop.is_breakpoint and self.pc(stop) == address, stop
        self.remove(0, address)
        return stop
