"""Handlers of the packets about the machine.

Layer: engines.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import DEBUGGING, PLATFORM, handles
from gdbstub.engines.gdbremote.faults import Fault
from gdbstub.engines.gdbremote.handlers.modules import check_machine, identity
from gdbstub.rsp.commands.lifecycle import LaunchArguments, LaunchSuccess
from gdbstub.rsp.commands.modules import OneModule
from gdbstub.rsp.commands.platform import (
    CompletePath,
    FirstProcess,
    GroupName,
    KillSpawned,
    LaunchServer,
    NextProcess,
    ProcessById,
    ProcessFilter,
    RunningServer,
    RunShell,
    SignalTable,
    SpeedTest,
    UserName,
    WorkingDirectory,
)
from gdbstub.rsp.commands.startup import SetWorkingDirectory
from gdbstub.rsp.commands.threadinfo import ProcessInformation
from gdbstub.rsp.commands.threads import CurrentThread
from gdbstub.rsp.replies import OK, Reply, plain_text
from gdbstub.target.machine import ProcessFacts
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Signo
from gdbstub.vocab.signals import name_of

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.conversation import Conversation
    from gdbstub.engines.gdbremote.platform import PlatformSession

_LAST_SIGNAL = 64
_FIRST_REALTIME, _MIDDLE_REALTIME = 34, 50
#: What lldb does with a signal unless its user says otherwise: hide it from the program, or not even stop.
_SUPPRESSED = frozenset(("SIGINT", "SIGTRAP", "SIGSTOP"))
_PASSED = frozenset(("SIGALRM", "SIGCHLD", "SIGCONT", "SIGPROF"))
_QUIET = frozenset(("SIGALRM", "SIGPROF"))

#: What a speed test sends over and over.
_FILLING = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SPEED_TEST_LIMIT = 16 << 20


# Servers and commands


@handles(LaunchServer, PLATFORM)
def launch_server(session: PlatformSession, cmd: LaunchServer) -> Reply:
    """Start a server for one debugging session."""
    session.host.start_server(session, cmd.port)
    return session.later()


@handles(RunningServer, PLATFORM)
def running_server(session: PlatformSession, cmd: RunningServer) -> Reply:
    """Say that there is none that waits: each is started for the client that asks for it."""
    raise Fault(errno.ENOENT, 0x04, "no server waits for a client")


@handles(KillSpawned, PLATFORM)
def kill_spawned(session: PlatformSession, cmd: KillSpawned) -> Reply:
    """End a server."""
    session.host.kill_spawned(cmd.pid)
    return OK


@handles(RunShell, PLATFORM)
def run_shell(session: PlatformSession, cmd: RunShell) -> Reply:
    """Run a command line."""
    # Imported on first use: most sessions debug.
    from gdbstub.engines.gdbremote.platform import ShellCommand

    directory = session.files.directory() if cmd.directory is None else cmd.directory
    session.host.start_command(session, ShellCommand(cmd.line, cmd.timeout, directory))
    return session.later()


# Programs that nobody traces


@handles(LaunchArguments, PLATFORM)
def launch_arguments(session: PlatformSession, cmd: LaunchArguments) -> Reply:
    """Start a program."""
    if not cmd.words:
        raise Fault(errno.EINVAL, 0x08, "no program given")
    spec = session.launch_spec._replace(
        argv=list(cmd.words),
        environment=session.program_environment(),
        working_directory=session.files.directory().decode("utf-8", "surrogateescape"),
        with_shell=False,
    )
    session.host.start_program(session, spec)
    return session.later()


@handles(LaunchSuccess, PLATFORM)
def launch_success(session: PlatformSession, cmd: LaunchSuccess) -> Reply:
    """Say how the last start went."""
    failure = session.launch_failure
    return OK if failure is None else b"E" + plain_text(failure)


@handles(ProcessInformation, PLATFORM)
def process_information(session: PlatformSession, cmd: ProcessInformation) -> Reply:
    """Describe the program that was started last."""
    facts = session.processes.process(session.launched) if session.launched else None
    if facts is None:
        raise Fault(errno.ESRCH, 0x01, "no program was started")
    fields = {
        "pid": f"{facts.pid:x}",
        "parent-pid": f"{facts.parent:x}",
        "real-uid": f"{facts.uid:x}",
        "real-gid": f"{facts.gid:x}",
        "effective-uid": f"{facts.effective_uid:x}",
        "effective-gid": f"{facts.effective_gid:x}",
        "triple": facts.triple.encode().hex(),
        "ostype": "linux",
        "endian": "little",
        "ptrsize": str(facts.pointer_size),
    }
    return "".join(f"{key}:{value};" for key, value in fields.items()).encode()


@handles(CurrentThread, PLATFORM)
def current_thread(session: PlatformSession, cmd: CurrentThread) -> Reply:
    """Name the program that was started last."""
    return b"QC%x" % session.launched


# Processes and users


def _describe(facts: ProcessFacts) -> bytes:
    fields = {
        "pid": str(facts.pid),
        "ppid": str(facts.parent),
        "uid": str(facts.uid),
        "gid": str(facts.gid),
        "euid": str(facts.effective_uid),
        "egid": str(facts.effective_gid),
        "name": facts.path.hex(),
        "args": "-".join(each.hex() for each in facts.arguments),
        "triple": facts.triple.encode().hex(),
    }
    return "".join(f"{key}:{value};" for key, value in fields.items() if value or key == "name").encode()


def _name_matches(wanted: ProcessFilter, path: bytes) -> bool:
    if wanted.name is None:
        return True
    text = path.decode("utf-8", "replace")
    name = text.rpartition("/")[2]
    match wanted.match:
        case "equals":
            return wanted.name in (name, text)
        case "starts_with":
            return name.startswith(wanted.name)
        case "ends_with":
            return name.endswith(wanted.name)
        case "contains":
            return wanted.name in name
        case _:
            return re.search(wanted.name, name) is not None


def _matches(wanted: ProcessFilter, facts: ProcessFacts, own_uid: int) -> bool:
    numbers = (
        (wanted.pid, facts.pid),
        (wanted.parent_pid, facts.parent),
        (wanted.uid, facts.uid),
        (wanted.gid, facts.gid),
        (wanted.effective_uid, facts.effective_uid),
        (wanted.effective_gid, facts.effective_gid),
    )
    if any(wish is not None and wish != is_so for wish, is_so in numbers):
        return False
    # Root sees everybody's, asked or not.
    if not wanted.all_users and own_uid not in (0, facts.uid):
        return False
    return _name_matches(wanted, facts.path)


def _found(session: PlatformSession, wanted: ProcessFilter) -> Iterator[ProcessFacts]:
    own_uid = session.processes.own_uid()
    return (each for each in session.processes.processes() if _matches(wanted, each, own_uid))


def _next(session: PlatformSession, code: int) -> Reply:
    facts = next(session.listing, None)
    if facts is None:
        raise Fault(errno.ESRCH, code, "no more processes")
    return _describe(facts)


@handles(FirstProcess, PLATFORM)
def first_process(session: PlatformSession, cmd: FirstProcess) -> Reply:
    """Begin a list of processes."""
    if cmd.wanted.match == "regex" and cmd.wanted.name is not None:
        try:
            re.compile(cmd.wanted.name)
        except re.error as failure:
            raise TargetError(errno.EINVAL, f"not a regular expression: {failure}") from None
    session.listing = _found(session, cmd.wanted)
    return _next(session, 0x03)


@handles(NextProcess, PLATFORM)
def next_process(session: PlatformSession, cmd: NextProcess) -> Reply:
    """Go on with the list."""
    return _next(session, 0x04)


@handles(ProcessById, PLATFORM)
def process_by_id(session: PlatformSession, cmd: ProcessById) -> Reply:
    """Describe one process."""
    facts = session.processes.process(cmd.pid)
    if facts is None:
        raise Fault(errno.ESRCH, 0x01, f"there is no process {cmd.pid}")
    return _describe(facts)


@handles(UserName, PLATFORM)
def user_name(session: PlatformSession, cmd: UserName) -> Reply:
    """Name a user."""
    name = session.processes.user_name(cmd.number)
    if name is None:
        raise Fault(errno.ENOENT, 0x05, f"there is no user {cmd.number}")
    return name.encode().hex().encode()


@handles(GroupName, PLATFORM)
def group_name(session: PlatformSession, cmd: GroupName) -> Reply:
    """Name a group."""
    name = session.processes.group_name(cmd.number)
    if name is None:
        raise Fault(errno.ENOENT, 0x06, f"there is no group {cmd.number}")
    return name.encode().hex().encode()


# Directories


@handles(WorkingDirectory, DEBUGGING, PLATFORM)
def working_directory(session: Conversation, cmd: WorkingDirectory) -> Reply:
    """Say where relative paths begin."""
    return session.files.directory().hex().encode()


@handles(SetWorkingDirectory, PLATFORM)
def set_working_directory(session: PlatformSession, cmd: SetWorkingDirectory) -> Reply:
    """Choose where relative paths begin, and where programs and commands run."""
    session.files.chdir(cmd.path.encode("utf-8", "surrogateescape"))
    return OK


@handles(CompletePath, DEBUGGING, PLATFORM)
def complete_path(session: Conversation, cmd: CompletePath) -> Reply:
    """List the paths that begin so."""
    found = session.files.complete(cmd.path, directories=cmd.only_directories)
    return b"M" + ",".join(each.hex() for each in found).encode()


# Facts


@handles(OneModule, PLATFORM)
def one_module(session: PlatformSession, cmd: OneModule) -> Reply:
    """Answer a file's identity."""
    return identity(check_machine(session.processes.module(cmd.path), cmd))


def _signal_name(sig: int) -> str:
    if sig < _FIRST_REALTIME:
        return name_of(Signo(sig))
    if sig == _FIRST_REALTIME:
        return "SIGRTMIN"
    if sig < _MIDDLE_REALTIME:
        return f"SIGRTMIN+{sig - _FIRST_REALTIME}"
    return f"SIGRTMAX-{_LAST_SIGNAL - sig}" if sig < _LAST_SIGNAL else "SIGRTMAX"


@handles(SignalTable, DEBUGGING, PLATFORM)
def signal_table(session: Conversation, cmd: SignalTable) -> Reply:
    """List the signals.  Braces are sent as they are: this client does not undo escapes here."""
    # Imported on first use: most sessions ask for none of it.
    import json

    rows = []
    for sig in range(1, _LAST_SIGNAL + 1):
        name = _signal_name(sig)
        is_extra = sig > 31
        rows.append(
            {
                "signo": sig,
                "name": name,
                "suppress": name in _SUPPRESSED,
                "stop": not is_extra and name not in _PASSED,
                "notify": not is_extra and name not in _QUIET,
            }
        )
    return json.dumps(rows, separators=(",", ":")).encode()


@handles(SpeedTest, DEBUGGING, PLATFORM)
def speed_test(session: Conversation, cmd: SpeedTest) -> Reply:
    """Send so many letters."""
    if cmd.size > _SPEED_TEST_LIMIT:
        raise TargetError(errno.EINVAL, f"at most {_SPEED_TEST_LIMIT} bytes")
    return b"data:" + (_FILLING * (cmd.size // len(_FILLING) + 1))[: cmd.size] + b";"
