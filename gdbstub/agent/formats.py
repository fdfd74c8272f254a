r"""The formats of ``printf`` in agent expressions.

Layer: agent.  Used by: verifier, compiler, interpreter.
Spec: GDB manual, "Bytecode Descriptions", ``printf``; ISO C, the conversions of ``fprintf``.

A format is checked when the expression is, so that printing can only fail on memory.  It comes as it stands in the
source: ``\n`` is two characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gdbstub.vocab.errors import PacketError

#: The widest field and the longest string, bytes.
_LIMIT = 4096
_CHUNK = 256

_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b"\\": b"\\", b'"': b'"', b"'": b"'", b"?": b"?",
}  # fmt: skip
_escape = re.compile(rb"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9a-fA-F]{1,2})|(?P<letter>.))", re.S)
_conversion = re.compile(
    rb"%(?:(?P<percent>%)"
    rb"|(?P<flags>[-+ #0'I]*)(?P<width>[0-9]*)(?:\.(?P<precision>[0-9]*))?(?P<size>hh|ll|[hljztqL]?)(?P<kind>.))",
    re.S,
)
_BITS = {b"hh": 8, b"h": 16, b"": 32}

Read = Callable[[int, int], bytes]


class Conversion(NamedTuple):
    """One ``%`` of a format."""

    kind: str
    flags: str
    width: int
    #: -1 where the format gives none.
    precision: int
    bits: int

    def render(self, value: int, read: Read) -> bytes:
        """Format one value."""
        if self.kind == "s":
            return self._pad(_string(read, value, self.precision) if value else b"(null)")
        if self.kind == "c":
            return self._pad(bytes([value & 0xFF]))
        if self.kind == "p":
            return self._pad(f"{value:#x}".encode() if value else b"(nil)")
        return self._number(value & (1 << self.bits) - 1)

    def _pad(self, text: bytes) -> bytes:
        return text.ljust(self.width) if "-" in self.flags else text.rjust(self.width)

    def _number(self, value: int) -> bytes:
        flags, precision, kind = self.flags, self.precision, self.kind
        if kind in "di":
            if value >> self.bits - 1:
                value -= 1 << self.bits
        elif kind == "u":
            kind = "d"
            flags = flags.replace("+", "").replace(" ", "")
        elif "#" in flags:
            if kind == "o":
                # C's prefix of octal is a zero, Python's is 0o.
                precision = max(precision, len(f"{value:o}") + 1) if value else precision
            if kind == "o" or not value:
                flags = flags.replace("#", "")
        if self.precision >= 0:
            flags = flags.replace("0", "")
        if not value and not self.precision:
            return b" " * self.width
        exact = f".{precision}" if precision >= 0 else ""
        text = f"%{flags}{self.width or ''}{exact}{kind}" % value
        return text.encode("ascii")


class Format(NamedTuple):
    """A format, taken apart."""

    #: What is printed as it is; there is one more of these than conversions.
    texts: tuple[bytes, ...]
    conversions: tuple[Conversion, ...]

    def render(self, values: Sequence[int], read: Read) -> bytes:
        """Format values, as many as there are conversions."""
        parts = [self.texts[0]]
        for conversion, value, text in zip(self.conversions, values, self.texts[1:], strict=True):
            parts += (conversion.render(value, read), text)
        return b"".join(parts)


def _string(read: Read, address: int, precision: int) -> bytes:
    limit = min(precision, _LIMIT) if precision >= 0 else _LIMIT
    out = b""
    while len(out) < limit:
        data = read(address + len(out), min(_CHUNK, limit - len(out)))
        end = data.find(0)
        if end >= 0:
            return out + data[:end]
        if not data:
            break
        out += data
    return out


def _unescape(match: re.Match[bytes]) -> bytes:
    if match["octal"]:
        return bytes([int(match["octal"], 8) & 0xFF])
    if match["hex"]:
        return bytes([int(match["hex"], 16)])
    return _ESCAPES.get(match["letter"], match[0])


def _small(digits: bytes | None, otherwise: int) -> int:
    if digits is None:
        return otherwise
    number = int(digits[:6] or b"0")
    if number > _LIMIT:
        raise PacketError(f"a field of {number} characters in a format")
    return number


def _parse_conversion(match: re.Match[bytes]) -> Conversion:
    kind = match["kind"].decode("latin-1")
    if kind not in "diuxXocsp" or (match["size"] and kind in "csp"):
        raise PacketError(f"{match[0].decode('latin-1')!r} in a format is not supported")
    flags = "".join(sorted(set(match["flags"].decode()) - set("'I")))
    return Conversion(
        kind, flags, _small(match["width"], 0), _small(match["precision"], -1), _BITS.get(match["size"], 64)
    )


def parse(text: bytes) -> Format:
    """Take a format apart.

    Raises:
        PacketError: It has a conversion that is not supported.
    """
    texts: list[bytes] = [b""]
    conversions: list[Conversion] = []
    at = 0
    while True:
        percent = text.find(b"%", at)
        texts[-1] += _escape.sub(_unescape, text[at : percent if percent >= 0 else len(text)])
        if percent < 0:
            return Format(tuple(texts), tuple(conversions))
        match = _conversion.match(text, percent)
        if match is None:
            raise PacketError("a format ends in the middle of a conversion")
        if match["percent"]:
            texts[-1] += b"%"
        else:
            conversions.append(_parse_conversion(match))
            texts.append(b"")
        at = match.end()
