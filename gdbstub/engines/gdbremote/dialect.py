"""The facts in which the two families of clients differ, as values.

Layer: engines.  Used by: session, handlers, features, stops.
Spec: GDB manual, "Remote Protocol"; LLDB's "GDB Remote Protocol Extensions".

A dialect is chosen for each connection: the command line gives a default
(``SessionDefaults``), ``qSupported`` decides, and where it says too little a packet
that only one family sends does.  Handlers read a fact and never ask which
dialect it is; what a client switches by a packet of its own is in ``features``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gdbstub.engines.gdbremote.faults import Fault
from gdbstub.engines.gdbremote.offers import TO_GDB, TO_LLDB, Offer
from gdbstub.vocab.errors import BadThreadId, PacketError, StubError
from gdbstub.vocab.ids import Signo
from gdbstub.vocab.signals import from_gdb, to_gdb


class Dialect(NamedTuple):
    """How one family of clients wants to be spoken to."""

    #: Signal numbers on the wire are Linux's, not GDB's.
    native_signals: bool
    #: A stop reply describes the stop in words, says of every other thread why it stands, and carries all
    #: general registers.
    describes_stops: bool
    #: Registers are described, numbered and put in order as LLDB lists them (``arch.catalogue``).
    lists_registers: bool
    #: The signal, as it goes over the wire, of a thread that stands because the program was started.
    launch_signal: int
    #: The same of a thread that stands because the process was attached to.
    attach_signal: int
    #: The same of a thread that was asked to stop.
    interrupt_signal: int
    #: What ``?`` is answered without a process.
    no_process: bytes
    #: What ``qfThreadInfo`` is.
    no_threads: bytes
    #: Any stop answers an interrupt, and one that comes while the program stands asks for nothing.
    one_stop_answers: bool
    #: Thread-ids must be right in every part, and packets that come at a wrong time are refused.
    strict: bool
    #: A process runs or stands as a whole: one stop stops it, in non-stop too, and in all-stop one process is
    #: resumed at a time.
    whole_processes: bool
    #: A signal for all threads is sent to each of them, not to the current one.
    signals_each: bool
    #: ``k`` is answered with the end of each process.
    tells_kills: bool
    #: Errors have LLDB's numbers, and a failed start is told by the call that failed.
    own_errors: bool
    #: ``x`` is answered with the bytes alone, and ``x ADDRESS,0`` with OK; otherwise after a ``b``.
    bare_binary: bool
    #: Runs of zeros are worth sending short: lldb has compression for slow links, and on others it only costs time.
    run_lengths: bool
    #: The list of libraries is an error, not empty, until the dynamic linker has made it.
    early_libraries_fail: bool
    #: It says of each library in which namespace of the dynamic linker it is.
    tells_namespaces: bool
    #: What ``qSupported`` offers.
    offers: tuple[Offer, ...]
    #: Once nobody acknowledges any more, sums are not looked at.
    trusts_link: bool
    #: Programs are started through a shell unless ``QStartupWithShell`` forbids it.
    shell: bool
    #: A program without files of its own gets a terminal: what it writes is sent as ``O``, ``I`` is what it reads.
    takes_output: bool

    def signal_number(self, sig: Signo) -> int:
        """Return what a Linux signal is called on the wire."""
        return int(sig) if self.native_signals else to_gdb(sig)

    def signal_named(self, number: int) -> Signo | None:
        """Return the Linux signal of a number from the wire; None where there is no such signal."""
        if self.native_signals:
            return Signo(number) if 0 <= number <= _LAST_SIGNAL else None
        return from_gdb(number)

    def error_number(self, failure: StubError) -> int | None:
        """Return what a failure is called; None where its errno says it."""
        if not self.own_errors:
            return None
        if isinstance(failure, Fault):
            return failure.code
        return next((code for kind, code in _ERROR_NUMBERS if isinstance(failure, kind)), None)


#: LLDB's numbers of what is wrong with a packet itself.
_ERROR_NUMBERS: tuple[tuple[type[StubError], int], ...] = ((BadThreadId, 0xFF), (PacketError, 0x03))

#: The highest signal number that Linux has on x86 and ARM.
_LAST_SIGNAL = 64

GDB = Dialect(
    native_signals=False,
    describes_stops=False,
    lists_registers=False,
    launch_signal=5,
    attach_signal=0,
    interrupt_signal=2,
    no_process=b"W00",
    no_threads=b"l",
    one_stop_answers=False,
    strict=False,
    whole_processes=False,
    signals_each=False,
    tells_kills=False,
    own_errors=False,
    bare_binary=False,
    run_lengths=True,
    early_libraries_fail=False,
    tells_namespaces=True,
    offers=TO_GDB,
    trusts_link=False,
    shell=True,
    takes_output=False,
)

LLDB = Dialect(
    native_signals=True,
    describes_stops=True,
    lists_registers=True,
    launch_signal=19,
    attach_signal=19,
    interrupt_signal=19,
    # QUIRK(lldb, all): an exit would end its connection, an empty list would be read as process 1; it has come
    # to start or to attach.
    # Test: unit/engines/test_lifecycle.py.
    no_process=b"OK",
    no_threads=b"OK",
    one_stop_answers=True,
    strict=True,
    whole_processes=True,
    signals_each=True,
    tells_kills=True,
    own_errors=True,
    bare_binary=True,
    run_lengths=False,
    early_libraries_fail=True,
    # QUIRK(lldb's tests of servers): they want these attributes and no others.  Test: unit/engines/test_xfer.py.
    tells_namespaces=False,
    offers=TO_LLDB,
    # QUIRK(lldb, all): a link that needs no acknowledgements needs no sums; its own suite sends ``#00`` then.
    # Test: unit/engines/test_dialect.py.
    trusts_link=True,
    shell=False,
    takes_output=True,
)

#: Announces of what architectures a client reads descriptions.
REGISTERS = b"xmlRegisters="


def recognise(announced: Iterable[bytes]) -> Dialect | None:
    """Tell from a ``qSupported`` whose client it is; None where it does not say.

    QUIRK(gdb, 7.1 and later): it announces ``qRelocInsn+``, from 7.7 on ``vContSupported+`` as well; lldb never does.
    QUIRK(lldb, all): it lists the architectures it reads descriptions of, whatever the target; gdb lists one.
    """
    names = list(announced)
    if b"qRelocInsn+" in names or b"vContSupported+" in names:
        return GDB
    for name in names:
        if name.startswith(REGISTERS) and b"arm" in name[len(REGISTERS) :].split(b","):
            return LLDB
    return None
