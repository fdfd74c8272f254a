"""Structures that arguments point to, member by member.

Layer: abi.  Used by: abi.decoder (by name, from the signatures), abi.messages, abi.terminals.
Source: include/uapi/linux/{time,resource,signal,sched,stat,utsname,sysinfo,epoll,poll,openat2,...}.h.

Most are rows of a table: a layout, and for each member a name and how it is shown.
Members that begin with a dash are left out; a dot in place of members means that only ``-v`` shows those behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC

from gdbstub.abi import signals
from gdbstub.abi.call import Call, octal, pointer, signed
from gdbstub.abi.kinds import Kind, Params, descriptor, length_of, string
from gdbstub.abi.tables import TABLES
from gdbstub.abi.text import quote

Show = Callable[[Call, int], str]


def _limit(call: Call, value: int) -> str:
    if value in (0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF if not call.wide else -1):
        return "RLIM_INFINITY"
    return f"{value // 1024}*1024" if value > 1024 and value % 1024 == 0 else str(value)


def _limit64(call: Call, value: int) -> str:
    return "RLIM64_INFINITY" if value == 0xFFFFFFFFFFFFFFFF else _limit(call, value)


def _handler(call: Call, value: int) -> str:
    return {0: "SIG_DFL", 1: "SIG_IGN"}.get(value) or f"{value:#x}"


#: How a member is shown, by the letter or word behind its name.
_SHOWS: dict[str, Show] = {
    "": lambda call, value: str(value),
    "x": lambda call, value: f"{value:#x}" if value else "0",
    "p": lambda call, value: pointer(value),
    "fd": descriptor,
    "sig": lambda call, value: signals.name_of(value) if value else "0",
    "set": lambda call, value: signals.set_text(value),
    "limit": _limit,
    "limit64": _limit64,
    "handler": _handler,
    "str": string,
}


def _show(word: str) -> Show:
    if word.startswith("="):
        table = TABLES[word[1:]]
        return lambda call, value: table(value)
    return _SHOWS[word]


class Structure:
    """A structure that is the sum of its members.

    Args:
        layout: Its layout; words of the call's size are ``l``, ``L`` and ``P``.
        members: Names, each with a colon and how it is shown where that is not a plain number.
    """

    def __init__(self, layout: str, members: str) -> None:
        self.layout = layout
        self._words = members.split()
        self._members: list[tuple[str, Show, bool] | None] = []

    def _load(self) -> None:
        brief = True
        for word in self._words:
            if word == ".":
                brief = False
            elif word.startswith("-"):
                self._members.append(None)
            else:
                name, _, how = word.partition(":")
                self._members.append((name, _show(how), brief))

    def members(self, call: Call, values: Sequence[int]) -> str:
        """Return the members without braces."""
        if not self._members:
            self._load()
        texts = []
        for member, value in zip(self._members, values, strict=True):
            if member is not None:
                name, show, brief = member
                if not brief and not call.style.verbose:
                    texts.append("...")
                    break
                texts.append(f"{name}={show(call, value)}")
        return ", ".join(texts)

    def at(self, call: Call, address: int) -> str:
        """Return the structure at an address, or the address where it cannot be read."""
        if not address:
            return "NULL"
        values = call.unpack(address, self.layout)
        return pointer(address) if values is None else "{" + self.members(call, values) + "}"

    def __call__(self, call: Call, value: int, params: Params) -> str:
        """Return what an argument points to."""
        return self.at(call, value)


TIMESPEC = Structure("ll", "tv_sec tv_nsec")
TIMESPEC64 = Structure("qq", "tv_sec tv_nsec")
TIMEVAL = Structure("ll", "tv_sec tv_usec")

_STRUCTURES: dict[str, Structure] = {
    "timespec": TIMESPEC,
    "timespec64": TIMESPEC64,
    "timeval": TIMEVAL,
    "timezone": Structure("ii", "tz_minuteswest tz_dsttime"),
    "rlimit": Structure("LL", "rlim_cur:limit rlim_max:limit"),
    "rlimit64": Structure("QQ", "rlim_cur:limit64 rlim_max:limit64"),
    "tms": Structure("LLLL", "tms_utime tms_stime tms_cutime tms_cstime"),
    "f_owner_ex": Structure("ii", "type:=owner_type pid"),
    "utimbuf": Structure("ll", "actime modtime"),
    "cap_header": Structure("Ii", "version:=capability_version pid"),
    "user_desc": Structure("IIII", "entry_number base_addr:x limit:x flags:x"),
}


class Pair(Structure):
    """Two structures of the same shape in a row."""

    def __init__(self, inner: Structure, names: tuple[str, str] | None) -> None:
        super().__init__(inner.layout * 2, "")
        self._inner = inner
        self._names = names

    def at(self, call: Call, address: int) -> str:
        """Return both."""
        values = call.unpack(address, self.layout) if address else None
        if values is None:
            return pointer(address)
        half = len(values) // 2
        both = ["{" + self._inner.members(call, part) + "}" for part in (values[:half], values[half:])]
        if self._names is None:
            return f"[{', '.join(both)}]"
        return "{" + ", ".join(f"{name}={text}" for name, text in zip(self._names, both, strict=True)) + "}"


def date_text(seconds: int, nanoseconds: int = 0) -> str:
    """Return a point in time as a comment shows it."""
    from datetime import datetime

    try:
        moment = datetime.fromtimestamp(seconds, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return ""
    fraction = f".{nanoseconds:09d}" if nanoseconds else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{moment:%z}"


_UTIME_NOW, _UTIME_OMIT = 0x3FFFFFFF, 0x3FFFFFFE


def _file_time(seconds: int, nanoseconds: int) -> str:
    special = {_UTIME_NOW: "UTIME_NOW", _UTIME_OMIT: "UTIME_OMIT"}.get(nanoseconds)
    if special is not None:
        return special
    date = date_text(seconds, nanoseconds)
    return f"{{tv_sec={seconds}, tv_nsec={nanoseconds}}}" + (f" /* {date} */" if date else "")


def _file_times(layout: str) -> Kind:
    def kind(call: Call, value: int, params: Params) -> str:
        times = call.unpack(value, layout) if value else None
        if times is None:
            return pointer(value)
        return f"[{_file_time(times[0], times[1])}, {_file_time(times[2], times[3])}]"

    return kind


def _signal_set(call: Call, value: int, params: Params) -> str:
    size = length_of(call, params) if params else 8
    mask = call.number(value, size) if value and 0 < size <= 8 else None
    return pointer(value) if mask is None else signals.set_text(mask)


def _signal(call: Call, value: int, params: Params) -> str:
    number = signed(value, 32)
    return signals.name_of(number) if number > 0 else str(number)


def _sigaction(call: Call, value: int, params: Params) -> str:
    """The kernel's own form: the handler, the flags, the restorer, and the mask last."""
    values = call.unpack(value, "PLPQ") if value else None
    if values is None:
        return pointer(value)
    handler, flags, restorer, mask = values
    text = f"{{sa_handler={_handler(call, handler)}, sa_mask={signals.set_text(mask)}, sa_flags={TABLES['sa'](flags)}"
    if flags & 0x4000000:
        text += f", sa_restorer={pointer(restorer)}"
    return text + "}"


def _old_sigaction(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "PLLP") if value else None
    if values is None:
        return pointer(value)
    handler, mask, flags, _ = values
    return (
        f"{{sa_handler={_handler(call, handler)}, sa_mask={signals.set_text(mask)}, sa_flags={TABLES['sa'](flags)}}}"
    )


def _siginfo(call: Call, value: int, params: Params) -> str:
    data = call.whole(value, 128) if value else None
    return pointer(value) if data is None else signals.info_text(data, wide=call.wide)


def _sigset_argument(call: Call, value: int, params: Params) -> str:
    """The last argument of pselect6: a pointer to a set's address and size."""
    values = call.unpack(value, "PL") if value else None
    if values is None:
        return pointer(value)
    address, size = values
    mask = call.number(address, 8) if address and size == 8 else None
    text = pointer(address) if mask is None else signals.set_text(mask)
    return f"{{sigmask={text}, sigsetsize={size}}}"


def wait_text(status: int) -> str:
    """Return what a wait status says, in terms of the C library's macros."""
    low = status & 0xFF
    if low == 0x7F:
        text = f"WIFSTOPPED(s) && WSTOPSIG(s) == {_stop_signal((status >> 8) & 0xFF)}"
        event = status >> 16
        return f"{{{text}}}" + (f" | {_EVENTS.get(event, hex(event))} << 16" if event else "")
    if status == 0xFFFF:
        return "{WIFCONTINUED(s)}"
    if low & 0x7F:
        core = " && WCOREDUMP(s)" if low & 0x80 else ""
        return f"{{WIFSIGNALED(s) && WTERMSIG(s) == {signals.name_of(low & 0x7F)}{core}}}"
    return f"{{WIFEXITED(s) && WEXITSTATUS(s) == {(status >> 8) & 0xFF}}}"


_EVENTS = {
    1: "PTRACE_EVENT_FORK", 2: "PTRACE_EVENT_VFORK", 3: "PTRACE_EVENT_CLONE", 4: "PTRACE_EVENT_EXEC",
    5: "PTRACE_EVENT_VFORK_DONE", 6: "PTRACE_EVENT_EXIT", 7: "PTRACE_EVENT_SECCOMP", 128: "PTRACE_EVENT_STOP",
}  # fmt: skip


def _stop_signal(number: int) -> str:
    return f"{signals.name_of(number & 0x7F)} | 0x80" if number & 0x80 else signals.name_of(number)


def _wait_status(call: Call, value: int, params: Params) -> str:
    status = call.number(value) if value and call.result > 0 else None
    return pointer(value) if status is None else f"[{wait_text(status)}]"


_RUSAGE_COUNTS = (
    "maxrss", "ixrss", "idrss", "isrss", "minflt", "majflt", "nswap", "inblock", "oublock", "msgsnd", "msgrcv",
    "nsignals", "nvcsw", "nivcsw",
)  # fmt: skip


def _rusage(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "llll14l") if value else None
    if values is None or (params and call.result <= 0):
        return pointer(value)
    times = [f"{{tv_sec={values[at]}, tv_usec={values[at + 1]}}}" for at in (0, 2)]
    text = f"{{ru_utime={times[0]}, ru_stime={times[1]}, "
    if not call.style.verbose:
        return text + "...}"
    names = [
        "maxrss",
        "ixrss",
        "idrss",
        "isrss",
        "minflt",
        "majflt",
        "nswap",
        "inblock",
        "oublock",
        "msgsnd",
        "msgrcv",
        "nsignals",
        "nvcsw",
        "nivcsw",
    ]
    return text + ", ".join(f"ru_{name}={number}" for name, number in zip(names, values[4:], strict=True)) + "}"


def _utsname(call: Call, value: int, params: Params) -> str:
    data = call.whole(value, 6 * 65) if value else None
    if data is None:
        return pointer(value)
    texts = [quote(data[at : at + 65].split(b"\0")[0]) for at in range(0, 6 * 65, 65)]
    if not call.style.verbose:
        return f"{{sysname={texts[0]}, nodename={texts[1]}, ...}}"
    names = ("sysname", "nodename", "release", "version", "machine", "domainname")
    return "{" + ", ".join(f"{name}={text}" for name, text in zip(names, texts, strict=True)) + "}"


_SYSINFO = "totalram freeram sharedram bufferram totalswap freeswap"


def _sysinfo(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "lLLLLLLLLLHH4xLLI" if call.wide else "lLLLLLLLLLHHLLI") if value else None
    if values is None:
        return pointer(value)
    memory = ", ".join(f"{name}={number}" for name, number in zip(_SYSINFO.split(), values[4:10], strict=True))
    return (
        f"{{uptime={values[0]}, loads=[{', '.join(map(str, values[1:4]))}], {memory}, procs={values[10]},"
        f" totalhigh={values[12]}, freehigh={values[13]}, mem_unit={values[14]}}}"
    )


def _pollfds(call: Call, value: int, params: Params) -> str:
    count = length_of(call, params)
    data = call.whole(value, count * 8) if value and count <= 1 << 16 else None
    if data is None or (not count and not value):
        return pointer(value)
    shown = count if call.style.verbose else min(count, call.style.limit)
    texts = []
    for at in range(0, shown * 8, 8):
        fd = int.from_bytes(data[at : at + 4], "little", signed=True)
        events = int.from_bytes(data[at + 4 : at + 6], "little")
        texts.append(f"{{fd={fd}}}" if fd < 0 else f"{{fd={descriptor(call, fd)}, events={TABLES['poll'](events)}}}")
    return "[" + ", ".join(texts + ["..."] * (shown < count)) + "]"


def _epoll_events(call: Call, value: int, params: Params) -> str:
    count = length_of(call, params)
    data = call.whole(value, count * 12) if value else None
    if data is None:
        return pointer(value)
    shown = count if call.style.verbose else min(count, call.style.limit)
    texts = ["{" + _epoll_members(data[at : at + 12]) + "}" for at in range(0, shown * 12, 12)]
    return "[" + ", ".join(texts + ["..."] * (shown < count)) + "]"


def _epoll_members(data: bytes) -> str:
    events, low, whole = (int.from_bytes(data[a:b], "little") for a, b in ((0, 4), (4, 8), (4, 12)))
    return f"events={TABLES['epoll'](events)}, data={{u32={low}, u64={whole}}}"


def _epoll_event(call: Call, value: int, params: Params) -> str:
    data = call.whole(value, 12) if value else None
    return pointer(value) if data is None else "{" + _epoll_members(data) + "}"


def vectors(call: Call, address: int, count: int, total: int | None = None) -> str:
    """Return a vector of buffers; ``total`` bytes of them are meaningful, None meaning all."""
    data = call.whole(address, count * 2 * call.word) if address and count <= 1024 else None
    if data is None:
        return pointer(address)
    shown = count if call.style.verbose else min(count, call.style.limit)
    texts = []
    for at in range(0, shown * 2 * call.word, 2 * call.word):
        base = int.from_bytes(data[at : at + call.word], "little")
        length = int.from_bytes(data[at + call.word : at + 2 * call.word], "little")
        filled = length if total is None else min(length, total)
        if total is not None:
            total -= filled
        texts.append(f"{{iov_base={_buffer(call, base, filled)}, iov_len={length}}}")
    return "[" + ", ".join(texts + ["..."] * (shown < count)) + "]"


def _buffer(call: Call, address: int, length: int) -> str:
    from gdbstub.abi.kinds import buffer

    return buffer(call, address, length)


def _out_vector(call: Call, value: int, params: Params) -> str:
    return vectors(call, value, length_of(call, params))


def _in_vector(call: Call, value: int, params: Params) -> str:
    return vectors(call, value, length_of(call, params), max(0, call.result))


def _cap_data(call: Call, value: int, params: Params) -> str:
    header = call.number(call.args[0]) if call.args[0] else None
    words = 3 if header == 0x19980330 else 6
    values = call.unpack(value, f"{words}I") if value else None
    if values is None:
        return pointer(value)
    names = ("effective", "permitted", "inheritable")
    masks = [values[at] | (values[at + 3] << 32 if words == 6 else 0) for at in range(3)]
    return "{" + ", ".join(f"{name}={_capabilities(mask)}" for name, mask in zip(names, masks, strict=True)) + "}"


def _capabilities(mask: int) -> str:
    if not mask:
        return "0"
    table = TABLES["capability"]
    return "|".join(f"1<<{table(bit)}" for bit in range(64) if mask >> bit & 1)


def descriptor_set(call: Call, address: int, count: int) -> list[int] | None:
    """Read an fd_set: the descriptors in it; None where there is none."""
    size = -(-min(count, 1024) // (8 * call.word)) * call.word
    data = call.whole(address, size) if address and count > 0 else None
    if data is None:
        return None
    bits = int.from_bytes(data, "little")
    return [fd for fd in range(min(count, 1024)) if bits >> fd & 1]


def descriptor_set_text(call: Call, found: Sequence[int]) -> str:
    """Return an fd_set's descriptors in brackets."""
    return "[" + " ".join(descriptor(call, fd) for fd in found) + "]"


def _descriptor_set(call: Call, value: int, params: Params) -> str:
    found = descriptor_set(call, value, signed(call.args[0], 32))
    if found is None:
        return pointer(value) if signed(call.args[0], 32) > 0 or not value else "[]"
    return descriptor_set_text(call, found)


def _remaining(form: Structure) -> Kind:
    """What is left of a sleep: only told when a signal has cut it short."""

    def kind(call: Call, value: int, params: Params) -> str:
        return form.at(call, value) if call.error in (4, 516) else pointer(value)

    return kind


def _clone_args(call: Call, value: int, params: Params) -> str:
    size = length_of(call, params)
    count = min(size // 8, 11)
    values = call.unpack(value, f"{count}Q") if value and count >= 8 else None
    if values is None:
        return pointer(value)
    flags, pidfd, child, parent, ending, stack, stack_size, tls = values[:8]
    fields = [f"flags={TABLES['clone3'](flags)}"]
    if flags & 0x1000:
        fields.append(f"pidfd={pointer(pidfd)}")
    if flags & 0x1200000:
        fields.append(f"child_tid={pointer(child)}")
    if flags & 0x100000:
        fields.append(f"parent_tid={pointer(parent)}")
    fields.append(f"exit_signal={signals.name_of(ending) if ending else 0}")
    fields.append(f"stack={pointer(stack)}")
    fields.append(f"stack_size={stack_size:#x}" if stack_size else "stack_size=0")
    if flags & 0x80000:
        fields.append(f"tls={pointer(tls)}")
    if count > 9 and (values[8] or values[9]):
        fields.append(f"set_tid={pointer(values[8])}, set_tid_size={values[9]}")
    if count > 10 and flags & 0x200000000:
        fields.append(f"cgroup={values[10]}")
    return "{" + ", ".join(fields) + "}"


def _stack(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "Pi4xL" if call.wide else "PiL") if value else None
    if values is None:
        return pointer(value)
    return f"{{ss_sp={pointer(values[0])}, ss_flags={TABLES['sigaltstack'](values[1])}, ss_size={values[2]}}}"


_SIGEV_NONE, _SIGEV_THREAD_ID = 1, 4


def _sigevent(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "Piii") if value else None
    if values is None:
        return pointer(value)
    given, number, notify, thread = values
    fields = []
    if given:
        fields.append(f"sigev_value={{sival_int={signed(given, 32)}, sival_ptr={pointer(given)}}}")
    fields.append(f"sigev_signo={signals.name_of(number) if number and notify != _SIGEV_NONE else number}")
    fields.append(f"sigev_notify={TABLES['sigev'](notify)}")
    if notify == _SIGEV_THREAD_ID:
        fields.append(f"sigev_notify_thread_id={thread}")
    return "{" + ", ".join(fields) + "}"


#: Where a signal frame has the mask, counted from the stack pointer of the call that leaves it.
_FRAME_MASK, _FRAME_MASK_32 = 296, 248


def _frame(call: Call, value: int, params: Params) -> str:
    mask = call.number(call.stack + (_FRAME_MASK if call.wide else _FRAME_MASK_32), 8)
    return pointer(call.stack) if mask is None else f"{{mask={signals.set_text(mask)}}}"


def _nodes(call: Call, value: int, params: Params) -> str:
    """A bit map of memory nodes in words; one bit less than the argument says counts."""
    count = length_of(call, params)
    words = -(-(count - 1) // (8 * call.word)) if 1 < count <= 1 << 16 else 0
    data = call.whole(value, words * call.word) if value and words else None
    if data is None:
        return pointer(value)
    digits = 2 * call.word
    numbers = (int.from_bytes(data[at : at + call.word], "little") for at in range(0, len(data), call.word))
    texts = [f"0x{each:0{digits}x}" if each else "0" * digits for each in numbers]
    return "[" + ", ".join(texts[:32] + ["..."] * (len(texts) > 32)) + "]"


def _policy(call: Call, value: int, params: Params) -> str:
    number = call.number(value) if value else None
    return pointer(value) if number is None else f"[{TABLES['mempolicy'](number)}]"


def _lock(kind: str, layout: str, narrow: str) -> Kind:
    def show(call: Call, value: int, params: Params) -> str:
        values = call.unpack(value, layout if call.wide else narrow) if value else None
        if values is None:
            return pointer(value)
        fields = f"l_type={TABLES['lock_type'](values[0])}, l_whence={TABLES['whence'](values[1])}"
        owner = f", l_pid={values[4]}" if kind == "found" else ""
        return f"{{{fields}, l_start={values[2]}, l_len={values[3]}{owner}}}"

    return show


_LOCK, _LOCK_64_NARROW = "hh4xqqi", "hhqqi"


def _open_how(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "QQQ") if value and length_of(call, params) >= 24 else None
    if values is None:
        return pointer(value)
    flags, mode, resolve = values
    permissions = f", mode={octal(mode)}" if mode or flags & 0o20000100 else ""
    return f"{{flags={TABLES['open'](flags)}{permissions}, resolve={TABLES['resolve'](resolve)}}}"


def _priority(call: Call, value: int, params: Params) -> str:
    number = call.number(value, signed=True) if value else None
    return pointer(value) if number is None else f"[{number}]"


def _timer_id(call: Call, value: int, params: Params) -> str:
    number = call.number(value, 4, signed=True) if value else None
    return pointer(value) if number is None else f"[{number}]"


def _sched_attr(call: Call, value: int, params: Params) -> str:
    values = call.unpack(value, "IIQiIQQQ") if value else None
    if values is None:
        return pointer(value)
    size, policy, flags, nice, priority, runtime, deadline, period = values
    return (
        f"{{size={size}, sched_policy={TABLES['scheduler'](policy)}, sched_flags={TABLES['sched_attr'](flags)},"
        f" sched_nice={nice}, sched_priority={priority}, sched_runtime={runtime}, sched_deadline={deadline},"
        f" sched_period={period}}}"
    )


KINDS: dict[str, Kind] = {
    **_STRUCTURES,
    "itimerspec": Pair(TIMESPEC, ("it_interval", "it_value")),
    "itimerspec64": Pair(TIMESPEC64, ("it_interval", "it_value")),
    "itimerval": Pair(TIMEVAL, ("it_interval", "it_value")),
    "timevals": Pair(TIMEVAL, None),
    "file_times": _file_times("llll"),
    "file_times64": _file_times("qqqq"),
    "sigset": _signal_set,
    "signal": _signal,
    "sigaction": _sigaction,
    "old_sigaction": _old_sigaction,
    "siginfo": _siginfo,
    "sigset_argument": _sigset_argument,
    "wait_status": _wait_status,
    "rusage": _rusage,
    "utsname": _utsname,
    "sysinfo": _sysinfo,
    "pollfds": _pollfds,
    "epoll_events": _epoll_events,
    "epoll_event": _epoll_event,
    "iov": _out_vector,
    "iov_in": _in_vector,
    "cap_data": _cap_data,
    "fd_set": _descriptor_set,
    "left_timespec": _remaining(TIMESPEC),
    "left_timespec64": _remaining(TIMESPEC64),
    "clone_args": _clone_args,
    "timer_id": _timer_id,
    "stack": _stack,
    "sigevent": _sigevent,
    "frame": _frame,
    "nodes": _nodes,
    "policy": _policy,
    "flock": _lock("asked", _LOCK, "hhlli"),
    "flock_found": _lock("found", _LOCK, "hhlli"),
    "flock64": _lock("asked", _LOCK, _LOCK_64_NARROW),
    "flock64_found": _lock("found", _LOCK, _LOCK_64_NARROW),
    "open_how": _open_how,
    "sched_param": _priority,
    "sched_attr": _sched_attr,
}
