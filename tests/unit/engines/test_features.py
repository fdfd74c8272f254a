"""The negotiation and the packets that choose a mode."""

from __future__ import annotations

import pytest

from gdbstub.engines.gdbremote.dialect import GDB
from gdbstub.engines.gdbremote.features import Features, negotiate
from gdbstub.engines.gdbremote.offers import PACKET_SIZE
from gdbstub.target.events import ForkKind
from gdbstub.vocab.ids import Pid, Signo
from tests.support.playbook import Playbook, process


def offered(announced: bytes) -> set[bytes]:
    return set(Playbook(process(), supported=None).gets(b"qSupported:" + announced).sent().split(b";"))


def test_what_is_offered_to_everybody() -> None:
    answer = offered(b"")
    assert b"PacketSize=%x" % PACKET_SIZE in answer
    for name in (b"QStartNoAckMode", b"QPassSignals", b"QNonStop", b"qXfer:features:read", b"vContSupported"):
        assert name + b"+" in answer
    assert len(answer) == len(list(answer))


@pytest.mark.parametrize(
    "name", [b"multiprocess+", b"error-message+", b"fork-events+", b"vfork-events+", b"exec-events+", b"no-resumed+"]
)
def test_what_is_offered_to_who_asked(name: bytes) -> None:
    assert name not in offered(b"")
    assert name in offered(name)


@pytest.mark.parametrize("name", [b"multiprocess-", b"multiprocess", b"multiprocess?", b"xmultiprocess+", b"\xff+"])
def test_what_is_not_announced_is_off(name: bytes) -> None:
    features = Features()
    assert b"multiprocess+" not in negotiate(features, GDB, [name]).split(b";")
    assert not features.multiprocess


def test_every_offer_is_one_we_keep() -> None:
    features = Features()
    for name in negotiate(features, GDB, []).split(b";"):
        packet, plus, _ = name.partition(b"+")
        if plus and packet[:1] in (b"Q", b"q"):
            reply = Playbook(process()).stopped().gets(packet).sent()
            assert reply != b"", packet


def test_forks_are_wished_for_as_announced() -> None:
    play = Playbook(process(), supported=None)
    play.gets(b"qSupported:fork-events+")
    assert play.target.take_calls()[-1] == ("fork_events", frozenset({ForkKind.FORK}))
    play.gets(b"qSupported:fork-events+;vfork-events+")
    assert play.target.take_calls()[-1] == ("fork_events", frozenset({ForkKind.FORK, ForkKind.VFORK}))


def test_modes() -> None:
    play = Playbook(process())
    play.gets(b"!").sends(b"OK")
    assert play.session.extended
    play.gets(b"QNonStop:1").sends(b"OK")
    assert play.session.nonstop
    play.gets(b"QNonStop:0").sends(b"OK")
    assert not play.session.nonstop


def test_signals_are_translated_to_the_kernels() -> None:
    play = Playbook(process()).stopped()
    # SIGALRM, SIGUSR1, SIGCHLD, and one that Linux has not.
    play.gets(b"QPassSignals:e;1e;14;7").sends(b"OK")
    assert play.session.pass_signals == {Signo(14), Signo(10), Signo(17)}
    play.gets(b"QPassSignals:").sends(b"OK")
    assert play.session.pass_signals == frozenset()
    play.gets(b"QProgramSignals:1e").sends(b"OK")
    assert play.session.program_signals == frozenset({Signo(10)})


def test_caught_syscalls() -> None:
    play = Playbook(process(), process_b := process(pid=Pid(0x200)))
    play.stopped()
    pid = play.session.process()
    assert not play.session.catches(pid, -1)
    play.gets(b"QCatchSyscalls:1;0;3b").sends(b"OK").asks(("refresh_catches", pid))
    assert play.session.catches(pid, 59)
    assert play.session.catches(pid, -1)
    assert not play.session.catches(pid, 1)
    assert not play.session.catches(process_b.pid, 59)
    play.gets(b"QCatchSyscalls:1").sends(b"OK").forget()
    assert play.session.catches(pid, 1)
    play.gets(b"QCatchSyscalls:0").sends(b"OK").asks(("refresh_catches", pid))
    assert not play.session.catches(pid, 59)


def test_how_the_next_program_starts() -> None:
    play = Playbook()
    for payload in (
        b"QStartupWithShell:0",
        b"QDisableRandomization:0",
        b"QSetWorkingDir:2f",
        b"QEnvironmentHexEncoded:413d62",
        b"QEnvironmentUnset:50415448",
    ):
        play.gets(payload).sends(b"OK")
    spec = play.session.launch_spec
    assert (spec.with_shell, spec.disable_randomization, spec.working_directory) == (False, False, "/")
    assert play.session.environment_changes == {"A": "b", "PATH": None}
    play.gets(b"QEnvironmentReset").sends(b"OK")
    assert play.session.environment_changes == {}
    play.gets(b"QSetWorkingDir:").sends(b"OK")
    assert play.session.launch_spec.working_directory is None
