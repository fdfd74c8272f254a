from __future__ import annotations

import os
import subprocess

import pytest

from gdbstub.linux.processes import LinuxProcesses
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Pid


def test_a_child_of_ours_is_described() -> None:
    table = LinuxProcesses()
    with subprocess.Popen(["cat", "-", "/dev/null"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
        assert process.stdout is not None
        process.stdout.read(1)
        facts = table.process(Pid(process.pid))
        assert facts is not None
        assert facts in list(table.processes())
        assert (facts.pid, facts.parent) == (process.pid, os.getpid())
        assert (facts.uid, facts.effective_gid) == (os.getuid(), os.getegid())
        assert facts.path.endswith(b"/cat")
        assert facts.arguments == (b"cat", b"-", b"/dev/null")
        assert facts.triple.endswith("-linux-gnu")
        assert facts.pointer_size == 8
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        # A zombie is nobody's to debug.
        assert table.process(Pid(process.pid)) is None


def test_this_server_is_not_listed() -> None:
    table = LinuxProcesses()
    assert os.getpid() not in {each.pid for each in table.processes()}
    assert table.process(Pid(2**22 + 1)) is None


def test_names_of_users_and_groups() -> None:
    table = LinuxProcesses()
    assert (table.user_name(0), table.group_name(0)) == ("root", "root")
    assert table.user_name(2**31) is None
    assert table.group_name(2**40) is None
    assert table.own_uid() == os.geteuid()


def test_a_file_is_identified() -> None:
    table = LinuxProcesses()
    info = table.module(b"/bin/true")
    assert info.size == os.path.getsize("/bin/true")
    with pytest.raises(TargetError):
        table.module(b"/etc/passwd")
