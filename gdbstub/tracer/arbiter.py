"""Engines' votes, and the one decision that follows from them.

Layer: tracer (pure).  Used by: tracer.

Theory of operation.  An engine's wish for the threads of one inferior is a
ballot: votes on threads named one by one, a vote on all the others, and a vote
on threads that are not born yet.  The smallest vote of all ballots on a thread
is what happens to it (``STOP < STEP < CONTINUE``), so a thread runs only if no
engine holds it, and clearing one engine's hold runs it only if none is left.

A ballot stays until its engine replaces it; an engine that leaves takes its
ballot along, so nothing stays stopped for an engine that is gone.

A resume that lets some threads run and holds all others is a lock.  A client
that steps over its own breakpoint makes one, and two clients that do so at once
on different threads would hold each other for ever.  So locks form a line: only
the first one's holds count, the others wait until it has stopped or has let all
threads go.  An engine that has stopped altogether is in no line and always holds.
Of a thread that it has still to tell its client of, a lock's hold counts wherever it
stands in line, or what it has to tell would not be true any more; a lock that is to run
such a thread lets those behind it go first.

In non-stop the same is asked for thread by thread: an engine that comes to step some
threads while it holds every other one has a lock, until its last step is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from gdbstub.target.engine import CONTINUE, STEP, STOP, Vote
from gdbstub.vocab.ids import Addr, EngineId, Tid

Range = tuple[Addr, Addr]


class Ballot:
    """One engine's votes on one inferior."""

    __slots__ = ("behind", "named", "newborn", "others", "ranges", "steps", "untold")

    def __init__(self, others: Vote = CONTINUE) -> None:
        self.named: dict[Tid, Vote] = {}
        self.others = others
        self.newborn = others
        #: For threads that step: go on while pc is inside.
        self.ranges: dict[Tid, Range] = {}
        #: A lock that is not the first in line: its holds do not count yet.
        self.behind = False
        #: A lock that was asked for thread by thread.
        self.steps = False
        #: Held threads of which the engine has still to tell its client something.
        self.untold: frozenset[Tid] = frozenset()

    def on(self, tid: Tid) -> Vote:
        """Return the vote on one thread."""
        return self.named.get(tid, self.others)


class Arbiter:
    """All ballots on one inferior.

    Args:
        threads: Returns the threads that are alive.
    """

    __slots__ = ("_ballots", "_decided", "_line", "_threads")

    def __init__(self, threads: Callable[[], Iterable[Tid]]) -> None:
        self._threads = threads
        self._ballots: dict[EngineId, Ballot] = {}
        #: Decisions since a ballot has changed: threads that stop at every call are decided on again and again.
        self._decided: dict[Tid, Vote] = {}
        #: The engines whose ballots are locks, in the order in which they asked.
        self._line: list[EngineId] = []

    def _queue(self, engine: EngineId, *, locks: bool) -> None:
        if engine in self._line:
            self._line.remove(engine)
        elif not locks:
            return
        if locks:
            self._line.append(engine)
        if not self._line:
            return
        first = next((each for each in self._line if not self._is_in_the_way(each)), None)
        for each in self._line:
            ballot = self._ballots[each]
            ballot.behind = each != (first or self._line[0])
            if first is None:
                # Each waits for what another has to tell: the first goes on all the same.
                ballot.untold = frozenset()

    def _is_in_the_way(self, engine: EngineId) -> bool:
        """Tell whether a lock is to run a thread of which another lock has still to tell."""
        runs = {tid for tid, vote in self._ballots[engine].named.items() if vote is not STOP}
        return any(each != engine and not runs.isdisjoint(self._ballots[each].untold) for each in self._line)

    def enter(self, engine: EngineId, others: Vote = CONTINUE) -> None:
        """Let an engine take part; an engine that already does keeps its ballot."""
        self._decided.clear()
        self._ballots.setdefault(engine, Ballot(others))

    def leave(self, engine: EngineId) -> None:
        """Withdraw an engine's ballot."""
        self._decided.clear()
        self._queue(engine, locks=False)
        self._ballots.pop(engine, None)

    def engines(self) -> list[EngineId]:
        """Return who takes part, in order of attachment."""
        return list(self._ballots)

    def has(self, engine: EngineId) -> bool:
        """Tell whether an engine takes part."""
        return engine in self._ballots

    def replace(
        self,
        engine: EngineId,
        named: Mapping[Tid, Vote],
        others: Vote,
        ranges: Mapping[Tid, Range],
        untold: Collection[Tid] = (),
    ) -> None:
        """Replace an engine's whole ballot by a resume; threads born from now on run.

        Args:
            engine: Whose.
            named: Votes on single threads.
            others: The vote on all others.
            ranges: What the engine steps threads through.
            untold: Threads that it holds and has still to tell its client of.
        """
        if engine not in self._ballots:
            return
        self._decided.clear()
        ballot = self._ballots[engine] = Ballot(others)
        ballot.newborn = CONTINUE
        ballot.named.update(named)
        if ranges:
            ballot.ranges.update(ranges)
        if untold:
            if others is STOP:
                ballot.untold = frozenset(untold).difference(tid for tid, vote in named.items() if vote is not STOP)
            else:
                ballot.untold = frozenset(tid for tid, vote in named.items() if vote is STOP and tid in untold)
        self._queue(engine, locks=others is STOP and any(vote is not STOP for vote in named.values()))

    def amend(self, engine: EngineId, tid: Tid, vote: Vote, stepping: Range | None = None) -> None:
        """Change an engine's vote on one thread and leave the rest; threads born after a resume run."""
        self._decided.pop(tid, None)
        ballot = self._ballots.get(engine)
        if ballot is not None:
            ballot.named[tid] = vote
            if vote is not STOP:
                ballot.newborn = CONTINUE
            if stepping is None:
                ballot.ranges.pop(tid, None)
            else:
                ballot.ranges[tid] = stepping
            if vote is STEP:
                if engine not in self._line and self._steps_alone(ballot):
                    ballot.steps = True
                    self._decided.clear()
                    self._queue(engine, locks=True)
            elif ballot.steps:
                self._look_at_steps(engine, ballot)

    def _steps_alone(self, ballot: Ballot) -> bool:
        """Tell whether a ballot steps some threads and holds every other one."""
        votes = {ballot.on(tid) for tid in self._threads()}
        return STEP in votes and CONTINUE not in votes

    def _look_at_steps(self, engine: EngineId, ballot: Ballot) -> None:
        """End a lock that was asked for thread by thread, and is none any more."""
        if not self._steps_alone(ballot):
            ballot.steps = ballot.behind = False
            self._decided.clear()
            self._queue(engine, locks=False)

    def hold_all(self, engine: EngineId) -> None:
        """Vote STOP on every thread, and on those that are not born yet."""
        self._decided.clear()
        if engine in self._ballots:
            self._ballots[engine] = Ballot(STOP)
            self._queue(engine, locks=False)

    def transfer(self, giver: EngineId, heir: EngineId) -> bool:
        """Move one engine's holds to another, which keeps its own; the giver votes CONTINUE from now on.

        Returns:
            True where something was held by the giver.
        """
        self._decided.clear()
        ballot = self._ballots.get(giver)
        if ballot is None or heir not in self._ballots:
            return False

        def held(vote: Vote) -> Vote:
            return STOP if vote is STOP else CONTINUE

        given = Ballot(held(ballot.others))
        given.newborn = held(ballot.newborn)
        given.named = {tid: held(vote) for tid, vote in ballot.named.items()}
        own = self._ballots[heir]
        merged = self._ballots[heir] = Ballot(min(own.others, given.others))
        merged.newborn = min(own.newborn, given.newborn)
        merged.named = {tid: min(own.on(tid), given.on(tid)) for tid in (*own.named, *given.named)}
        merged.ranges = {tid: stepping for tid, stepping in own.ranges.items() if merged.on(tid) is STEP}
        self._ballots[giver] = Ballot()
        self._queue(giver, locks=False)
        self._queue(heir, locks=False)
        return given.others is STOP or STOP in given.named.values()

    def decide(self, tid: Tid) -> Vote:
        """Return what happens to a thread: the smallest vote; CONTINUE where nobody votes."""
        decision = self._decided.get(tid)
        if decision is None:
            decision = self._decided[tid] = self._smallest(tid)
        return decision

    def _smallest(self, tid: Tid) -> Vote:
        decision = CONTINUE
        for ballot in self._ballots.values():
            vote = ballot.named.get(tid, ballot.others)
            if vote < decision:
                if vote is STOP:
                    if ballot.behind and tid not in ballot.untold:
                        continue
                    return vote
                decision = vote
        return decision

    def vote_of(self, engine: EngineId, tid: Tid) -> Vote:
        """Return one engine's vote; CONTINUE where it takes no part."""
        ballot = self._ballots.get(engine)
        return CONTINUE if ballot is None else ballot.on(tid)

    def steppers(self, tid: Tid) -> list[EngineId]:
        """Return the engines that step a thread, in order of attachment."""
        return [engine for engine, ballot in self._ballots.items() if ballot.named.get(tid, ballot.others) is STEP]

    def range_of(self, engine: EngineId, tid: Tid) -> Range | None:
        """Return the range an engine steps a thread through."""
        ballot = self._ballots.get(engine)
        return None if ballot is None else ballot.ranges.get(tid)

    def holders(self, tid: Tid) -> list[EngineId]:
        """Return the engines that hold a thread."""
        return [engine for engine, ballot in self._ballots.items() if ballot.on(tid) is STOP]

    def born(self, tid: Tid) -> None:
        """Enter a new thread: each engine's vote on the unborn becomes its vote on this one."""
        self._decided.pop(tid, None)
        for ballot in self._ballots.values():
            if ballot.newborn is not ballot.others:
                ballot.named[tid] = ballot.newborn

    def gone(self, tid: Tid) -> None:
        """Forget a thread that is alive no more."""
        self._decided.pop(tid, None)
        for engine, ballot in self._ballots.items():
            ballot.named.pop(tid, None)
            ballot.ranges.pop(tid, None)
            if ballot.steps:
                self._look_at_steps(engine, ballot)

    def renamed(self, old: Tid, new: Tid) -> None:
        """Move every engine's vote from one tid to another: a thread that called exec became the leader."""
        self._decided.clear()
        for ballot in self._ballots.values():
            vote = ballot.on(old)
            stepping = ballot.ranges.get(old)
            ballot.named = {new: vote}
            ballot.ranges = {} if stepping is None else {new: stepping}

    def candidates(self) -> list[Tid] | None:
        """Return the only threads that may run, or None where any may.

        Where one engine holds all but some threads by name, nobody else need be asked about the rest.
        """
        for ballot in self._ballots.values():
            if ballot.others is STOP and not ballot.behind:
                return [tid for tid, vote in ballot.named.items() if vote is not STOP]
        return None
