"""The arithmetic of agent expressions: 64 bits, wrapping around.

Layer: agent.  Used by: compiler, interpreter.

Values are kept as unsigned; what is signed about an operation is done inside it.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.agent import opcodes
from gdbstub.agent.machine import AgentError, BadMemory, Machine

WIDTH = 64
MASK = (1 << WIDTH) - 1
SIGN = 1 << WIDTH - 1

#: How far ``tracenz`` looks for the end of a string, bytes.
_STRING_LIMIT = 1 << 16


def signed(value: int) -> int:
    """Return a value as a signed number."""
    return (value ^ SIGN) - SIGN


def _divisor(value: int) -> int:
    if not value:
        raise AgentError("division by zero")
    return value


def div_signed(a: int, b: int) -> int:
    """Divide towards zero."""
    x, y = signed(a), signed(_divisor(b))
    quotient = abs(x) // abs(y)
    return (quotient if (x < 0) == (y < 0) else -quotient) & MASK


def div_unsigned(a: int, b: int) -> int:
    """Divide unsigned values."""
    return a // _divisor(b)


def rem_signed(a: int, b: int) -> int:
    """Return what a division towards zero leaves; it has the sign of the dividend."""
    x, y = signed(a), signed(_divisor(b))
    rest = abs(x) % abs(y)
    return (-rest if x < 0 else rest) & MASK


def rem_unsigned(a: int, b: int) -> int:
    """Return the remainder of unsigned values."""
    return a % _divisor(b)


def lsh(a: int, b: int) -> int:
    """Shift left; a shift by the width or more leaves nothing."""
    return a << b & MASK if b < WIDTH else 0


def rsh_signed(a: int, b: int) -> int:
    """Shift right and copy the sign; a shift by the width or more leaves only signs."""
    return signed(a) >> min(b, WIDTH) & MASK


def rsh_unsigned(a: int, b: int) -> int:
    """Shift right; a shift by the width or more leaves nothing."""
    return a >> b if b < WIDTH else 0


def ext(value: int, bits: int) -> int:
    """Extend the sign of a value of ``bits`` bits."""
    if bits >= WIDTH:
        return value
    if not bits:
        return 0
    sign = 1 << bits - 1
    return ((value & (1 << bits) - 1) ^ sign) - sign & MASK


def zero_ext(value: int, bits: int) -> int:
    """Keep the lowest ``bits`` bits."""
    return value if bits >= WIDTH else value & (1 << bits) - 1


BINARY: dict[int, Callable[[int, int], int]] = {
    opcodes.ADD: lambda a, b: a + b & MASK,
    opcodes.SUB: lambda a, b: a - b & MASK,
    opcodes.MUL: lambda a, b: a * b & MASK,
    opcodes.DIV_SIGNED: div_signed,
    opcodes.DIV_UNSIGNED: div_unsigned,
    opcodes.REM_SIGNED: rem_signed,
    opcodes.REM_UNSIGNED: rem_unsigned,
    opcodes.LSH: lsh,
    opcodes.RSH_SIGNED: rsh_signed,
    opcodes.RSH_UNSIGNED: rsh_unsigned,
    opcodes.BIT_AND: lambda a, b: a & b,
    opcodes.BIT_OR: lambda a, b: a | b,
    opcodes.BIT_XOR: lambda a, b: a ^ b,
    opcodes.EQUAL: lambda a, b: int(a == b),
    opcodes.LESS_SIGNED: lambda a, b: int(signed(a) < signed(b)),
    opcodes.LESS_UNSIGNED: lambda a, b: int(a < b),
}

UNARY: dict[int, Callable[[int], int]] = {
    opcodes.LOG_NOT: lambda a: int(not a),
    opcodes.BIT_NOT: lambda a: a ^ MASK,
}

EXTENSIONS: dict[int, Callable[[int, int], int]] = {
    opcodes.EXT: ext,
    opcodes.ZERO_EXT: zero_ext,
}


def short_read(address: int, length: int) -> BadMemory:
    """Make the error of a read that the end of a mapping cut short."""
    return BadMemory(f"cannot read {length} bytes of memory at {address:#x}")


def fetch(machine: Machine, address: int, length: int) -> int:
    """Read an unsigned value of the target's byte order."""
    data = machine.read_memory(address, length)
    if len(data) != length:
        raise short_read(address, length)
    return int.from_bytes(data, "little")


def collect_string(machine: Machine, address: int, limit: int) -> None:
    """Record a string with its final zero, at most ``limit`` bytes."""
    limit = min(limit, _STRING_LIMIT)
    length = 0
    while length < limit:
        data = machine.read_memory(address + length & MASK, min(256, limit - length))
        if not data:
            break
        end = data.find(0)
        if end >= 0:
            length += end + 1
            break
        length += len(data)
    if length:
        machine.collect_memory(address, length)
