from __future__ import annotations

from pathlib import Path

import pytest

from gdbstub.cli import packets
from gdbstub.rsp import registry

DOCUMENT = Path(__file__).parents[3] / "docs" / "PACKETS.md"


def test_the_document_is_what_the_table_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == packets.markdown(), (
        "stale: gdbstub packets --markdown > docs/PACKETS.md"
    )


def test_the_document_names_every_packet_once() -> None:
    lines = packets.markdown().splitlines()
    for row in registry.rows():
        assert sum(line.startswith(f"| `{row.name.decode()}` |") for line in lines) == 1


def test_the_tables_rows_have_four_cells() -> None:
    rows = [line for line in packets.markdown().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {5}


def test_the_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert packets.run([]) == 0
    said = capsys.readouterr().out
    assert "qSupported " in said
    assert packets.run(["--markdown"]) == 0
    assert capsys.readouterr().out == packets.markdown()


def test_help_and_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert packets.run(["--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: gdbstub packets")
    assert packets.run(["--nothing"]) == 1
    assert capsys.readouterr().err.startswith("Usage: gdbstub packets")
