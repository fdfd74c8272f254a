"""Who is connected.

Layer: server.  Used by: server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import trio

from gdbstub.engines.gdbremote.reports import Awaiting
from gdbstub.engines.gdbremote.role import Role
from gdbstub.engines.gdbremote.session import Session
from gdbstub.server.connection import Connection
from gdbstub.vocab.ids import EngineId, Pid

Client: TypeAlias = Connection[Session]


class Clients:
    """The connections that have sent something, oldest first.

    Args:
        elsewhere: Takes what programs write where no client does.
    """

    def __init__(self, elsewhere: Callable[[bytes], None]) -> None:
        self._clients: list[Client] = []
        #: The one client, where there is one alone.
        self.only: Client | None = None
        self._elsewhere = elsewhere

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._clients))

    def __len__(self) -> int:
        return len(self._clients)

    def __contains__(self, client: Client) -> bool:
        return client in self._clients

    def enter(self, client: Client) -> None:
        """Take in a client."""
        self._clients.append(client)
        self.only = client if len(self._clients) == 1 else None

    def remove(self, client: Client) -> None:
        """Forget a client."""
        self._clients.remove(client)
        self.only = self._clients[0] if len(self._clients) == 1 else None

    def lost(self) -> list[Client]:
        """Return those who have closed their end."""
        return [each for each in self._clients if each.is_lost()]

    def heir(self, pid: Pid) -> Client | None:
        """Return the last client that has come to a process and has not asked yet whether it stands."""
        for each in reversed(self._clients):
            session = each.session
            if session.keeps_traced and session.spoken and not session.settled and pid in session.pids():
                return each
        return None

    def of(self, engine_id: EngineId) -> Client | None:
        """Return the client of an engine."""
        return next((each for each in self._clients if each.session.engine_id == engine_id), None)

    @property
    def any_debugger(self) -> bool:
        """Tell whether there is a client for whose sake processes stay traced."""
        return any(each.session.keeps_traced for each in self._clients)

    @property
    def any_extended(self) -> bool:
        """Tell whether a client may start or attach to other processes."""
        return any(each.session.extended for each in self._clients)

    def flush(self) -> None:
        """Send what there is to be sent."""
        for each in self._clients:
            if each.session.has_output:
                each.flush()

    def refusal(self, engine_id: EngineId) -> str | None:
        """Say why a client cannot take part now, or None where it can."""
        newcomer = self.of(engine_id)
        if newcomer is None or newcomer.session.role.observes:
            return None
        for each in self._clients:
            session = each.session
            if each is newcomer or not session.spoken or session.role.observes or session.turned_away is not None:
                continue
            if Role.EXCLUSIVE in (session.role, newcomer.session.role):
                which = "an exclusive" if session.role is Role.EXCLUSIVE else "another"
                return f"{which} debugger (client {session.engine_id}) is connected; try again when it has left"
        return None

    def changed(self, engine_id: EngineId, pid: Pid) -> None:
        """Note that what other clients were told of registers or memory is stale: one has written them."""
        for each in self._clients:
            session = each.session
            if session.engine_id != engine_id and not session.stale and pid in session.pids():
                session.stale = session.reports.awaiting is Awaiting.NOTHING

    def describe(self) -> Sequence[str]:
        """Describe each client in one line."""
        lines = []
        for each in self._clients:
            session = each.session
            pids = ", ".join(str(pid) for pid in session.pids()) or "no process"
            mode = "non-stop" if session.nonstop else "all-stop"
            stale = "  stale: another client has changed registers or memory" if session.stale else ""
            who = f"client {session.engine_id}  {each.peer or 'stdio'}  {session.role.value}"
            lines.append(f"{who}  {mode}  {pids}{stale}")
        return lines

    # ------------------------------------------------------------ what programs write

    def _watching(self, watchers: frozenset[EngineId]) -> list[Client]:
        return [
            each for each in self._clients if each.session.engine_id in watchers and each.session.dialect.takes_output
        ]

    def show(self, watchers: frozenset[EngineId], data: bytes) -> None:
        """Hand on what a program has written: to the clients that take it, or else elsewhere."""
        watching = self._watching(watchers)
        for each in watching:
            each.session.show(data)
            each.flush()
        if not watching:
            self._elsewhere(data)

    async def wait_for_room(self, watchers: frozenset[EngineId]) -> None:
        """Wait until the quickest of the clients that take a program's output has taken what it was sent.

        Where another debugger shares the program, nobody is waited for: a slow client must not keep the program
        from going on for others.
        """
        watching = self._watching(watchers)
        pids = {pid for each in watching for pid in each.session.pids()}
        if any(
            each not in watching and each.session.keeps_traced and not pids.isdisjoint(each.session.pids())
            for each in self._clients
        ):
            return
        if not watching or any(not each.has_backlog for each in watching):
            return
        async with trio.open_nursery() as nursery:

            async def wait(client: Client) -> None:
                await client.wait_for_room()
                nursery.cancel_scope.cancel()

            for each in watching:
                nursery.start_soon(wait, each)
