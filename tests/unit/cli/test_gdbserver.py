from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.cli.config import Config, Outcome
from gdbstub.cli.gdbserver import parse
from gdbstub.server.policy import OnDisconnect

USAGE = re.compile(r"^Usage:\s+gdbserver \[OPTIONS\] COMM PROG \[ARGS \.\.\.\]", re.MULTILINE)


def config(*argv: str) -> Config:
    found = parse(argv)
    assert isinstance(found, Config), found
    return found


def outcome(*argv: str) -> Outcome:
    found = parse(argv)
    assert isinstance(found, Outcome), found
    return found


def test_a_program_with_arguments_keeps_every_word_after_comm() -> None:
    found = config(":0", "/bin/echo", "--once", "", "a b", "--", "-x")
    assert found == Config(comm=":0", program=["/bin/echo", "--once", "", "a b", "--", "-x"])


def test_defaults_are_those_of_gdbserver() -> None:
    found = config(":0", "p")
    assert found.disable_randomization
    assert found.startup_with_shell
    assert found.escape_args
    assert not found.multi
    assert not found.once
    assert found.on_disconnect is OnDisconnect.KEEP


@pytest.mark.parametrize("comm", ["-", "stdio", ":0", "/dev/ttyS0", "unix:/a"])
def test_comm_is_kept_as_written(comm: str) -> None:
    assert config(comm, "p").comm == comm


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        (["--once"], {"once": True}),
        (["--multi"], {"multi": True}),
        (["--mul"], {"multi": True}),
        (["--no-disable-randomization"], {"disable_randomization": False}),
        (["--no-disable-randomization", "--disable-randomization"], {}),
        (["--no-startup-with-shell"], {"startup_with_shell": False}),
        (["--no-startup-with-shell", "--startup-with-shell"], {}),
        (["--no-escape-args"], {"escape_args": False}),
        (["--allow-any-user"], {"allow_any_user": True}),
        (["--wrapper", "env", "-i", "A=1", "--"], {"wrapper": ["env", "-i", "A=1"]}),
        (["--wrapper", "env", "--bogus", "--", "--once"], {"wrapper": ["env", "--bogus"], "once": True}),
        (["--debug"], {"debug_threads": True}),
        (["--debug="], {}),
        (["--debug=all,-threads"], {"debug_event_loop": True, "debug_remote": True}),
        (["--debug=remote"], {"debug_remote": True}),
        (["--remote-debug"], {"debug_remote": True}),
        (["--event-loop-debug"], {"debug_event_loop": True}),
        (["--debug-format=timestamp"], {"debug_format": frozenset({"timestamp"})}),
        (["--debug-format", "timestamp"], {"debug_format": frozenset({"timestamp"})}),
        (["--debug-format=all,,none"], {}),
        (["--debug-file=/tmp/x"], {"debug_file": "/tmp/x"}),
        (["--debug-file", "/tmp/x"], {"debug_file": "/tmp/x"}),
        (["--disable-packet="], {}),
        (["--disable-packet=vCont,vConts"], {"disabled_packets": frozenset({"vCont", "vConts"})}),
        (["--disable-packet=T", "--disable-packet=qC"], {"disabled_packets": frozenset({"T", "qC"})}),
        (
            ["--disable-packet=threads"],
            {"disabled_packets": frozenset({"vCont", "Tthread", "qC", "qfThreadInfo"})},
        ),
        (["--ready-fd=7"], {"ready_fd": 7}),
        (["--ready-fd", "7"], {"ready_fd": 7}),
        (["--ready-file=r"], {"ready_file": "r"}),
        (["--on-disconnect=detach"], {"on_disconnect": OnDisconnect.DETACH}),
        (["--"], {}),
    ],
)
def test_an_option_sets_its_fields_and_no_others(argv: list[str], changed: dict[str, object]) -> None:
    assert config(*argv, ":0", "p") == Config(comm=":0", program=["p"], **changed)  # type: ignore[arg-type]  # mixed


def test_the_command_line_of_pwntools_is_understood() -> None:
    found = config(
        *["--multi", "--no-disable-randomization", "--wrapper", "/usr/bin/env", "-i", "K=V", "--"],
        *["localhost:0", "/bin/cat", "x"],
    )
    assert found == Config(
        comm="localhost:0",
        program=["/bin/cat", "x"],
        multi=True,
        disable_randomization=False,
        wrapper=["/usr/bin/env", "-i", "K=V"],
    )


@pytest.mark.parametrize(("word", "pid"), [("17", 17), ("0x11", 17), ("999999", 999999), ("017", 17)])
def test_attach_takes_a_pid(word: str, pid: int) -> None:
    assert config("--attach", ":0", word) == Config(comm=":0", attach_pid=pid)


def test_attach_may_be_combined_with_multi_and_once() -> None:
    assert config("--attach", "--multi", "--once", ":0", "5") == Config(
        comm=":0", attach_pid=5, multi=True, once=True
    )


def test_multi_needs_no_program() -> None:
    assert config("--multi", ":0") == Config(comm=":0", multi=True, program=[])
    assert config("--multi", ":0", "p", "a").program == ["p", "a"]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [":0"],
        ["/bin/true"],
        ["-"],
        ["--"],
        ["--once", "--"],
        ["--attach", ":0"],
        ["--attach", ":0", "abc"],
        ["--attach", ":0", "12x"],
        ["--attach", ":0", "0"],
        ["--attach", ":0", "-1"],
        ["--attach", ":0", "1_0"],
        ["--attach", ":0", "99999999999"],
        ["--attach", ":0", "1", "2"],
        ["--attach", "--multi"],
        ["--multi"],
        ["--wrapper"],
        ["--wrapper", "--"],
        ["--wrapper", "--", ":0", "p"],
        ["--wrapper", "env", ":0", "/bin/true"],
    ],
)
def test_too_few_or_wrong_words_print_the_usage_and_give_1(argv: list[str]) -> None:
    found = outcome(*argv)
    assert found.status == 1
    assert found.stdout == ""
    assert USAGE.match(found.stderr)


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--bogus", ":0", "p"], "Unknown argument: --bogus\n"),
        (["--bogus", "--help"], "Unknown argument: --bogus\n"),
        (["-x"], "Unknown argument: -x\n"),
        (["--once=3"], "Unknown argument: --once=3\n"),
        (["--attach=3"], "Unknown argument: --attach=3\n"),
        (["--version=3"], "Unknown argument: --version=3\n"),
        (["--wrapper=env", "--", ":0", "p"], "Unknown argument: --wrapper=env\n"),
        (["--d"], "Unknown argument: --d\n"),
        (["--on"], "Unknown argument: --on\n"),
        (["--debug=bogus"], "gdbserver: unknown debug option 'bogus'\n"),
        (["--debug=,all"], "gdbserver: invalid empty debug option\n"),
        (["--debug-format=bogus"], 'Unknown debug-format argument: "bogus"\n'),
        (["--debug-format"], "Missing argument value for: --debug-format\n"),
        (["--debug-file"], "Missing argument value for: --debug-file\n"),
    ],
)
def test_a_wrong_option_is_named_as_gdbserver_does(argv: list[str], text: str) -> None:
    assert outcome(*argv) == Outcome(stderr=text, status=1)


@pytest.mark.parametrize("argv", [["--ready-fd=x"], ["--ready-file="], ["--on-disconnect=x"], ["--ready-fd=-1"]])
def test_a_wrong_value_of_our_own_options_is_refused(argv: list[str]) -> None:
    found = outcome(*argv, ":0", "p")
    assert found.status == 1
    assert found.stderr.endswith("\n")


def test_disable_packet_alone_lists_the_packets() -> None:
    found = outcome("--disable-packet")
    assert found.status == 0
    assert re.match(r"Disableable packets:.*vCont.*T.*qC.*qfThreadInfo.*Tthread.*threads", found.stdout, re.DOTALL)


def test_an_unknown_packet_is_named_and_the_list_follows() -> None:
    found = outcome("--disable-packet=vCont,bogus", ":0", "p")
    assert found.status == 1
    assert found.stderr.startswith('Don\'t know how to disable "bogus".\n\nDisableable packets:\n')
    assert found.stderr.endswith("\n")


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["--help", "x"], ["--once", "--help"]])
def test_help_goes_to_stdout(argv: list[str]) -> None:
    found = outcome(*argv)
    assert (found.status, found.stderr) == (0, "")
    assert USAGE.match(found.stdout)
    wanted = r"Usage:.*--attach.*--multi.*--once.*--wrapper.*--startup-with-shell.*--debug.*--disable-packet"
    assert re.search(wanted, found.stdout, re.DOTALL)


def test_help_names_every_option_in_full() -> None:
    text = outcome("--help").stdout
    from gdbstub.cli import gdbserver

    for name in gdbserver._NAMES:
        assert name == "-h" or name in text, name


@pytest.mark.parametrize("argv", [["--version"], ["--version", "x"], ["--ver"]])
def test_version_is_in_the_first_line(argv: list[str]) -> None:
    found = outcome(*argv)
    assert (found.status, found.stderr) == (0, "")
    assert re.match(r"\A\S.* \d+(\.\d+)+\n", found.stdout)
    assert "General Public License" in found.stdout


@pytest.mark.parametrize("argv", [["--selftest"], ["--selftest=foo"], ["--selftest", "x"]])
def test_selftest_is_answered_as_by_a_release_build(argv: list[str]) -> None:
    assert outcome(*argv) == Outcome(stdout="Selftests have been disabled for this build.\n")


@given(st.lists(st.text(max_size=12) | st.sampled_from(["--", "--wrapper", "--attach", "--multi", ":0", "1"])))
def test_no_command_line_raises(argv: list[str]) -> None:
    found = parse(argv)
    if isinstance(found, Outcome):
        assert found.stdout or found.stderr
        assert not (found.stdout and found.stderr)


def test_attach_may_stand_behind_the_address() -> None:
    config = parse([":0", "--attach", "42"])
    assert isinstance(config, Config)
    assert (config.comm, config.attach_pid, config.program) == (":0", 42, ())


def test_a_program_in_the_working_directory_is_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prog").touch()
    monkeypatch.chdir(tmp_path)
    here, elsewhere = parse([":0", "prog", "a"]), parse([":0", "ls", "a"])
    assert isinstance(here, Config) and isinstance(elsewhere, Config)
    assert here.program == [str(tmp_path / "prog"), "a"]
    assert elsewhere.program == ["ls", "a"]
