"""Load modules of others without what they load and look for in vain.

Layer: linux.  Used by: cli (for trio), ptrace_calls (around python-ptrace).

trio offers TLS, DTLS, domain names, processes, files and channels, and loads for them OpenSSL, hash functions, the
tables of IDNA, ``subprocess`` and ``shutil`` with every compression there is.  A server uses next to none of it.
Both trio and python-ptrace ask ``ctypes.util.find_library`` for the C library, which runs ldconfig.  Together that
was a quarter of a start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # It loads much of the library itself.
    from importlib.abc import Loader

#: Executed only when something is asked of them.
DEFERRED = frozenset({"idna", "shutil", "subprocess", "tempfile", "tokenize", "traceback"})

#: Packages whose ``__init__``, which loads all that they offer, is executed only when a name is asked of them that is
#: not here.  By name: in which of the package's modules it is; a module's own name is the module.
FACADES = {
    "trio": {
        "CancelScope": "_core",
        "Cancelled": "_core",
        "ClosedResourceError": "_core",
        "Event": "_sync",
        "Nursery": "_core",
        "Process": "_subprocess",
        "TASK_STATUS_IGNORED": "_core",
        "TaskStatus": "_core",
        "lowlevel": "lowlevel",
        "move_on_after": "_timeouts",
        "open_nursery": "_core",
        "open_signal_receiver": "_signals",
        "run": "_core",
        "sleep": "_timeouts",
        "sleep_forever": "_timeouts",
        "sleep_until": "_timeouts",
    }
}

_GLIBC = {"c": "libc.so.6", "pthread": "libpthread.so.0"}


class _Waiting(ModuleType):
    """A module that has been found and not been executed: the first attribute that it lacks does that."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        assert spec is not None and spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is what it looked like
        spec.loader.exec_module(self)
        return getattr(self, name)


class _Facade(ModuleType):
    """A package that finds what is asked of it in its modules; what it does not find there makes it a whole one."""

    def __getattr__(self, name: str) -> Any:
        place = FACADES[self.__name__].get(name)
        if place is not None:
            value = import_module(f"{self.__name__}.{place}")
            if name != place:
                value = getattr(value, name)
            setattr(self, name, value)
            return value
        if name.startswith("_") and name != "__version__":
            # A module of its own, which is found by its path.
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        spec = self.__spec__
        assert spec is not None and spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is what it looked like
        spec.loader.exec_module(self)
        return getattr(self, name)


class _Later:
    """Loads a module as far as that it has its name.

    Args:
        loader: Loads the rest.
        waiting: What it is until then.
    """

    def __init__(self, loader: Loader, waiting: type[ModuleType]) -> None:
        self._loader = loader
        self._waiting = waiting

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Leave that to whoever asks something of it."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        module.__class__ = self._waiting


class _Finder:
    """Finds the modules that are to wait."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where one of them is; None for every other."""
        if name in DEFERRED:
            waiting: type[ModuleType] = _Waiting
        elif name in FACADES:
            waiting = _Facade
        else:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader, waiting)  # type: ignore[assignment]  # its base would be loaded for nothing
        return spec


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False


@contextmanager
def lightly() -> Iterator[None]:
    """Let imports inside leave out what is deferred, and find the C library by its name."""
    sys.meta_path.insert(0, _Finder)
    import ctypes.util

    module = vars(ctypes.util)
    search = module["find_library"]
    if _is_glibc():
        module["find_library"] = lambda name: _GLIBC.get(name) or search(name)
    try:
        yield
    finally:
        module["find_library"] = search
        sys.meta_path.remove(_Finder)


def load_package(name: str) -> None:
    """Import a package lightly, as a facade with all that the facade has; where that fails, as it is."""
    if name in sys.modules:
        return
    try:
        with lightly():
            package = import_module(name)
            for each in FACADES[name]:
                getattr(package, each)
    except (ImportError, AttributeError):
        # A version of it whose modules are others, or ask more of the package than is there.
        for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[each]
        import_module(name)
