"""Faults that are put into calls (``-e inject=``): errors, results, signals, delays.

Layer: engines.  Used by: options, log.
"""

from __future__ import annotations

from dataclasses import dataclass

from gdbstub.abi import errors
from gdbstub.engines.syscalls.selection import Selected, calls, signal_number
from gdbstub.vocab.errors import StartupError
from gdbstub.vocab.ids import NO_SIGNAL, Signo

_MICROSECONDS = {"": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "ns": 1e-9}
_ERRNO_MAX = 4095


@dataclass(frozen=True, slots=True)
class When:
    """Which of a thread's calls are meant: the ``first``, and every ``step``-th after it up to the ``last``."""

    first: int = 1
    last: int | None = None
    step: int = 1

    def matches(self, count: int) -> bool:
        """Tell whether the call of this number, counted from 1, is one of them."""
        if count < self.first or (self.last is not None and count > self.last):
            return False
        return count == self.first if self.step == 0 else (count - self.first) % self.step == 0


@dataclass(frozen=True, slots=True)
class Injection:
    """What is done to some calls."""

    calls: Selected
    when: When = When()
    #: The call does not happen and returns this.
    result: int | None = None
    signal: Signo = NO_SIGNAL
    #: Seconds.
    delay_before: float = 0.0
    delay_after: float = 0.0

    def concerns(self, arch: int, number: int) -> bool:
        """Tell whether a call is one of those."""
        return self.calls is None or number in self.calls.get(arch, ())


def _when(text: str) -> When:
    """Read ``FIRST``, ``FIRST..LAST``, and either with ``+`` or ``+STEP`` behind it."""
    numbers, plus, step = text.partition("+")
    first, dots, last = numbers.partition("..")
    try:
        found = When(
            int(first), int(last) if dots else None, (int(step) if step else 1) if plus else 1 if dots else 0
        )
    except ValueError:
        raise StartupError(f"invalid argument 'when={text}'") from None
    if found.first < 1 or (plus and found.step < 1) or (found.last is not None and found.last < found.first):
        raise StartupError(f"invalid argument 'when={text}'")
    return found


def _delay(text: str) -> float:
    digits = text.rstrip("munsz")
    unit = text[len(digits) :]
    if not digits.isdigit() or unit not in _MICROSECONDS:
        raise StartupError(f"invalid delay '{text}'")
    return int(digits) * _MICROSECONDS[unit]


def _error(text: str) -> int:
    number = int(text) if text.isdigit() else errors.number_of(text.upper())
    if number is None or not 0 < number <= _ERRNO_MAX:
        raise StartupError(f"invalid error '{text}'")
    return -number


def _result(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        raise StartupError(f"invalid return value '{text}'") from None
    if not 0 <= value < 1 << 64:
        raise StartupError(f"invalid return value '{text}'")
    return value


def parse(text: str, *, fault: bool = False) -> Injection:
    """Read ``SET:KEY=VALUE:...``.

    Args:
        text: What is behind ``inject=``.
        fault: ENOSYS where nothing else is said, as ``fault=`` has it.

    Raises:
        StartupError: It makes no sense; the text says what does not.
    """
    words = text.split(":")
    fields: dict[str, object] = {}
    for word in words[1:]:
        key, _, value = word.partition("=")
        match key:
            case "error":
                fields["result"] = _error(value)
            case "retval" if not fault:
                fields["result"] = _result(value)
            case "signal" if not fault:
                fields["signal"] = Signo(signal_number(value))
            case "delay_enter" if not fault:
                fields["delay_before"] = _delay(value)
            case "delay_exit" if not fault:
                fields["delay_after"] = _delay(value)
            case "when":
                fields["when"] = _when(value)
            case _:
                raise StartupError(f"invalid inject argument '{text}'")
    if fault:
        fields.setdefault("result", -38)
    elif not fields.keys() - {"when"}:
        raise StartupError(f"invalid inject argument '{text}': nothing to inject")
    return Injection(calls(words[0]), **fields)  # type: ignore[arg-type]  # each value has its field's type above
