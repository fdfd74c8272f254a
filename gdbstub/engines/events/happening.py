"""One thing that happened, and how it is written.

Layer: engines.  Used by: eventlog, perfetto.
"""

from __future__ import annotations

import json
from time import gmtime
from typing import NamedTuple

from gdbstub.vocab.ids import Pid, Tid

#: Every kind of happening, in the order in which they are explained.
KINDS = {
    "join": "a process is traced from now on",
    "exec": "it runs a new program",
    "exit": "it has ended",
    "leave": "it is no longer traced",
    "thread-start": "a thread was born",
    "thread-exit": "a thread has ended",
    "fork": "a child process was born; vfork and clone too",
    "signal": "a signal is about to take effect, and what it will do",
    "job-stop": "job control has stopped a thread",
    "job-continue": "SIGCONT has let it go on",
    "library-load": "a library was loaded",
    "library-unload": "a library was unloaded",
    "client-attach": "a client has connected",
    "client-detach": "a client has gone",
}


class Happening(NamedTuple):
    """One thing that happened."""

    #: Seconds since 1970.
    time: float
    kind: str
    #: 0 where it is about no process.
    pid: Pid
    tid: Tid
    details: dict[str, object]

    def as_text(self) -> str:
        """Return it as a line for people: the time (UTC), the thread, the kind, the details."""
        at = gmtime(self.time)
        moment = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}.{int(self.time % 1 * 1_000_000):06}"
        where = f" {self.pid}.{self.tid}" if self.pid else ""
        details = "".join(f" {name}={value}" for name, value in self.details.items())
        return f"{moment}{where} {self.kind}{details}\n"

    def as_json(self) -> str:
        """Return it as a line with one JSON object."""
        record: dict[str, object] = {"time": round(self.time, 6), "event": self.kind}
        if self.pid:
            record |= {"pid": self.pid, "tid": self.tid}
        return json.dumps(record | self.details) + "\n"
