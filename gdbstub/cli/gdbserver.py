"""gdbserver's command line, with our own options added.

Layer: cli.  Used by: main.  Source: the behaviour of gdbserver 13 and 18.

Both spellings are understood: ``--remote-debug`` and ``--debug=remote``, values
after ``=`` and, as in 18, in the next word, and options cut short where only
one can be meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from gdbstub.cli import usage
from gdbstub.cli.config import Config, Outcome
from gdbstub.cli.options import Answered, refuse
from gdbstub.engines.gdbremote.role import Role
from gdbstub.server.policy import OnDisconnect, SideDoor

#: The largest value of a pid_t.
_PID_MAX = 0x7FFFFFFF


def _misuse(reason: str) -> Answered:
    return Answered(Outcome(stderr=usage.usage_error(reason), status=1))


class _Draft:
    """The options seen so far."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.attach = False
        self.selftest = False

    # Options that take a value

    def debug(self, value: str) -> None:
        # As in gdbserver 18: an empty value means nothing, an empty word in a list is a mistake.
        for word in value.split(",") if value else ():
            name = word.removeprefix("-")
            if not name:
                raise refuse("gdbserver: invalid empty debug option")
            if name not in _DEBUG:
                raise refuse(f"gdbserver: unknown debug option '{name}'")
            for field in _DEBUG[name]:
                self.fields[field] = not word.startswith("-")

    def debug_format(self, value: str) -> None:
        for word in filter(None, value.split(",")):
            if word not in _DEBUG_FORMATS:
                raise refuse(f'Unknown debug-format argument: "{word}"')
            self.fields["debug_format"] = _DEBUG_FORMATS[word]

    def debug_file(self, value: str) -> None:
        self.fields["debug_file"] = value or None

    def disable_packet(self, value: str) -> None:
        disabled: frozenset[str] = self.fields.get("disabled_packets", frozenset())
        for word in filter(None, value.split(",")):
            if word not in usage.PACKETS:
                raise refuse(f'Don\'t know how to disable "{word}".\n\n{usage.packet_list()}'.rstrip("\n"))
            disabled |= usage.THREAD_PACKETS if word == "threads" else {word}
        self.fields["disabled_packets"] = disabled

    def ready_fd(self, value: str) -> None:
        if not (value.isascii() and value.isdigit()):
            raise refuse(f'--ready-fd wants the number of a descriptor, not "{value}"')
        self.fields["ready_fd"] = int(value)

    def ready_file(self, value: str) -> None:
        if not value:
            raise refuse("--ready-file wants the name of a file")
        self.fields["ready_file"] = value

    def strace(self, value: str) -> None:
        if not value.strip():
            raise refuse("--strace wants the name of a file, and - for stderr")
        self.fields["strace"] = value

    def on_disconnect(self, value: str) -> None:
        try:
            self.fields["on_disconnect"] = OnDisconnect(value)
        except ValueError:
            choices = ", ".join(choice.value for choice in OnDisconnect)
            raise refuse(f'Unknown on-disconnect argument: "{value}"; choose from {choices}') from None

    def listen(self, value: str) -> None:
        comm, *words = value.split(",")
        role = Role.DEBUGGER
        for word in words:
            name, _, choice = word.partition("=")
            if name != "role" or choice not in _ROLES:
                choices = ", ".join(_ROLES)
                raise refuse(f'--listen wants ADDR or ADDR,role=ROLE, not "{value}"; ROLE is one of {choices}')
            role = _ROLES[choice]
        if not comm:
            raise refuse("--listen wants an address: --listen=localhost:PORT,role=observer")
        doors: tuple[SideDoor, ...] = self.fields.get("side_doors", ())
        self.fields["side_doors"] = (*doors, SideDoor(comm, role))

    def engine(self, value: str) -> None:
        if not value.partition(",")[0]:
            raise refuse("--engine wants the name of a Python file")
        self.fields["engines"] = (*self.fields.get("engines", ()), value)

    def note_selftest(self, _filter: str) -> None:
        self.selftest = True


_DEBUG = {
    "all": ("debug_threads", "debug_event_loop", "debug_remote"),
    "threads": ("debug_threads",),
    "event-loop": ("debug_event_loop",),
    "remote": ("debug_remote",),
}

_DEBUG_FORMATS = {
    "all": frozenset({"timestamp"}),
    "none": frozenset[str](),
    "timestamp": frozenset({"timestamp"}),
}

_ROLES = {role.value: role for role in Role}

#: Options without a value, and the fields that they set.
_FLAGS: dict[str, dict[str, bool]] = {
    "--multi": {"multi": True},
    "--once": {"once": True},
    "--disable-randomization": {"disable_randomization": True},
    "--no-disable-randomization": {"disable_randomization": False},
    "--startup-with-shell": {"startup_with_shell": True},
    "--no-startup-with-shell": {"startup_with_shell": False},
    "--no-escape-args": {"escape_args": False},
    "--remote-debug": {"debug_remote": True},
    "--event-loop-debug": {"debug_event_loop": True},
    "--allow-any-user": {"allow_any_user": True},
}

#: Options that print something and end the run, whatever follows.
_ANSWERS: dict[str, Callable[[], str]] = {
    "--help": usage.help_text,
    "-h": usage.help_text,
    "--version": usage.version_text,
}

#: Options whose value follows ``=`` or is the next word.
_VALUES: dict[str, Callable[[_Draft, str], None]] = {
    "--debug-format": _Draft.debug_format,
    "--debug-file": _Draft.debug_file,
    "--ready-fd": _Draft.ready_fd,
    "--ready-file": _Draft.ready_file,
    "--strace": _Draft.strace,
    "--on-disconnect": _Draft.on_disconnect,
    "--listen": _Draft.listen,
    "--engine": _Draft.engine,
}

#: Options whose value may only follow ``=``, and what stands for a missing one; None: the list is printed.
_OPTIONAL_VALUES: dict[str, tuple[Callable[[_Draft, str], None], str | None]] = {
    "--debug": (_Draft.debug, "threads"),
    "--selftest": (_Draft.note_selftest, ""),
    "--disable-packet": (_Draft.disable_packet, None),
}

_NAMES = ("--attach", "--wrapper", *_FLAGS, *_ANSWERS, *_VALUES, *_OPTIONAL_VALUES)


def _full_name(word: str) -> str:
    if word in _NAMES or not word.startswith("--") or word == "--":
        return word
    found = [name for name in _NAMES if name.startswith(word)]
    return found[0] if len(found) == 1 else word


def _read_options(draft: _Draft, argv: Sequence[str]) -> Sequence[str]:
    """Read the words before COMM; return the others."""
    at = 0
    while at < len(argv):
        word = argv[at]
        if not word.startswith("-") or word == "-":
            break
        at += 1
        if word == "--":
            break
        written, equals, value = word.partition("=")
        name = _full_name(written)
        if name in _VALUES:
            if not equals:
                if at == len(argv):
                    raise refuse(f"Missing argument value for: {name}")
                value = argv[at]
                at += 1
            _VALUES[name](draft, value)
        elif name in _OPTIONAL_VALUES:
            take, default = _OPTIONAL_VALUES[name]
            if not equals and default is None:
                raise Answered(Outcome(stdout=usage.packet_list()))
            take(draft, value if equals else default or "")
        elif equals:
            raise refuse(f"Unknown argument: {word}")
        elif name in _FLAGS:
            draft.fields.update(_FLAGS[name])
        elif name in _ANSWERS:
            raise Answered(Outcome(stdout=_ANSWERS[name]()))
        elif name == "--attach":
            draft.attach = True
        elif name == "--wrapper":
            rest = list(argv[at:])
            end = rest.index("--") if "--" in rest else 0
            if end == 0:
                raise _misuse("--wrapper wants the words of a command and then a --")
            draft.fields["wrapper"] = rest[:end]
            at += end + 1
        else:
            raise refuse(f"Unknown argument: {word}")
    return argv[at:]


def _in_this_directory(program: str) -> str:
    """Name a program by its path where it lies in the working directory; else PATH is searched for it."""
    return os.path.abspath(program) if "/" not in program and os.path.isfile(program) else program


def _parse_pid(word: str) -> int:
    digits, base = (word[2:], 16) if word[:2] in ("0x", "0X") else (word, 10)
    if digits.isascii() and digits.isalnum():
        try:
            pid = int(digits, base)
        except ValueError:
            pid = 0
        if 0 < pid <= _PID_MAX:
            return pid
    raise _misuse(f'--attach wants the number of a process, not "{word}"')


def _finish(draft: _Draft, words: Sequence[str]) -> Config:
    fields = draft.fields
    if not words:
        raise _misuse("COMM is missing: where to listen")
    fields["comm"] = words[0]
    if words[1:2] == ["--attach"]:
        # Where gdbserver's users wrote it before it became an option.
        draft.attach = True
        words = [words[0], *words[2:]]
    if draft.attach:
        if len(words) != 2:
            raise _misuse(f"--attach wants COMM and one PID, not {len(words)} words")
        fields["attach_pid"] = _parse_pid(words[1])
    elif len(words) == 1 and not fields.get("multi"):
        raise _misuse("PROG is missing: what to run (or --attach, or --multi)")
    else:
        fields["program"] = [*map(_in_this_directory, words[1:2]), *words[2:]]
    return Config(**fields)


def parse(argv: Sequence[str]) -> Config | Outcome:
    """Read a command line, without the program's own name.

    Returns:
        What to do, or what to print and the exit status.
    """
    draft = _Draft()
    try:
        words = _read_options(draft, argv)
        if draft.selftest:
            return Outcome(stdout="Selftests have been disabled for this build.\n")
        return _finish(draft, words)
    except Answered as answer:
        return answer.outcome
