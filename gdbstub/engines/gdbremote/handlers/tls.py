"""Handler of ``qGetTLSAddr``.

Layer: engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.engines.gdbremote.dispatch import handles
from gdbstub.engines.gdbremote.handlers.threads import find_thread
from gdbstub.rsp.commands.tls import GetTlsAddress
from gdbstub.rsp.replies import Reply

if TYPE_CHECKING:
    from gdbstub.engines.gdbremote.session import Session


@handles(GetTlsAddress)
def get_tls_address(session: Session, cmd: GetTlsAddress) -> Reply:
    """Answer the address in hex."""
    return b"%x" % session.target.tls_address(find_thread(session, cmd.threads), cmd.offset, cmd.link_map)
