"""Why the kernel refuses to let us trace a process, and what to do about it.

Layer: linux.  Used by: tracer (texts of refusals), cli.doctor.
Source: ptrace(2), "Ptrace access mode checking"; kernel/ptrace.c; Documentation/admin-guide/LSM/Yama.rst;
capabilities(7), user_namespaces(7), seccomp(2).

The kernel says EPERM for ten different reasons.  Here its rules are repeated
one by one, in its own order, over facts read from /proc: each rule is a
function of the facts alone, so that it is tested without the situation.
"""

from __future__ import annotations

import errno as _errno
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from gdbstub.linux import procfs
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Tid

#: include/uapi/linux/capability.h.
CAP_SYS_PTRACE = 19
#: include/linux/sched.h: a kernel thread, in the flags of /proc/PID/stat.
PF_KTHREAD = 0x00200000

#: The newest of the calls that the tracer cannot do without is PTRACE_GET_SYSCALL_INFO.
_KERNEL_NEEDED = (5, 3)

_COMMAND_MAX = 80


class Verdict(Enum):
    """What a rule says about tracing."""

    OK = "ok"
    #: Worth knowing; has no say.
    INFO = "info"
    #: May refuse; cannot be told from outside.
    DOUBT = "doubt"
    REFUSED = "refused"


class Finding(NamedTuple):
    """One rule and what it says."""

    verdict: Verdict
    rule: str
    #: A sentence.
    text: str
    #: A sentence, or empty where nothing needs to or can be done.
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}".strip()


@dataclass(frozen=True, slots=True)
class SelfFacts:
    """What the rules look at in this process and this machine."""

    pid: int
    #: The real ones: ptrace does not look at the effective ones.
    uid: int
    gid: int
    effective: int
    permitted: int
    #: The mode in /proc/self/status; 2 is a filter.
    seccomp: int
    #: Yama's ptrace_scope; None: there is no Yama.
    yama: int | None
    user_namespace: bytes | None
    #: The label of a security module, or empty.
    label: str
    kernel: str

    @property
    def has_cap(self) -> bool:
        """True with CAP_SYS_PTRACE in our own user namespace."""
        return bool(self.effective >> CAP_SYS_PTRACE & 1)


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What the rules look at in the process that is to be traced."""

    pid: int
    thread_group: int
    state: str
    flags: int
    #: Parent, its parent and so on.
    ancestors: tuple[int, ...]
    parent_command: str
    tracer: int | None
    tracer_command: tuple[str, ...]
    tracer_ancestors: tuple[int, ...]
    #: Real, effective, saved.
    uids: tuple[int, ...]
    gids: tuple[int, ...]
    permitted: int
    #: None: cannot be told.
    dumpable: bool | None
    user_namespace: bytes | None
    #: Its ids in ours and the nested PID namespaces.
    namespace_ids: tuple[int, ...]
    #: Threads that are no zombies.
    live: tuple[Tid, ...]
    #: False: the kernel denies us even a look at which program it runs.
    visible: bool


# Facts


def _numbers(text: str, base: int = 10) -> tuple[int, ...]:
    try:
        return tuple(int(word, base) for word in text.split())
    except ValueError:
        return ()


def _number(text: str, base: int = 10) -> int:
    return next(iter(_numbers(text, base)), 0)


def _ancestors(pid: int, root: str) -> tuple[int, ...]:
    line: list[int] = []
    while True:
        fields = procfs.stat_fields(pid, root=root)
        pid = int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
        if pid <= 0 or pid in line:
            return tuple(line)
        line.append(pid)


def _command(words: Sequence[str]) -> str:
    text = " ".join(words)
    return text if len(text) <= _COMMAND_MAX else text[: _COMMAND_MAX - 3] + "..."


def _describe(pid: int, root: str) -> str:
    words = procfs.command_line(pid, root=root)
    return _command(words) if words else procfs.thread_name(pid, pid, root=root) or "?"


def self_facts(*, root: str = procfs.PROC) -> SelfFacts:
    """Collect the facts about this process."""
    status = procfs.status_fields(os.getpid(), root=root) or procfs.status_fields(os.getpid())
    scope = procfs.read_file(f"{root}/sys/kernel/yama/ptrace_scope")
    uids, gids = _numbers(status.get("Uid", "")), _numbers(status.get("Gid", ""))
    label = procfs.read_file(f"{root}/self/attr/current") or b""
    return SelfFacts(
        pid=os.getpid(),
        uid=uids[0] if uids else os.getuid(),
        gid=gids[0] if gids else os.getgid(),
        effective=_number(status.get("CapEff", ""), 16),
        permitted=_number(status.get("CapPrm", ""), 16),
        seccomp=_number(status.get("Seccomp", "")),
        yama=None if scope is None else _number(scope.decode("ascii", "replace")),
        user_namespace=procfs.read_link(f"{root}/self/ns/user"),
        label=label.rstrip(b"\0\n").decode("utf-8", "replace"),
        kernel=os.uname().release,
    )


def process_facts(pid: int, *, root: str = procfs.PROC) -> ProcessFacts | None:
    """Collect the facts about a process; None where there is none."""
    status = procfs.status_fields(pid, root=root)
    if not status:
        return None
    fields = procfs.stat_fields(pid, root=root)
    uids = _numbers(status.get("Uid", ""))[:3]
    ancestors = _ancestors(pid, root)
    tracer = _number(status.get("TracerPid", "")) or None
    group = _number(status.get("Tgid", "")) or pid
    return ProcessFacts(
        pid=pid,
        thread_group=group,
        state=status.get("State", "?")[:1],
        flags=int(fields[6]) if len(fields) > 6 else 0,
        ancestors=ancestors,
        parent_command=_describe(ancestors[0], root) if ancestors else "",
        tracer=tracer,
        tracer_command=tuple(procfs.command_line(tracer, root=root)) if tracer else (),
        tracer_ancestors=_ancestors(tracer, root) if tracer else (),
        uids=uids,
        gids=_numbers(status.get("Gid", ""))[:3],
        permitted=_number(status.get("CapPrm", ""), 16),
        dumpable=_dumpable(pid, uids, root),
        user_namespace=procfs.read_link(f"{root}/{pid}/ns/user"),
        namespace_ids=_numbers(status.get("NSpid", "")),
        live=tuple(
            tid for tid in procfs.thread_ids(pid, root=root) if procfs.state(tid, root=root) not in (None, "Z", "X")
        ),
        visible=_visible(pid, root),
    )


def _visible(pid: int, root: str) -> bool:
    try:
        os.readlink(f"{root}/{pid}/exe")
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def _dumpable(pid: int, uids: tuple[int, ...], root: str) -> bool | None:
    # The kernel gives the files of a process that is not dumpable to root instead of to its own user.
    if len(uids) < 2 or uids[1] == 0:
        return None
    try:
        return os.stat(f"{root}/{pid}/environ").st_uid == uids[1]
    except OSError:
        return None


# Rules about a process, in the kernel's order


def _itself(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if it.thread_group == me.pid:
        return Finding(
            Verdict.REFUSED, "itself", f"Process {it.pid} is this server itself; no process can trace itself."
        )
    return None


def _thread(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if it.thread_group == it.pid:
        return None
    return Finding(
        Verdict.INFO,
        "thread",
        f"{it.pid} is a thread of process {it.thread_group}.",
        f"Attach to {it.thread_group} to get the whole process.",
    )


def _kernel_thread(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if it.flags & PF_KTHREAD:
        return Finding(
            Verdict.REFUSED, "kernel thread", f"Process {it.pid} is a kernel thread, which nothing can trace."
        )
    return None


def _zombie(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if it.state not in ("Z", "X"):
        return None
    if it.live and it.pid == it.thread_group:
        others = ", ".join(str(tid) for tid in it.live[:3]) + (", ..." if len(it.live) > 3 else "")
        return Finding(
            Verdict.REFUSED,
            "zombie leader",
            f"The main thread of process {it.pid} has exited; other threads of it still run ({others}).",
            f"Attach to one of them: {it.live[0]}.",
        )
    parent = f" (process {it.ancestors[0]}, {it.parent_command})" if it.ancestors else ""
    return Finding(
        Verdict.REFUSED,
        "zombie",
        f"Process {it.pid} has exited and only waits for its parent{parent} to collect its status.",
    )


def _is_gdbstub(words: Sequence[str]) -> bool:
    names = [os.path.basename(os.path.dirname(w) if w.endswith("__main__.py") else w) for w in words[:4]]
    return bool(names) and (names[0] == "gdbstub" or (names[0].startswith("python") and "gdbstub" in names))


def _traced(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if it.tracer is None:
        return None
    rule = "tracer"
    if it.tracer == me.pid:
        return Finding(
            Verdict.REFUSED,
            rule,
            f"Process {it.pid} is already traced by this server.",
            "Select the process instead of attaching to it.",
        )
    who = f"process {it.tracer}"
    if it.tracer_command:
        who += f" ({_command(it.tracer_command)})"
    text = f"Process {it.pid} is already traced by {who}."
    if _is_gdbstub(it.tracer_command):
        return Finding(Verdict.REFUSED, rule, text, "Connect to that gdbstub: it serves several clients at once.")
    if it.pid in it.tracer_ancestors:
        return Finding(
            Verdict.REFUSED,
            rule,
            text,
            "The program traces itself through a child of its own, which must let go first.",
        )
    return Finding(Verdict.REFUSED, rule, text, "A process has one tracer at most: let that one detach first.")


def _user(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if not it.uids or me.has_cap:
        return None
    remedy = "Run this server as that user, as root, or with CAP_SYS_PTRACE."
    strangers = [uid for uid in it.uids if uid != me.uid]
    if strangers and len(set(it.uids)) > 1:
        return Finding(
            Verdict.REFUSED,
            "user",
            f"Process {it.pid} runs a set-user-ID program or has changed its user (ids {_list(it.uids)}).",
            "Run this server as root or with CAP_SYS_PTRACE.",
        )
    if strangers:
        return Finding(
            Verdict.REFUSED,
            "user",
            f"Process {it.pid} belongs to {_user_name(strangers[0])}, and this server runs as {_user_name(me.uid)}.",
            remedy,
        )
    if any(gid != me.gid for gid in it.gids):
        return Finding(
            Verdict.REFUSED,
            "group",
            f"Process {it.pid} runs with group ids {_list(it.gids)}, and this server with {me.gid}.",
            "Run this server with the same group, as root, or with CAP_SYS_PTRACE.",
        )
    return None


def _list(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids))


def _user_name(uid: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def _not_dumpable(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if it.dumpable is not False or me.has_cap:
        return None
    return Finding(
        Verdict.REFUSED,
        "dumpable",
        f"Process {it.pid} is not dumpable: its program cannot be read, has set PR_SET_DUMPABLE to 0, "
        "or has changed its user.",
        "Run this server as root or with CAP_SYS_PTRACE.",
    )


def _capabilities(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    missing = it.permitted & ~me.permitted
    if not missing or me.has_cap:
        return None
    return Finding(
        Verdict.REFUSED,
        "capabilities",
        f"Process {it.pid} has capabilities that this server lacks ({missing:#x}).",
        "Run this server as root or with CAP_SYS_PTRACE.",
    )


def _yama(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    rule = "Yama"
    if me.yama == 3:
        return Finding(
            Verdict.REFUSED,
            rule,
            "Yama forbids every attach on this machine (kernel.yama.ptrace_scope is 3).",
            "Only a reboot can undo that; programs started by this server cannot be traced either.",
        )
    if not me.yama or me.has_cap:
        return None
    if me.yama == 2:
        return Finding(
            Verdict.REFUSED,
            rule,
            "Yama lets only administrators attach (kernel.yama.ptrace_scope is 2).",
            "Run this server as root or with CAP_SYS_PTRACE, or set the scope to 0.",
        )
    if me.pid in it.ancestors:
        return None
    return Finding(
        Verdict.REFUSED,
        rule,
        f"Yama lets a process trace only its own descendants (kernel.yama.ptrace_scope is 1), and process "
        f"{it.pid} is none of this server's.",
        "Run this server as root, set the scope to 0, start the program with this server, or let it call "
        "prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY).",
    )


def _user_namespace(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    theirs = it.user_namespace
    if theirs is None or me.user_namespace is None or theirs == me.user_namespace:
        return None
    return Finding(
        Verdict.DOUBT if me.uid or not me.has_cap else Verdict.INFO,
        "user namespace",
        f"Process {it.pid} lives in another user namespace, where only capabilities of that namespace count.",
        "Run this server as root outside of containers, or inside the container of the process.",
    )


def _pid_namespace(it: ProcessFacts, me: SelfFacts) -> Finding | None:
    if len(it.namespace_ids) < 2:
        return None
    return Finding(
        Verdict.INFO,
        "PID namespace",
        f"Process {it.pid} is number {it.namespace_ids[-1]} in its own PID namespace; here it is {it.pid}.",
    )


_PROCESS_RULES: tuple[Callable[[ProcessFacts, SelfFacts], Finding | None], ...] = (
    _kernel_thread,
    _itself,
    _zombie,
    _traced,
    _user,
    _not_dumpable,
    _capabilities,
    _yama,
    _user_namespace,
    _pid_namespace,
    _thread,
)


# Rules about this machine


def _kernel(me: SelfFacts) -> Finding:
    version = tuple(int(part) for part in me.kernel.split("-")[0].split(".")[:2] if part.isdigit())
    machine = os.uname().machine
    if version < _KERNEL_NEEDED:
        needed = ".".join(map(str, _KERNEL_NEEDED))
        return Finding(
            Verdict.REFUSED, "kernel", f"Linux {me.kernel} is too old.", f"Linux {needed} or later is needed."
        )
    return Finding(Verdict.OK, "kernel", f"Linux {me.kernel} on {machine}.")


_SCOPES = {
    0: "0: a process may trace others of its user",
    1: "1: a process may trace its own descendants",
    2: "2: only administrators may trace",
    3: "3: nobody may trace",
}


def _yama_scope(me: SelfFacts) -> Finding:
    if me.yama is None:
        return Finding(Verdict.OK, "Yama", "Yama is not active.")
    text = f"kernel.yama.ptrace_scope is {_SCOPES.get(me.yama, str(me.yama))}."
    if me.yama == 3 or (me.yama == 2 and not me.has_cap):
        return Finding(Verdict.REFUSED, "Yama", text, "" if me.yama == 3 else "Run as root, or set the scope to 0.")
    if me.yama == 1 and not me.has_cap:
        return Finding(Verdict.INFO, "Yama", text, "To attach to other processes, run as root or set the scope to 0.")
    return Finding(Verdict.OK, "Yama", text)


def _privilege(me: SelfFacts) -> Finding:
    who = _user_name(me.uid)
    if me.has_cap:
        return Finding(Verdict.OK, "privilege", f"This server runs as {who} with CAP_SYS_PTRACE.")
    return Finding(
        Verdict.INFO,
        "privilege",
        f"This server runs as {who} without CAP_SYS_PTRACE and can trace only ordinary processes of it.",
    )


def _seccomp(me: SelfFacts) -> Finding:
    if me.seccomp == 0:
        return Finding(Verdict.OK, "seccomp", "No seccomp filter is on this server.")
    return Finding(
        Verdict.DOUBT,
        "seccomp",
        "This server runs under a seccomp filter, as in a container, which may forbid ptrace.",
        "Start the container with --cap-add=SYS_PTRACE or --security-opt seccomp=unconfined.",
    )


def _security_module(me: SelfFacts) -> Finding | None:
    if not me.label or me.label.startswith("unconfined"):
        return None
    remedy = (
        "Under SELinux the boolean deny_ptrace must be off."
        if ":" in me.label
        else "Start the container with --security-opt apparmor=unconfined."
    )
    return Finding(
        Verdict.DOUBT,
        "security module",
        f"A security module confines this server ({me.label}) and may forbid ptrace.",
        remedy,
    )


_MACHINE_RULES: tuple[Callable[[SelfFacts], Finding | None], ...] = (
    _kernel,
    _privilege,
    _yama_scope,
    _seccomp,
    _security_module,
)

#: Those that may be behind a refusal for which no rule about the process accounts.
_SUSPECTS: tuple[Callable[[SelfFacts], Finding | None], ...] = (_seccomp, _security_module)


def probe() -> Finding:
    """Seize a child of our own, which waits at a pipe, and end it."""
    from gdbstub.linux import ptrace_calls

    rule = "probe"
    ours, childs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(childs)
            os.read(ours, 1)
        finally:
            os._exit(0)
    os.close(ours)
    try:
        ptrace_calls.seize(Tid(child), 0)
    except TargetError as refused:
        return Finding(
            Verdict.REFUSED,
            rule,
            f"The kernel refused to let this server trace a child of its own: {os.strerror(refused.errno)}.",
        )
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(childs)
        os.waitpid(child, 0)
    return Finding(Verdict.OK, rule, "A child of this server could be traced.")


# What others ask


def _missing(pid: int) -> Finding:
    try:
        os.kill(pid, 0)
    except PermissionError:
        hidden = True
    except (ProcessLookupError, OverflowError):
        hidden = False
    else:
        hidden = True
    if hidden:
        return Finding(
            Verdict.REFUSED,
            "process",
            f"Process {pid} exists, but /proc does not show it (it is mounted with hidepid).",
            "Run this server as the user of the process or as root.",
        )
    return Finding(
        Verdict.REFUSED,
        "process",
        f"There is no process {pid}.",
        "In a container the ids of processes differ from those outside.",
    )


def _examine(pid: int, me: SelfFacts, root: str) -> list[Finding]:
    it = process_facts(pid, root=root) if pid > 0 else None
    if it is None:
        return [_missing(pid) if pid > 0 else Finding(Verdict.REFUSED, "process", f"{pid} is no process id.")]
    findings = [finding for rule in _PROCESS_RULES if (finding := rule(it, me)) is not None]
    if not it.visible and all(finding.verdict is not Verdict.REFUSED for finding in findings):
        # To read the link takes the same check as to trace, in its weaker form.
        findings.append(
            Finding(
                Verdict.REFUSED,
                "other",
                f"The kernel denies this server even a look at process {pid}, by none of the usual rules: "
                "a security module or a namespace protects it.",
            )
        )
    return findings


_BY_ERRNO = {
    _errno.ENOSYS: "The kernel or a seccomp filter offers no ptrace here.",
    _errno.EIO: "The kernel is too old for PTRACE_SEIZE, or emulates it without ptrace.",
    _errno.EINVAL: "The kernel is too old for the options that tracing needs.",
    _errno.ENOMEM: "The kernel has no memory left.",
}


def refusal(pid: int, errno: int, *, root: str = procfs.PROC) -> str:
    """Say why PTRACE_SEIZE of a process failed: one or two short sentences, the cause and the remedy.

    Args:
        pid: The process.
        errno: What the kernel said.
        root: Where /proc is.
    """
    if errno in _BY_ERRNO:
        return _BY_ERRNO[errno]
    me = self_facts(root=root)
    findings = _examine(pid, me, root)
    for finding in findings:
        if finding.verdict is Verdict.REFUSED:
            return str(finding)
    if errno == _errno.ESRCH:
        return f"Process {pid} has exited in the meantime."
    if errno != _errno.EPERM:
        return f"Tracing process {pid} failed: {os.strerror(errno)}."
    suspects = [*findings, *(rule(me) for rule in _SUSPECTS)]
    for suspect in suspects:
        if suspect is not None and suspect.verdict is Verdict.DOUBT:
            return f"The kernel refused to trace process {pid}. {suspect}"
    return (
        f"The kernel refused to trace process {pid}, for no reason that shows: a security module, or a "
        "tracer outside this PID namespace."
    )


def examine(pid: int | None = None, *, root: str = procfs.PROC) -> list[Finding]:
    """Judge whether tracing works here and, with ``pid``, whether attaching to that process would."""
    me = self_facts(root=root)
    findings = [finding for rule in _MACHINE_RULES if (finding := rule(me)) is not None]
    findings.append(probe())
    if pid is not None:
        about = _examine(pid, me, root)
        findings += about
        if not any(finding.verdict is Verdict.REFUSED for finding in about):
            findings.append(Finding(Verdict.OK, "process", f"No rule refuses to trace process {pid}."))
    return findings
