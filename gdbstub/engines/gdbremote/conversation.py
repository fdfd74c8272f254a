"""One connection's packets: bytes to commands, commands to handlers, replies to bytes.

Layer: engines.  Used by: session, platform (which add what there is to talk about), server.

Theory of operation.  Bytes go through the framer to the packet table, a
packet's command to its handler, and the handler's reply to the output; nothing
here waits.  A reply that takes long is worked on in slices; packets that come
meanwhile are served after it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator, Iterable
from time import perf_counter_ns
from typing import Any

from gdbstub.engines.gdbremote.dialect import Dialect, recognise
from gdbstub.engines.gdbremote.dispatch import Handler, Handlers, handler_of
from gdbstub.engines.gdbremote.features import Features
from gdbstub.engines.gdbremote.offers import PACKET_SIZE
from gdbstub.engines.gdbremote.readahead import ReadAhead
from gdbstub.engines.gdbremote.role import Role
from gdbstub.rsp import registry
from gdbstub.rsp.compression import Compression
from gdbstub.rsp.framing import BadPacket, Framer, Signal, frame, frame_notification, run_length
from gdbstub.rsp.replies import EMPTY, LATER, Reply, error_reply
from gdbstub.target.files import HostFiles
from gdbstub.target.ops import LaunchSpec
from gdbstub.vocab.errors import StubError, TargetError

#: Packets up to this size are remembered as parsed, bytes, and how many of them: a client that steps or walks over a
#: breakpoint sends the same few again and again.
_WORTH_REMEMBERING = 64
_REMEMBERED = 256
#: Replies from this size on are kept encoded in case the next one is the same, bytes.
_WORTH_KEEPING = 512
#: How long to work on one reply before others get their turn, nanoseconds.
_SLICE = 1_000_000


class Conversation:
    """The packets of one client.

    Args:
        files: What ``vFile`` packets reach.
        dialect: How the client is spoken to until it has said what it is.
        served: The packets that are understood here.
    """

    packet_size = PACKET_SIZE

    def __init__(self, files: HostFiles, dialect: Dialect, served: Handlers) -> None:
        self.files = files
        self.read_ahead = ReadAhead()
        self.dialect = dialect
        self._recognised = False
        self._handlers = served
        self.features = Features()
        self.role = Role.DEBUGGER
        #: How programs are started.
        self.launch_spec = LaunchSpec(())
        self.environment_changes: dict[str, str | None] = {}
        #: Programs inherit nothing of the server's environment.
        self.bare_environment = False
        self.acks = True
        self._acks_end = False
        #: It has sent at least one packet: a connection that sends nothing is not a client.
        self.spoken = False
        #: Packets that are refused (``QAllow``), by name.
        self.denied: frozenset[bytes] = frozenset()
        self._framer = Framer()
        #: Packets as they were parsed: row, handler and command.
        self._known: dict[bytes, tuple[registry.Row, Handler, Any]] = {}
        #: The same packets as they came, framed: their sums have been looked at.
        self._seen: dict[bytes, bytes] = {}
        self._out: list[bytes] = []
        self._last_reply = b""
        self._kept_payload = self._kept_packet = b""
        #: What replies are sent through; None: they go as they are.
        self.compression: Compression | None = None
        self._postponed: list[bytes] = []
        #: A reply that takes long: the generator returns it.
        self._job: Generator[None, None, bytes] | None = None
        #: Called with the name of each packet that was answered: what is to be said may have to wait for one.
        self.afterwards: Callable[[bytes], None] | None = None
        #: Called with each payload, for the recorder: ``<`` from the client, ``>`` to it.
        self.watch: Callable[[str, bytes], None] | None = None

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        seen = self._seen.get(data) if len(data) <= _WORTH_REMEMBERING else None
        if seen is not None and self._framer.is_empty:
            if self.acks:
                self._out.append(b"+")
            self._packet(seen)
            return
        for item in self._framer.feed(data):
            if isinstance(item, bytes):
                if self.acks:
                    self._out.append(b"+")
                self._packet(item)
                if len(data) <= _WORTH_REMEMBERING and item in self._known and data[:-2] == b"$%b#" % item:
                    self._seen[data] = item
            elif isinstance(item, BadPacket):
                if self.acks:
                    self._out.append(b"-")
                elif self.dialect.trusts_link:
                    self._packet(item.payload)
            elif item is Signal.INTERRUPT:
                self._interrupt()
            elif item is Signal.NACK and self._last_reply and self.acks:
                self._out.append(self._last_reply)

    def take_output(self) -> bytes:
        """Return and forget what is to be sent."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    @property
    def has_output(self) -> bool:
        """Tell whether there is something to be sent."""
        return bool(self._out)

    def _packet(self, payload: bytes) -> None:
        if self.watch is not None:
            self.watch("<", payload)
        if self._must_wait():
            self._postponed.append(payload)
            return
        if not self.spoken:
            self.spoken = True
            self._begin()
        known = self._known.get(payload) if len(payload) <= _WORTH_REMEMBERING else None
        if known is None:
            found = registry.find(payload)
            if found is None:
                self.send(EMPTY)
                return
            row, args = found
            handler = self._handlers.get(row.command) or handler_of(row.command, self._handlers)
            if handler is None:
                self.send(EMPTY)
                return
            command = None
        else:
            row, handler, command = known
            args = b""
        reply: Reply
        try:
            self._check_allowed(row.name)
            if command is None:
                command = row.parse(args)
                if len(payload) <= _WORTH_REMEMBERING:
                    self._remember(payload, row, handler, command)
            reply = handler(self, command)
        except StubError as failure:
            reply = error_reply(failure, texts=True) if row.texts else self.refusal(failure)
        if reply is not LATER:
            self.send(reply)
            if self._acks_end:
                self.acks = self._acks_end = False
            if self.afterwards is not None:
                self.afterwards(row.name)

    def _remember(self, payload: bytes, row: registry.Row, handler: Handler, command: Any) -> None:
        """Keep what a packet was parsed to, if it is a value: what cannot be hashed may be changed by its handler."""
        try:
            hash(command)
        except TypeError:
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
            self._seen.clear()
        self._known[payload] = row, handler, command

    def _check_allowed(self, name: bytes) -> None:
        """Refuse a packet that this client may not send.

        Raises:
            TargetError: Always EPERM, with the reason.
        """
        if name in self.denied:
            raise TargetError(errno.EPERM, f"QAllow forbids {name.decode()} to this connection")

    def _interrupt(self) -> None:
        """Act on the interrupt byte."""

    def _must_wait(self) -> bool:
        """Tell whether packets cannot be served yet."""
        return self._job is not None

    def _begin(self) -> None:
        """Act on the client's first packet."""

    def refusal(self, failure: StubError) -> bytes:
        """Write a failure as this client wants to read it."""
        features = self.features
        return error_reply(
            failure,
            texts=features.error_texts,
            strings=features.error_strings,
            number=self.dialect.error_number(failure),
        )

    def compress(self) -> None:
        """Send replies from now on in the form that says whether they are compressed."""
        # lldb asks again after its second qSupported: what is known of the link stays known.
        self.compression = self.compression or Compression()

    def end_acks(self) -> None:
        """Stop acknowledging, after the reply that is under way."""
        self._acks_end = True

    def begin(self, job: Generator[None, None, bytes]) -> Reply:
        """Work on a reply that may take long, in slices: the first one now, the others by ``work_on``."""
        try:
            self._advance(job)
        except StopIteration as end:
            reply: bytes = end.value
            return reply
        self._job = job
        return LATER

    @staticmethod
    def _advance(job: Generator[None, None, bytes]) -> None:
        deadline = perf_counter_ns() + _SLICE
        while perf_counter_ns() < deadline:
            next(job)

    @property
    def at_work(self) -> bool:
        """Tell whether a reply is being worked on: call ``work_on`` until it is not."""
        return self._job is not None

    def work_on(self) -> None:
        """Do one slice of the work on a reply; packets that came meanwhile are served after it."""
        if self._job is None:
            return
        try:
            self._advance(self._job)
            return
        except StopIteration as end:
            reply: bytes = end.value
        except StubError as failure:
            reply = self.refusal(failure)
        self._job = None
        self.send(reply)
        self.serve_postponed()

    def send(self, payload: bytes) -> None:
        """Send a reply."""
        if self.watch is not None:
            self.watch(">", payload)
        if self.compression is not None:
            packet = frame(self.compression.wrap(payload))
        elif not self.dialect.run_lengths:
            packet = frame(payload)
        elif len(payload) < _WORTH_KEEPING:
            packet = frame(run_length(payload))
        elif payload == self._kept_payload:
            packet = self._kept_packet
        else:
            # The same registers are often asked for twice in a stop.
            packet = self._kept_packet = frame(run_length(payload))
            self._kept_payload = payload
        self._last_reply = packet
        self._out.append(packet)

    def send_notification(self, payload: bytes) -> None:
        """Send a notification, which nobody acknowledges."""
        if self.watch is not None:
            self.watch(">", b"%" + payload)
        self._out.append(frame_notification(payload))

    def serve_postponed(self) -> None:
        """Serve the packets that came while there was no telling what they mean."""
        postponed, self._postponed = self._postponed, []
        for payload in postponed:
            self._packet(payload)

    def recognise(self, announced: Iterable[bytes]) -> None:
        """Choose the dialect by what a client announces; one that says too little keeps what it has."""
        found = recognise(announced)
        if found is not None:
            self.dialect = found
            self._recognised = True

    def suppose(self, dialect: Dialect) -> None:
        """Choose the dialect by a packet that one family of clients sends; what was announced counts more."""
        if not self._recognised:
            self.dialect = dialect

    def program_environment(self) -> dict[str, str]:
        """Return what a program is started with."""
        environment = {} if self.bare_environment else dict(os.environ)
        for name, value in self.environment_changes.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment

    def announced(self) -> None:
        """Act on what the client announced."""

    def close(self) -> None:
        """Give back what the connection holds."""
        self.files.close_all()
