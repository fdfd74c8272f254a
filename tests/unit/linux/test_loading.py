from __future__ import annotations

import ctypes.util
import sys

import pytest

from gdbstub.linux import loading


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def search(name: str) -> str | None:
        names.append(name)
        return f"found {name}"

    monkeypatch.setattr(ctypes.util, "find_library", search)
    return names


def test_the_c_library_is_not_searched_for(searched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_is_glibc", lambda: True)
    with loading.lightly():
        assert ctypes.util.find_library("c") == "libc.so.6"
        assert ctypes.util.find_library("pthread") == "libpthread.so.0"
        assert searched == []
        assert ctypes.util.find_library("m") == "found m"
    assert ctypes.util.find_library("c") == "found c"
    assert searched == ["m", "c"]


def test_another_c_library_is_searched_for(searched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_is_glibc", lambda: False)
    with loading.lightly():
        assert ctypes.util.find_library("c") == "found c"


def test_the_names_it_answers_with_can_be_loaded() -> None:
    if loading._is_glibc():
        with loading.lightly():
            for name in ("c", "pthread"):
                assert ctypes.CDLL(ctypes.util.find_library(name)) is not None


def test_imports_are_as_they_were_afterwards() -> None:
    before = list(sys.meta_path)
    with pytest.raises(ZeroDivisionError), loading.lightly():
        assert sys.meta_path != before
        raise ZeroDivisionError
    assert sys.meta_path == before


def test_only_what_is_deferred_waits() -> None:
    assert loading._Finder.find_spec("json", None) is None
    spec = loading._Finder.find_spec("ssl", None)
    assert spec is not None
    assert type(spec.loader).__name__ == "_Later"
