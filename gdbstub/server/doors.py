"""Where clients come in: the main listener and those beside it, each with what its clients may do.

Layer: server.  Used by: server.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Awaitable, Callable, Sequence

import trio

from gdbstub.engines.gdbremote.role import Role
from gdbstub.server.access import peer_name, peer_refusal
from gdbstub.server.connection import Channel
from gdbstub.server.listen import Listener
from gdbstub.server.wording import say

#: How long to wait where a connection could not be accepted, seconds.
_PAUSE = 0.05


class Doors:
    """The listeners of one server.

    Args:
        main: Where debuggers connect; None where they come over a pair of descriptors.
        others: Where else clients connect, and what they may do.
        poll: Told of the sockets, so that a wait elsewhere ends when somebody comes.
        serve: Serves one connection: its channel, what to call the peer, what it may do.
        allow_any_user: Local clients of other users are served too.
    """

    def __init__(
        self,
        main: Listener | None,
        others: Sequence[tuple[Listener, Role]],
        poll: select.poll,
        serve: Callable[[Channel, str, Role], Awaitable[None]],
        *,
        allow_any_user: bool,
    ) -> None:
        self.main = main
        self._others = others
        self._poll = poll
        self._serve = serve
        self._allow_any_user = allow_any_user

    def open_main(self, nursery: trio.Nursery) -> None:
        """Accept clients of the main listener."""
        if self.main is not None:
            self._open(nursery, self.main, Role.DEBUGGER)

    def open_others(self, nursery: trio.Nursery) -> None:
        """Accept clients of the others, and say where they are."""
        for door, role in self._others:
            say(f"{door.message} as {role.value}")
            if door.warning:
                say(door.warning)
            self._open(nursery, door, role)

    def _open(self, nursery: trio.Nursery, door: Listener, role: Role) -> None:
        for sock in door.sockets:
            self._poll.register(sock, select.POLLIN)
            nursery.start_soon(self._accept, sock, nursery, role)

    def close_main(self) -> None:
        """Accept no more debuggers."""
        if self.main is not None:
            for sock in self.main.sockets:
                self._poll.unregister(sock)
                trio.lowlevel.notify_closing(sock)
            self.main.close()

    def close(self) -> None:
        """Close every listener."""
        if self.main is not None:
            self.main.close()
        for door, _ in self._others:
            door.close()

    async def _accept(self, listening: socket.socket, nursery: trio.Nursery, role: Role) -> None:
        while True:
            try:
                sock, _ = listening.accept()
            except BlockingIOError:
                try:
                    await trio.lowlevel.wait_readable(listening)
                except trio.ClosedResourceError:
                    return
                continue
            except OSError:
                if listening.fileno() < 0:
                    return
                # Out of descriptors, or the peer has gone already: the listener itself is fine.
                await trio.sleep(_PAUSE)
                continue
            nursery.start_soon(self._serve_socket, sock, role)

    async def _serve_socket(self, sock: socket.socket, role: Role) -> None:
        with sock:
            try:
                sock.setblocking(False)
                if sock.family != socket.AF_UNIX:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                host, port = peer_name(sock)
                refusal = peer_refusal(sock, allow_any_user=self._allow_any_user)
            except OSError:
                return
            if refusal is not None:
                say(f"Refused a connection: {refusal}")
                return
            channel = Channel(sock.fileno(), sock.fileno(), sock.close, sock)
            await self._serve(channel, f"host {host}, port {port}", role)
