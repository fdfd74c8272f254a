from __future__ import annotations

from collections.abc import Generator

from gdbstub.tracer.errands import Errands


def test_errands_take_turns_and_end() -> None:
    errands = Errands()
    woken: list[int] = []
    done: list[str] = []
    errands.wake = lambda: woken.append(len(done))

    def errand(name: str, parts: int) -> Generator[None, None, None]:
        for part in range(parts):
            done.append(f"{name}{part}")
            yield
        done.append(f"{name}.")

    assert not errands
    errands.begin(errand("a", 2))
    errands.begin(errand("b", 1))
    assert woken == [0, 0] and not done
    while errands:
        errands.advance()
    assert done == ["a0", "b0", "a1", "b.", "a."]
    errands.advance()


def test_an_errand_may_begin_another() -> None:
    errands = Errands()
    done: list[str] = []

    def second() -> Generator[None, None, None]:
        done.append("second")
        yield

    def first() -> Generator[None, None, None]:
        errands.begin(second())
        done.append("first")
        yield

    errands.begin(first())
    while errands:
        errands.advance()
    assert done == ["first", "second"]
