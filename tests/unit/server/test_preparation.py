"""What is loaded while nobody asks anything, and that a client is not kept waiting for it."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from gdbstub.rsp.families import FAMILIES, LIKELY, USUAL
from gdbstub.server import preparation


@pytest.fixture
def clock() -> MockClock:
    return MockClock(autojump_threshold=0)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(preparation, "load_handlers", names.append)
    monkeypatch.setattr(preparation, "import_module", names.append)
    return names


async def test_all_of_it_while_nobody_is_there(loaded: list[str], clock: MockClock) -> None:
    learned: list[bool] = []
    await preparation.prepare(lambda: False, lambda: learned.append(True))
    assert loaded == [*USUAL, *LIKELY, *preparation._MODULES]
    assert learned == [True]


async def test_no_more_than_the_usual_once_a_client_is_there(loaded: list[str], clock: MockClock) -> None:
    learned: list[bool] = []
    await preparation.prepare(lambda: True, lambda: learned.append(True))
    assert loaded == [*USUAL]
    assert learned == []


async def test_it_ends_when_a_client_comes(loaded: list[str], clock: MockClock) -> None:
    await preparation.prepare(lambda: LIKELY[0] in loaded, lambda: None)
    assert loaded == [*USUAL, LIKELY[0]]


def test_each_family_is_there_once() -> None:
    assert set(USUAL) | set(LIKELY) <= set(FAMILIES)
    assert not set(USUAL) & set(LIKELY)
