"""pytest's ground: async tests on trio, Hypothesis profiles, required tools, and nothing left behind."""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import trio
from trio.testing import MockClock, trio_test

from tests.support import proc
from tests.support.tracees import SOURCES, TraceeBuilder

#: Seconds; a blocked system call ignores it, so pytest-timeout stands behind it.
SOFT_DEADLINE = 60

#: Folders of tests that start processes, and the tools that each of them cannot do without.
PROCESS_FOLDERS = {"integration": ("gcc", "nm"), "e2e": ("gcc", "nm", "gdb")}

hypothesis.settings.register_profile("fast", max_examples=60, deadline=None)
hypothesis.settings.register_profile("deep", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


# Whoever starts the tests in the background or with nohup has signals ignored, which programs inherit: what a
# terminal's keys do is tested all the same.
for _sig, _action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_sig) is signal.SIG_IGN:
        signal.signal(_sig, _action)


def _runnable(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @functools.wraps(function)
    async def bounded(**fixtures: object) -> None:
        if any(isinstance(value, MockClock) for value in fixtures.values()):
            await function(**fixtures)
            return
        with trio.fail_after(SOFT_DEADLINE):
            await function(**fixtures)

    return trio_test(bounded)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Hand coroutine tests to trio; leave ordinary tests to pytest."""
    function = pyfuncitem.obj
    given = getattr(function, "hypothesis", None)
    if given is not None and inspect.iscoroutinefunction(given.inner_test):
        given.inner_test = _runnable(given.inner_test)
    elif inspect.iscoroutinefunction(function):
        pyfuncitem.obj = _runnable(function)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--require``."""
    parser.addoption(
        "--require",
        default="",
        metavar="TOOL|TOOL,...",
        help="tools whose absence fails the run instead of skipping the tests that need them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """End the run at once where a required tool is missing."""
    required = [tool for tool in config.getoption("--require").split(",") if tool]
    missing = [tool for tool in required if not any(map(shutil.which, tool.split("|")))]
    if missing:
        raise pytest.UsageError(f"required but not installed: {', '.join(missing)}")


def _folder(item: pytest.Item) -> str:
    relative = item.path.relative_to(Path(__file__).parent)
    return relative.parts[0]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that starts processes where the machine lacks a tool for it."""
    for tool in PROCESS_FOLDERS.get(_folder(item), ()):
        if shutil.which(tool) is None:
            pytest.skip(f"[missing-tool] {tool} is not installed")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> TraceeBuilder:
    """Build tracees, each once in the session, on first use."""
    return TraceeBuilder(tmp_path_factory.mktemp("tracees"))


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a child, a zombie, or a process of its own (and so anything traced)."""
    item: pytest.Item = request.node
    if _folder(item) not in PROCESS_FOLDERS:
        yield
        return
    before = set(proc.leftovers())
    yield

    def clean() -> bool:
        return not set(proc.leftovers()) - before

    try:
        proc.wait_until(clean, "everything that the test started is gone", 3.0)
    except AssertionError:
        left = [proc.describe(pid) for pid in set(proc.leftovers()) - before]
        proc.kill_leftovers()
        pytest.fail("left behind: " + "; ".join(left))


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the library that e2e_plugin_host loads."""
    target = tmp_path_factory.mktemp("plugin") / "plugin.so"
    source = SOURCES / "e2e_plugin.c"
    subprocess.run(["gcc", "-g", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", target, source], check=True)
    return target
