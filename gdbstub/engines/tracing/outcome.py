"""Why a trace does not run: the words of ``qTStatus``.

Layer: engines.  Used by: tracing.
Spec: GDB manual, "Tracepoint Packets", "qTStatus".
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Reason(Enum):
    """The word of the wire."""

    NOT_RUN = "tnotrun"
    #: A client said so.
    STOPPED = "tstop"
    FULL = "tfull"
    #: The client has left.
    DISCONNECTED = "tdisconnected"
    #: A tracepoint was hit as often as it may be.
    PASSES = "tpasscount"
    #: Something went wrong; the text says what.
    ERROR = "terror"


class Outcome(NamedTuple):
    """Why a trace does not run."""

    reason: Reason
    #: The tracepoint that ended it, or 0.
    number: int = 0
    #: What went wrong.
    text: bytes = b""

    def wire(self, stop_note: bytes) -> str:
        """Return it in the form of ``qTStatus``.

        Args:
            stop_note: What the user noted about why it was stopped.
        """
        words = [self.reason.value]
        if self.reason is Reason.ERROR:
            words.append(self.text.hex())
        elif self.reason is Reason.STOPPED:
            words.append(stop_note.hex())
        words.append(f"{self.number:x}")
        return ":".join(words)
