"""What no file of ours may do, whatever the linter thinks of it (G33 and its like)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = sorted((ROOT / "gdbstub").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

#: Who may wait for a child of its own choice: only for one that is not traced, or not any more.
WAITERS = {"linux/wait.py", "linux/spawn.py", "linux/diagnose.py", "tracer/tracer.py"}
WAITS = {"wait", "waitpid", "waitid", "wait3", "wait4"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def words(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every dotted name that a file uses or imports, with its line; not what its texts say."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield f"{ast.unparse(node.value)}.{node.attr}", node.lineno
        elif isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def uses(paths: Iterable[Path], *forbidden: str) -> list[str]:
    """Return where files use one of some names: the whole dotted name, or what is after its last dot."""
    return [
        f"{name(path)}:{line}: {word}"
        for path in paths
        for word, line in words(path)
        if word in forbidden or word.rsplit(".", 1)[-1] in forbidden
    ]


def test_g33_nothing_waits_for_continued_children() -> None:
    assert uses(PACKAGE, "WCONTINUED", "WIFCONTINUED") == []


def test_g33_statuses_come_through_one_door() -> None:
    others = [path for path in PACKAGE if name(path).removeprefix("gdbstub/") not in WAITERS]
    assert uses(others, *(f"os.{each}" for each in WAITS)) == []


def test_processes_are_seized_never_attached_to() -> None:
    assert uses(PACKAGE, "PTRACE_ATTACH", "ptrace_attach", "ptrace_traceme") == []


def test_nothing_sleeps() -> None:
    assert uses([*PACKAGE, *TESTS], "time.sleep") == []


def test_python_ptraces_own_debugger_is_not_used() -> None:
    assert [word for word in uses(PACKAGE, "debugger", "cptrace") if ": ptrace." in word] == []


def test_every_module_says_what_it_is() -> None:
    for path in PACKAGE:
        document = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert document is not None, name(path)
        assert document.splitlines()[0].endswith((".", ":", "?")), name(path)


def test_the_rules_find_what_they_forbid(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import os, time\nfrom os import WCONTINUED\ntime.sleep(1)\nos.waitpid(-1, os.WCONTINUED)\n")
    assert len(uses([bad], "WCONTINUED")) == 2
    assert uses([bad], "time.sleep") == ["bad.py:3: time.sleep"]
    assert uses([bad], "os.waitpid") == ["bad.py:4: os.waitpid"]


def test_the_tests_that_the_documentation_names_are_there() -> None:
    defined = {
        node.name
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    text = (ROOT / "docs" / "TESTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_[a-z0-9_]+)`", text)
    assert [each for each in named if each not in defined] == []
    assert len(named) > 50


def test_every_numbered_gotcha_has_a_test_but_those_that_the_documentation_excuses() -> None:
    shown = {
        int(number)
        for path in TESTS
        for function in re.findall(r"def test_((?:g\d\d_)+)", path.read_text(encoding="utf-8"))
        for number in re.findall(r"\d\d", function)
    }
    text = (ROOT / "docs" / "TESTING.md").read_text(encoding="utf-8")
    excused = {int(number) for number in re.findall(r"only G(\d+) has no test", text)}
    assert set(range(1, 76)) - shown == excused


def test_every_rule_of_engines_has_a_test_of_its_number_in_the_documentation() -> None:
    text = (ROOT / "docs" / "TESTING.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| E(\d+)(?: \*)? \|(.*)$", text, re.MULTILINE))
    assert [int(number) for number in rows] == list(range(1, 33))
    for number, row in rows.items():
        cited = re.findall(r"`test_(?:g\d\d_)*((?:e\d\d_)+)", row)
        assert any(f"e{int(number):02}_" in each for each in cited), number


def test_every_row_for_two_engines_has_a_test() -> None:
    text = (ROOT / "docs" / "TESTING.md").read_text(encoding="utf-8")
    table = text.split("| one | the other | the thread | tests |\n", 1)[1].split("\n\n", 1)[0]
    rows = table.splitlines()[1:]
    assert len(rows) == 13
    for row in rows:
        assert re.search(r"`test_(?:row|e\d\d)_\w+`", row), row
