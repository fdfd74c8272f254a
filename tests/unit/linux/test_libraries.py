from __future__ import annotations

import os
import struct
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.linux import procfs
from gdbstub.linux.libraries import linker_brake, svr4_xml
from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Tid

EMPTY = b'<library-list-svr4 version="1.0"></library-list-svr4>'
PAGE = 4096


class Image:
    """The memory of a made-up process: a PIE at ``BASE`` and its linker's lists."""

    BASE = 0x55000000
    HEAP = 0x70000000

    def __init__(self, size: int = 8, *, has_phdr: bool = True, r_version: int = 1) -> None:
        self.size = size
        self.word = "Q" if size == 8 else "I"
        self.pages: dict[int, bytearray] = {}
        self.reads = 0
        self.next = self.HEAP
        ehdr = 64 if size == 8 else 52
        headers = [self.phdr(1, 0, 0, 0x3000), self.phdr(2, 0x2000, 0x2000, 16 * size)]
        if has_phdr:
            headers.insert(0, self.phdr(6, ehdr, ehdr, 0x100))
        self.put(self.BASE + ehdr, b"".join(headers))
        self.r_debug = self.alloc(6)
        self.put_words(self.BASE + 0x2000, 1, 99, 21, self.r_debug, 0, 0)
        self.put_words(self.r_debug, r_version, 0, 0, 0, 0, 0)
        self.auxv = struct.pack(f"={8}{self.word}", 3, self.BASE + ehdr, 4, len(headers[0]), 5, len(headers), 0, 0)

    def phdr(self, kind: int, offset: int, vaddr: int, memsz: int) -> bytes:
        if self.size == 8:
            return struct.pack("=IIQQQQQQ", kind, 4, offset, vaddr, vaddr, memsz, memsz, 8)
        return struct.pack("=IIIIIIII", kind, offset, vaddr, vaddr, memsz, memsz, 4, 4)

    def alloc(self, words: int) -> int:
        at = self.next
        self.next += words * self.size
        return at

    def put(self, address: int, data: bytes) -> None:
        for index, byte in enumerate(data):
            page = self.pages.setdefault((address + index) // PAGE, bytearray(PAGE))
            page[(address + index) % PAGE] = byte

    def put_words(self, address: int, *words: int) -> None:
        self.put(address, struct.pack(f"={len(words)}{self.word}", *words))

    def chain(self, r_debug: int, names: list[bytes], *, gap: int = 0) -> list[int]:
        nodes = []
        for _ in names:
            nodes.append(self.alloc(5))
            self.next += gap
        for index, name in enumerate(names):
            at = self.next
            self.next += len(name) + 1
            self.put(at, name + b"\0")
            following = nodes[index + 1] if index + 1 < len(nodes) else 0
            before = nodes[index - 1] if index else 0
            self.put_words(nodes[index], 0x1000 * index, at, 0x1000 * index + 8, following, before)
        self.put_words(r_debug + self.size, nodes[0])
        return nodes

    def read(self, address: int, length: int) -> bytes:
        self.reads += 1
        page = self.pages.get(address // PAGE)
        if page is None:
            raise TargetError(5)
        return bytes(page[address % PAGE :][:length])

    def xml(self, **arguments: int) -> bytes:
        return svr4_xml(self.read, self.auxv, self.size, **arguments)


def names(document: bytes) -> list[str]:
    return [each.get("name", "") for each in ET.fromstring(document)]


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("has_phdr", [True, False])
def test_the_whole_list(size: int, has_phdr: bool) -> None:
    image = Image(size, has_phdr=has_phdr)
    nodes = image.chain(image.r_debug, [b"", b"linux-vdso.so.1", b"/lib/libc.so.6"])
    assert image.xml() == (
        b'<library-list-svr4 version="1.0" main-lm="0x%x">'
        b'<library name="linux-vdso.so.1" lm="0x%x" l_addr="0x1000" l_ld="0x1008" lmid="0x%x"/>'
        b'<library name="/lib/libc.so.6" lm="0x%x" l_addr="0x2000" l_ld="0x2008" lmid="0x%x"/>'
        b"</library-list-svr4>" % (nodes[0], nodes[1], image.r_debug, nodes[2], image.r_debug)
    )


def test_a_list_costs_one_read_for_each_page() -> None:
    image = Image()
    image.chain(image.r_debug, [b"", *(b"/usr/lib/libnumber%d.so" % n for n in range(100))])
    assert len(names(image.xml())) == 100
    assert image.reads == len(image.pages)


def test_the_rest_of_a_list_that_the_client_knows() -> None:
    image = Image()
    nodes = image.chain(image.r_debug, [b"", b"/a", b"/b", b"/c"])
    document = image.xml(start=nodes[2], prev=nodes[1], lmid=0x1234)
    assert names(document) == ["/b", "/c"]
    assert b"main-lm" not in document
    assert document.count(b'lmid="0x1234"') == 2


def test_a_wrong_neighbour_gives_an_empty_list() -> None:
    image = Image()
    nodes = image.chain(image.r_debug, [b"", b"/a", b"/b"])
    assert image.xml(start=nodes[2], prev=nodes[0]) == EMPTY
    assert image.xml(start=nodes[2]) == EMPTY
    assert image.xml(start=0x666000, prev=0) == EMPTY


def test_start_zero_is_the_whole_list() -> None:
    image = Image()
    image.chain(image.r_debug, [b"", b"/a"])
    assert image.xml(start=0, prev=0) == image.xml()


def test_namespaces() -> None:
    image = Image(r_version=2)
    image.chain(image.r_debug, [b"", b"/a"])
    second = image.alloc(6)
    image.put_words(second, 2, 0, 0, 0, 0, 0)
    image.chain(second, [b"/b", b"/c"])
    image.put_words(image.r_debug + 5 * image.size, second)
    root = ET.fromstring(image.xml())
    assert [(each.get("name"), each.get("lmid")) for each in root] == [
        ("/a", hex(image.r_debug)),
        ("/b", hex(second)),
        ("/c", hex(second)),
    ]


def test_version_one_has_no_second_namespace() -> None:
    image = Image(r_version=1)
    image.chain(image.r_debug, [b"", b"/a"])
    image.put_words(image.r_debug + 5 * image.size, image.r_debug)
    assert names(image.xml()) == ["/a"]


def test_loops_end() -> None:
    image = Image(r_version=2)
    nodes = image.chain(image.r_debug, [b"", b"/a", b"/b"])
    image.put_words(nodes[2] + 3 * image.size, nodes[0])
    image.put_words(image.r_debug + 5 * image.size, image.r_debug)
    assert names(image.xml()) == ["/a", "/b"]


def test_unreadable_memory_gives_what_came_before() -> None:
    image = Image()
    nodes = image.chain(image.r_debug, [b"", b"/a", b"/b"])
    image.put_words(nodes[1] + 3 * image.size, 0xDEAD0000)
    assert names(image.xml()) == ["/a"]
    image.put_words(nodes[1] + image.size, 0xDEAD0000)
    assert names(image.xml()) == []
    assert image.xml().startswith(b'<library-list-svr4 version="1.0" main-lm="')


def test_before_the_linker_has_run_the_list_is_empty_and_without_one_it_is_refused() -> None:
    image = Image()
    assert image.xml() == b'<library-list-svr4 version="1.0"></library-list-svr4>'
    image.put_words(image.BASE + 0x2000, 21, 0)
    assert image.xml() == EMPTY
    image.put_words(image.BASE + 0x2000, 0, 0)
    with pytest.raises(TargetError):
        image.xml()
    with pytest.raises(TargetError):
        svr4_xml(image.read, b"", 8)
    with pytest.raises(TargetError):
        svr4_xml(image.read, struct.pack("=8Q", 3, 0x1234, 4, 56, 5, 9, 0, 0), 8)


def test_names_are_escaped_and_stay_well_formed() -> None:
    image = Image()
    image.chain(image.r_debug, [b"", b"/<a>&\"'b", b"/tab\tnl\n\x01", b"/caf\xc3\xa9", b"/bad\xff"])
    assert names(image.xml()) == ["/<a>&\"'b", "/tab\tnl\n?", "/café", "/bad\N{REPLACEMENT CHARACTER}"]


def test_a_name_across_pages() -> None:
    image = Image()
    image.next = Image.HEAP + PAGE - 200
    long = b"/" + b"x" * 1500
    image.chain(image.r_debug, [b"", long], gap=0)
    assert names(image.xml()) == [long.decode()]


@given(st.data())
def test_any_memory_gives_a_document(data: st.DataObject) -> None:
    image = Image(data.draw(st.sampled_from([4, 8])), r_version=2)
    image.chain(image.r_debug, [b"", b"/a", b"/b", b"/c"])
    for _ in range(data.draw(st.integers(0, 6))):
        page = data.draw(st.sampled_from(sorted(image.pages)))
        at = data.draw(st.integers(0, PAGE - 8))
        image.put(page * PAGE + at, data.draw(st.binary(min_size=1, max_size=8)))
    try:
        document = image.xml()
    except TargetError:
        return
    ET.fromstring(document)


def test_this_process() -> None:
    fd = os.open("/proc/self/mem", os.O_RDONLY)

    def read(address: int, length: int) -> bytes:
        try:
            return os.pread(fd, length, address)
        except (OSError, OverflowError):
            raise TargetError(5) from None

    me = os.getpid()
    try:
        document = svr4_xml(read, procfs.auxv(me), procfs.elf_class(me) // 8)
    finally:
        os.close(fd)
    mapped = {os.path.realpath(each.path.decode()) for each in procfs.maps(me)}
    listed = [name for name in names(document) if name.startswith("/")]
    assert listed
    assert {os.path.realpath(name) for name in listed} <= mapped


def test_the_linkers_brake_is_where_its_list_says_and_where_its_own_symbol_is() -> None:
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123  (no file of ours)

        def read(address: int, length: int) -> bytes:
            memory.seek(address)
            try:
                return memory.read(length)
            except OSError as failure:
                raise TargetError(failure.errno or 0) from None

        auxv = procfs.auxv(Tid(os.getpid()))
        brake = linker_brake(read, auxv, 8)
        assert brake is not None
        # Without the program's headers there is no way to the list, as before the linker has run.
        pairs = [pair for pair in struct.iter_unpack("=QQ", auxv) if pair[0] != 3]
        assert linker_brake(read, b"".join(struct.pack("=QQ", *pair) for pair in pairs), 8) == brake
        # A static program has no linker.
        pairs = [pair for pair in pairs if pair[0] != 7]
        assert linker_brake(read, b"".join(struct.pack("=QQ", *pair) for pair in pairs), 8) is None


@pytest.mark.parametrize("size", [4, 8])
def test_a_list_says_where_its_brake_is(size: int) -> None:
    image = Image(size)
    image.put_words(image.r_debug, 1, 0, 0x1234)
    assert linker_brake(image.read, image.auxv, size) == 0x1234
    image.put_words(image.r_debug, 1, 0, 0)
    assert linker_brake(image.read, image.auxv, size) is None
