"""Who is at the other end of a connection, and may they use a debugger here.

Layer: server.  Used by: pump, once for each accepted connection.
Source: sock_diag(7), proc_net(5) (/proc/net/tcp), unix(7) (SO_PEERCRED), Linux net/ipv4/inet_diag.c.

A debugger socket is a shell: whoever is served can run anything as this user.
Other users of the same machine can reach a loopback port, so the owner of the
peer's socket is asked for: by sock_diag, which finds one connection in some 40
microseconds, or else in /proc/net/tcp, which the kernel takes milliseconds to print.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_UCRED = struct.Struct("3i")

#: Linux's include/uapi/linux/{netlink,sock_diag,inet_diag}.h and net/tcp_states.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_TCP_LISTEN = 10
_INET_DIAG_NOCOOKIE = 0xFFFFFFFF
_NLMSGHDR = struct.Struct("=IHHII")
_DIAG_REQUEST = struct.Struct("=BBxxI")
_DIAG_PORTS = struct.Struct("!HH")
_DIAG_REST = struct.Struct("=III")
#: struct inet_diag_msg: family, state; the ports are at 4, and behind the socket's id are uid and inode.
_DIAG_STATE_AT = _NLMSGHDR.size + 1
_DIAG_PORTS_AT = _NLMSGHDR.size + 4
_DIAG_OWNER_AT = _NLMSGHDR.size + 4 + 48 + 12
_DIAG_OWNER = struct.Struct("=II")
_DIAG_TIMEOUT = 1.0

_V4_MAPPED = b"\0" * 10 + b"\xff\xff"

#: Columns of /proc/net/tcp.
_UID_COLUMN = 7
_INODE_COLUMN = 9

#: A program that root was asked to run for a user is that user's: these name who asked.
_SPONSORS = ("SUDO_UID", "PKEXEC_UID")


def peer_name(sock: socket.socket) -> tuple[str, int]:
    """Return the peer's numeric address and port; for a Unix-domain socket ``unix`` and the peer's pid."""
    if sock.family == socket.AF_UNIX:
        return "unix", _peer_credentials(sock)[0]
    host, port = sock.getpeername()[:2]
    return host, port


def peer_refusal(sock: socket.socket, *, allow_any_user: bool) -> str | None:
    """Tell why a peer is not served; None where it is.

    Peers on other machines are not looked at: listening where they can connect was the user's own choice.
    """
    if allow_any_user:
        return None
    if sock.family == socket.AF_UNIX:
        uid: int | None = _peer_credentials(sock)[1]
    else:
        try:
            local, peer = sock.getsockname(), sock.getpeername()
        except OSError:
            return "the peer has gone"
        if not _is_local(peer[0], local[0]):
            return None
        uid = _socket_owner((peer[0], peer[1]), (local[0], local[1]))
    if uid is None:
        return "cannot tell which user the peer belongs to (--allow-any-user serves it all the same)"
    if uid in _trusted_uids():
        return None
    return f"the peer belongs to uid {uid}, this server to uid {os.geteuid()} (see --allow-any-user)"


def _peer_credentials(sock: socket.socket) -> tuple[int, int]:
    pid, uid, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid


def _trusted_uids() -> set[int]:
    trusted = {0, os.getuid(), os.geteuid()}
    if os.geteuid() == 0:
        for name in _SPONSORS:
            value = os.environ.get(name, "")
            if value.isascii() and value.isdigit():
                trusted.add(int(value))
    return trusted


def _is_local(peer: str, local: str) -> bool:
    return peer == local or peer == "::1" or peer.removeprefix("::ffff:").startswith("127.")


def _table_form(packed: bytes) -> str:
    """Return an address as the kernel prints it: each 32-bit word as this machine reads it."""
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def _packed(host: str) -> bytes:
    """Return an address as 4 or 16 bytes; an IPv4 address inside IPv6 as 4."""
    host = host.partition("%")[0]
    if ":" not in host:
        return socket.inet_pton(socket.AF_INET, host)
    packed = socket.inet_pton(socket.AF_INET6, host)
    return packed[12:] if packed.startswith(_V4_MAPPED) else packed


def _socket_owner(peer: tuple[str, int], local: tuple[str, int]) -> int | None:
    """Return the uid that owns the peer's side of a connection; None where the kernel does not say."""
    ends = [(_packed(host), port) for host, port in (peer, local)]
    try:
        owner = _ask_sock_diag(*ends)
    except OSError:
        # The kernel may have been built without it, and a container may forbid it.
        owner = None
    return _search_tables(ends) if owner is None else _real_owner(*owner)


def _real_owner(uid: int, inode: int) -> int | None:
    """Return the uid, except that of a socket which its owner has closed.

    Such a one has no inode, and may be shown as root's: it vouches for nobody.
    """
    return uid if inode else None


def _ask_sock_diag(peer: tuple[bytes, int], local: tuple[bytes, int]) -> tuple[int, int] | None:
    """Return uid and inode of the peer's socket; None where the kernel does not find it."""
    family = socket.AF_INET if len(peer[0]) == 4 else socket.AF_INET6
    request = b"".join(
        (
            _DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0xFFFFFFFF),
            _DIAG_PORTS.pack(peer[1], local[1]),
            peer[0].ljust(16, b"\0"),
            local[0].ljust(16, b"\0"),
            _DIAG_REST.pack(0, _INET_DIAG_NOCOOKIE, _INET_DIAG_NOCOOKIE),
        )
    )
    header = _NLMSGHDR.pack(_NLMSGHDR.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_DIAG_TIMEOUT)
        kernel.send(header + request)
        answer = kernel.recv(4096)
    if len(answer) < _DIAG_OWNER_AT + _DIAG_OWNER.size:
        return None
    if _NLMSGHDR.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None
    # Without such a connection the kernel offers whoever listens on the port: that is not the peer.
    if answer[_DIAG_STATE_AT] == _TCP_LISTEN:
        return None
    if _DIAG_PORTS.unpack_from(answer, _DIAG_PORTS_AT) != (peer[1], local[1]):
        return None
    uid, inode = _DIAG_OWNER.unpack_from(answer, _DIAG_OWNER_AT)
    return uid, inode


def _search_tables(ends: Sequence[tuple[bytes, int]]) -> int | None:
    tables = [("tcp6", ends)]
    if all(len(packed) == 4 for packed, _ in ends):
        # Each side may have used an IPv6 socket: then the other table has it, in mapped form.
        tables = [("tcp", ends), ("tcp6", [(_V4_MAPPED + packed, port) for packed, port in ends])]
    for table, row in tables:
        needle = " ".join(f"{_table_form(packed)}:{port:04X}" for packed, port in row)
        owner = _find_row(table, f" {needle} ".encode())
        if owner is not None:
            return _real_owner(*owner)
    return None


def _find_row(table: str, needle: bytes) -> tuple[int, int] | None:
    try:
        text = Path("/proc/net", table).read_bytes()
    except OSError:
        return None
    at = text.find(needle)
    if at < 0:
        return None
    end = text.find(b"\n", at)
    columns = text[text.rfind(b"\n", 0, at) + 1 : end if end >= 0 else None].split()
    return int(columns[_UID_COLUMN]), int(columns[_INODE_COLUMN])
