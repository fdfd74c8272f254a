from __future__ import annotations

import pytest

from gdbstub.vocab.ids import ALL, ANY, Pid, ThreadSpec, Tid


@pytest.mark.parametrize(
    ("spec", "matches"),
    [
        (ThreadSpec(None, ALL), True),
        (ThreadSpec(None, ANY), True),
        (ThreadSpec(None, 11), True),
        (ThreadSpec(None, 12), False),
        (ThreadSpec(10, ALL), True),
        (ThreadSpec(10, ANY), True),
        (ThreadSpec(10, 11), True),
        (ThreadSpec(10, 12), False),
        (ThreadSpec(20, ALL), False),
        (ThreadSpec(20, 11), False),
        (ThreadSpec(ALL, ALL), True),
        (ThreadSpec(ANY, ANY), True),
        (ThreadSpec(ALL, 12), False),
    ],
)
def test_a_thread_spec_is_a_pattern(spec: ThreadSpec, matches: bool) -> None:
    assert spec.matches(Pid(10), Tid(11)) is matches


def test_only_a_positive_tid_names_one_thread() -> None:
    assert ThreadSpec(None, 1).names_one_thread
    assert not ThreadSpec(1, ALL).names_one_thread
    assert not ThreadSpec(1, ANY).names_one_thread
