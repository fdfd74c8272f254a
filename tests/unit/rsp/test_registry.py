from __future__ import annotations

import pkgutil
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.engines.gdbremote.dispatch import DEBUGGING, PLATFORM, handler_of
from gdbstub.rsp import commands, registry
from gdbstub.rsp.families import FAMILIES, GLUED, family_of
from gdbstub.vocab.errors import PacketError, Unsupported

ROWS = list(registry.rows())


def found(payload: bytes) -> tuple[bytes, bytes] | None:
    match = registry.find(payload)
    return None if match is None else (match[0].name, match[1])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.decode())
def test_every_command_has_a_handler(row: registry.Row) -> None:
    assert any(handler_of(row.command, table) for table in (DEBUGGING, PLATFORM))


def test_the_index_of_families_is_what_the_files_hold() -> None:
    assert set(FAMILIES) == {module.name for module in pkgutil.iter_modules(commands.__path__)}
    by_family: dict[str | None, set[bytes]] = {}
    for row in ROWS:
        by_family.setdefault(family_of(row.command), set()).add(row.name)
    assert by_family == {family: set(names) for family, names in FAMILIES.items()}
    assert {row.name for row in ROWS if row.glued} == GLUED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.decode())
def test_a_handler_is_in_the_file_of_its_family(row: registry.Row) -> None:
    handler = handler_of(row.command, DEBUGGING)
    if handler is not None:
        assert handler.__module__ == f"gdbstub.engines.gdbremote.handlers.{family_of(row.command)}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.decode())
def test_every_row_says_what_and_who(row: registry.Row) -> None:
    assert row.purpose.endswith((".", "?"))
    assert row.clients


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.decode())
def test_every_packet_is_found_by_its_name(row: registry.Row) -> None:
    assert found(row.name) == (row.name, b"")


@pytest.mark.parametrize(
    ("payload", "match"),
    [
        (b"", None),
        (b"g", (b"g", b"")),
        (b"m7ff0,8", (b"m", b"7ff0,8")),
        (b"X0,3:a:;,?", (b"X", b"0,3:a:;,?")),
        (b"?", (b"?", b"")),
        (b"!", (b"!", b"")),
        (b"D;1f", (b"D", b";1f")),
        (b"vCont?", (b"vCont?", b"")),
        (b"vCont", (b"vCont", b"")),
        (b"vCont;c", (b"vCont", b"c")),
        (b"vCont;c:p1.-1;s:p1.2", (b"vCont", b"c:p1.-1;s:p1.2")),
        (b"vCtrlC", (b"vCtrlC", b"")),
        (b"qC", (b"qC", b"")),
        (b"qSupported:a+;b-;c=1", (b"qSupported", b"a+;b-;c=1")),
        (b"qSupported", (b"qSupported", b"")),
        (b"qThreadExtraInfo,p1.2", (b"qThreadExtraInfo", b"p1.2")),
        (b"qRcmd,68", (b"qRcmd", b"68")),
        (b"qAttached:1f", (b"qAttached", b"1f")),
        (b"vFile:open:2f,0,0", (b"vFile:open", b"2f,0,0")),
        (b"vFile:setfs:0", (b"vFile:setfs", b"0")),
        (b"qXfer:features:read:target.xml:0,ffb", (b"qXfer:features:read", b"target.xml:0,ffb")),
        (b"qXfer:auxv:read::0,10", (b"qXfer:auxv:read", b":0,10")),
        (b"qXfer:siginfo:write::0:abc", (b"qXfer:siginfo:write", b":0:abc")),
        (b"vRun;;61", (b"vRun", b";61")),
    ],
)
def test_names_with_arguments(payload: bytes, match: tuple[bytes, bytes] | None) -> None:
    assert found(payload) == match


@pytest.mark.parametrize(
    "payload",
    [
        b"qCR:0,10",
        b"qCX",
        b"qc",
        b"qSupport",
        b"qSupportedX:a",
        b"vContX;c",
        b"vFile",
        b"vFile:",
        b"vFile:openx:2f,0,0",
        b"vFile:nothing:1",
        b"qXfer",
        b"qXfer:features",
        b"qXfer:features:write:target.xml:0:00",
        b"qXfer:nothing:read::0,10",
        b"vMustReplyEmpty",
        b"QStartNoAckModeX",
        b"QNonStop1",
        b"jThreadsInfoX",
        b"_",
        b"\x00",
        b"\xff",
        b"e",
    ],
)
def test_names_are_matched_whole(payload: bytes) -> None:
    assert found(payload) is None


@pytest.mark.parametrize("tail", [b"vFile:open:", b":;,?", b"qC", b"\x00\xff}", b"qXfer:auxv:read::0,1"])
def test_names_inside_data_do_not_matter(tail: bytes) -> None:
    assert found(b"vFile:pwrite:5,0," + tail) == (b"vFile:pwrite", b"5,0," + tail)
    assert found(b"X0,5:" + tail) == (b"X", b"0,5:" + tail)
    assert found(b"qXfer:siginfo:write::0:" + tail) == (b"qXfer:siginfo:write", b":0:" + tail)


@given(st.sampled_from(ROWS), st.binary(max_size=60))
def test_a_name_with_any_arguments_is_that_packet(row: registry.Row, args: bytes) -> None:
    if row.glued or len(row.name) == 1:
        assert found(row.name + args) == (row.name, args)
    elif row.name != b"vCont?":
        assert found(row.name + b";" + args) == (row.name, args)


@given(st.binary(max_size=80))
def test_any_payload_finds_a_row_or_none(payload: bytes) -> None:
    registry.find(payload)


GRAMMAR = st.lists(
    st.one_of(
        st.sampled_from(
            [b":", b";", b",", b"=", b".", b"p", b"-1", b"0", b"1", b"c", b"C05", b"r1,2", b"t", b"}", b"\x00"]
        ),
        st.sampled_from([b"61", b"2f", b"ffffffffffffffff", b"3d", b"613d62", b"ff", b"0x1", b"g", b"target.xml"]),
        st.binary(max_size=4),
    ),
    max_size=10,
).map(b"".join)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.decode())
@given(args=GRAMMAR | st.binary(max_size=60))
def test_a_parser_refuses_or_takes_and_never_breaks(row: registry.Row, args: bytes) -> None:
    try:
        command = row.parse(args)
    except (PacketError, Unsupported):
        return
    assert type(command) is row.command


def test_a_name_is_registered_once() -> None:
    class Twice(NamedTuple):
        """Ask twice."""

        @classmethod
        def parse(cls, args: bytes) -> Twice:
            return cls()

    with pytest.raises(ValueError, match="twice"):
        registry.command(b"qC")(Twice)


def test_glued_names_are_looked_at_longest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_glued", {})

    class Short(NamedTuple):
        """Ask for a little."""

        args: bytes

        @classmethod
        def parse(cls, args: bytes) -> Short:
            return cls(args)

    class Long(Short):
        """Ask for more."""

    registry.command(b"qTest", glued=True)(Short)
    registry.command(b"qTestMore", glued=True)(Long)
    assert found(b"qTest1f") == (b"qTest", b"1f")
    assert found(b"qTestMore1f") == (b"qTestMore", b"1f")
    assert found(b"qTestMo") == (b"qTest", b"Mo")
    # A name that is there whole wins.
    assert found(b"qC") == (b"qC", b"")
