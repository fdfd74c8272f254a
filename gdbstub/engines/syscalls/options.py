"""What a log shows and how: strace's options, as far as they are about the log itself.

Layer: engines.  Used by: cli.strace, server, gdbremote (``QGdbstubStrace``, ``monitor strace``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from gdbstub.abi.call import Style
from gdbstub.engines.syscalls import injection, selection
from gdbstub.engines.syscalls.injection import Injection
from gdbstub.engines.syscalls.selection import Selected
from gdbstub.vocab.errors import StartupError


class Clock(Enum):
    """What stands before a line."""

    NONE = "nothing"
    SECONDS = "the time of day"
    MICROSECONDS = "the time of day with microseconds"
    EPOCH = "seconds since 1970"


class Form(Enum):
    """What a log is made of."""

    LINES = "lines"
    OBJECTS = "JSON objects"
    SUMMARY = "a table at the end"
    BOTH = "lines, and a table at the end"


_STYLE = Style()
_ALL_SIGNALS = selection.signal_set("all")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """One log."""

    form: Form = Form.LINES
    clock: Clock = Clock.NONE
    #: How long each call took stands behind it.
    durations: bool = False
    #: The time since the line before stands before a line.
    relative: bool = False
    #: Descriptors are shown with what they are open on.
    paths: bool = False
    style: Style = _STYLE
    calls: Selected = None
    signals: frozenset[int] = _ALL_SIGNALS
    injections: tuple[Injection, ...] = ()
    #: Every line names its thread, not only where there are several.
    name_threads: bool = False
    #: How a summary is sorted.
    sort: str = "time"
    #: Nothing is said about processes that are attached to, exits included where it is doubled.
    quiet: int = 0

    @property
    def sends_signals(self) -> bool:
        """Tell whether signals are put into calls."""
        return any(each.signal for each in self.injections)

    @property
    def caught(self) -> Selected:
        """The calls that are looked at: to be shown, or to have something put into them."""
        whole: dict[int, frozenset[int]] = {}
        for each in (self.calls, *(fault.calls for fault in self.injections)):
            if each is None:
                return None
            for arch, numbers in each.items():
                whole[arch] = whole.get(arch, frozenset()) | numbers
        return whole


_NEXT_CLOCK = {
    Clock.NONE: Clock.SECONDS,
    Clock.SECONDS: Clock.MICROSECONDS,
    Clock.MICROSECONDS: Clock.EPOCH,
    Clock.EPOCH: Clock.EPOCH,
}
#: Options that are words of their own.
_FLAGS: dict[str, Callable[[LogOptions], LogOptions]] = {
    "f": lambda options: options,
    "v": lambda options: replace(options, style=replace(options.style, verbose=True)),
    "t": lambda options: replace(options, clock=_NEXT_CLOCK[options.clock]),
    "T": lambda options: replace(options, durations=True),
    "r": lambda options: replace(options, relative=True),
    "c": lambda options: replace(options, form=Form.SUMMARY),
    "C": lambda options: replace(options, form=Form.BOTH),
    "y": lambda options: replace(options, paths=True),
    "q": lambda options: replace(options, quiet=options.quiet + 1),
}
#: Options that take a value.
_VALUES = frozenset("esS")
_LONG_FLAGS = {
    "--follow-forks": "f",
    "--no-abbrev": "v",
    "--syscall-times": "T",
    "--relative-timestamps": "r",
    "--summary-only": "c",
    "--summary": "C",
    "--decode-fds": "y",
    "--quiet": "q",
}
_LONG_VALUES = {"--trace": "trace", "--signal": "signal", "--inject": "inject", "--fault": "fault"}
_SORTS = frozenset({"time", "calls", "count", "errors", "name", "nothing"})


def _qualify(options: LogOptions, text: str) -> LogOptions:
    kind, equals, value = text.partition("=")
    if not equals or kind not in _QUALIFIERS:
        kind, value = "trace", text
    return _QUALIFIERS[kind](options, value)


def _signals(options: LogOptions, value: str) -> LogOptions:
    return replace(options, signals=selection.signal_set(value))


def _inject(options: LogOptions, value: str) -> LogOptions:
    return replace(options, injections=(*options.injections, injection.parse(value)))


def _fault(options: LogOptions, value: str) -> LogOptions:
    return replace(options, injections=(*options.injections, injection.parse(value, fault=True)))


def _trace(options: LogOptions, value: str) -> LogOptions:
    return replace(options, calls=selection.calls(value))


_QUALIFIERS: dict[str, Callable[[LogOptions, str], LogOptions]] = {
    "trace": _trace,
    "t": _trace,
    "signal": _signals,
    "signals": _signals,
    "s": _signals,
    "inject": _inject,
    "fault": _fault,
}


def _value(options: LogOptions, letter: str, value: str) -> LogOptions:
    if letter == "e":
        return _qualify(options, value)
    if letter == "s":
        if not value.isdigit():
            raise StartupError(f"invalid -s argument: '{value}'")
        return replace(options, style=replace(options.style, limit=int(value)))
    if value not in _SORTS:
        raise StartupError(f"invalid sortby: '{value}'")
    return replace(options, sort=value)


def take(options: LogOptions, words: Sequence[str]) -> tuple[LogOptions, int]:
    """Read one option.

    Args:
        options: What was read so far.
        words: The first of them is the option.

    Returns:
        The options, and how many words were read; 0 where the word is no option about the log.

    Raises:
        StartupError: It makes no sense.
    """
    word = words[0]
    if word == "--name-threads":
        return replace(options, name_threads=True), 1
    if word == "--json":
        return replace(options, form=Form.OBJECTS), 1
    if word.startswith("--"):
        return _take_long(options, word)
    letters = word[1:]
    for place, letter in enumerate(letters):
        flag = _FLAGS.get(letter)
        if flag is not None:
            options = flag(options)
        elif letter in _VALUES:
            rest = letters[place + 1 :]
            if rest:
                return _value(options, letter, rest), 1
            if len(words) < 2:
                raise StartupError(f"option requires an argument -- '{letter}'")
            return _value(options, letter, words[1]), 2
        elif place:
            raise StartupError(f"invalid option -- '{letter}'")
        else:
            return options, 0
    return options, 1


def _take_long(options: LogOptions, word: str) -> tuple[LogOptions, int]:
    name, equals, value = word.partition("=")
    if name in _LONG_FLAGS and not equals:
        return _FLAGS[_LONG_FLAGS[name]](options), 1
    if name in _LONG_VALUES and equals:
        return _QUALIFIERS[_LONG_VALUES[name]](options, value), 1
    if name == "--string-limit" and equals:
        return _value(options, "s", value), 1
    if name == "--summary-sort-by" and equals:
        return _value(options, "S", value), 1
    return options, 0


def parse(words: Sequence[str]) -> LogOptions:
    """Read options that are all about the log.

    Raises:
        StartupError: One is not, or makes no sense.
    """
    options = LogOptions()
    at = 0
    while at < len(words):
        if not words[at].startswith("-"):
            raise StartupError(f"not an option: '{words[at]}'")
        options, count = take(options, words[at:])
        if not count:
            raise StartupError(f"unknown option '{words[at]}'")
        at += count
    return options
