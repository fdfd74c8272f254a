"""Engines from files: ``--engine=FILE[,ARGUMENT]``.

Layer: cli.  Used by: main.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gdbstub.vocab.errors import StartupError

if TYPE_CHECKING:
    from gdbstub.target.engine import Engine
    from gdbstub.target.ops import Target
    from gdbstub.vocab.ids import EngineId

#: The function that a file must have.
_FUNCTION = "engine"


def load(text: str) -> Callable[[EngineId, Target], Engine]:
    """Load a file of an engine; what comes after the first comma is its argument.

    Raises:
        StartupError: There is no such file, it fails, or it has no function ``engine``.
    """
    name, _, argument = text.partition(",")
    path = Path(name)
    spec = importlib.util.spec_from_file_location(f"gdbstub_engine_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise StartupError(f"--engine={name}: that is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as failure:  # noqa: BLE001  (it is the user's file: any of its errors is told as such)
        raise StartupError(f"--engine={name}: {type(failure).__name__}: {failure}") from None
    make = getattr(module, _FUNCTION, None)
    if make is None:
        raise StartupError(f"--engine={name}: it has no function {_FUNCTION}(engine_id, target, argument)")

    def made(engine_id: EngineId, target: Target) -> Engine:
        try:
            found: Engine = make(engine_id, target, argument)
        except Exception as failure:  # noqa: BLE001  (the user's code again)
            raise StartupError(f"--engine={name}: {type(failure).__name__}: {failure}") from None
        return found

    return made
