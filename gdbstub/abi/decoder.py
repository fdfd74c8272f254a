"""From numbers to text: the arguments and the result of a system call.

Layer: abi.  Used by: engines.syscalls.

Theory of operation.  A signature's line is compiled once, when the call is first
seen.  Arguments up to the first one that the call writes are shown at its entry,
because what they point to may be gone later; that one and all after it are shown
at its return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from gdbstub.abi import errors, fileinfo, ioctls, ipc, kinds, messages, names, notes, signals, structures, variants
from gdbstub.abi.call import Call, octal, signed
from gdbstub.abi.flags import Namer
from gdbstub.abi.kinds import RESULT, Kind, Params, descriptor
from gdbstub.abi.signatures import COMMON, I386
from gdbstub.abi.tables import TABLES

_KINDS: dict[str, Kind] = {
    **kinds.KINDS,
    **structures.KINDS,
    **fileinfo.KINDS,
    **messages.KINDS,
    **ioctls.KINDS,
    **ipc.KINDS,
    **variants.KINDS,
    **notes.KINDS,
}

#: Kinds that look at the call's failure themselves.
_JUDGES = frozenset({"left_timespec", "left_timespec64", "sockaddr_out", "*len", "optval_out", "msghdr_in"})
#: Kinds whose value before the call matters at its return.
_REMEMBERED = frozenset({"*len"})

#: No call returns an error beyond this.
_ERROR_MAX = 4095


class Argument(NamedTuple):
    """One argument of a signature."""

    show: Kind
    #: Which register.
    place: int
    params: Params
    #: What stands before it, ``flags=``.
    label: str
    #: It is joined to what is before it without a comma.
    glued: bool
    #: It is an address where the call has failed.
    address_on_failure: bool


class Signature(NamedTuple):
    """A call's arguments, and what its result is."""

    entry: tuple[Argument, ...]
    exit: tuple[Argument, ...]
    result: Callable[[Call], str] | None
    #: What stands in parentheses behind the result.
    note: Callable[[Call], str] | None
    #: Arguments that point to a number which is looked at before the call.
    remembered: tuple[int, ...]


def _masked(table: Namer) -> Kind:
    return lambda call, value, params: table(value & 0xFFFFFFFF)


def _long(table: Namer) -> Kind:
    return lambda call, value, params: table(value)


@cache
def _kind(word: str) -> Kind:
    if word.startswith("=="):
        return _long(TABLES[word[2:]])
    if word.startswith("="):
        return _masked(TABLES[word[1:]])
    return _KINDS[word]


def _argument(word: str, place: int, named: Mapping[str, tuple[int, str]]) -> tuple[Argument, bool]:
    out = word.startswith(">")
    word = word.removeprefix(">")
    glued = word.startswith("+")
    word, _, companion = word.removeprefix("+").partition("@")
    params = () if not companion else (RESULT,) if companion == "ret" else (int(companion),)
    label = ""
    if word in named:
        place, label = named[word]
        label += "="
    judged = out and not glued and word not in _JUDGES
    return Argument(_kind(word), place, params, label, glued, judged), out


def _compile(line: str, named: Mapping[str, tuple[int, str]], note: Callable[[Call], str] | None) -> Signature:
    text, _, result = line.partition("->")
    entry: list[Argument] = []
    exit_: list[Argument] = []
    remembered = []
    returned = False
    place = 0
    for word in text.split():
        if word == "+skip":
            # A register that means nothing here.
            place += 1
            continue
        argument, out = _argument(word, place - 1 if "+" in word else place, named)
        returned = returned or out
        (exit_ if returned else entry).append(argument)
        if word.removeprefix(">") in _REMEMBERED:
            remembered.append(argument.place)
        if not argument.glued:
            place += 1
    shows = result.strip()
    return Signature(tuple(entry), tuple(exit_), _result(shows) if shows else None, note, tuple(remembered))


def _result(word: str) -> Callable[[Call], str]:
    if word.startswith("="):
        table = TABLES[word[1:]]
        flags = word == "=fdfd" or word == "=seals"
        noun = {"=fdfd": "flags ", "=seals": "seals "}.get(word, "")

        def named(call: Call) -> str:
            if flags:
                return f"{call.result:#x} ({noun}{table(call.result)})" if call.result else "0"
            return f"{call.result} ({table(call.result)})"

        return named
    return _RESULTS[word]


def _flags_result(call: Call) -> str:
    return f"{f'{call.result:#x}' if call.result else 0} (flags {TABLES['open'](call.result)})"


def _address_result(call: Call) -> str:
    value = call.result & (0xFFFFFFFFFFFFFFFF if call.wide else 0xFFFFFFFF)
    return f"{value:#x}" if value else "0"


def _time_result(call: Call) -> str:
    return f"{call.result} ({structures.date_text(call.result)})"


_RESULTS: dict[str, Callable[[Call], str]] = {
    "fd": lambda call: descriptor(call, call.result),
    "p": _address_result,
    "mode": lambda call: octal(call.result),
    "time": _time_result,
    "membarrier": lambda call: f"{call.result:#x} ({TABLES['membarrier_set'](call.result)})",
    "open": _flags_result,
    "signal": lambda call: f"{call.result} ({signals.name_of(call.result)})" if call.result else "0",
}


def _lines(text: str) -> dict[str, str]:
    table = {}
    for line in text.strip().splitlines():
        name, _, rest = line.partition(" ")
        table[name] = rest
    return table


_UNKNOWN = "x x x x x x"


class Decoder:
    """One interface's calls.

    Args:
        arch: ``AUDIT_ARCH_...``.
    """

    def __init__(self, arch: int) -> None:
        self.arch = arch
        self.wide = arch == names.AUDIT_ARCH_X86_64
        #: Signatures by name; those of calls that depend on an argument are made in ``variants``.
        self.lines = _lines(COMMON)
        self._named = variants.NAMED
        if not self.wide:
            self.lines.update(_lines(I386))
            self._named = variants.NAMED_I386
        self._compiled: dict[str, Signature] = {}
        self._by_number: dict[int, Signature] = {}
        self._names: dict[int, str] = {}

    def name(self, number: int) -> str:
        """Return a call's name."""
        name = self._names.get(number)
        if name is None:
            name = self._names[number] = names.name_of(self.arch, number)
        return name

    def signature(self, number: int, args: Sequence[int]) -> Signature:
        """Return the signature of a call with these arguments."""
        found = self._by_number.get(number)
        if found is not None:
            return found
        name = self.name(number)
        choose = variants.VARIANTS.get(name)
        if choose is not None:
            return self._compiled_line(name, choose(args))
        line = self.lines.get(name)
        found = self._compiled_line(name, _UNKNOWN if line is None else line)
        self._by_number[number] = found
        return found

    def _compiled_line(self, name: str, line: str) -> Signature:
        key = f"{name} {line}"
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = _compile(line, self._named, notes.NOTES.get(name))
        return found


@cache
def decoder_of(arch: int) -> Decoder:
    """Return the decoder of an interface."""
    return Decoder(arch)


def entry_text(call: Call, signature: Signature) -> str:
    """Return the arguments that are known at the entry, with a comma behind them where others follow."""
    arguments = signature.entry
    if signature.remembered:
        call.before = {place: call.number(call.args[place]) for place in signature.remembered if call.args[place]}
    if not arguments:
        return ""
    text = ", ".join([each.label + each.show(call, call.args[each.place], each.params) for each in arguments])
    rest = signature.exit
    return text + ", " if rest and not rest[0].glued else text


def exit_text(call: Call, signature: Signature) -> str:
    """Return the other arguments, once the call has returned."""
    text = ""
    for place, each in enumerate(signature.exit):
        value = call.args[each.place]
        if call.failed and each.address_on_failure:
            shown = f"{value:#x}" if value else "NULL"
        else:
            shown = each.label + each.show(call, value, each.params)
        text += shown if not place or each.glued else ", " + shown
    return text


def result_text(call: Call, signature: Signature) -> str:
    """Return what stands behind the equals sign."""
    if call.failed:
        if errors.is_private(call.error):
            return f"? {errors.name_of(call.error)} ({errors.text_of(call.error)})"
        note = signature.note(call) if signature.note is not None else ""
        return f"-1 {errors.name_of(call.error)} ({errors.text_of(call.error)}){note}"
    text = str(call.result) if signature.result is None else signature.result(call)
    return text + signature.note(call) if signature.note is not None else text


def is_error(result: int, *, wide: bool) -> bool:
    """Tell a failure from a result, where the kernel has not said so."""
    return -_ERROR_MAX <= signed(result, 64 if wide else 32) < 0
