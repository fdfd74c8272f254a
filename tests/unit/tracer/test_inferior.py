from __future__ import annotations

import os

from gdbstub.tracer.inferior import Inferior
from gdbstub.tracer.tracee import RunState
from gdbstub.vocab.ids import Pid, Tid

#: No thread of these numbers is touched: an inferior only keeps books here.
LEADER, SECOND, THIRD = Tid(os.getpid()), Tid(2**22 + 1), Tid(2**22 + 2)


def listed(inferior: Inferior) -> list[Tid]:
    return [each.tid for each in inferior.listed()]


def test_a_dying_thread_is_listed_only_where_nothing_else_is_left() -> None:
    inferior = Inferior(Pid(os.getpid()), attached=True, options=0)
    try:
        leader, second, third = (inferior.add(tid) for tid in (LEADER, SECOND, THIRD))
        assert listed(inferior) == [LEADER, SECOND, THIRD]
        inferior.set_state(second, RunState.DYING)
        assert listed(inferior) == [LEADER, THIRD]
        inferior.set_state(leader, RunState.ZOMBIE)
        assert listed(inferior) == [THIRD]
        inferior.set_state(third, RunState.DYING)
        assert listed(inferior) == [SECOND, THIRD]
    finally:
        inferior.close()
