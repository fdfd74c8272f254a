"""Kinds of arguments: numbers, descriptors, paths, buffers, and pointers to them.

Layer: abi.  Used by: abi.decoder (by name, from the signatures).

A kind is a function of the call, the argument's value and the numbers behind its
``@`` in the signature, which say which other argument tells a length.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.abi.call import TEXT_LIMIT, Call, octal, pointer, signed
from gdbstub.abi.text import quote_within

Params = tuple[int, ...]
Kind = Callable[[Call, int, Params], str]

#: In the parameters: the call's result tells the length.
RESULT = -1

_AT_FDCWD = -100
_MORE_NUMBERS = 32


def length_of(call: Call, params: Params) -> int:
    """Return the length that a companion argument or the result tells."""
    if not params:
        return 0
    if params[0] == RESULT:
        return max(0, call.result)
    length = call.args[params[0]]
    return length if call.wide else length & 0xFFFFFFFF


def _int(call: Call, value: int, params: Params) -> str:
    return str(signed(value, 32))


def _unsigned(call: Call, value: int, params: Params) -> str:
    return str(value & 0xFFFFFFFF)


def _long(call: Call, value: int, params: Params) -> str:
    return str(signed(value, call.word * 8))


def _size(call: Call, value: int, params: Params) -> str:
    return str(value)


def _hex(call: Call, value: int, params: Params) -> str:
    return f"{value:#x}" if value else "0"


def _hex32(call: Call, value: int, params: Params) -> str:
    value &= 0xFFFFFFFF
    return f"{value:#x}" if value else "0"


def _mode(call: Call, value: int, params: Params) -> str:
    return octal(value & 0xFFFF)


def _pointer(call: Call, value: int, params: Params) -> str:
    return pointer(value)


def _offset_pair(call: Call, value: int, params: Params) -> str:
    """A 64-bit number in two 32-bit arguments, the low half first."""
    return str(signed(value & 0xFFFFFFFF | (call.args[params[0]] & 0xFFFFFFFF) << 32, 64))


def _page_offset(call: Call, value: int, params: Params) -> str:
    return _hex(call, (value & 0xFFFFFFFF) << 12, params)


def descriptor(call: Call, value: int) -> str:
    """Return a descriptor, with what it is open on where that is wished."""
    number = signed(value, 32)
    if call.path_of is None or number < 0:
        return str(number)
    path = call.path_of(number)
    return str(number) if path is None else f"{number}<{path}>"


def _fd(call: Call, value: int, params: Params) -> str:
    return descriptor(call, value)


def _directory(call: Call, value: int, params: Params) -> str:
    if signed(value, 32) != _AT_FDCWD:
        return descriptor(call, value)
    path = call.path_of(None) if call.path_of is not None else None
    return "AT_FDCWD" if path is None else f"AT_FDCWD<{path}>"


def path(call: Call, value: int, params: Params = ()) -> str:
    """Return a path, whole."""
    if not value:
        return "NULL"
    found = call.text(value, TEXT_LIMIT - 1)
    return pointer(value) if found is None else quote_within(found[0], TEXT_LIMIT, more=found[1])


def string(call: Call, value: int, params: Params = ()) -> str:
    """Return a text, as far as the style goes."""
    if not value:
        return "NULL"
    found = call.text(value, call.style.limit)
    return pointer(value) if found is None else quote_within(found[0], call.style.limit, more=found[1])


def buffer(call: Call, value: int, length: int) -> str:
    """Return bytes, as far as the style goes."""
    if not value:
        return "NULL"
    shown = min(length, call.style.limit)
    data = call.read(value, shown) if shown else b""
    return pointer(value) if len(data) < shown else quote_within(data, shown, more=length > shown)


def _buffer(call: Call, value: int, params: Params) -> str:
    return buffer(call, value, length_of(call, params))


def _random(call: Call, value: int, params: Params) -> str:
    length = length_of(call, params)
    shown = min(length, call.style.limit)
    data = call.read(value, shown)
    if len(data) < shown or not value:
        return pointer(value)
    return '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"' + ("..." if length > shown else "")


def words_at(call: Call, address: int) -> list[int] | None:
    """Read a vector of pointers up to its NULL, 32 at most; None where it cannot be read."""
    found: list[int] = []
    while True:
        word = call.number(address + len(found) * call.word, call.word)
        if word is None:
            return found or None
        if not word or len(found) > _MORE_NUMBERS:
            return found
        found.append(word)


def _arguments(call: Call, value: int, params: Params) -> str:
    words = words_at(call, value) if value else None
    if words is None:
        return pointer(value)
    texts = [string(call, each) for each in words[:_MORE_NUMBERS]]
    if len(words) > _MORE_NUMBERS:
        texts.append("...")
    return "[" + ", ".join(texts) + "]"


def _environment(call: Call, value: int, params: Params) -> str:
    if call.style.verbose:
        return _arguments(call, value, params)
    count = 0
    while value:
        word = call.number(value + count * call.word, call.word)
        if word is None:
            return pointer(value)
        if not word:
            break
        count += 1
    return f"{pointer(value)} /* {count} var{'' if count == 1 else 's'} */" if value else "NULL"


def _array(call: Call, value: int, size: int, count: int, show: Callable[[int], str], *, is_signed: bool) -> str:
    if not value:
        return "NULL"
    limit = count if call.style.verbose else min(count, call.style.limit)
    data = call.whole(value, size * limit) if limit else b""
    if data is None:
        return pointer(value)
    items = [
        show(int.from_bytes(data[at : at + size], "little", signed=is_signed)) for at in range(0, len(data), size)
    ]
    if limit < count:
        items.append("...")
    return "[" + ", ".join(items) + "]"


def _ids(call: Call, value: int, params: Params) -> str:
    return _array(call, value, 4, length_of(call, params), str, is_signed=False)


def _ids16(call: Call, value: int, params: Params) -> str:
    return _array(call, value, 2, length_of(call, params), str, is_signed=False)


def _two_descriptors(call: Call, value: int, params: Params) -> str:
    return _array(call, value, 4, 2, lambda fd: descriptor(call, fd), is_signed=True)


def _box(size: int, show: Callable[[Call, int, Params], str]) -> Kind:
    """A pointer to one number, shown in brackets."""

    def kind(call: Call, value: int, params: Params) -> str:
        number = call.number(value, size or call.word) if value else None
        return pointer(value) if number is None else f"[{show(call, number, params)}]"

    return kind


def _offset_64(call: Call, value: int, params: Params) -> str:
    return str(signed(value, 64))


def _cpus(call: Call, value: int, params: Params) -> str:
    data = call.whole(value, min(length_of(call, params), 1024))
    if data is None:
        return pointer(value)
    bits = int.from_bytes(data, "little")
    return "[" + " ".join(str(cpu) for cpu in range(bits.bit_length()) if bits >> cpu & 1) + "]"


def _dirents(call: Call, value: int, params: Params) -> str:
    """How many entries a directory read has brought; the record length is where it is in both forms."""
    data = call.whole(value, call.result)
    at = count = 0
    while data and at + 18 <= len(data):
        at += max(int.from_bytes(data[at + 16 : at + 18], "little"), 1)
        count += 1
    return f"{pointer(value)} /* {count} entr{'y' if count == 1 else 'ies'} */"


def _names(call: Call, value: int, params: Params) -> str:
    return buffer(call, value, call.result) if params or call.result else pointer(value)


KINDS: dict[str, Kind] = {
    "d": _int,
    "u": _unsigned,
    "ld": _long,
    "lu": _size,
    "x": _hex,
    "x32": _hex32,
    "mode": _mode,
    "p": _pointer,
    "low": _offset_pair,
    "pages": _page_offset,
    "fd": _fd,
    "dirfd": _directory,
    "path": path,
    "str": string,
    "buf": _buffer,
    "random": _random,
    "argv": _arguments,
    "envp": _environment,
    "ids": _ids,
    "ids16": _ids16,
    "fds2": _two_descriptors,
    "*d": _box(4, _int),
    "*u": _box(4, _unsigned),
    "*x": _box(4, _hex32),
    "*ld": _box(0, _long),
    "*lu": _box(0, _size),
    "*lx": _box(0, _hex),
    "*ld64": _box(8, _offset_64),
    "cpus": _cpus,
    "dirents": _dirents,
    "names": _names,
}
