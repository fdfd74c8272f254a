from __future__ import annotations

import itertools

import pytest

from gdbstub.tracer.traps import HANDLER_ENTERED, SI_KERNEL, TRAP_BRKPT, TRAP_HWBKPT, TRAP_TRACE, Trap, classify

SI_USER, SI_TKILL, SI_QUEUE = 0, -6, -1


@pytest.mark.parametrize(
    ("code", "stepping", "at_site", "slot_hit", "meaning"),
    [
        (SI_KERNEL, False, True, False, Trap.SITE),
        # A step onto a trap instruction runs it.
        (SI_KERNEL, True, True, False, Trap.SITE),
        (SI_KERNEL, False, True, True, Trap.SITE),
        # The program's own int3.
        (SI_KERNEL, False, False, False, Trap.SIGNAL),
        (SI_KERNEL, True, False, False, Trap.SIGNAL),
        (TRAP_TRACE, True, False, False, Trap.STEP),
        # A step over ``syscall``.
        (TRAP_BRKPT, True, False, False, Trap.STEP),
        (HANDLER_ENTERED, True, False, False, Trap.STEP),
        # A step that starts on a site and ends elsewhere.
        (TRAP_TRACE, True, True, False, Trap.STEP),
        (TRAP_HWBKPT, False, False, True, Trap.SLOT),
        (TRAP_HWBKPT, True, False, True, Trap.SLOT),
        (TRAP_TRACE, True, False, True, Trap.SLOT),
        (TRAP_BRKPT, True, False, True, Trap.SLOT),
        # Codes of ours, but nothing of ours was asked for.
        (TRAP_TRACE, False, False, False, Trap.SIGNAL),
        (TRAP_BRKPT, False, False, False, Trap.SIGNAL),
        (TRAP_HWBKPT, False, False, False, Trap.SIGNAL),
        (TRAP_HWBKPT, True, False, False, Trap.SIGNAL),
        (HANDLER_ENTERED, False, False, False, Trap.SIGNAL),
        (HANDLER_ENTERED, False, False, True, Trap.SIGNAL),
    ],
)
def test_what_a_sigtrap_means(code: int, stepping: bool, at_site: bool, slot_hit: bool, meaning: Trap) -> None:
    assert classify(code, stepping=stepping, at_site=at_site, slot_hit=slot_hit) is meaning


@pytest.mark.parametrize("code", [SI_USER, SI_TKILL, SI_QUEUE, 3, 6, 1000])
def test_a_sigtrap_that_was_sent_is_a_signal_whatever_else_is_true(code: int) -> None:
    for stepping, at_site, slot_hit in itertools.product((False, True), repeat=3):
        assert classify(code, stepping=stepping, at_site=at_site, slot_hit=slot_hit) is Trap.SIGNAL
