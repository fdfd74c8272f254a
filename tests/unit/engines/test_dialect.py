"""How a client is recognised, and what a dialect says about signals."""

from __future__ import annotations

import pytest

from gdbstub.engines.gdbremote.dialect import GDB, LLDB, Dialect, recognise
from gdbstub.vocab.ids import Signo
from tests.support.playbook import Playbook, process

GDB_18 = (
    b"multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;vContSupported+;"
    b"QThreadEvents+;QThreadOptions+;no-resumed+;memory-tagging+;single-inf-arg+;xmlRegisters=i386;"
    b"error-message+;multi-wp-addr+"
)
GDB_7 = b"multiprocess+;xmlRegisters=i386;qRelocInsn+"
LLDB_14 = b"xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+"
LLDB_22 = LLDB_14 + b";swbreak+;hwbreak+"
#: A gdb for every architecture lists all that it can read descriptions of.
GDB_MULTIARCH = b"swbreak+;qRelocInsn+;xmlRegisters=i386,arm"
DELVE = b"multiprocess+;swbreak+;hwbreak+;no-resumed+;xmlRegisters=i386"


@pytest.mark.parametrize(
    ("announced", "dialect"),
    [
        (GDB_18, GDB),
        (GDB_7, GDB),
        (GDB_MULTIARCH, GDB),
        (LLDB_14, LLDB),
        (LLDB_22, LLDB),
        (DELVE, None),
        (b"", None),
        (b"xmlRegisters=charm;x=arm", None),
    ],
)
def test_a_client_is_known_by_what_it_announces(announced: bytes, dialect: Dialect | None) -> None:
    assert recognise(announced.split(b";")) is dialect


def test_a_session_takes_the_dialect_of_its_client() -> None:
    play = Playbook(process(), supported=LLDB_22)
    assert play.session.dialect is LLDB
    assert Playbook(process(), supported=GDB_18).session.dialect is GDB
    assert Playbook(process(), supported=None).session.dialect is GDB


def test_what_was_announced_counts_more_than_what_is_supposed() -> None:
    play = Playbook(process(), supported=GDB_18)
    play.session.suppose(LLDB)
    assert play.session.dialect is GDB
    play = Playbook(process(), supported=DELVE)
    play.session.suppose(LLDB)
    assert play.session.dialect is LLDB


def test_only_gdb_is_offered_its_form_of_x() -> None:
    def offered(announced: bytes) -> list[bytes]:
        return Playbook(process(), supported=None).gets(b"qSupported:" + announced).sent().split(b";")

    assert b"binary-upload+" in offered(GDB_18)
    assert b"binary-upload+" in offered(b"")
    assert b"binary-upload+" not in offered(LLDB_14)


@pytest.mark.parametrize(("sig", "gdb"), [(10, 30), (19, 17), (34, 46), (64, 78)])
def test_signals_are_numbered_by_the_dialect(sig: int, gdb: int) -> None:
    assert LLDB.signal_number(Signo(sig)) == sig
    assert LLDB.signal_named(sig) == sig
    assert GDB.signal_number(Signo(sig)) == gdb
    assert GDB.signal_named(gdb) == sig


def test_numbers_beyond_the_last_signal_name_none() -> None:
    assert LLDB.signal_named(65) is None
    assert LLDB.signal_named(-1) is None


def test_a_wrong_sum_counts_where_the_link_is_not_trusted() -> None:
    play = Playbook(process(), supported=LLDB_22)
    play.gets_bytes(b"$qVAttachOrWaitSupported#00").sends(b"OK")
    Playbook(process(), supported=GDB_18).gets_bytes(b"$qVAttachOrWaitSupported#00").sends()
    play = Playbook(process(), supported=LLDB_22, acks=True).forget()
    play.gets_bytes(b"$qVAttachOrWaitSupported#00").sends(b"-")
