"""Monitor commands."""

from __future__ import annotations

from gdbstub.target.engine import Vote
from gdbstub.vocab.ids import Addr
from tests.support.playbook import ME, PID, T2, Playbook, process


def said(play: Playbook, line: str) -> tuple[str, bytes]:
    """Return a command's console output and its reply."""
    play.forget().gets(b"qRcmd," + line.encode().hex().encode())
    *texts, reply = play._items
    play.forget()
    assert all(text[:1] == b"O" for text in texts)
    return "".join(bytes.fromhex(text[1:].decode()).decode() for text in texts), reply


def test_help_lists_every_command() -> None:
    text, reply = said(Playbook(process()), "help")
    assert reply == b"OK"
    for name in ("help", "exit", "threads", "sites", "clients", "set event-loop-debug 0|1", "set remote-debug 0|1"):
        assert f"  {name}\n" in text


def test_an_unknown_command_is_an_error_with_a_hint() -> None:
    text, reply = said(Playbook(process()), "thread")
    assert "Did you mean: threads" in text
    assert reply == b"E.unknown monitor command"
    text, reply = said(Playbook(process(), supported=b""), "")
    assert "monitor help" in text
    assert reply == b"E01"
    assert said(Playbook(process()), "qqqqqqqq")[0].startswith("Unknown monitor command.\n")


def test_exit_ends_the_server() -> None:
    play = Playbook(process())
    assert said(play, "exit") == ("", b"OK")
    assert ("end", "monitor exit") in play.host.told


def test_threads_and_who_holds_them() -> None:
    play = Playbook(process(threads=2))
    play.target.votes[ME, T2] = Vote.STOP
    text, _ = said(play, "threads")
    first, second = text.splitlines()
    assert first.split() == ["100.100", "fake", "stopped"]
    assert second.split() == ["100.101", "fake", "stopped", "held", "by", "client", "1"]


def test_sites_and_their_owners() -> None:
    play = Playbook(process())
    assert said(play, "sites") == ("", b"OK")
    play.target.claims.add((ME, PID, Addr(0x401000)))
    assert said(play, "sites") == ("100  0x401000  client 1\n", b"OK")


def test_clients() -> None:
    assert said(Playbook(process()), "clients") == ("1  somebody\n", b"OK")


def test_debug_output_is_switched() -> None:
    play = Playbook(process())
    assert said(play, "set debug 1") == ("Debug output enabled.\n", b"OK")
    assert said(play, "set remote-debug 1") == ("Protocol debug output enabled.\n", b"OK")
    assert play.host.debug == {"debug": True, "remote-debug": True}
    assert said(play, "set debug 0") == ("Debug output disabled.\n", b"OK")
    assert play.host.debug["debug"] is False
    for line in ("set debug", "set debug 2", "set debug 1 1"):
        assert "0 or 1 expected" in said(play, line)[0]
    assert play.host.debug["debug"] is False


def test_debug_output_of_a_component_is_switched() -> None:
    play = Playbook(process())
    assert said(play, "set debug threads on") == ("Debug output for 'threads' enabled.\n", b"OK")
    assert play.host.debug == {"debug": True}
    said(play, "set debug all 1")
    assert play.host.debug == {"debug": True, "remote-debug": True, "event-loop-debug": True}
    said(play, "set debug all off")
    assert not any(play.host.debug.values())
    assert "set debug remote 1" in said(play, "set debug remote maybe")[0]
    assert said(play, "set event-loop-debug 1") == ("Event loop debug output enabled.\n", b"OK")
    assert said(play, "set debug-hw-points 1") == ("H/W point debugging output enabled.\n", b"OK")


def test_time_stamps_are_switched() -> None:
    play = Playbook(process())
    said(play, "set debug-format timestamp")
    assert play.host.debug == {"timestamps": True}
    said(play, "set debug-format none")
    assert play.host.debug == {"timestamps": False}
    assert "expected" in said(play, "set debug-format hourly")[0]
    assert "expected" in said(play, "set debug-format")[0]


def test_commands_work_while_it_runs() -> None:
    assert said(Playbook(process()).running(), "threads")[1] == b"OK"


def test_blanks_do_not_matter() -> None:
    assert said(Playbook(process()), "  set   debug   1 ") == ("Debug output enabled.\n", b"OK")


def test_the_search_path_of_libthread_db_is_taken_in_gdbservers_words() -> None:
    text, reply = said(Playbook(process()), "set libthread-db-search-path /foo/bar")
    assert text.splitlines()[0] == "libthread-db-search-path set to `/foo/bar'"
    assert reply == b"OK"
