"""The votes of engine-rules 2.7 row by row, and what must hold for any history."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gdbstub.target.engine import Vote
from gdbstub.tracer.arbiter import Arbiter, Range
from gdbstub.vocab.ids import Addr, EngineId, Tid

KEEPER, A, B, C = EngineId(0), EngineId(1), EngineId(2), EngineId(3)
T, U = Tid(100), Tid(101)
STOP, STEP, CONTINUE = Vote.STOP, Vote.STEP, Vote.CONTINUE
RANGE: Range = (Addr(0x10), Addr(0x20))


def two(a: Vote, b: Vote) -> Arbiter:
    """Return an arbiter with two clients that voted on everything by a resume."""
    arbiter = Arbiter(lambda: (T, U))
    arbiter.enter(KEEPER)
    for engine, vote in ((A, a), (B, b)):
        arbiter.enter(engine)
        if vote is STOP:
            arbiter.hold_all(engine)
        else:
            arbiter.replace(engine, {T: vote}, CONTINUE, {})
    return arbiter


# The rows of the table for two engines


def test_e02_c_and_nothing_runs() -> None:
    arbiter = Arbiter(lambda: (T, U))
    arbiter.enter(A)
    arbiter.replace(A, {}, CONTINUE, {})
    arbiter.enter(B)
    assert arbiter.decide(T) is CONTINUE
    assert arbiter.holders(T) == []


def test_e12_c_and_stop_is_held_by_the_second() -> None:
    arbiter = two(CONTINUE, STOP)
    assert arbiter.decide(T) is STOP
    assert arbiter.holders(T) == [B]
    assert arbiter.vote_of(A, T) is CONTINUE


def test_e13_s_and_stop_keeps_the_step_until_the_holder_lets_go() -> None:
    arbiter = two(STEP, STOP)
    assert arbiter.decide(T) is STOP
    assert arbiter.steppers(T) == [A]
    arbiter.replace(B, {}, CONTINUE, {})
    assert arbiter.decide(T) is STEP
    assert arbiter.steppers(T) == [A]


def test_e16_s_and_c_is_one_step_of_the_stepper() -> None:
    arbiter = two(STEP, CONTINUE)
    assert arbiter.decide(T) is STEP
    assert arbiter.steppers(T) == [A]
    assert arbiter.decide(U) is CONTINUE


def test_e16_s_and_s_is_one_step_of_both() -> None:
    arbiter = two(STEP, STEP)
    assert arbiter.decide(T) is STEP
    assert arbiter.steppers(T) == [A, B]


def test_e12_held_at_its_own_breakpoint_and_c_stays_held() -> None:
    arbiter = two(CONTINUE, CONTINUE)
    arbiter.amend(A, T, STOP)
    arbiter.replace(B, {}, CONTINUE, {})
    assert arbiter.decide(T) is STOP
    assert arbiter.holders(T) == [A]


def test_e18_the_owner_of_a_hit_breakpoint_alone_holds_the_thread() -> None:
    arbiter = two(CONTINUE, CONTINUE)
    arbiter.amend(B, T, STOP)
    assert arbiter.holders(T) == [B]
    assert arbiter.decide(U) is CONTINUE


def test_e18_two_owners_of_one_breakpoint_must_both_continue() -> None:
    arbiter = two(CONTINUE, CONTINUE)
    arbiter.amend(A, T, STOP)
    arbiter.amend(B, T, STOP)
    arbiter.replace(A, {}, CONTINUE, {})
    assert arbiter.decide(T) is STOP
    arbiter.replace(B, {}, CONTINUE, {})
    assert arbiter.decide(T) is CONTINUE


def test_e17_a_detach_leaves_the_other_ones_hold() -> None:
    arbiter = two(STOP, STOP)
    arbiter.leave(A)
    assert arbiter.decide(T) is STOP
    assert arbiter.holders(T) == [B]
    assert arbiter.engines() == [KEEPER, B]


def test_e17_a_lost_client_holds_nothing() -> None:
    arbiter = two(STOP, CONTINUE)
    arbiter.leave(A)
    assert arbiter.decide(T) is CONTINUE


def test_e15_a_resume_while_another_holds_is_recorded() -> None:
    arbiter = two(STOP, STOP)
    arbiter.replace(A, {T: STEP}, STOP, {})
    assert arbiter.decide(T) is STOP
    arbiter.leave(B)
    assert arbiter.decide(T) is STEP
    assert arbiter.decide(U) is STOP


# Resumes that hold all other threads: two clients that each step one thread over a breakpoint of their own


def two_locks() -> Arbiter:
    arbiter = Arbiter(lambda: (T, U))
    for engine, tid in ((A, T), (B, U)):
        arbiter.enter(engine)
        arbiter.replace(engine, {tid: STEP}, STOP, {})
    return arbiter


def test_two_locks_take_turns() -> None:
    arbiter = two_locks()
    assert (arbiter.decide(T), arbiter.decide(U)) == (STEP, STOP)
    assert arbiter.candidates() == [T]
    # A's step is done: it stops altogether, and holds as any stopped engine does.
    arbiter.hold_all(A)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STOP)
    arbiter.replace(A, {}, CONTINUE, {})
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STEP)


def test_a_lock_again_is_the_last_in_line() -> None:
    arbiter = two_locks()
    arbiter.replace(A, {T: STEP}, STOP, {})
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STEP)


def test_a_lock_keeps_a_thread_of_which_it_has_still_to_tell() -> None:
    """A and B were both told of T's hit, but for A another one came first: B may not step T off its site yet."""
    arbiter = Arbiter(lambda: (T, U))
    for engine in (A, B):
        arbiter.enter(engine)
    arbiter.replace(B, {T: STEP}, STOP, {})
    arbiter.replace(A, {U: STEP}, STOP, {}, untold=[T])
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STEP)
    # A's step is done, it tells of T and steps that too: B asked before.
    arbiter.hold_all(A)
    arbiter.replace(A, {T: STEP}, STOP, {})
    assert (arbiter.decide(T), arbiter.decide(U)) == (STEP, STOP)


def test_locks_that_wait_for_what_each_other_has_to_tell_go_on_in_turn() -> None:
    arbiter = Arbiter(lambda: (T, U))
    for engine in (A, B):
        arbiter.enter(engine)
    arbiter.replace(A, {T: STEP}, STOP, {}, untold=[U])
    arbiter.replace(B, {U: STEP}, STOP, {}, untold=[T])
    assert (arbiter.decide(T), arbiter.decide(U)) == (STEP, STOP)
    arbiter.leave(A)
    assert arbiter.decide(U) is STEP


def test_the_line_moves_up_when_its_first_leaves() -> None:
    arbiter = two_locks()
    arbiter.enter(C)
    arbiter.replace(C, {T: CONTINUE}, STOP, {})
    arbiter.leave(A)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STEP)
    arbiter.leave(B)
    assert (arbiter.decide(T), arbiter.decide(U)) == (CONTINUE, STOP)


def test_a_stopped_engine_is_in_no_line_and_holds() -> None:
    arbiter = two_locks()
    arbiter.enter(C)
    arbiter.hold_all(C)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STOP)


def test_a_lock_whose_holds_move_to_an_heir_is_out_of_line() -> None:
    arbiter = two_locks()
    arbiter.enter(KEEPER)
    arbiter.transfer(A, KEEPER)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STOP)
    arbiter.leave(KEEPER)
    arbiter.leave(A)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STEP)


def two_steppers() -> Arbiter:
    """Return an arbiter with two engines in non-stop, each of which steps one thread and holds the other."""
    arbiter = Arbiter(lambda: (T, U))
    for engine, tid, other in ((A, T, U), (B, U, T)):
        arbiter.enter(engine)
        arbiter.amend(engine, other, STOP)
        arbiter.amend(engine, tid, STEP)
    return arbiter


def test_two_steps_with_all_else_held_take_turns_in_non_stop() -> None:
    arbiter = two_steppers()
    assert (arbiter.decide(T), arbiter.decide(U)) == (STEP, STOP)
    # A's step is done; as a stopped engine it holds until it goes on.
    arbiter.amend(A, T, STOP)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STOP)
    arbiter.amend(A, T, CONTINUE)
    arbiter.amend(A, U, CONTINUE)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, STEP)


def test_a_step_that_never_ends_because_its_thread_did_is_no_lock() -> None:
    alive = [T, U]
    arbiter = Arbiter(lambda: alive)
    for engine, tid, other in ((A, T, U), (B, U, T)):
        arbiter.enter(engine)
        arbiter.amend(engine, other, STOP)
        arbiter.amend(engine, tid, STEP)
    alive.remove(T)
    arbiter.gone(T)
    arbiter.amend(A, U, CONTINUE)
    assert arbiter.decide(U) is STEP


def test_a_step_beside_threads_that_run_is_no_lock() -> None:
    arbiter = Arbiter(lambda: (T, U))
    for engine in (A, B):
        arbiter.enter(engine)
    arbiter.amend(A, T, STEP)
    arbiter.amend(B, T, STOP)
    assert (arbiter.decide(T), arbiter.decide(U)) == (STOP, CONTINUE)


# Single rules


def test_e02_an_attached_engine_holds_nothing() -> None:
    arbiter = Arbiter(lambda: (T, U))
    arbiter.enter(A)
    assert arbiter.decide(T) is CONTINUE
    assert arbiter.candidates() is None


def test_e07_engines_are_asked_in_order_of_attachment() -> None:
    arbiter = Arbiter(lambda: (T, U))
    for engine in (C, A, B):
        arbiter.enter(engine, STOP)
    assert arbiter.engines() == [C, A, B]
    assert arbiter.holders(T) == [C, A, B]


def test_e02_to_enter_twice_keeps_the_ballot() -> None:
    arbiter = Arbiter(lambda: (T, U))
    arbiter.enter(A, STOP)
    arbiter.enter(A)
    assert arbiter.decide(T) is STOP


def test_nobody_votes_nothing_is_held() -> None:
    arbiter = Arbiter(lambda: (T, U))
    assert arbiter.decide(T) is CONTINUE
    assert arbiter.vote_of(A, T) is CONTINUE
    assert arbiter.range_of(A, T) is None
    assert not arbiter.has(A)


def test_an_engine_that_takes_no_part_cannot_vote() -> None:
    arbiter = Arbiter(lambda: (T, U))
    arbiter.hold_all(A)
    arbiter.amend(A, T, STOP)
    arbiter.replace(A, {T: STOP}, STOP, {})
    assert arbiter.decide(T) is CONTINUE
    assert arbiter.engines() == []


def test_e27_a_thread_born_while_all_are_held_is_held() -> None:
    arbiter = two(CONTINUE, STOP)
    arbiter.born(U)
    assert arbiter.decide(U) is STOP


def test_e27_a_thread_born_after_a_resume_runs_even_where_the_others_stay() -> None:
    arbiter = Arbiter(lambda: (T, U))
    arbiter.enter(A)
    arbiter.replace(A, {T: STEP}, STOP, {})
    arbiter.born(U)
    assert arbiter.decide(U) is CONTINUE
    assert arbiter.candidates() == [T, U]


def test_a_range_belongs_to_its_step() -> None:
    arbiter = Arbiter(lambda: (T, U))
    arbiter.enter(A)
    arbiter.replace(A, {T: STEP}, CONTINUE, {T: RANGE})
    assert arbiter.range_of(A, T) == RANGE
    assert arbiter.range_of(A, U) is None
    arbiter.amend(A, T, STOP)
    assert arbiter.range_of(A, T) is None
    arbiter.amend(A, T, STEP, RANGE)
    assert arbiter.range_of(A, T) == RANGE
    arbiter.gone(T)
    assert arbiter.range_of(A, T) is None


def test_e28_who_calls_exec_keeps_its_votes_under_the_new_name() -> None:
    arbiter = two(STEP, CONTINUE)
    arbiter.replace(A, {T: STEP}, STOP, {T: RANGE})
    arbiter.renamed(T, U)
    assert arbiter.vote_of(A, U) is STEP
    assert arbiter.range_of(A, U) == RANGE
    assert arbiter.vote_of(B, U) is CONTINUE


def test_e17_holds_move_to_the_heir() -> None:
    arbiter = Arbiter(lambda: (T, U))
    arbiter.enter(KEEPER)
    arbiter.enter(A)
    arbiter.replace(A, {T: STOP, U: STEP}, CONTINUE, {U: RANGE})
    assert arbiter.transfer(A, KEEPER)
    assert arbiter.holders(T) == [KEEPER]
    # A step is one-shot and dies with who asked for it.
    assert arbiter.decide(U) is CONTINUE
    assert arbiter.range_of(KEEPER, U) is None
    arbiter.leave(A)
    assert arbiter.decide(T) is STOP


def test_a_transfer_of_nothing_holds_nothing() -> None:
    arbiter = two(CONTINUE, CONTINUE)
    assert not arbiter.transfer(A, B)
    assert not arbiter.transfer(A, C)
    assert not arbiter.transfer(C, A)
    assert arbiter.decide(T) is CONTINUE


def test_a_transfer_passes_on_the_hold_of_the_unborn() -> None:
    arbiter = two(STOP, CONTINUE)
    assert arbiter.transfer(A, KEEPER)
    arbiter.born(U)
    assert arbiter.holders(U) == [KEEPER]


# What holds for any votes

VOTES = st.lists(st.sampled_from(list(Vote)), min_size=1, max_size=4)


@given(VOTES)
def test_the_order_of_engines_does_not_matter(votes: list[Vote]) -> None:
    decisions = set()
    for order in itertools.permutations(votes):
        arbiter = Arbiter(lambda: (T, U))
        for number, vote in enumerate(order):
            arbiter.enter(EngineId(number))
            arbiter.amend(EngineId(number), T, vote)
        decisions.add(arbiter.decide(T))
    assert decisions == {min(votes)}


@given(VOTES, st.integers(0, 3), st.sampled_from(list(Vote)))
def test_a_smaller_vote_never_lets_more_run(votes: list[Vote], which: int, vote: Vote) -> None:
    arbiter = Arbiter(lambda: (T, U))
    for number, each in enumerate(votes):
        arbiter.enter(EngineId(number))
        arbiter.amend(EngineId(number), T, each)
    before = arbiter.decide(T)
    engine = EngineId(which % len(votes))
    old = arbiter.vote_of(engine, T)
    arbiter.amend(engine, T, vote)
    after = arbiter.decide(T)
    assert after <= before if vote <= old else after >= before


class Model:
    """One engine's wishes, kept the plain way: a vote for every thread."""

    def __init__(self, threads: set[Tid], vote: Vote) -> None:
        self.votes = dict.fromkeys(threads, vote)
        self.newborn = vote


class ArbiterMachine(RuleBasedStateMachine):
    """Any history of engines and threads against the plain model.

    A resume that holds all but some threads is a lock; ``line`` has the locks, the oldest first.
    """

    threads = Bundle("threads")

    def __init__(self) -> None:
        super().__init__()
        self.arbiter = Arbiter(lambda: self.live)
        self.models: dict[EngineId, Model] = {}
        self.live: set[Tid] = set()
        self.line: list[EngineId] = []
        #: Those of the locks that were asked for thread by thread.
        self.stepping: set[EngineId] = set()
        self.numbers = itertools.count(100)

    engines = st.integers(0, 3).map(EngineId)
    votes = st.sampled_from(list(Vote))

    def fresh(self) -> Tid:
        return Tid(next(self.numbers))

    def out_of_line(self, engine: EngineId) -> None:
        self.stepping.discard(engine)
        if engine in self.line:
            self.line.remove(engine)

    def steps_alone(self, engine: EngineId) -> bool:
        votes = set(self.models[engine].votes.values())
        return STEP in votes and CONTINUE not in votes

    def look_at_steps(self) -> None:
        """End the locks that are none any more."""
        for engine in sorted(self.stepping):
            if not self.steps_alone(engine):
                self.out_of_line(engine)

    def counted(self, engine: EngineId, tid: Tid) -> Vote:
        """Return a vote as it counts: of the locks, only the first one holds."""
        vote = self.models[engine].votes[tid]
        return CONTINUE if vote is STOP and engine in self.line[1:] else vote

    @rule(target=threads)
    def born(self) -> Tid:
        tid = self.fresh()
        self.live.add(tid)
        self.arbiter.born(tid)
        for model in self.models.values():
            model.votes[tid] = model.newborn
        return tid

    @rule(tid=consumes(threads))
    def gone(self, tid: Tid) -> None:
        self.live.discard(tid)
        self.arbiter.gone(tid)
        for model in self.models.values():
            model.votes.pop(tid, None)
        self.look_at_steps()

    @rule(target=threads, old=consumes(threads))
    def renamed(self, old: Tid) -> Tid:
        if old not in self.live:
            return old
        new = self.fresh()
        self.arbiter.renamed(old, new)
        self.live = {new}
        for model in self.models.values():
            model.votes = {new: model.votes[old]}
        return new

    @rule(engine=engines, vote=votes)
    def enter(self, engine: EngineId, vote: Vote) -> None:
        self.arbiter.enter(engine, vote)
        self.models.setdefault(engine, Model(self.live, vote))

    @rule(engine=engines)
    def leave(self, engine: EngineId) -> None:
        self.arbiter.leave(engine)
        self.models.pop(engine, None)
        self.out_of_line(engine)

    @rule(engine=engines)
    def hold_all(self, engine: EngineId) -> None:
        self.arbiter.hold_all(engine)
        self.out_of_line(engine)
        if engine in self.models:
            self.models[engine] = Model(self.live, STOP)

    @rule(engine=engines, tids=st.sets(threads, max_size=3), vote=votes, others=votes)
    def replace(self, engine: EngineId, tids: set[Tid], vote: Vote, others: Vote) -> None:
        named = dict.fromkeys(tids & self.live, vote)
        self.arbiter.replace(engine, named, others, {})
        if engine in self.models:
            model = self.models[engine] = Model(self.live, others)
            model.votes.update(named)
            model.newborn = CONTINUE
            self.out_of_line(engine)
            if others is STOP and vote is not STOP and named:
                self.line.append(engine)

    @rule(engine=engines, tid=threads, vote=votes)
    def amend(self, engine: EngineId, tid: Tid, vote: Vote) -> None:
        if tid in self.live:
            self.arbiter.amend(engine, tid, vote)
            if engine in self.models:
                self.models[engine].votes[tid] = vote
                if vote is not STOP:
                    self.models[engine].newborn = CONTINUE
                if vote is not STEP:
                    if engine in self.stepping and not self.steps_alone(engine):
                        self.out_of_line(engine)
                elif engine not in self.line and self.steps_alone(engine):
                    self.line.append(engine)
                    self.stepping.add(engine)

    @rule(giver=engines, heir=engines)
    def transfer(self, giver: EngineId, heir: EngineId) -> None:
        if giver == heir:
            return
        held = self.arbiter.transfer(giver, heir)
        if giver in self.models and heir in self.models:
            given, model = self.models[giver], self.models[heir]
            for tid, vote in given.votes.items():
                if vote is STOP:
                    model.votes[tid] = STOP
            if given.newborn is STOP:
                model.newborn = STOP
            self.models[giver] = Model(self.live, CONTINUE)
            self.out_of_line(giver)
            self.out_of_line(heir)
            if STOP in given.votes.values():
                assert held
        else:
            assert not held

    @invariant()
    def a_thread_runs_only_if_no_engine_holds_it(self) -> None:
        candidates = self.arbiter.candidates()
        for tid in self.live:
            votes = [self.counted(engine, tid) for engine in self.models]
            assert self.arbiter.decide(tid) is min(votes, default=CONTINUE)
            if STOP not in votes and candidates is not None:
                assert tid in candidates

    @invariant()
    def each_engine_has_the_votes_it_gave(self) -> None:
        assert set(self.arbiter.engines()) == set(self.models)
        for tid in self.live:
            for engine, model in self.models.items():
                assert self.arbiter.vote_of(engine, tid) is model.votes[tid]
            assert set(self.arbiter.holders(tid)) == {e for e, m in self.models.items() if m.votes[tid] is STOP}
            assert set(self.arbiter.steppers(tid)) == {e for e, m in self.models.items() if m.votes[tid] is STEP}

    def teardown(self) -> None:
        for engine in list(self.models):
            self.arbiter.leave(engine)
        for tid in self.live:
            assert self.arbiter.decide(tid) is CONTINUE
        assert self.arbiter.candidates() is None


TestArbiterMachine = ArbiterMachine.TestCase


@pytest.mark.parametrize("held", [STOP, CONTINUE])
def test_candidates_are_the_only_ones_asked_about(held: Vote) -> None:
    arbiter = two(CONTINUE, held)
    assert arbiter.candidates() == ([] if held is STOP else None)
