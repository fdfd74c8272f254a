"""Load modules of others without what they load and look for in vain.

Layer: linux.  Used by: cli (around trio), ptrace_calls (around python-ptrace).

trio offers TLS, DTLS, domain names and processes, and loads for them OpenSSL, hash functions, the tables of IDNA,
``subprocess`` and ``shutil`` with every compression there is.  A server uses none of it.  Both trio and python-ptrace
ask ``ctypes.util.find_library`` for the C library, which runs ldconfig.  Together that was a fifth of a start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # It loads much of the library itself.
    from importlib.abc import Loader

#: Executed only when something is asked of them.
DEFERRED = frozenset({"hmac", "idna", "shutil", "ssl", "subprocess", "tempfile", "tokenize", "traceback"})

_GLIBC = {"c": "libc.so.6", "pthread": "libpthread.so.0"}


class _Waiting(ModuleType):
    """A module that has been found and not been executed: the first attribute that it lacks does that."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        assert spec is not None and spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is what it looked like
        spec.loader.exec_module(self)
        return getattr(self, name)


class _Later:
    """Loads a module as far as that it has its name."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Leave that to whoever asks something of it."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        module.__class__ = _Waiting


class _Finder:
    """Finds the modules that are to wait."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where one of them is; None for every other."""
        if name not in DEFERRED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader)  # type: ignore[assignment]  # its base would be loaded for nothing
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
