"""The checksum of ``qCRC`` against its definition, bit by bit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gdbstub.rsp.crc import Crc32


def by_definition(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc >> 31 else 0)
            crc &= 0xFFFFFFFF
    return crc


def crc_of(*parts: bytes) -> int:
    crc = Crc32()
    for part in parts:
        crc.add(part)
    return crc.value


def test_the_published_check_value() -> None:
    assert crc_of(b"123456789") == 0x0376E6E7


def test_nothing_has_the_starting_value() -> None:
    assert crc_of() == 0xFFFFFFFF


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_parts_sum_up_to_the_definition(parts: list[bytes]) -> None:
    assert crc_of(*parts) == by_definition(b"".join(parts))
