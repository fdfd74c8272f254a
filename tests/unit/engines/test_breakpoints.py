"""Breakpoints and watchpoints over the wire."""

from __future__ import annotations

import pytest

from gdbstub.agent.verifier import verify
from gdbstub.target.events import WatchKind
from gdbstub.target.ops import HitRules
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Pid
from tests.support.playbook import ME, PID, Playbook, process

X = Addr(0x401000)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (b"0", ("insert_breakpoint", PID, X, 1, False)),
        (b"1", ("insert_breakpoint", PID, X, 1, True)),
        (b"2", ("insert_watchpoint", PID, X, 1, WatchKind.WRITE)),
        (b"3", ("insert_watchpoint", PID, X, 1, WatchKind.READ)),
        (b"4", ("insert_watchpoint", PID, X, 1, WatchKind.ACCESS)),
    ],
)
def test_each_type(kind: bytes, call: tuple[object, ...]) -> None:
    play = Playbook(process())
    play.gets(b"Z" + kind + b",401000,1").sends(b"OK").asks(call)
    play.gets(b"z" + kind + b",401000,1").sends(b"OK").asks((str(call[0]).replace("insert", "remove"), *call[1:]))


def test_a_removal_of_nothing_is_no_error() -> None:
    Playbook(process()).gets(b"z0,401000,1").sends(b"OK")


@pytest.mark.parametrize("letter", [b"Z", b"z"])
def test_other_types_are_not_offered(letter: bytes) -> None:
    play = Playbook(process())
    for kind in (b"5", b"9"):
        play.gets(letter + kind + b",401000,1").sends(b"").asks_nothing()


@pytest.mark.parametrize("kind", [b"2", b"3", b"4"])
def test_a_watchpoint_of_no_bytes_is_refused(kind: bytes) -> None:
    Playbook(process()).gets(b"Z" + kind + b",401000,0").sends(b"E.a watchpoint of no bytes").asks_nothing()


@pytest.mark.parametrize("kind", [b"0", b"1"])
def test_conditions_and_commands_are_verified_and_handed_on(kind: bytes) -> None:
    play = Playbook(process())
    rules = HitRules((verify(b"\x22\x01\x27"),), (verify(b"\x27"),), play.host.print, True)
    play.gets(b"Z" + kind + b",401000,1;X3,220127;cmds:1,X1,27").sends(b"OK")
    play.asks(("insert_breakpoint", PID, X, 1, kind == b"1", rules))


@pytest.mark.parametrize("where", [b"", b"cmds:0,"])
def test_a_bad_expression_is_refused_before_anything_is_done(where: bytes) -> None:
    play = Playbook(process())
    play.gets(b"Z0,401000,1;" + where + b"X1,00").sends_like(rb"E\.agent expression: 0x00 is no opcode, at 0")
    play.asks_nothing()


def test_no_room_is_an_error_with_its_number() -> None:
    play = Playbook(process(), supported=b"")
    play.target.failures["insert_watchpoint"] = TargetError(28, "no debug register is free")
    play.gets(b"Z2,401000,8").sends(b"E1c")


def test_a_point_goes_to_the_process_of_the_selected_thread() -> None:
    play = Playbook(process(), process(Pid(0x200)))
    play.gets(b"Hgp200.200").forget()
    play.gets(b"Z0,401000,1").sends(b"OK")
    assert play.target.has_site(Pid(0x200), X, ME)
    assert not play.target.has_site(PID, X, ME)


def test_without_a_process() -> None:
    Playbook().gets(b"Z0,401000,1").sends(b"E.no process").asks_nothing()


def test_points_can_be_set_while_it_runs() -> None:
    play = Playbook(process()).running()
    play.gets(b"Z0,401000,1").sends(b"OK").asks_for("insert_breakpoint")
