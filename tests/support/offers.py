"""What a test does where the server does not offer what it tests.

Used by: the integration and end-to-end tests.

Our own server offers it all: there the test fails, lest a lost feature pass as a
skip.  Only a stand-in that ``GDBSTUB_SERVER`` names may lack something.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def not_offered(what: str) -> NoReturn:
    """End the test: a failure with our own server, a loud skip with another."""
    text = f"the server does not offer {what}"
    if os.environ.get("GDBSTUB_SERVER"):
        pytest.skip(f"[unsupported] {text}")
    pytest.fail(text)
