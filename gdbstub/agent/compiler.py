"""Compiles verified agent expressions to Python functions.

Layer: agent.  Used by: program.

Theory of operation.  Verification has fixed the depth of the stack at every instruction, so each place of the stack
becomes a local variable: ``s0`` is the bottom.  Straight pieces (blocks) become straight code.  Where there are
several, ``n`` says which comes next, and a tree of comparisons finds it, so that a jump costs the logarithm of
their number.  Each block is charged to the budget as a whole when it is entered, so a loop ends.

The source is made of fixed templates, of numbers, and of names that are made here; formats are passed as objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gdbstub.agent import arithmetic, opcodes
from gdbstub.agent.arithmetic import MASK, SIGN, WIDTH
from gdbstub.agent.machine import AgentError
from gdbstub.agent.opcodes import END, GOTO, IF_GOTO, JUMPS

if TYPE_CHECKING:
    from gdbstub.agent.program import Program, Run

#: By opcode: ``a`` is the next-to-top value, ``b`` the top, ``c`` the place above it, ``n`` the operand.
_TEMPLATES: dict[int, str] = {
    opcodes.ADD: f"{{a}} = {{a}} + {{b}} & {MASK:#x}",
    opcodes.SUB: f"{{a}} = {{a}} - {{b}} & {MASK:#x}",
    opcodes.MUL: f"{{a}} = {{a}} * {{b}} & {MASK:#x}",
    opcodes.DIV_SIGNED: "{a} = div_signed({a}, {b})",
    opcodes.DIV_UNSIGNED: "{a} = div_unsigned({a}, {b})",
    opcodes.REM_SIGNED: "{a} = rem_signed({a}, {b})",
    opcodes.REM_UNSIGNED: "{a} = rem_unsigned({a}, {b})",
    opcodes.LSH: "{a} = lsh({a}, {b})",
    opcodes.RSH_SIGNED: "{a} = rsh_signed({a}, {b})",
    opcodes.RSH_UNSIGNED: "{a} = rsh_unsigned({a}, {b})",
    opcodes.BIT_AND: "{a} &= {b}",
    opcodes.BIT_OR: "{a} |= {b}",
    opcodes.BIT_XOR: "{a} ^= {b}",
    opcodes.BIT_NOT: f"{{b}} ^= {MASK:#x}",
    opcodes.LOG_NOT: "{b} = 0 if {b} else 1",
    opcodes.EQUAL: "{a} = 1 if {a} == {b} else 0",
    opcodes.LESS_SIGNED: f"{{a}} = 1 if {{a}} ^ {SIGN:#x} < {{b}} ^ {SIGN:#x} else 0",
    opcodes.LESS_UNSIGNED: "{a} = 1 if {a} < {b} else 0",
    opcodes.CONST8: "{c} = {n}",
    opcodes.CONST16: "{c} = {n}",
    opcodes.CONST32: "{c} = {n}",
    opcodes.CONST64: "{c} = {n}",
    opcodes.REG: f"{{c}} = machine.read_register({{n}}) & {MASK:#x}",
    opcodes.DUP: "{c} = {b}",
    opcodes.SWAP: "{a}, {b} = {b}, {a}",
    opcodes.GETV: f"{{c}} = machine.get_variable({{n}}) & {MASK:#x}",
    opcodes.SETV: "machine.set_variable({n}, {b})",
    opcodes.TRACEV: "machine.collect_variable({n})",
    opcodes.TRACE: "machine.collect_memory({a}, {b})",
    opcodes.TRACE_QUICK: "machine.collect_memory({b}, {n})",
    opcodes.TRACE16: "machine.collect_memory({b}, {n})",
    opcodes.TRACENZ: "collect_string(machine, {a}, {b})",
    opcodes.POP: "",
    **{
        opcode: f"d = machine.read_memory({{b}}, {length})\n"
        f"if len(d) != {length}: raise short_read({{b}}, {length})\n"
        "{b} = from_bytes(d, 'little')"
        for opcode, length in opcodes.REFERENCES.items()
    },
}

_NAMES: dict[str, object] = {
    "__builtins__": {},
    "len": len,
    "from_bytes": int.from_bytes,
    "spent": lambda: AgentError("the expression takes too many steps"),
    **{
        each.__name__: each
        for each in (
            arithmetic.div_signed,
            arithmetic.div_unsigned,
            arithmetic.rem_signed,
            arithmetic.rem_unsigned,
            arithmetic.lsh,
            arithmetic.rsh_signed,
            arithmetic.rsh_unsigned,
            arithmetic.short_read,
            arithmetic.collect_string,
        )
    },
}


def _extension(opcode: int, bits: int) -> str:
    if bits >= WIDTH:
        return ""
    if not bits:
        return "{b} = 0"
    mask = (1 << bits) - 1
    if opcode == opcodes.ZERO_EXT:
        return f"{{b}} &= {mask:#x}"
    sign = 1 << bits - 1
    return f"{{b}} = (({{b}} & {mask:#x}) ^ {sign:#x}) - {sign:#x} & {MASK:#x}"


class _Compilation:
    """One program on its way to source text."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._lines: list[str] = []
        self.names = dict(_NAMES)
        starts = {0}
        self._jumps = False
        for index, each in enumerate(program.instructions):
            if program.depths[index] >= 0 and each.opcode in JUMPS:
                self._jumps = True
                starts.add(each.operand)
                if each.opcode == IF_GOTO:
                    starts.add(index + 1)
        self._starts = sorted(starts)
        #: Which block an instruction starts.
        self._block_at = {start: number for number, start in enumerate(self._starts)}

    def source(self) -> str:
        """Return the text of a function ``run(machine, budget)``."""
        self._lines = ["def run(machine, budget):"]
        if self._jumps:
            self._lines += [" n = 0", " while True:"]
            self._choose(0, len(self._starts), "  ")
        else:
            self._block(0, " ")
        return "\n".join(self._lines)

    def _choose(self, low: int, high: int, indent: str) -> None:
        if high - low == 1:
            self._block(low, indent)
            return
        middle = (low + high) // 2
        self._lines.append(f"{indent}if n < {middle}:")
        self._choose(low, middle, indent + " ")
        self._lines.append(f"{indent}else:")
        self._choose(middle, high, indent + " ")

    def _block(self, number: int, indent: str) -> None:
        instructions = self._program.instructions
        start = at = self._starts[number]
        body: list[str] = []
        while True:
            each = instructions[at]
            depth = self._program.depths[at]
            if each.opcode == END:
                body.append(f"return s{depth - 1}" if depth else "return 0")
                break
            if each.opcode == GOTO:
                body.append(f"n = {self._block_at[each.operand]}")
                break
            if each.opcode == IF_GOTO:
                yes, no = self._block_at[each.operand], self._block_at[at + 1]
                body.append(f"n = {yes} if s{depth - 1} else {no}")
                break
            body += self._statement(at).splitlines()
            at += 1
            if at in self._block_at:
                body.append(f"n = {self._block_at[at]}")
                at -= 1
                break
        charge = [f"budget -= {at - start + 1}", "if budget < 0: raise spent()"]
        self._lines += [indent + line for line in (*charge, *body)]

    def _statement(self, at: int) -> str:
        each = self._program.instructions[at]
        depth = self._program.depths[at]
        match each.opcode:
            case opcodes.EXT | opcodes.ZERO_EXT:
                template = _extension(each.opcode, each.operand)
            case opcodes.PICK:
                return f"s{depth} = s{depth - 1 - each.operand}"
            case opcodes.ROT:
                x, y, z = (f"s{depth - back}" for back in (3, 2, 1))
                return f"{x}, {y}, {z} = {z}, {x}, {y}"
            case opcodes.PRINTF:
                # The first value is the last one pushed, under the function and the channel.
                values = "".join(f"s{depth - 3 - place}, " for place in range(each.operand))
                self.names[f"format{at}"] = each.format
                return f"machine.print(format{at}.render(({values}), machine.read_memory))"
            case _:
                template = _TEMPLATES[each.opcode]
        return template.format(a=f"s{depth - 2}", b=f"s{depth - 1}", c=f"s{depth}", n=each.operand)


def compile_program(program: Program) -> Run:
    """Return a function that runs a verified program; see ``Program.evaluate``."""
    work = _Compilation(program)
    exec(work.source(), work.names)  # noqa: S102  (made of templates and numbers only, without builtins)
    return cast("Run", work.names["run"])
