"""The facts about the machine."""

from __future__ import annotations

import os

import pytest

from gdbstub.linux import procfs
from gdbstub.linux.machine import distribution, machine


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"ID=debian\n", "debian"),
        (b'NAME="Some Linux"\nID="some-linux"\nVERSION_ID=3\n', "some-linux"),
        (b"VERSION_ID=3\nPLATFORM_ID=x\n", ""),
        (b"", ""),
    ],
)
def test_the_distribution_is_named(text: bytes, name: str) -> None:
    assert distribution(text) == name


def test_this_machine() -> None:
    facts = machine()
    assert facts.kernel_release.startswith(facts.version)
    assert facts.page_size == os.sysconf("SC_PAGE_SIZE")
    assert facts.hostname == os.uname().nodename


def test_whose_this_process_is() -> None:
    who = procfs.identity(os.getpid())
    assert (who.parent, who.real_uid, who.effective_gid) == (os.getppid(), os.getuid(), os.getegid())


def test_a_process_that_is_gone_is_nobodys() -> None:
    assert procfs.identity(0x7FFFFFFE).parent == 0
