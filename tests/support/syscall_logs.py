"""Two logs of system calls made comparable: strace's and ours.

Used by: the comparison with strace (``tests/integration/test_strace.py``, ``scripts/compare-strace``).

Two runs of a program differ in pids, addresses, times and in what they are told by chance.  Those become
placeholders; a thread is known by who made it and as which of its children; calls that a log shows in two
halves are joined; then the lines of each thread are compared one by one.
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

_prefix = re.compile(r"^(\d+) +").match
_UNFINISHED = " <unfinished ...>"
_resumed = re.compile(r"^<\.\.\. \w+ resumed>").match
_birth = re.compile(r"^(?:clone3?|v?fork)\(.* = (\d+)$").match

#: What differs between any two runs, and what is shown in its place.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Addresses, wherever they stand; shorter hex numbers are flags and stay.
    (re.compile(r"0x[0-9a-f]{7,16}\b"), "ADDR"),
    (re.compile(r"\b(iov_base|ss_sp|stack|tls)=0x[0-9a-f]+"), r"\1=ADDR"),
    (re.compile(r"(?<=\[)(?:0x[0-9a-f]{16}(?:, )?)+"), "NODES"),
    # A program's data lies at random: the heap's first page may or may not be reached.
    (re.compile(r"tv_(u|n)?sec=\d+"), r"tv_\1sec=T"),
    (re.compile(r"(?:\(|/\* )\d{4}-\d\d-\d\dT[^*)]*(?:\)| \*/)"), "DATE"),
    (re.compile(r"\b(st_[amc]time(?:_nsec)?|actime|modtime|uptime|si_[us]time)=\d+(?: /\*[^*]*\*/)?"), r"\1=T"),
    (re.compile(r"\b(tms_c?[us]time)=\d+"), r"\1=T"),
    (re.compile(r"^(times\(.*\)|time\(.*\)) += \d+"), r"\1 = T"),
    (re.compile(r"(loads)=\[[^]]*\]"), r"\1=[T]"),
    (re.compile(r"\b(freeram|bufferram|sharedram|freeswap|totalram|procs|f_bfree|f_bavail|f_ffree)=\d+"), r"\1=N"),
    (re.compile(r"^(getrandom\()\"[^\"]*\"(\.\.\.)?"), r'\1"RANDOM"'),
    # Who started the program, and what the system gives out in turn.
    (re.compile(r"^(getppid|getpgrp|getsid|getpgid)(\([^)]*\)) += .*"), r"\1\2 = N"),
    (re.compile(r"htons\(\d{5}\)"), "htons(PORT)"),
    (re.compile(r"TIOCGPTN, \[\d+\]"), "TIOCGPTN, [N]"),
    (re.compile(r"/dev/pts/\d+"), "/dev/pts/N"),
    (re.compile(r"/proc/\d+\b"), "/proc/PID"),
    (re.compile(r"/tmp/cc\w{6}\b"), "/tmp/ccNAME"),
    (re.compile(r" +="), " ="),
)
_number = re.compile(r"(?<![\w.\"\\x/])(\d{3,7})(?![\w.\"])")


class Comparison(NamedTuple):
    """How two logs differ."""

    #: Lines that only one of them has: ``-`` the other's, ``+`` ours, behind the thread's name.
    lines: list[str]
    #: How many lines the other has.
    total: int

    @property
    def share(self) -> float:
        """The part of the lines that differ; one that differs in both counts once."""
        missing = sum(" - " in line[:40] for line in self.lines)
        return max(missing, len(self.lines) - missing) / max(self.total, 1)


def joined(text: str) -> dict[int, list[str]]:
    """Return the lines of each thread of a log, the halves of calls joined, by the thread's id."""
    lines: dict[int, list[str]] = {}
    halves: dict[int, str] = {}
    for line in text.splitlines():
        match = _prefix(line)
        if match is None:
            continue
        tid, rest = int(match[1]), line[match.end() :]
        mine = lines.setdefault(tid, [])
        resumed = _resumed(rest)
        if resumed is not None:
            rest = halves.pop(tid, "") + rest[resumed.end() :]
        if rest.endswith(_UNFINISHED):
            halves[tid] = rest.removesuffix(_UNFINISHED)
        else:
            mine.append(rest)
    for tid, rest in halves.items():
        lines[tid].append(rest)
    return lines


def threads(text: str) -> dict[str, list[str]]:
    """Return the lines of each thread of a log, calls joined and made comparable, by the thread's name."""
    lines = joined(text)
    names = _names(lines)
    return {names[tid]: [_normal(line, names) for line in mine] for tid, mine in lines.items()}


def _names(lines: dict[int, list[str]]) -> dict[int, str]:
    names: dict[int, str] = {}
    for tid in lines:
        names.setdefault(tid, f"T{len(names)}" if names else "T")
        _name_children(tid, lines, names)
    return names


def _name_children(tid: int, lines: dict[int, list[str]], names: dict[int, str]) -> None:
    count = 0
    for line in lines.get(tid, ()):
        birth = _birth(line)
        if birth is not None:
            child = int(birth[1])
            names[child] = f"{names[tid]}.{count}"
            count += 1
            _name_children(child, lines, names)


def _normal(line: str, names: dict[int, str]) -> str:
    line = _number.sub(lambda match: names.get(int(match[1]), match[1]), line)
    for pattern, replacement in _RULES:
        line = pattern.sub(replacement, line)
    return line


def compare(ours: str, theirs: str, accepted: re.Pattern[str] | None = None) -> Comparison:
    """Compare two logs.

    Args:
        ours: One.
        theirs: The other.
        accepted: Lines that may differ.
    """
    mine, others = threads(ours), threads(theirs)
    found: list[str] = []
    for name in {**others, **mine}:
        left, right = others.get(name, []), mine.get(name, [])
        matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag != "equal":
                found += [f"{name} - {line}" for line in left[a:b]]
                found += [f"{name} + {line}" for line in right[c:d]]
    if accepted is not None:
        found = [line for line in found if not accepted.search(line)]
    return Comparison(found, sum(map(len, others.values())))
