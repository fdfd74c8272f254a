"""Handlers of ``jThreadsInfo qThreadStopInfo jThreadExtendedInfo qProcessInfo qHostInfo``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote import faults
from gdbstub.engines.gdbremote.accounts import thread_json, thread_stop, threads_json
from gdbstub.engines.gdbremote.dispatch import DEBUGGING, PLATFORM, handles
from gdbstub.engines.gdbremote.handlers.threads import find_thread
from gdbstub.rsp.commands.threadinfo import (
    HostInformation,
    ProcessInformation,
    ThreadDetails,
    ThreadsInformation,
    ThreadStopInformation,
)
from gdbstub.rsp.hexcodec import escape
from gdbstub.rsp.replies import EMPTY, Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.conversation import Conversation
    from gdbstub.engines.gdbremote.session import Session


@handles(ThreadsInformation)
def threads_information(session: Session, cmd: ThreadsInformation) -> Reply:
    """Say of every thread why it stands."""
    session.reports.require_stopped()
    return escape(threads_json(session, session.process()))


@handles(ThreadStopInformation)
def thread_stop_information(session: Session, cmd: ThreadStopInformation) -> Reply:
    """Answer with the stop reply of one thread."""
    tid = find_thread(session, cmd.threads)
    return thread_stop(session, session.target.pid_of(tid), tid)


@handles(ThreadDetails)
def thread_details(session: Session, cmd: ThreadDetails) -> Reply:
    """Say more about one thread."""
    if cmd.thread is None:
        # QUIRK(lldb, all): told that this can be asked, it asks for each thread that it shows, and shows none of it.
        return EMPTY
    if not session.target.has_thread(cmd.thread):
        raise faults.no_such_thread()
    return escape(thread_json(session, cmd.thread))


@handles(ProcessInformation)
def process_information(session: Session, cmd: ProcessInformation) -> Reply:
    """Answer the facts about the process; ids in hex."""
    if not session.pids():
        raise faults.no_process()
    pid = session.process()
    spec = session.target.arch(pid)
    who = session.target.identity(pid)
    fields = {
        "pid": f"{pid:x}",
        "parent-pid": f"{who.parent:x}",
        "real-uid": f"{who.real_uid:x}",
        "real-gid": f"{who.real_gid:x}",
        "effective-uid": f"{who.effective_uid:x}",
        "effective-gid": f"{who.effective_gid:x}",
        "triple": spec.triple.encode().hex(),
        "ostype": "linux",
        "endian": "little",
        "ptrsize": str(spec.pointer_size),
    }
    return "".join(f"{key}:{value};" for key, value in fields.items()).encode()


@handles(HostInformation, DEBUGGING, PLATFORM)
def host_information(session: Conversation, cmd: HostInformation) -> Reply:
    """Answer the facts about the machine."""
    machine = session.files.machine()
    texts = {
        "distribution_id": machine.distribution,
        "os_build": machine.kernel_release,
        "os_kernel": machine.kernel_version,
        "hostname": machine.hostname,
    }
    fields = {
        "triple": machine.triple.encode().hex(),
        "ptrsize": str(machine.pointer_size),
        "endian": "little",
        "watchpoint_exceptions_received": "after",
        "os_version": machine.version,
        "vm-page-size": str(machine.page_size),
        **{key: text.encode("utf-8", "surrogateescape").hex() for key, text in texts.items() if text},
    }
    return "".join(f"{key}:{value};" for key, value in fields.items()).encode()
