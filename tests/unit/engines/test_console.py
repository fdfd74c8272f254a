"""A program's output and input, as lldb's clients see them."""

from __future__ import annotations

from gdbstub.target.events import Launched, ProcessExited, SiteHit
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr, Pid, Tid
from tests.support.playbook import PID, T1, Playbook, process

LLDB = b"xmlRegisters=i386,arm;multiprocess+"
NEW, NEW_LEADER = Pid(500), Tid(500)
TERMINAL = "/dev/pts/77"


def o(text: bytes) -> bytes:
    return b"O" + text.hex().encode()


def test_output_is_shown_while_the_program_runs() -> None:
    play = Playbook(process(), supported=LLDB).running()
    play.session.show(b"hello\r\n")
    play.collect().sends(o(b"hello\r\n"))


def test_output_is_kept_while_the_client_believes_that_it_stands() -> None:
    play = Playbook(process(), supported=LLDB).stopped()
    play.session.show(b"one")
    play.session.show(b"two")
    play.collect().sends()
    play.gets(b"vCont;c").sends(o(b"onetwo"))
    play.event(SiteHit(PID, T1, Addr(0x401000), hardware=False)).sends_like(rb"T05.*")


def test_of_output_that_nobody_listens_to_the_end_is_kept() -> None:
    play = Playbook(process(), supported=LLDB).stopped()
    for _ in range(300):
        play.session.show(b"-" * 4096)
    play.session.show(b"end")
    sent = b"".join(bytes.fromhex(each[1:].decode()) for each in play.gets(b"vCont;c").take())
    assert len(sent) == 1 << 20 and sent.endswith(b"--end")


def test_much_output_is_cut_into_packets() -> None:
    play = Playbook(process(), supported=LLDB).running()
    play.session.show(b"x" * 5000)
    play.collect().sends(o(b"x" * 4096), o(b"x" * 904))


def test_output_is_asked_for_before_a_stop_is_told() -> None:
    play = Playbook(process(), supported=LLDB).running()
    play.event(ProcessExited(PID, T1, 0, None))
    assert ("drain_terminal", PID) in play.host.told


def test_output_in_non_stop_is_a_notification() -> None:
    play = Playbook(process(), supported=LLDB).gets(b"QNonStop:1").forget()
    play.session.show(b"a")
    play.session.show(b"b")
    play.collect().sends(b"%Stdio:" + o(b"a"))
    play.gets(b"vStdio").sends(o(b"b"))
    play.gets(b"vStdio").sends(b"OK")


def test_input_is_typed() -> None:
    play = Playbook(process(), supported=LLDB).gets(b"I610a").sends(b"OK")
    assert ("type", PID, b"a\n") in play.host.told


def test_a_program_of_lldbs_gets_a_terminal_and_no_shell() -> None:
    play = Playbook(supported=LLDB).gets(b"vRun;61")
    spec = play.target.launched
    assert spec is not None
    assert spec.streams == (TERMINAL, TERMINAL, TERMINAL)
    assert not spec.with_shell
    assert ("give_terminal", NEW, TERMINAL) in play.host.told
    play.event(Launched(NEW, NEW_LEADER)).sends_like(rb"T13.*")


def test_streams_with_files_need_no_terminal() -> None:
    play = Playbook(supported=LLDB)
    for packet, path in ((b"QSetSTDIN", b"/i"), (b"QSetSTDOUT", b"/o"), (b"QSetSTDERR", b"/e")):
        play.gets(packet + b":" + path.hex().encode()).sends(b"OK")
    play.gets(b"vRun;61")
    spec = play.target.launched
    assert spec is not None
    assert spec.streams == ("/i", "/o", "/e")
    assert ("open_terminal",) not in play.host.told
    play.gets(b"QSetSTDIN:").sends(b"OK")
    assert play.session.launch_spec.streams == (None, "/o", "/e")


def test_a_program_of_gdbs_has_the_servers_streams() -> None:
    play = Playbook().gets(b"vRun;61")
    spec = play.target.launched
    assert spec is not None
    assert spec.streams == (None, None, None)
    assert spec.with_shell


def test_a_terminal_of_a_failed_start_is_dropped() -> None:
    play = Playbook(supported=LLDB)
    play.target.failures["launch"] = TargetError(2, "no")
    play.gets(b"vRun;61").sends(b"E02")
    assert ("drop_terminal", TERMINAL) in play.host.told


def test_where_nothing_is_inherited() -> None:
    play = Playbook(supported=LLDB)
    play.session.bare_environment = True
    play.gets(b"QEnvironment:A=b=c").gets(b"QEnvironmentHexEncoded:423d63").gets(b"vRun;61")
    spec = play.target.launched
    assert spec is not None
    assert spec.environment == {"A": "b=c", "B": "c"}


def test_switches_that_are_agreed_to() -> None:
    play = Playbook(supported=LLDB)
    for packet in (b"QSetDisableASLR:0", b"QSetDetachOnError:1", b"QLaunchArch:x86_64"):
        play.gets(packet).sends(b"OK")
    assert not play.session.launch_spec.disable_randomization


# Waiting for a process


def test_a_process_that_is_waited_for() -> None:
    play = Playbook(supported=LLDB).gets(b"vAttachWait;636174").sends()
    assert ("await_process", "cat", False) in play.host.told
    play.session.process_appeared(NEW)
    play.asks_for("seize").stands()
    play.sends_like(rb"T13.*thread:p1f4.1f4;.*")


def test_a_process_that_may_be_there_already() -> None:
    play = Playbook(supported=LLDB).gets(b"vAttachOrWait;636174").sends()
    assert ("await_process", "cat", True) in play.host.told


def test_an_interrupt_ends_the_wait() -> None:
    play = Playbook(supported=LLDB).gets(b"vAttachWait;636174").gets_bytes(b"\x03").sends(b"E04")
    assert ("await_no_process",) in play.host.told
    play.session.process_appeared(NEW)
    play.collect().sends().asks_nothing()


def test_a_process_by_its_name() -> None:
    play = Playbook(supported=LLDB).gets(b"vAttachName;636174").sends(b"E03")
    play.host.appearances.pids["cat"] = [Pid(1), Pid(2)]
    play.gets(b"vAttachName;636174").sends(b"E10")
    play.host.appearances.pids["cat"] = [NEW]
    play.gets(b"vAttachName;636174").asks_for("seize")
