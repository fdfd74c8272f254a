"""The tracer over a kernel of our own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.scene import Scene, scene


@pytest.fixture
def here() -> Iterator[Scene]:
    with scene() as made:
        yield made
