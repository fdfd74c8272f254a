from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from gdbstub.server.address import SerialEndpoint
from gdbstub.server.serial import open_pair, open_serial
from gdbstub.vocab.errors import StartupError


def test_a_terminal_is_raw_while_it_is_ours_and_restored_after() -> None:
    controller, device = pty.openpty()
    path = os.ttyname(device)
    before = termios.tcgetattr(device)
    pair = open_pair(SerialEndpoint(path))
    assert pair.message == f"Remote debugging using {path}"
    os.write(controller, b"\x03$?#3f\r\n\x04\x11\x13\xff")
    assert os.read(device, 100) == b"\x03$?#3f\r\n\x04\x11\x13\xff"
    os.write(pair.write_fd, b"+\n\r")
    assert os.read(controller, 100) == b"+\n\r"
    with pytest.raises(BlockingIOError):
        os.read(pair.read_fd, 1)
    assert not os.get_inheritable(pair.read_fd)
    pair.close()
    pair.close()
    assert termios.tcgetattr(device) == before
    os.close(controller)
    os.close(device)


def test_a_terminal_whose_other_side_hung_up_can_be_closed() -> None:
    controller, device = pty.openpty()
    pair = open_serial(os.ttyname(device))
    os.close(device)
    os.close(controller)
    pair.close()


def test_a_device_that_is_no_terminal_is_taken_as_it_is() -> None:
    pair = open_serial("/dev/null")
    assert os.read(pair.read_fd, 1) == b""
    pair.close()


def test_what_cannot_be_opened_is_refused_in_gdbservers_words(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"^Could not open remote device: No such file or directory\.$"):
        open_serial("nocolon")
    with pytest.raises(StartupError, match=r"^Could not open remote device: .*\nFor a TCP port write :1234$"):
        open_serial("1234")
    plain = tmp_path / "f"
    plain.write_text("")
    with pytest.raises(StartupError, match=r"^Could not open remote device: it is not a character device"):
        open_serial(str(plain))
    with pytest.raises(StartupError, match=r"^Could not open remote device: Is a directory"):
        open_serial(str(tmp_path))


STDIO = """
import os, sys
from gdbstub.server.address import StdioEndpoint
from gdbstub.server.serial import open_pair
pair = open_pair(StdioEndpoint())
print("log line", flush=True)
assert os.read(0, 1) == b""
assert not os.get_blocking(pair.read_fd) and not os.get_blocking(pair.write_fd)
assert not os.get_inheritable(pair.read_fd) and not os.get_inheritable(pair.write_fd)
os.set_blocking(pair.read_fd, True)
os.write(pair.write_fd, os.read(pair.read_fd, 100))
os.set_blocking(pair.read_fd, False)
assert pair.message == "Remote debugging using stdio"
pair.close()
"""


def test_on_stdio_only_the_protocol_reaches_stdout() -> None:
    done = subprocess.run([sys.executable, "-c", STDIO], input=b"$?#3f", capture_output=True, check=True)
    assert done.stdout == b"$?#3f"
    assert done.stderr == b"log line\n"


def test_stdio_on_a_terminal_is_left_blocking() -> None:
    controller, device = pty.openpty()
    os.write(controller, b"x\n")
    with subprocess.Popen(
        [sys.executable, "-c", STDIO], stdin=device, stdout=device, stderr=subprocess.PIPE
    ) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert os.get_blocking(device)
    os.close(controller)
    os.close(device)


def test_stdio_that_is_closed_is_refused() -> None:
    script = "import os; os.close(0)\n" + STDIO
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert b"StartupError: Could not open remote device: Bad file descriptor." in done.stderr
