"""The texts of the command line: usage, help, version, lists of choices.

Layer: cli.  Used by: gdbserver (the command line), main.

The usage lines and the heads of the lists are spelled as gdbserver's, because
tools look for them; everything else is ours.
"""

from __future__ import annotations

from gdbstub import __version__

#: What ``--disable-packet`` takes, and what is lost by it.
PACKETS = {
    "vCont": "resuming threads one by one (all of vCont)",
    "vConts": "stepping through vCont",
    "T": "stop replies with registers; plain S is sent",
    "qC": "asking for the current thread",
    "qfThreadInfo": "listing threads",
    "Tthread": "the thread in a stop reply",
    "threads": "vCont, Tthread, qC and qfThreadInfo together",
}

#: What the group name of ``--disable-packet`` stands for.
THREAD_PACKETS = frozenset({"vCont", "Tthread", "qC", "qfThreadInfo"})

FORMS = """\
Usage:\tgdbserver [OPTIONS] COMM PROG [ARGS ...]
\tgdbserver [OPTIONS] --attach COMM PID
\tgdbserver [OPTIONS] --multi COMM [PROG [ARGS ...]]
\tgdbstub gdbserver|platform|version ...
\tgdbstub doctor [PID]
\tgdbstub packets
\tgdbstub strace [OPTIONS] PROG [ARGS ...] | -p PID | COMM
"""

_BODY = """
A server for the GDB remote protocol: it traces PROG, or the process PID, and any
number of gdb and lldb clients may connect to it at once.

COMM, where clients connect:

  :PORT, localhost:PORT Loopback only, IPv4 and IPv6.  Port 0 takes a free one.
  HOST:PORT             The addresses of HOST, which must be this machine's.
                        IPv6: [ADDR]:PORT or ADDR:PORT.
  *:PORT                Every interface (also 0.0.0.0:PORT and [::]:PORT).  The
                        protocol has no authentication: whoever can connect can
                        run programs as you.  Prefer a tunnel to localhost.
                        tcp:, tcp4: and tcp6: may stand before each of these.
  PATH, unix:PATH       A Unix-domain socket that only you may open.  A path has
                        a slash in it.
  TTY                   A serial device, such as /dev/ttyS0.
  -, stdio              Standard input and output.

What to do:

  --attach              Trace the running process PID.
  --multi               Stay when programs end; clients start the next one.  PROG
                        is optional.
  --once                Serve one connection, then end: started programs are
                        killed, attached processes are let go.
  --help                Print this text and exit.
  --version             Print the version and exit.

How PROG is started:

  --wrapper WORD ... -- Put these words before PROG; the shell reads them.
  --disable-randomization
                        Start PROG with address space randomization off; this
                        is the default.
  --no-disable-randomization
                        Leave address space randomization as it is.
  --startup-with-shell  Start PROG through $SHELL; this is the default.
  --no-startup-with-shell
                        Start PROG directly.
  --no-escape-args      Let the shell expand ARGS.  By default PROG gets them
                        exactly as they are given here.

Who may connect, and what happens when clients go:

  --allow-any-user      Serve local clients of other users too.  By default only
                        yours and root's are served.
  --listen=COMM[,role=debugger|exclusive|observer]
                        Listen there too; may be given several times.  An observer
                        reads while the process goes on: it stops nothing and
                        changes nothing.  An exclusive debugger has no other one
                        beside it.  Clients of COMM itself are debuggers.
  --on-disconnect=keep|continue|stop|detach|kill
                        What becomes of the processes when the connection to the
                        last client is lost.  Default: keep them as they are.

Beside the clients:

  --engine=FILE[,ARGUMENT]
                        Load an engine of your own, a Python file, that takes part
                        in every process; see docs/ENGINES.md.
  --strace=FILE         Log the system calls of all processes to FILE, - being stderr.
                        strace's options may follow the name, in the same word:
                        --strace='/tmp/log -e trace=%file'.  See gdbstub strace --help.

For programs that start this server:

  --ready-fd=N          Write a line of JSON (address, port, pid) to descriptor N
                        once clients can connect, and close it.
  --ready-file=FILE     Put the same line into FILE, which appears complete.

Debugging the server itself (on stderr):

  --debug[=WHAT,...]    all, threads, event-loop, remote; a '-' before a word
                        takes it away.  Without WHAT: threads.
  --remote-debug        The same as --debug=remote.
  --event-loop-debug    The same as --debug=event-loop.
  --debug-format=WHAT,...
                        all, none, timestamp: what precedes each line.
  --debug-file=FILE     Write there instead.
  --disable-packet=WHAT,...
                        Act as a server without these:
                        vCont, vConts, T, Tthread, qC, qfThreadInfo, and threads
                        for all that concerns threads.
  --selftest[=FILTER]   Accepted for compatibility; does nothing.

Subcommands:

  gdbstub gdbserver ... lldb-server's command line; see gdbstub gdbserver --help.
  gdbstub platform ...  The server for lldb's "platform connect"; see its --help.
  gdbstub version       The same as --version.
  gdbstub doctor [PID]  Tell what this machine allows, and what stands in the way
                        of attaching to PID.
  gdbstub strace ...    Log system calls: of a program, a process, or of what a
                        running server traces.
  gdbstub packets       List the packets that are understood.
"""


def help_text() -> str:
    """Return what ``--help`` prints."""
    return FORMS + _BODY


def usage_error(reason: str) -> str:
    """Return the usage lines followed by what was wrong."""
    return f"{FORMS}\n{reason}\nMore: gdbserver --help\n"


def version_text() -> str:
    """Return what ``--version`` prints."""
    return (
        f"gdbstub {__version__}\n"
        "A server for the GDB remote serial protocol, gdbserver's command line.\n"
        "Licence: GNU General Public License, version 2 or later; there is no warranty.\n"
    )


def packet_list() -> str:
    """Return what ``--disable-packet`` may be given."""
    width = max(map(len, PACKETS))
    rows = "".join(f"  {name:<{width}}  {meaning}\n" for name, meaning in PACKETS.items())
    return "Disableable packets:\n" + rows
