"""How often is looked before sleeping: what comes soon is found awake, and who comes late is not kept waiting."""

from __future__ import annotations

from gdbstub.server.lookout import Lookout

READY = [(3, 1)]


class Source:
    """Something that becomes readable at the Nth look, or only once it is slept for."""

    def __init__(self, *comes_at: int | None) -> None:
        self._comes_at = list(comes_at)
        self._looks = 0
        #: Looks that were made each time, and whether it was slept.
        self.story: list[tuple[int, bool]] = []

    def poll(self, milliseconds: int) -> list[tuple[int, int]]:
        """Look, or sleep."""
        if milliseconds:
            self.story.append((self._looks, True))
        else:
            self._looks += 1
            if self._looks != self._comes_at[0]:
                return []
            self.story.append((self._looks, False))
        del self._comes_at[0]
        self._looks = 0
        return READY


def told(source: Source, times: int) -> list[tuple[int, bool]]:
    lookout = Lookout(source.poll)
    assert [lookout.wait(25) for _ in range(times)] == [READY] * times
    return source.story


def test_what_comes_soon_is_found_without_sleep() -> None:
    assert told(Source(1, 30, 2), 3) == [(1, False), (30, False), (2, False)]


def test_what_comes_late_is_slept_for() -> None:
    ((looks, slept),) = told(Source(None), 1)
    assert slept
    assert looks > 1


def test_looks_in_vain_end_and_are_tried_again_later() -> None:
    story = told(Source(*[None] * 200), 200)
    assert all(slept for _, slept in story)
    in_vain = [place for place, (looks, _) in enumerate(story) if looks]
    assert in_vain[:2] == [0, 1]
    assert 2 < len(in_vain) < 10
    # Once it comes soon again it is found soon again.
    assert told(Source(None, 1, None, 1, None, 1), 6)[-1] == (1, False)
