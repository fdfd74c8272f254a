"""The past in place of the present: what packets about registers and memory answer while a trace frame is selected.

Layer: engines.  Used by: handlers of registers and memory.  Spec: GDB manual, "Tracepoint Packets", ``QTFrame``.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from gdbstub.vocab.errors import TargetError
from gdbstub.vocab.ids import Addr

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.numbering import Numbering
    from gdbstub.engines.gdbremote.session import Session
    from gdbstub.engines.tracing.buffer import Frame


def frame_registers(frame: Frame, numbering: Numbering | None = None) -> bytes:
    """Return the reply to ``g``: what was not collected is unavailable, but for the pc.

    Args:
        frame: Which.
        numbering: How the client counts; None gives all registers.
    """
    registers = frame.contents.registers
    arch = frame.tracepoint.arch
    if registers is not None:
        digits = registers.hex().encode()
    else:
        pc = frame.pc.to_bytes(arch.pointer_size, "little").hex().encode()
        digits = b"".join(pc if each.number == arch.pc else b"xx" * (each.bits // 8) for each in arch.registers)
    return digits if numbering is None else digits[: 2 * numbering.width(None)]


def frame_register(frame: Frame, number: int) -> bytes:
    """Return the reply to ``p``."""
    at = 0
    for each in frame.tracepoint.arch.registers:
        width = each.bits // 4
        if each.number == number:
            return frame_registers(frame)[at : at + width]
        at += width
    raise TargetError(errno.EINVAL, f"no register {number}")


def frame_memory(session: Session, frame: Frame, address: Addr, length: int) -> bytes:
    """Return memory of a frame, or of the present where it does not change.

    Raises:
        TargetError: EIO where neither has its first byte.
    """
    data = frame.read_memory(address, length)
    if not data and length:
        tracing = session.host.tracing()
        while length and not tracing.is_read_only(address, length):
            length //= 2
        if not length or frame.tracepoint.pid not in session.target.pids():
            raise TargetError(errno.EIO, f"the trace frame has no memory at {address:#x}")
        data = session.target.read_memory(frame.tracepoint.pid, address, length)
    return data


def refuse_in_frame(session: Session) -> None:
    """Refuse to change the past.

    Raises:
        TargetError: A trace frame is selected.
    """
    if session.trace_frame is not None:
        raise TargetError(errno.EPERM, "a trace frame is selected; it cannot be changed")
