from __future__ import annotations

import ctypes.util
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

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
    spec = loading._Finder.find_spec("shutil", None)
    assert spec is not None
    assert type(spec.loader).__name__ == "_Later"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of which one name is wanted; its modules say when they are executed."""
    name = "package_of_a_test"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("from ._inner import wanted\nfrom .outer import other\n")
    (folder / "_inner.py").write_text("from . import _innermost\nwanted = 'wanted'\n")
    (folder / "_innermost.py").write_text("")
    (folder / "outer.py").write_text("other = 'other'\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for each in [each for each in sys.modules if each.startswith(name)]:
        del sys.modules[each]


def executed(package: str) -> set[str]:
    return {each.removeprefix(f"{package}.") for each in sys.modules if each.startswith(f"{package}.")}


def test_of_a_facade_only_what_is_named_is_loaded(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(loading.FACADES, package, {"wanted": "_inner"})
    loading.load_package(package)
    module = importlib.import_module(package)
    assert module.wanted == "wanted"
    assert executed(package) == {"_inner", "_innermost"}
    assert not hasattr(module, "_nothing")
    assert executed(package) == {"_inner", "_innermost"}


def test_a_facade_becomes_whole_when_more_is_asked(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(loading.FACADES, package, {"wanted": "_inner"})
    loading.load_package(package)
    module = importlib.import_module(package)
    assert module.other == "other"
    assert type(module) is ModuleType
    assert "outer" in executed(package)
    with pytest.raises(AttributeError):
        _ = module.nothing


@pytest.mark.parametrize("place", ["_nowhere", "outer"])
def test_a_package_that_is_otherwise_is_loaded_as_it_is(
    package: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loading.FACADES, package, {"wanted": place})
    loading.load_package(package)
    module = importlib.import_module(package)
    assert type(module) is ModuleType
    assert (module.wanted, module.other) == ("wanted", "other")
