"""linux.xsave: where state components are."""

from __future__ import annotations

import itertools

import pytest

from gdbstub.arch import x86
from gdbstub.linux import xsave

AVX512 = x86.XCR0_LEGACY | x86.XCR0_AVX | x86.XCR0_AVX512
PKRU = AVX512 | x86.XCR0_PKRU
ZEN3 = x86.XCR0_LEGACY | x86.XCR0_AVX | x86.XCR0_PKRU
AMX = 0b11 << 17


@pytest.fixture
def nobody_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xsave, "measured", lambda: None)


def area(xcr0: int, size: int) -> bytes:
    blank = bytearray(size)
    blank[xsave.XCR0_OFFSET : xsave.XCR0_OFFSET + 8] = xcr0.to_bytes(8, "little")
    return bytes(blank)


def test_layout_has_the_legacy_parts_and_is_made_once() -> None:
    layout = xsave.layout()
    assert layout is xsave.layout()
    assert layout.offsets["x87"] == (0, 160)
    assert layout.offsets["mxcsr"] == (24, 4)
    assert layout.offsets["sse"] == (160, 256)
    assert layout.xcr0 & x86.XCR0_LEGACY == x86.XCR0_LEGACY


def test_layout_components_do_not_overlap() -> None:
    places = sorted(place for name, place in xsave.layout().offsets.items() if name != "mxcsr")
    for (at, size), (following, _) in itertools.pairwise(places):
        assert at + size <= following


@pytest.mark.parametrize(
    ("xcr0", "size", "component", "offset"),
    [
        (x86.XCR0_LEGACY | x86.XCR0_AVX, 832, "avx", 576),
        (AVX512, 2688, "opmask", 1088),
        (AVX512, 2432, "opmask", 832),
        (PKRU, 2696, "pkru", 2688),
        (PKRU, 2440, "pkru", 2432),
        (ZEN3, 840, "pkru", 832),
        (ZEN3, 2696, "pkru", 2688),
        # AMX: tiles lie behind everything else, whether the tracee has them or not.
        (PKRU | AMX, 2696, "pkru", 2688),
        (PKRU | AMX, 11008, "pkru", 2688),
    ],
)
@pytest.mark.usefixtures("nobody_may_ask")
def test_g67_guess_by_size(xcr0: int, size: int, component: str, offset: int) -> None:
    layout = xsave.layout_of(area(xcr0, size))
    assert layout.offsets[component][0] == offset
    assert layout.xcr0 == xcr0 & x86.XCR0_DESCRIBED


@pytest.mark.usefixtures("nobody_may_ask")
def test_g67_unknown_layout_leaves_x87_and_sse() -> None:
    assert xsave.layout_of(area(PKRU, 3000)) is xsave.LEGACY_LAYOUT
    assert xsave.layout() is xsave.LEGACY_LAYOUT


def test_fxsave_area_has_the_legacy_layout() -> None:
    assert xsave.layout_of(bytes(512)) is xsave.LEGACY_LAYOUT


def test_refused_executable_page_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_keywords: object) -> None:
        raise PermissionError

    monkeypatch.setattr("gdbstub.linux.xsave.mmap.mmap", refuse)
    assert xsave._ask_processor() is None
