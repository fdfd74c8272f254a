"""The opcodes of agent expressions, as data.

Layer: agent.  Used by: verifier, compiler, interpreter.
Spec: GDB manual, "The GDB Agent Expression Mechanism", "Bytecode Descriptions".
"""

from __future__ import annotations

from typing import NamedTuple

ADD = 0x02
SUB = 0x03
MUL = 0x04
DIV_SIGNED = 0x05
DIV_UNSIGNED = 0x06
REM_SIGNED = 0x07
REM_UNSIGNED = 0x08
LSH = 0x09
RSH_SIGNED = 0x0A
RSH_UNSIGNED = 0x0B
TRACE = 0x0C
TRACE_QUICK = 0x0D
LOG_NOT = 0x0E
BIT_AND = 0x0F
BIT_OR = 0x10
BIT_XOR = 0x11
BIT_NOT = 0x12
EQUAL = 0x13
LESS_SIGNED = 0x14
LESS_UNSIGNED = 0x15
EXT = 0x16
REF8 = 0x17
REF16 = 0x18
REF32 = 0x19
REF64 = 0x1A
IF_GOTO = 0x20
GOTO = 0x21
CONST8 = 0x22
CONST16 = 0x23
CONST32 = 0x24
CONST64 = 0x25
REG = 0x26
END = 0x27
DUP = 0x28
POP = 0x29
ZERO_EXT = 0x2A
SWAP = 0x2B
GETV = 0x2C
SETV = 0x2D
TRACEV = 0x2E
TRACENZ = 0x2F
TRACE16 = 0x30
PICK = 0x32
ROT = 0x33
PRINTF = 0x34


class Opcode(NamedTuple):
    """One opcode."""

    name: str
    #: Bytes of the operand, most significant first.
    operand: int
    #: Values it needs on the stack; ``pick`` and ``printf`` need more, by their operand.
    pops: int
    #: Values it leaves in place of those.
    pushes: int


OPCODES: dict[int, Opcode] = {
    ADD: Opcode("add", 0, 2, 1),
    SUB: Opcode("sub", 0, 2, 1),
    MUL: Opcode("mul", 0, 2, 1),
    DIV_SIGNED: Opcode("div_signed", 0, 2, 1),
    DIV_UNSIGNED: Opcode("div_unsigned", 0, 2, 1),
    REM_SIGNED: Opcode("rem_signed", 0, 2, 1),
    REM_UNSIGNED: Opcode("rem_unsigned", 0, 2, 1),
    LSH: Opcode("lsh", 0, 2, 1),
    RSH_SIGNED: Opcode("rsh_signed", 0, 2, 1),
    RSH_UNSIGNED: Opcode("rsh_unsigned", 0, 2, 1),
    TRACE: Opcode("trace", 0, 2, 0),
    TRACE_QUICK: Opcode("trace_quick", 1, 1, 1),
    LOG_NOT: Opcode("log_not", 0, 1, 1),
    BIT_AND: Opcode("bit_and", 0, 2, 1),
    BIT_OR: Opcode("bit_or", 0, 2, 1),
    BIT_XOR: Opcode("bit_xor", 0, 2, 1),
    BIT_NOT: Opcode("bit_not", 0, 1, 1),
    EQUAL: Opcode("equal", 0, 2, 1),
    LESS_SIGNED: Opcode("less_signed", 0, 2, 1),
    LESS_UNSIGNED: Opcode("less_unsigned", 0, 2, 1),
    EXT: Opcode("ext", 1, 1, 1),
    REF8: Opcode("ref8", 0, 1, 1),
    REF16: Opcode("ref16", 0, 1, 1),
    REF32: Opcode("ref32", 0, 1, 1),
    REF64: Opcode("ref64", 0, 1, 1),
    IF_GOTO: Opcode("if_goto", 2, 1, 0),
    GOTO: Opcode("goto", 2, 0, 0),
    CONST8: Opcode("const8", 1, 0, 1),
    CONST16: Opcode("const16", 2, 0, 1),
    CONST32: Opcode("const32", 4, 0, 1),
    CONST64: Opcode("const64", 8, 0, 1),
    REG: Opcode("reg", 2, 0, 1),
    END: Opcode("end", 0, 0, 0),
    DUP: Opcode("dup", 0, 1, 2),
    POP: Opcode("pop", 0, 1, 0),
    ZERO_EXT: Opcode("zero_ext", 1, 1, 1),
    SWAP: Opcode("swap", 0, 2, 2),
    GETV: Opcode("getv", 2, 0, 1),
    SETV: Opcode("setv", 2, 1, 1),
    TRACEV: Opcode("tracev", 2, 0, 0),
    TRACENZ: Opcode("tracenz", 0, 2, 0),
    TRACE16: Opcode("trace16", 2, 1, 1),
    PICK: Opcode("pick", 1, 0, 1),
    ROT: Opcode("rot", 0, 3, 3),
    # Its operand is the number of values; the format follows.  It also pops a function and a channel.
    PRINTF: Opcode("printf", 1, 2, 0),
}

#: Reserved for floating point, which nobody has ever defined.
FLOATING = {
    0x01: "float",
    0x1B: "ref_float",
    0x1C: "ref_double",
    0x1D: "ref_long_double",
    0x1E: "l_to_d",
    0x1F: "d_to_l",
}

CONSTANTS = frozenset({CONST8, CONST16, CONST32, CONST64})
JUMPS = frozenset({GOTO, IF_GOTO})
#: How many bytes each fetches.
REFERENCES = {REF8: 1, REF16: 2, REF32: 4, REF64: 8}
