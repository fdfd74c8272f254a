"""Thread-local variables: where the server says they are, against where the program says it has them."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import symbols
from tests.support.dialogue import at_entry, finish, run_to_ready
from tests.support.rsp_client import RspClient
from tests.support.stub import Stub
from tests.support.tracees import FLAGS, SOURCES, Program

Build = Callable[..., Program]

WARNINGS = [flag for flag in FLAGS if not flag.endswith("pie")]
NO_PIE = ("-fno-pie", "-no-pie")
#: Compiler and options.
DYNAMIC = {
    "glibc": ("gcc", *NO_PIE),
    "glibc-pie": ("gcc", "-fPIE", "-pie"),
    "glibc-i386": ("gcc", "-m32", *NO_PIE),
    "musl": ("musl-gcc", *NO_PIE),
}
STATIC = {
    "glibc-static": ("gcc", *NO_PIE, "-static"),
    "glibc-static-pie": ("gcc", "-fPIE", "-static-pie"),
    "glibc-static-i386": ("gcc", "-m32", *NO_PIE, "-static"),
    "musl-static": ("musl-gcc", *NO_PIE, "-static"),
}
#: The compiler's own words for it are many; a header is all these need.
PROBE = "#include <stdio.h>\nint main(void) { return 0; }\n"


class Toolbox:
    """Builds programs and libraries with a compiler's own C library, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[tuple[str, ...], Path] = {}

    def _compile(self, *words: str) -> Path:
        if words not in self._built:
            if shutil.which(words[0]) is None:
                pytest.skip(f"[missing-tool] {words[0]} is not installed")
            target = self._folder / f"built{len(self._built)}"
            probe = self._folder / "probe.c"
            probe.write_text(PROBE)
            if (
                "-m32" in words
                and subprocess.run(
                    [*words[:2], "-o", self._folder / "probe", probe], stderr=subprocess.DEVNULL, check=False
                ).returncode
            ):
                pytest.skip("[missing-tool] the compiler has no 32-bit C library")
            # A static program is told that its dlopen will want the shared libraries; it is not used.
            built = subprocess.run(
                [words[0], *WARNINGS, *words[1:], "-o", target, "-ldl"], capture_output=True, text=True, check=False
            )
            assert not built.returncode, built.stderr
            self._built[words] = target
        return self._built[words]

    def program(self, compiler: str, *options: str) -> Program:
        """Build the program."""
        return Program(self._compile(compiler, *options, str(SOURCES / "tls.c")))

    def library(self, compiler: str, *options: str, size: int = 9) -> Path:
        """Build a library for it, with a variable of ``size`` words."""
        options = tuple(each for each in options if each == "-m32" or each.startswith("-ftls"))
        source = str(SOURCES / "tls_library.c")
        return self._compile(compiler, *options, "-shared", "-fPIC", f"-DSIZE={size}", source)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Toolbox:
    return Toolbox(tmp_path_factory.mktemp("tls"))


class Session:
    """A program at its orders, and the client that asks."""

    def __init__(self, stub: Stub, client: RspClient) -> None:
        self.stub = stub
        self.client = client

    def told(self, letter: str) -> str:
        """Let the program run, obey, and stop again; return its line."""
        self.client.resume()
        self.stub.tell(letter)
        line = self.stub.line()
        self.client.interrupt()
        return line

    def place(self, letter: str) -> tuple[int, int]:
        """Return the thread that obeyed and the address it printed."""
        tid, address = self.told(letter).split()
        return int(tid), int(address, 16)

    def other_thread(self) -> int:
        """Return the second thread."""
        return next(tid for _, tid in self.client.threads() if tid != self.stub.pid)

    def link_map(self, path: Path | str | None = None) -> int:
        """Return the link_map of a library by its path or the start of its name, or that of the program."""
        document = ET.fromstring(self.client.read_object("libraries-svr4"))
        if path is None:
            return int(document.get("main-lm") or "0", 16)
        for each in document:
            name = each.get("name", "")
            if name == str(path) or Path(name).name.startswith(str(path)):
                return int(each.get("lm", ""), 16)
        raise AssertionError(f"{path} is not loaded")

    def ask(self, tid: int, offset: int, link_map: int) -> str:
        """Send the packet."""
        return self.client.ask(f"qGetTLSAddr:{self.client.thread_id(tid)},{offset:x},{link_map:x}")

    def address(self, tid: int, offset: int, link_map: int) -> int:
        """Send the packet; the answer must be an address."""
        reply = self.ask(tid, offset, link_map)
        assert not reply.startswith("E") and reply, reply
        return int(reply, 16)


@contextmanager
def session(program: Program, *arguments: object) -> Iterator[Session]:
    with at_entry(program, *arguments) as (stub, client):
        run_to_ready(stub, client)
        yield Session(stub, client)
        finish(stub, client)


def offset_of(path: Path, name: str) -> int:
    """Return the place of a variable within its module's storage: what a TLS symbol's value is."""
    return symbols.addresses(path)[name]


@pytest.mark.parametrize("kind", [*DYNAMIC, *STATIC])
def test_variables_of_the_program(tools: Toolbox, kind: str) -> None:
    program = tools.program(*(DYNAMIC | STATIC)[kind])
    offset = offset_of(program.path, "main_variable")
    with session(program) as now:
        maps = {0} if kind in STATIC else {0, now.link_map()}
        seen = set()
        for letter in "mM":
            tid, address = now.place(letter)
            seen.add(tid)
            assert {now.address(tid, offset, each) for each in maps} == {address}
            size = 4 if "i386" in kind else 8
            assert now.client.read_word(now.address(tid, offset, 0), size) == 2
        assert len(seen) == 2


@pytest.mark.parametrize("kind", [*DYNAMIC, *STATIC])
def test_each_thread_is_listed_with_the_librarys_own_name_of_it(tools: Toolbox, kind: str) -> None:
    """gdb's Python finds a thread by its ``pthread_t`` (``InferiorThread.handle``)."""
    with session(tools.program(*(DYNAMIC | STATIC)[kind])) as now:
        told = dict(now.place(letter) for letter in "sS")
        size = 4 if "i386" in kind else 8
        listed = {
            int(each.get("id", "").partition(".")[2], 16): bytes.fromhex(each.get("handle", ""))
            for each in ET.fromstring(now.client.read_object("threads"))
        }
        assert listed == {tid: handle.to_bytes(size, "little") for tid, handle in told.items()}


@pytest.mark.parametrize("kind", DYNAMIC)
def test_variables_of_a_loaded_library(tools: Toolbox, kind: str) -> None:
    library = tools.library(*DYNAMIC[kind])
    offset = offset_of(library, "library_variable")
    with session(tools.program(*DYNAMIC[kind]), library) as now:
        now.told("o")
        link_map = now.link_map(library)
        other = now.other_thread()
        if kind != "musl":
            # musl gives every thread its storage within dlopen.
            assert now.ask(other, offset, link_map).startswith("E")
        for letter, expected in (("l", now.stub.pid), ("L", other)):
            tid, address = now.place(letter)
            assert (tid, now.address(tid, offset, link_map)) == (expected, address)


def test_variables_of_a_library_in_the_static_block(tools: Toolbox) -> None:
    library = tools.library("gcc", "-ftls-model=initial-exec")
    offset = offset_of(library, "library_variable")
    with session(tools.program(*DYNAMIC["glibc"]), library) as now:
        now.told("o")
        link_map = now.link_map(library)
        # Nobody has used it yet, and it is there all the same.
        before = {tid: now.address(tid, offset, link_map) for _, tid in now.client.threads()}
        assert before == dict(now.place(letter) for letter in "lL")


def test_errno_of_a_program_without_threads(tools: Toolbox) -> None:
    program = tools.program(*DYNAMIC["glibc"], "-DWITHOUT_THREADS")
    with session(program) as now:
        libc = now.link_map("libc.so")
        tid, address = now.place("e")
        start = now.address(tid, 0, libc)
        assert 0 <= address - start < 0x400


def test_a_number_that_another_library_had_before(tools: Toolbox) -> None:
    first, second = tools.library("gcc", size=900), tools.library("gcc", size=1700)
    offset = offset_of(second, "library_variable")
    with session(tools.program(*DYNAMIC["glibc"]), first, second) as now:
        now.told("o")
        for letter in "lL":
            now.place(letter)
        now.told("c")
        now.told("n")
        link_map = now.link_map(second)
        tid, address = now.place("l")
        assert now.address(tid, offset, link_map) == address
        # The other thread's dtv still has the first library's storage under that number.
        assert now.ask(now.other_thread(), offset, link_map).startswith("E")
        tid, address = now.place("L")
        assert now.address(tid, offset, link_map) == address


def test_before_the_program_has_set_it_up(tools: Toolbox) -> None:
    with at_entry(tools.program(*DYNAMIC["glibc"])) as (stub, client):
        assert Session(stub, client).ask(stub.pid, 0, 0).startswith("E")
        run_to_ready(stub, client)
        finish(stub, client)


def test_what_cannot_be_answered_is_refused_and_spoils_nothing(tools: Toolbox) -> None:
    with session(tools.program(*DYNAMIC["glibc"])) as now:
        main = now.link_map()
        tid = now.stub.pid
        assert now.ask(tid, 0, 0xDEAD0000).startswith("E")
        assert now.ask(tid, 0, main + 8).startswith("E")
        assert now.ask(tid, 0, 0xFFFFFFFFFFFFFFFF).startswith("E")
        assert now.ask(tid + 0x100000, 0, main).startswith("E")
        for bad in ("", ":", ":1", ":1,2", ":1,2,x", ":1,,0", ":,0,0", ":1,2,3,4"):
            assert now.client.ask(f"qGetTLSAddr{bad}").startswith("E"), bad
        assert now.place("m")[0] == tid
