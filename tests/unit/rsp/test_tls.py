from __future__ import annotations

import pytest

from gdbstub.rsp import registry
from gdbstub.rsp.commands.tls import GetTlsAddress
from gdbstub.vocab.errors import PacketError
from gdbstub.vocab.ids import Addr, ThreadSpec


def parse(payload: bytes) -> GetTlsAddress:
    found = registry.find(payload)
    assert found is not None
    row, args = found
    command = row.parse(args)
    assert isinstance(command, GetTlsAddress)
    return command


@pytest.mark.parametrize(
    ("payload", "threads", "offset", "link_map"),
    [
        (b"qGetTLSAddr:p1f.2a,10,7ffff7ffe2e0", ThreadSpec(0x1F, 0x2A), 0x10, 0x7FFFF7FFE2E0),
        (b"qGetTLSAddr:2a,0,0", ThreadSpec(None, 0x2A), 0, 0),
        (b"qGetTLSAddr:0,ffffffffffffffff,1", ThreadSpec(None, 0), 0xFFFFFFFFFFFFFFFF, 1),
    ],
)
def test_fields(payload: bytes, threads: ThreadSpec, offset: int, link_map: int) -> None:
    assert parse(payload) == GetTlsAddress(threads, offset, Addr(link_map))


@pytest.mark.parametrize(
    "args", [b"", b":", b":1", b":1,2", b":1,2,", b":1,,2", b":,1,2", b":1,2,3,4", b":1,-2,3", b":1,2,0x3", b":x,1,2"]
)
def test_bad_fields(args: bytes) -> None:
    with pytest.raises(PacketError):
        parse(b"qGetTLSAddr" + args)
