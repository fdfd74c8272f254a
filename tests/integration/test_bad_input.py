"""Any bytes from any client: an error to the one who sent them, and nothing else happens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.dialogue import at_ready, finish
from tests.support.rsp_client import ConnectionEnded, RspClient, encode
from tests.support.stub import Stub, launch
from tests.support.tracees import Program, TraceeBuilder

#: Each of these ended gdbserver or its inferior at some time.
KILLERS = [
    "Z0",
    "QCatchSyscalls:1;",
    "M1,fffffff",
    "MultiMemRead:",
    "qXfer:features:read:target.xml:0,ffb",
    "qXfer:auxv:read::0,1000",
    "qXfer:libraries-svr4:read::0,1000",
    "qXfer:exec-file:read::0,1000",
    "qXfer:siginfo:read::0,1000",
    "qXfer:threads:read::0,1000",
]

#: Broken, cut short, out of range, or nonsense; none of them may resume or change the process.
MALFORMED = [
    *["m", "m,", "m1", "m1,", "m,1", "mzz,4", "m0,-1", "m-1,4", "m0,ffffffffffffffff", "m0,4,4", "m0;4"],
    *["m10000000000000000,8", "m401000,80000000", "x", "x1", "x1,", "x0,ffffffffffffffff"],
    *["M", "M0", "M0,", "M0,4", "M0,4:", "M0,4:00", "M0,1:zz", "M0,ffffffffffffffff:00", "M401000,4:0011223"],
    *["X", "X0", "X0,4", "X0,4:", "X0,4:abc", "X0,ffffffffffffffff:a", "X401000,2:abc"],
    *["p", "pzz", "pffffffff", "p-1", "p10;thread:zz;", "P", "P10", "P10=", "P10=zz", "P10=00", "P=00"],
    *["Pffffffff=00", "G", "Gzz", "G0", "g1"],
    *["H", "Hg", "Hgzz", "Hgp", "Hgp.", "Hgpzz.1", "Hg99999999999999999999", "Hx0", "T", "Tzz", "Tp-1.-1"],
    *["Z", "Z0,", "Z0,0", "Z0,zz,1", "Z0,0,", "Z0,0,1", "Z0,401000", "Z9,401000,1", "Z0,401000,ffffffff"],
    *["Z2,401000,0", "Z2,401000,ffffffffffffffff", "Z0,401000,1;X4,12", "Z0,401000,1;Xffffffff,00", "z", "z0"],
    *["z0,", "z0,zz,1", "z2,0,8", "z7,0,0"],
    *["vCont;", "vCont;z", "vCont;C", "vCont;Czz", "vCont;S:1", "vCont;r", "vCont;r1", "vCont;r1,", "vCont;c:zz"],
    *["vCont;c:p1.1", "vCont", "vContX", "vFile", "vFile:", "vFile:open", "vFile:open:"],
    *["vFile:open:zz,0,0", "vFile:pread:", "vFile:pread:99,1,1", "vFile:close:99", "vFile:close:zz"],
    *["vFile:pwrite:99,0,abc", "vFile:nothing:1", "vAttach;", "vAttach;zz", "vAttach;0", "vAttach;7fffffff"],
    *["vKill;", "vKill;zz", "vKill;7fffffff", "vRun;zz", "D;", "D;zz", "D;7fffffff", "vNothing", "v", ""],
    *["q", "Q", "qXfer", "qXfer:", "qXfer:features", "qXfer:features:read", "qXfer:features:read:"],
    *["qXfer:features:read:target.xml", "qXfer:features:read:target.xml:", "qXfer:features:read:nothing:0,10"],
    *["qXfer:features:read:target.xml:zz,10", "qXfer:features:read:target.xml:0,0"],
    *["qXfer:features:read:target.xml:ffffffffffffffff,10", "qXfer:features:read:target.xml:0,ffffffffffffffff"],
    *["qXfer:features:write:target.xml:0:aa", "qXfer:nothing:read::0,10", "qXfer:siginfo:write::0:x"],
    *["qXfer:threads:read:nothing:0,10", "qXfer:exec-file:read:zz:0,10", "qXfer:exec-file:read:7fffffff:0,10"],
    *["qXfer:libraries-svr4:read:start=zz;prev=zz:0,10", "qXfer:libraries-svr4:read:start=1;prev=1:0,100"],
    *["qRcmd,", "qRcmd,zz", "qRcmd,0", "qRcmd,6e6f7468696e67", "qSearch:memory:", "qCRC:", "qCRC:0,10"],
    *["qThreadExtraInfo", "qThreadExtraInfo,", "qThreadExtraInfo,zz", "qAttached:zz", "qGetTLSAddr:", "qSymbol:"],
    *["qSymbol::", "qfThreadInfo1", "qSupported", "qSupported:;;;", "qSupported:=;+;-;?", "qsThreadInfo"],
    *["QPassSignals:", "QPassSignals:zz", "QPassSignals:ffffffff;;", "QProgramSignals:zz", "QCatchSyscalls:"],
    *["QCatchSyscalls:2", "QCatchSyscalls:1;zz", "QCatchSyscalls:1;ffffffffffffffff", "QCatchSyscalls:0"],
    *["QNonStop:", "QNonStop:zz", "QStartNoAckMode1", "QEnvironmentHexEncoded:", "QEnvironmentHexEncoded:zz"],
    *["QEnvironmentUnset:zz", "QSetWorkingDir:zz", "QStartupWithShell:zz", "QDisableRandomization:zz"],
    *["QThreadEvents:zz", "QAgent:zz", "MultiMemRead:ranges:", "MultiMemRead:ranges:;", "MultiMemRead:ranges:zz"],
    *["MultiMemRead:ranges:0,ffffffffffffffff;", "Jnothing", "jThreadsInfo:", "jThreadsInfo:{", "!!", "?1", "\x80"],
    *["\x00", "\xff\xfe", "bogus", "F", "Fzz", "F-1,zz", "F0;", "b", "bc", "bs", "B401000,S", "d", "t401000:1,2"],
    *["i", "I", "r", "y", "w", "A", "A1", "A1,2,zz", "}", "}}}", "*"],
]


@contextmanager
def unharmed(program: Program) -> Iterator[tuple[Stub, RspClient]]:
    """Serve a program to a client that sends what it likes; check afterwards that nothing was changed."""
    with at_ready(program) as (stub, client):
        registers = client.ask("g")
        text = client.read_memory(program.address("spot") & ~0xFFF, 4096)
        yield stub, client
        client.close()
        assert stub.is_alive(), stub.stderr
        with stub.connect() as second:
            assert second.current_stop().kind == "T"
            assert second.threads() == [(stub.pid, stub.pid)]
            assert second.ask("g") == registers
            assert second.read_memory(program.address("spot") & ~0xFFF, 4096) == text
            second.resume()
            stub.ping()
            second.interrupt()
            finish(stub, second)


@pytest.mark.parametrize("packet", KILLERS)
def test_a_packet_that_once_killed_a_server_is_only_answered(build: TraceeBuilder, packet: str) -> None:
    with launch(build("obey")) as stub:
        pid = stub.pid
        with RspClient(stub.port) as first:
            # Before any handshake, with acknowledgements.
            first.ask(packet)
            first.ask("qC")
        with stub.connect() as second:
            assert second.current_stop().pid == pid
            assert len(second.ask("g")) > 100
            second.resume()
            assert stub.line().startswith("ready")
            stub.ping()
            second.interrupt()
            finish(stub, second)


def test_malformed_packets_get_an_answer_each_and_change_nothing(build: TraceeBuilder) -> None:
    with unharmed(build("obey")) as (_stub, client):
        for packet in MALFORMED:
            try:
                reply = client.ask(packet, timeout=5)
            except (TimeoutError, ConnectionEnded) as problem:
                raise AssertionError(f"{packet!r} got {problem!r}") from None
            assert "Traceback" not in reply
            assert client.ask("qC", timeout=5), f"after {packet!r}"
        # What was valid after all is undone by the end of the connection.


def test_a_bad_checksum_is_refused_and_the_repetition_served(build: TraceeBuilder) -> None:
    with launch(build("obey")) as stub, RspClient(stub.port) as client:
        for spoiled in (b"$qC#00", b"$qC#zz", b"$?#00", b"$" + b"m" * 5000 + b"#00"):
            client.send_raw(spoiled)
            assert client.receive_ack() == b"-"
        client.send_raw(encode(b"qC"))
        assert client.receive_ack() == b"+"
        assert client.receive().startswith("QC")


def test_a_refused_reply_is_sent_again(build: TraceeBuilder) -> None:
    with launch(build("obey")) as stub, RspClient(stub.port) as client:
        client.send_raw(encode(b"qC"))
        assert client.receive_ack() == b"+"
        first = client._buffer
        while b"#" not in first or len(first) < first.index(b"#") + 3:
            client._receive_more(1e12)
            first = client._buffer
        client._buffer = b""
        client.send_raw(b"-")
        assert encode(client.receive().encode()) == first


def test_a_packet_byte_by_byte_is_one_packet(build: TraceeBuilder) -> None:
    with launch(build("obey")) as stub, RspClient(stub.port) as client:
        for byte in encode(b"qAttached"):
            client.send_raw(bytes([byte]))
        assert client.receive() == "0"


def test_many_packets_in_one_write_are_all_answered(build: TraceeBuilder) -> None:
    with launch(build("obey")) as stub, stub.connect() as client:
        client.send_raw(encode(b"vMustReplyEmpty") * 200)
        assert [client.receive() for _ in range(200)] == [""] * 200


@pytest.mark.parametrize(
    "data",
    [
        b"$" + b"A" * 3_000_000,
        b"$" + b"A" * 3_000_000 + b"#00",
        encode(b"m" + b"f" * 1_000_000 + b",4"),
        encode(b"M0,4:" + b"0" * 1_000_000),
        encode(b"qSupported:" + b"a+;" * 300_000),
        encode(b"vRun;" + b"41" * 500_000),
        b"\x03" * 100_000,
        b"+" * 100_000,
        b"-" * 1000,
        b"#" * 100_000,
        b"$#00" * 10_000,
    ],
    ids=lambda data: f"{data[:4]!r}-{len(data)}",
)
def test_huge_input_is_survived(build: TraceeBuilder, data: bytes) -> None:
    with unharmed(build("obey")) as (_stub, client):
        # A server may also close a connection that floods it.
        try:
            client.send_raw(data)
        except ConnectionError:
            return
        client.socket.setblocking(False)


def test_random_bytes_are_survived(build: TraceeBuilder) -> None:
    dice = random.Random(1)
    with unharmed(build("obey")) as (stub, _client):
        for _ in range(30):
            with RspClient(stub.port) as client:
                try:
                    for _ in range(dice.randrange(1, 8)):
                        client.send_raw(dice.randbytes(dice.randrange(1, 400)))
                except ConnectionError:
                    continue
        assert stub.is_alive()


#: Families that read; the writing ones would do what they are told.
READERS = ["m", "x", "p", "g", "H", "T", "qXfer:", "qXfer:features:read:", "qThreadExtraInfo,", "qC", "z0,"]
READERS += ["qSupported:", "Z0,", "vCont?", "QPassSignals:", "QProgramSignals:", "qRcmd,", "MultiMemRead:"]
ALPHABET = b"0123456789abcdefp:;,.-=zZ\x00\xff}*#$"


def test_random_packets_are_answered(build: TraceeBuilder) -> None:
    dice = random.Random(2)
    with unharmed(build("obey")) as (stub, _client), stub.connect() as client:
        for _ in range(1500):
            tail = bytes(dice.choice(ALPHABET) for _ in range(dice.randrange(0, 24)))
            packet = dice.choice(READERS).encode() + tail
            try:
                client.ask(packet, timeout=5)
            except (TimeoutError, ConnectionEnded) as problem:
                raise AssertionError(f"{packet!r} got {problem!r}") from None
