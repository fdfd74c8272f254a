from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.cli.config import CommandLine, Config, Outcome
from gdbstub.cli.lldbserver import parse
from gdbstub.server.policy import OnDisconnect


def config(*argv: str) -> Config:
    found = parse(argv)
    assert isinstance(found, Config), found
    return found


def refusal(*argv: str) -> str:
    found = parse(argv)
    assert isinstance(found, Outcome), found
    assert (found.stdout, found.status) == ("", 1)
    return found.stderr


def test_what_lldb_starts() -> None:
    found = config("--fd=6", "--native-regs", "--setsid")
    assert found == Config(
        command_line=CommandLine.LLDB_SERVER,
        comm="fd://6",
        program=[],
        new_session=True,
        once=True,
        on_disconnect=OnDisconnect.DETACH,
        startup_with_shell=False,
    )


def test_what_the_platform_starts() -> None:
    found = config("[127.0.0.1]:0", "--native-regs", "--pipe", "7")
    assert (found.comm, found.pipe_fd, found.reverse) == ("[127.0.0.1]:0", 7, False)


def test_what_delve_starts() -> None:
    found = config(":1234", "--", "/bin/prog", "-x", "--setsid")
    assert (found.comm, found.program) == (":1234", ["/bin/prog", "-x", "--setsid"])
    assert not found.new_session


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        (["--reverse-connect", "h:1"], {"reverse": True}),
        (["-reverse-connect", "h:1"], {"reverse": True}),
        (["h:1", "--attach", "12"], {"attach_pid": 12}),
        (["h:1", "-attach=12"], {"attach_pid": 12}),
        (["h:1", "--attach=cat"], {"attach_name": "cat"}),
        (["h:1", "--named-pipe", "/p"], {"named_pipe": "/p"}),
        (["-S", "h:1"], {"new_session": True}),
        (["--log-file=/l", "--log-channels=gdb-remote packets", "h:1"], {"debug_file": "/l", "debug_remote": True}),
        (["--log-channels", "lldb all:posix ptrace", "h:1"], {"debug_threads": True}),
        (["--native-regs", "h:1"], {}),
        (["h:1", "prog", "a", "--attach", "5"], {"program": ["prog", "a", "--attach", "5"]}),
        (["--fd", "3", "prog", "-x"], {"comm": "fd://3", "program": ["prog", "-x"]}),
        (["--attach=1", "h:1", "prog"], {"attach_pid": 1, "program": ()}),
    ],
)
def test_options(argv: list[str], changed: dict[str, object]) -> None:
    found = config(*argv)
    for name, value in changed.items():
        assert getattr(found, name) == value
    assert found.comm == changed.get("comm", "h:1")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        ([], "no connection arguments"),
        (["-S"], "no connection arguments"),
        (["--bogus"], "unknown argument '--bogus'"),
        (["--setsid=1", "h:1"], "unknown argument '--setsid=1'"),
        (["--fd"], "--fd: missing argument"),
        (["--fd=x"], "invalid '--fd' argument"),
        (["--pipe=-1", "h:1"], "invalid '--pipe' argument"),
        (["--attach=", "h:1"], "invalid '--attach' argument"),
        (["--log-channels=nope", "h:1"], "unknown log channel 'nope'"),
    ],
)
def test_what_is_refused(argv: list[str], text: str) -> None:
    assert refusal(*argv).startswith(f"error: {text}\nUse ")


@pytest.mark.parametrize("word", ["--help", "-h", "-help"])
def test_help(word: str) -> None:
    found = parse(["--fd=1", word])
    assert isinstance(found, Outcome)
    assert (found.stderr, found.status) == ("", 0)
    for option in ("--fd", "--pipe", "--named-pipe", "--reverse-connect", "--setsid", "--attach", "--log-channels"):
        assert option in found.stdout


@given(st.lists(st.sampled_from(["--fd", "6", "--", "-", "h:1", "-S", "--attach", "=", "--pipe=1", "p", ""])))
def test_no_command_line_makes_it_raise(argv: list[str]) -> None:
    parse(argv)
