"""What a SIGTRAP means.

Layer: tracer (pure).  Used by: tracer.

SIGTRAP has many meanings, and on x86 they differ by ``si_code``, by what was
asked of the thread and by the debug status register (measured on Linux 6.18):

- a trap instruction gives ``SI_KERNEL``, with pc after it;
- a step gives ``TRAP_TRACE``; a step over ``syscall`` gives ``TRAP_BRKPT``; a
  step into a signal handler gives 5 (``SIGTRAP`` itself);
- a debug register gives ``TRAP_HWBKPT``: pc before the instruction for an
  execute slot, after it for a data slot; a step that ends on a slot gives
  ``TRAP_TRACE`` with both bits set in the status register;
- ``kill`` gives ``SI_USER``, ``tgkill`` ``SI_TKILL``: these are signals.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

SI_KERNEL = 0x80
TRAP_BRKPT = 1
TRAP_TRACE = 2
TRAP_HWBKPT = 4
#: What a step into a signal handler reports as its code.
HANDLER_ENTERED = 5

_STEP_CODES = frozenset({TRAP_TRACE, TRAP_BRKPT, HANDLER_ENTERED})


class Trap(Enum):
    """The meaning of one SIGTRAP."""

    SITE = "a trap instruction of ours"
    SLOT = "a debug register of ours"
    STEP = "the end of a step"
    SIGNAL = "the program's own: a signal like any other"


# By names of their own, like ``target.engine.STOP``.
_SITE: Final = Trap.SITE
_SLOT: Final = Trap.SLOT
_STEP: Final = Trap.STEP
_SIGNAL: Final = Trap.SIGNAL


def classify(code: int, *, stepping: bool, at_site: bool, slot_hit: bool) -> Trap:
    """Classify a SIGTRAP signal-delivery-stop.

    Args:
        code: Its ``si_code``.
        stepping: The thread was resumed by ``PTRACE_SINGLESTEP``.
        at_site: An inserted site of ours is where pc was one trap instruction ago.
        slot_hit: The debug status register names a slot of ours.
    """
    if code == SI_KERNEL:
        return _SITE if at_site else _SIGNAL
    if slot_hit and code in (TRAP_HWBKPT, TRAP_TRACE, TRAP_BRKPT):
        return _SLOT
    if stepping and code in _STEP_CODES:
        return _STEP
    return _SIGNAL
