from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.linux import procfs, tls
from gdbstub.linux.tls import tls_address
from gdbstub.vocab.errors import TargetError

PAGE = 4096
POINTER = 0x7F001000
DTV = 0x7F100000
LIBRARY = 0x60000000
#: What the made-up glibc's link_map looks like, in words.
MODID_AT, OFFSET_AT = 40, 41

Header = tuple[int, int, int, int, int, int]


def storage(vaddr: int = 0x2E00, filesz: int = 8, memsz: int = 0x50, align: int = 16) -> Header:
    return (7, 0x1E00, vaddr, filesz, memsz, align)


class Image:
    """The memory of a made-up process: a PIE, and libraries that its linker has loaded."""

    BASE = 0x55000000
    NODES = 0x70000000

    def __init__(self, size: int = 8, *, tls: Header | None = None, has_phdr: bool = True, vaddr: int = 0) -> None:
        self.size = size
        self.pages: dict[int, bytearray] = {}
        self.link_maps: list[int] = []
        ehdr = 64 if size == 8 else 52
        headers = [(1, 0, vaddr, 0x3000, 0x3000, PAGE), (2, 0x2000, vaddr + 0x2000, 64, 64, 8)]
        if has_phdr:
            headers.insert(0, (6, ehdr, vaddr + ehdr, 0x100, 0x100, 8))
        if tls is not None:
            headers.append(tls)
        table = self.headers(headers)
        self.put(self.BASE + ehdr, table)
        each = len(table) // len(headers)
        self.auxv = struct.pack(f"={8}{self.word}", 3, self.BASE + ehdr, 4, each, 5, len(headers), 0, 0)
        self.node(self.BASE - vaddr, b"", self.BASE + 0x2000)
        self.words(POINTER, POINTER, DTV)

    @property
    def word(self) -> str:
        return "Q" if self.size == 8 else "I"

    def headers(self, headers: Sequence[Header]) -> bytes:
        if self.size == 8:
            return b"".join(
                struct.pack("=IIQQQQQQ", k, 4, offset, vaddr, vaddr, filesz, memsz, align)
                for k, offset, vaddr, filesz, memsz, align in headers
            )
        return b"".join(
            struct.pack("=IIIIIIII", k, offset, vaddr, vaddr, filesz, memsz, 4, align)
            for k, offset, vaddr, filesz, memsz, align in headers
        )

    def put(self, address: int, data: bytes) -> None:
        for index, byte in enumerate(data):
            page = self.pages.setdefault((address + index) // PAGE, bytearray(PAGE))
            page[(address + index) % PAGE] = byte

    def words(self, address: int, *words: int) -> None:
        self.put(address, struct.pack(f"={len(words)}{self.word}", *words))

    def node(self, l_addr: int, name: bytes, l_ld: int) -> int:
        """Put a link_map at the end of the list."""
        at = self.NODES + PAGE * len(self.link_maps)
        before = self.link_maps[-1] if self.link_maps else 0
        self.put(at + 0x800, name + b"\0")
        self.words(at, l_addr, at + 0x800, l_ld, 0, before)
        if before:
            self.words(before + 3 * self.size, at)
        self.link_maps.append(at)
        return at

    def library(
        self,
        name: bytes,
        tls: Header | None = None,
        symbols: Mapping[bytes, int] | None = None,
        *,
        relocated: bool = True,
    ) -> int:
        """Load a library that exports symbols, found by a hash table of one bucket."""
        base = LIBRARY + 0x100000 * len(self.link_maps)
        ehdr = 64 if self.size == 8 else 52
        headers = [(1, 0, 0, 0x3000, 0x3000, PAGE), (2, 0x2000, 0x2000, 64, 64, 8)]
        if tls is not None:
            headers.append(tls)
        table = self.headers(headers)
        ident = b"\x7fELF" + bytes((self.size // 4, 1, 1)) + bytes(9)
        each = (len(table) // len(headers), len(headers))
        layout = "=16sHHIQQQIHHHHHH" if self.size == 8 else "=16sHHIIIIIHHHHHH"
        self.put(base, struct.pack(layout, ident, 3, 62, 1, 0, ehdr, 0, 0, ehdr, *each, 0, 0, 0))
        self.put(base + ehdr, table)
        names = b"\0"
        entries = [bytes(24 if self.size == 8 else 16)]
        for symbol, value in (symbols or {}).items():
            entries.append(
                struct.pack("=IBBHQQ", len(names), 0, 0, 1, value, 0)
                if self.size == 8
                else struct.pack("=IIIBBH", len(names), value, 0, 0, 0, 1)
            )
            names += symbol + b"\0"
        chain = [*range(2, len(entries)), 0] if symbols else []
        bucket = 1 if symbols else 0
        self.put(base + 0x400, struct.pack(f"={4 + len(chain)}I", 1, len(entries), bucket, 0, *chain))
        self.put(base + 0x600, b"".join(entries))
        self.put(base + 0x1000, names)
        bias = base if relocated else 0
        self.words(base + 0x2000, 4, bias + 0x400, 6, bias + 0x600, 5, bias + 0x1000, 0, 0)
        return self.node(base, name, base + 0x2000)

    def glibc(self, *, generations: Sequence[tuple[int, int]] | None = None) -> int:
        """Load the library that says where the members of link_map are."""
        symbols = {b"_thread_db_link_map_l_tls_modid": 0x2800, b"_thread_db_link_map_l_tls_offset": 0x2810}
        if generations is not None:
            symbols[b"_thread_db_rtld_global__dl_tls_dtv_slotinfo_list"] = 0x2820
            symbols[b"_rtld_global"] = 0x2900
        link_map = self.library(b"/lib/libc.so.6", symbols=symbols)
        base = LIBRARY + 0x100000 * (len(self.link_maps) - 1)
        bits = 8 * self.size
        self.put(base + 0x2800, struct.pack("=III", bits, 1, MODID_AT * self.size))
        self.put(base + 0x2810, struct.pack("=III", bits, 1, OFFSET_AT * self.size))
        self.put(base + 0x2820, struct.pack("=III", bits, 1, 2 * self.size))
        if generations is not None:
            # Two blocks, the first for the numbers 0 and 1.
            blocks = (base + 0x2A00, base + 0x2B00)
            self.words(base + 0x2900 + 2 * self.size, blocks[0])
            flat = [number for pair in generations for number in pair]
            self.words(blocks[0], 2, blocks[1], *flat[:4])
            self.words(blocks[1], len(generations) - 2, 0, *flat[4:])
        return link_map

    def set_members(self, link_map: int, modid: int, offset: int) -> None:
        self.words(link_map + MODID_AT * self.size, modid)
        self.words(link_map + OFFSET_AT * self.size, offset)

    def set_dtv(self, generation: int, pointers: Sequence[int]) -> None:
        """Fill the dtv as glibc does; entries are two words."""
        flat = [word for pointer in pointers for word in (pointer, 0)]
        self.words(DTV - 2 * self.size, len(pointers), 0, generation, 0, *flat)

    def read(self, address: int, length: int) -> bytes:
        page = self.pages.get(address // PAGE)
        if page is None:
            raise TargetError(errno.EIO)
        return bytes(page[address % PAGE :][:length])

    def address(self, offset: int = 0, link_map: int = 0, pointer: int = POINTER) -> int:
        return tls_address(self.read, self.auxv, self.size, pointer, offset, link_map)

    def refusal(self, link_map: int = 0, pointer: int = POINTER) -> str:
        with pytest.raises(TargetError) as caught:
            self.address(0, link_map, pointer)
        return caught.value.text


SIZES = pytest.mark.parametrize("size", [4, 8])
NOT_YET = "this thread has not allocated that module's storage yet"
NONE = "that module has no thread-local storage"


# The program


@pytest.mark.parametrize(
    ("vaddr", "memsz", "align", "distance"),
    [
        (0x2E00, 0x50, 16, 0x50),
        (0x2E00, 0x51, 16, 0x60),
        (0x2E40, 0x48, 64, 0x80),
        (0x2E00, 0x48, 1, 0x48),
        (0x2E00, 0x48, 0, 0x48),
        # A segment that is not aligned keeps its place modulo the alignment.
        (0x2E08, 0x48, 64, 0x78),
    ],
)
@SIZES
@pytest.mark.parametrize("has_phdr", [True, False])
def test_the_program_ends_at_the_thread_pointer(
    size: int, has_phdr: bool, vaddr: int, memsz: int, align: int, distance: int
) -> None:
    image = Image(size, tls=storage(vaddr, 8, memsz, align), has_phdr=has_phdr)
    for link_map in (0, image.link_maps[0]):
        assert image.address(4, link_map) == POINTER - distance + 4


def test_the_program_at_its_own_addresses_is_the_program() -> None:
    image = Image(tls=storage(Image.BASE + 0x2E00), vaddr=Image.BASE)
    assert image.address(0, image.link_maps[0]) == POINTER - 0x50


def test_offsets_wrap_round() -> None:
    image = Image(4, tls=storage())
    assert image.address(0xFFFFFFFC) == POINTER - 0x54


def test_a_thread_without_storage() -> None:
    assert Image(tls=storage()).refusal(pointer=0) == "this thread has no thread-local storage yet"


def test_a_program_without_storage() -> None:
    image = Image()
    assert image.refusal() == image.refusal(image.link_maps[0]) == "the program has no thread-local storage"
    image.auxv = b""
    assert image.refusal() == "the program has no thread-local storage"


# glibc


@SIZES
def test_storage_in_the_static_block(size: int) -> None:
    image = Image(size)
    library = image.library(b"/lib/liba.so", storage())
    image.glibc()
    image.set_members(library, 2, 0x140)
    assert image.address(8, library) == POINTER - 0x140 + 8


@SIZES
@pytest.mark.parametrize("undecided", [True, False])
def test_storage_of_its_own(size: int, undecided: bool) -> None:
    image = Image(size)
    library = image.library(b"/lib/liba.so", storage())
    image.glibc()
    image.set_members(library, 2, 0 if undecided else (1 << 8 * size) - 1)
    image.set_dtv(5, [POINTER - 0x40, 0x12345000])
    assert image.address(8, library) == 0x12345008
    image.set_dtv(5, [POINTER - 0x40, (1 << 8 * size) - 1])
    assert image.refusal(library) == NOT_YET
    image.set_dtv(5, [POINTER - 0x40])
    assert image.refusal(library) == NOT_YET
    image.words(POINTER + size, 0)
    assert image.refusal(library) == NOT_YET


@SIZES
def test_storage_of_a_former_owner_of_the_number(size: int) -> None:
    image = Image(size)
    library = image.library(b"/lib/liba.so", storage())
    main = image.link_maps[0]
    image.glibc(generations=[(0, 0), (0, main), (7, library)])
    image.set_members(library, 2, 0)
    image.set_dtv(7, [POINTER - 0x40, 0x12345000])
    assert image.address(8, library) == 0x12345008
    image.set_dtv(6, [POINTER - 0x40, 0x12345000])
    assert image.refusal(library) == NOT_YET


def test_a_library_without_storage() -> None:
    image = Image()
    library = image.library(b"/lib/liba.so")
    assert image.refusal(library) == NONE
    image.glibc()
    image.set_members(library, 0, 0)
    assert image.refusal(library) == NONE


@SIZES
def test_members_are_recognised_where_libc_does_not_say_where_they_are(size: int) -> None:
    image = Image(size)
    library = image.library(b"/lib/liba.so", storage(0x2E08, 8, 0x50, 16))
    assert image.refusal(library) == "the program's C library does not say where thread-local storage is"
    base = LIBRARY + 0x100000
    image.words(library + 30 * size, base + 0x2E08, 8, 0x50, 16, 8, 0x140, 2)
    assert image.address(8, library) == POINTER - 0x140 + 8
    image.words(library + 30 * size, base + 0x2E08, 8, 0x50, 16, 8, 0, 2)
    image.set_dtv(0, [POINTER - 0x40, 0x12345000])
    assert image.address(8, library) == 0x12345008


# musl


@SIZES
def test_musl_numbers_its_modules_in_order(size: int) -> None:
    image = Image(size, tls=storage())
    image.library(b"/lib/ld-musl-x86_64.so.1", symbols={b"_dl_debug_addr": 0x2800}, relocated=False)
    bare = image.library(b"/lib/liba.so")
    first = image.library(b"/lib/libb.so", storage())
    second = image.library(b"/lib/libc.so", storage())
    image.words(DTV, 3, POINTER - 0x50, 0x12340000, 0x12345000)
    assert image.address(8, image.link_maps[0]) == POINTER - 0x50 + 8
    assert image.address(8, first) == 0x12340008
    assert image.address(8, second) == 0x12345008
    assert image.refusal(bare) == NONE
    image.words(DTV, 2)
    assert image.refusal(second) == NOT_YET
    image.words(DTV + 2 * size, 0)
    assert image.refusal(first) == NOT_YET


# Anything


def test_what_is_no_link_map_is_refused() -> None:
    image = Image(tls=storage())
    image.glibc()
    for link_map in (1, image.link_maps[1] + 8, 0x666000, 0xFFFFFFFFFFFFFFF8, 1 << 70):
        assert image.refusal(link_map)


def test_a_list_that_is_a_ring_is_refused() -> None:
    image = Image()
    library = image.library(b"/lib/liba.so", storage())
    image.words(image.link_maps[0] + 4 * image.size, library)
    assert image.refusal(library) == "that link_map is not in the dynamic linker's list"


@given(st.data())
def test_any_memory_gives_an_address_or_a_refusal(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([4, 8]))
    image = Image(size, tls=storage())
    library = image.library(b"/lib/liba.so", storage())
    if data.draw(st.booleans()):
        image.glibc(generations=[(0, 0), (0, 0), (7, library)])
        image.set_members(library, 2, 0)
    else:
        image.library(b"/lib/ld-musl-x86_64.so.1", symbols={b"_dl_debug_addr": 0x2800})
    image.set_dtv(7, [POINTER - 0x40, 0x12345000])
    for _ in range(data.draw(st.integers(0, 6))):
        page = data.draw(st.sampled_from(sorted(image.pages)))
        at = data.draw(st.integers(0, 0x300) | st.integers(0, PAGE - 8))
        image.put(page * PAGE + at, data.draw(st.binary(min_size=1, max_size=8)))
    try:
        address = image.address(8, library)
    except TargetError as refusal:
        assert refusal.text
    else:
        assert 0 <= address < 1 << 8 * size


# This process


def own_address(link_map: int) -> int:
    fd = os.open("/proc/self/mem", os.O_RDONLY)

    def read(address: int, length: int) -> bytes:
        try:
            return os.pread(fd, length, address)
        except (OSError, OverflowError):
            raise TargetError(errno.EIO) from None

    base = ctypes.c_ulong()
    sys_arch_prctl, arch_get_fs = 158, 0x1003
    assert ctypes.CDLL(None).syscall(sys_arch_prctl, arch_get_fs, ctypes.byref(base)) == 0
    try:
        return tls_address(read, procfs.auxv(os.getpid()), 8, base.value, 0, link_map)
    finally:
        os.close(fd)


def test_errno_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = ctypes.CDLL("libc.so.6")
    libc.__errno_location.restype = ctypes.c_ulong
    # What dlopen returns is the link_map.
    start = own_address(libc._handle)
    assert 0 <= libc.__errno_location() - start < 0x400
    monkeypatch.setattr(tls, "_L_TLS_MODID", b"there_is_no_such_symbol")
    assert own_address(libc._handle) == start
