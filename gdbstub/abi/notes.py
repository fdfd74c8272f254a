"""What stands behind a result: descriptors that are ready, time that is left; and what replaced what.

Layer: abi.  Used by: abi.decoder.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.abi.call import Call, pointer, signed
from gdbstub.abi.kinds import Kind, Params, descriptor
from gdbstub.abi.structures import TIMESPEC, TIMESPEC64, TIMEVAL, Structure, descriptor_set, descriptor_set_text
from gdbstub.abi.tables import TABLES


def _ready(call: Call) -> str:
    count = call.args[1] & 0xFFFFFFFF
    data = call.whole(call.args[0], min(count, 1 << 16) * 8)
    texts: list[str] = []
    for at in range(0, len(data or b""), 8):
        assert data is not None
        events = int.from_bytes(data[at + 6 : at + 8], "little")
        if not events:
            continue
        if len(texts) >= call.style.limit and not call.style.verbose:
            texts.append("...")
            break
        fd = int.from_bytes(data[at : at + 4], "little", signed=True)
        texts.append(f"{{fd={descriptor(call, fd)}, revents={TABLES['poll'](events)}}}")
    return "[" + ", ".join(texts) + "]"


def _poll(call: Call) -> str:
    if call.failed:
        return ""
    return f" ({_ready(call)})" if call.result else " (Timeout)"


def _poll_with_time(form: Structure) -> Callable[[Call], str]:
    def note(call: Call) -> str:
        if call.failed:
            return ""
        if not call.result:
            return " (Timeout)"
        left = f", left {form.at(call, call.args[2])}" if call.args[2] else ""
        return f" ({_ready(call)}{left})"

    return note


def _select(form: Structure) -> Callable[[Call], str]:
    def note(call: Call) -> str:
        if call.failed:
            return ""
        if not call.result:
            return " (Timeout)"
        texts = []
        for place, word in ((1, "in"), (2, "out"), (3, "except")):
            found = descriptor_set(call, call.args[place], signed(call.args[0], 32))
            if found:
                texts.append(f"{word} {descriptor_set_text(call, found)}")
        if call.args[4]:
            texts.append(f"left {form.at(call, call.args[4])}")
        return f" ({', '.join(texts)})" if texts else ""

    return note


#: Each is given the call and returns what follows the result, its blank included.
NOTES: dict[str, Callable[[Call], str]] = {
    "poll": _poll,
    "ppoll": _poll_with_time(TIMESPEC),
    "ppoll_time64": _poll_with_time(TIMESPEC64),
    "select": _select(TIMEVAL),
    "_newselect": _select(TIMEVAL),
    "pselect6": _select(TIMESPEC),
    "pselect6_time64": _select(TIMESPEC64),
}


def _length(call: Call, value: int, params: Params) -> str:
    """A length that the call may have replaced."""
    number = call.number(value) if value else None
    if number is None:
        return pointer(value)
    before = next((was for place, was in call.before.items() if call.args[place] == value), None)
    return f"[{number}]" if before is None or before == number else f"[{before} => {number}]"


def _clone_outcome(call: Call, value: int, params: Params) -> str:
    """What clone3 has written through the pointers in its structure."""
    values = call.unpack(value, "4Q") if value and not call.failed else None
    if values is None:
        return ""
    flags, pidfd, _, parent = values
    texts = []
    for name, address, wanted in (("pidfd", pidfd, flags & 0x1000), ("parent_tid", parent, flags & 0x100000)):
        number = call.number(address) if wanted and address else None
        if number is not None:
            texts.append(f"{name}=[{number}]")
    return f" => {{{', '.join(texts)}}}" if texts else ""


KINDS: dict[str, Kind] = {"*len": _length, "clone_outcome": _clone_outcome}
