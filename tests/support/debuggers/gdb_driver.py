"""Runs inside gdb: takes verbs as JSON lines, answers each with a JSON line of facts.

Used by: gdb_session.py, which starts gdb with this file and a socket whose number is in GDB_DRIVER_FD.
Source: GDB manual, "Python API".

gdb itself stays in its own event loop, as for a user at the prompt, so that Ctrl-C, background execution and
non-stop mode work: command lines come in at its stdin, and a thread of ours reads the socket and posts each
verb into that loop.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import gdb  # type: ignore[import-untyped]  # exists only inside gdb

Fact = Any
Verb = Callable[..., Fact]

_events: list[dict[str, Fact]] = []
_lines_done = 0
_changed = threading.Condition(threading.RLock())


def _place() -> dict[str, Fact]:
    thread = gdb.selected_thread()
    if thread is None or not thread.is_valid() or thread.is_running():
        return {}
    pid, tid, _ = thread.ptid
    frame = gdb.newest_frame()
    line = frame.find_sal().line
    return {"pid": pid, "tid": tid, "function": frame.name(), "line": line, "pc": frame.pc()}


def _record(fact: dict[str, Fact]) -> None:
    with _changed:
        _events.append(fact)
        _changed.notify_all()


def _on_stop(event: Fact) -> None:
    if isinstance(event, gdb.BreakpointEvent):
        fact = {"kind": "breakpoint", "numbers": [each.number for each in event.breakpoints]}
    elif isinstance(event, gdb.SignalEvent):
        fact = {"kind": "signal", "signal": event.stop_signal}
    else:
        fact = {"kind": "stop"}
    fact.update(_place())
    if _meeting is None:
        _record(fact)
    else:
        # gdb is not yet done with this stop.
        gdb.post_event(lambda: _go_on_meeting(fact))


def _on_exit(event: Fact) -> None:
    fact = {"kind": "exited", "code": getattr(event, "exit_code", None), "pid": event.inferior.pid}
    if fact["code"] is None:
        fact["signal"] = str(gdb.parse_and_eval("$_exitsignal"))
        if fact["signal"] == "void":
            # gdb also calls this way when it detaches from a process or kills it.
            return
    _record(fact)


def _take_events() -> list[dict[str, Fact]]:
    with _changed:
        taken = _events[:]
        _events.clear()
    return taken


def line_done(number: int) -> None:
    """Take note that gdb has read this far; `python line_done(N)` follows each command line on its stdin."""
    global _lines_done
    gdb.flush(gdb.STDOUT)
    gdb.flush(gdb.STDERR)
    with _changed:
        _lines_done = number
        _changed.notify_all()


class _Counter(gdb.Breakpoint):  # type: ignore[misc]  # gdb's classes have no types
    """Counts its hits, and stops only at the last of them."""

    def __init__(self, location: str, last: int) -> None:
        super().__init__(location)
        self.hits = 0
        self._last = last

    def stop(self) -> bool:
        self.hits += 1
        return self.hits == self._last


_counters: dict[int, _Counter] = {}


class _Meeting:
    """A number of stops at a breakpoint, each followed by the next."""

    def __init__(self, number: int, count: int, counter: str, base: int) -> None:
        self.number, self.count, self.counter, self.base = number, count, counter, base
        self.met = 0
        self.odd: list[Fact] = []
        self.over = threading.Event()

    def take(self, stop: dict[str, Fact]) -> None:
        """Note a stop; resume, or end it."""
        counted = evaluate(self.counter) - self.base
        if stop.get("numbers") != [self.number] or counted != self.met:
            self.odd.append({"met": self.met, "counted": counted, "stop": stop})
        else:
            self.met += 1
        if self.met == self.count or self.odd:
            self.over.set()
        else:
            gdb.execute("continue", to_string=True)


_meeting: _Meeting | None = None


def _go_on_meeting(stop: dict[str, Fact]) -> None:
    global _meeting
    assert _meeting is not None
    meeting = _meeting
    try:
        meeting.take(stop)
    except Exception as error:  # noqa: BLE001  # whatever gdb raises is a fact for the test
        meeting.odd.append(f"{type(error).__name__}: {error}")
        meeting.over.set()
    if meeting.over.is_set():
        _meeting = None


def _begin_meeting(meeting: _Meeting) -> None:
    global _meeting
    _meeting = meeting
    gdb.execute("continue", to_string=True)


def meet(number: int, count: int, counter: str, base: int) -> Fact:
    """Continue to a breakpoint so many times, waiting outside gdb's thread; return how often, and what was odd.

    Odd is a stop of another kind, and one at which the program has not counted ``base`` and each hit before.
    """
    meeting = _Meeting(number, count, counter, base)
    gdb.post_event(lambda: _begin_meeting(meeting))
    meeting.over.wait()
    return meeting.met, meeting.odd


def evaluate(expression: str) -> int:
    return int(gdb.parse_and_eval(expression))


def show(expression: str, form: str) -> str:
    value = gdb.parse_and_eval(expression)
    return str(value.format_string(format=form) if form else value.format_string())


def breakpoint_at(location: str, kind: str) -> int:
    kinds = {
        "software": {"type": gdb.BP_BREAKPOINT},
        "hardware": {"type": gdb.BP_HARDWARE_BREAKPOINT},
        "write": {"type": gdb.BP_WATCHPOINT, "wp_class": gdb.WP_WRITE},
        "read": {"type": gdb.BP_WATCHPOINT, "wp_class": gdb.WP_READ},
        "access": {"type": gdb.BP_WATCHPOINT, "wp_class": gdb.WP_ACCESS},
        "temporary": {"type": gdb.BP_BREAKPOINT, "temporary": True},
    }
    return int(gdb.Breakpoint(location, **kinds[kind]).number)


def count_hits(location: str, last: int) -> int:
    counter = _Counter(location, last)
    _counters[counter.number] = counter
    return int(counter.number)


def ignore_hits(location: str, count: int) -> int:
    ignored = gdb.Breakpoint(location)
    ignored.ignore_count = count
    return int(ignored.number)


def hits(number: int) -> int:
    counter = _counters.get(number)
    if counter is not None:
        return counter.hits
    return next(int(each.hit_count) for each in gdb.breakpoints() if each.number == number)


def is_pending(number: int) -> bool:
    return next(bool(each.pending) for each in gdb.breakpoints() if each.number == number)


def place() -> Fact:
    return _place()


def threads() -> Fact:
    found = []
    for inferior in gdb.inferiors():
        for thread in inferior.threads():
            pid, tid, _ = thread.ptid
            found.append(
                {
                    "number": thread.global_num,
                    "pid": pid,
                    "tid": tid,
                    "name": thread.name,
                    "running": thread.is_running(),
                }
            )
    return sorted(found, key=lambda each: each["number"])


def select(tid: int) -> None:
    for inferior in gdb.inferiors():
        for thread in inferior.threads():
            if thread.ptid[1] == tid:
                thread.switch()
                return
    raise LookupError(f"no thread {tid}")


def backtrace() -> list[str | None]:
    frame = gdb.newest_frame()
    names: list[str | None] = []
    while frame is not None and len(names) < 64:
        names.append(frame.name())
        frame = frame.older()
    return names


def read(address: int, length: int) -> str:
    return bytes(gdb.selected_inferior().read_memory(address, length)).hex()


def write(address: int, data: str) -> None:
    gdb.selected_inferior().write_memory(address, bytes.fromhex(data))


def inferiors() -> Fact:
    return [{"number": each.num, "pid": each.pid, "file": each.progspace.filename} for each in gdb.inferiors()]


def libraries() -> list[str]:
    return [each.filename for each in gdb.objfiles() if each.filename]


def packet(text: str) -> str:
    reply = gdb.selected_inferior().connection.send_packet(text)
    return "" if reply is None else bytes(reply).decode("latin-1")


def version() -> str:
    return str(gdb.VERSION)


_in_gdb: dict[str, Verb] = {
    verb.__name__: verb
    for verb in (
        evaluate, show, breakpoint_at, count_hits, ignore_hits, hits, is_pending, place, threads, select,
        backtrace, read, write, inferiors, libraries, packet, version,
    )
}  # fmt: skip


def _answer(verb: Verb, arguments: dict[str, Fact]) -> dict[str, Fact]:
    try:
        return {"value": verb(**arguments)}
    except Exception as error:  # noqa: BLE001  # whatever gdb raises is a fact for the test
        return {"error": f"{type(error).__name__}: {error}"}


def wait_line(number: int, take: bool) -> Fact:
    """Wait, outside gdb's thread, until a command line is done; return the stops it led to, or leave them."""
    with _changed:
        _changed.wait_for(lambda: _lines_done >= number)
        return _take_events() if take else []


def wait_stops(count: int, seconds: float) -> Fact:
    """Wait, outside gdb's thread, until a number of stops has been recorded; return them all."""
    with _changed:
        _changed.wait_for(lambda: len(_events) >= count, seconds)
        return _take_events()


_in_thread: dict[str, Verb] = {verb.__name__: verb for verb in (wait_line, wait_stops, meet)}


def _serve(link: socket.socket) -> None:
    # A Ctrl-C belongs to gdb's own thread.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    answers: queue.Queue[dict[str, Fact]] = queue.Queue()
    with link, link.makefile("rw") as stream:
        for line in stream:
            request = json.loads(line)
            name, arguments = request["verb"], request["arguments"]
            if name in _in_thread:
                answer = _answer(_in_thread[name], arguments)
            else:
                verb = _in_gdb[name]
                gdb.post_event(lambda verb=verb, arguments=arguments: answers.put(_answer(verb, arguments)))
                answer = answers.get()
            stream.write(json.dumps(answer) + "\n")
            stream.flush()


def main() -> None:
    """Listen to gdb's events and to the test."""
    gdb.events.stop.connect(_on_stop)
    gdb.events.exited.connect(_on_exit)
    link = socket.socket(fileno=int(os.environ["GDB_DRIVER_FD"]))
    threading.Thread(target=_serve, args=(link,), daemon=True).start()


main()
