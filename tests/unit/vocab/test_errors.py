from __future__ import annotations

import errno

from gdbstub.vocab.errors import Disconnected, PacketError, StubError, TargetError, TraceeGone, Unsupported


def test_everything_raised_on_purpose_has_one_root() -> None:
    for error in (PacketError, Unsupported, TargetError, TraceeGone, Disconnected):
        assert issubclass(error, StubError)


def test_an_error_without_a_text_says_what_the_kernel_would() -> None:
    failure = TargetError(errno.EPERM)
    assert failure.errno == errno.EPERM
    assert str(failure) == failure.text == "Operation not permitted"
    assert str(TargetError(errno.EPERM, "no")) == "no"


def test_a_gone_tracee_is_an_esrch() -> None:
    gone = TraceeGone(42)
    assert (gone.errno, gone.tid) == (errno.ESRCH, 42)
    assert "42" in gone.text
