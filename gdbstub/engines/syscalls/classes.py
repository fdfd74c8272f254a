"""Classes of system calls, as ``-e trace=%NAME`` has them.

Layer: engines.  Used by: selection.

Which calls take a path or a descriptor follows from their signatures; the other classes are lists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from gdbstub.abi.signatures import COMMON, I386

_PROCESS = """
    clone clone3 fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill
    rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal
"""
_NETWORK = """
    socket socketpair bind connect listen accept accept4 getsockname getpeername sendto recvfrom
    setsockopt getsockopt shutdown sendmsg recvmsg sendmmsg recvmmsg recvmmsg_time64 socketcall sendfile
    sendfile64 getpmsg putpmsg
"""
_SIGNAL = """
    kill tkill tgkill sigaction signal sigprocmask sigpending sigsuspend sigreturn rt_sigaction rt_sigprocmask
    rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_sigqueueinfo rt_tgsigqueueinfo
    rt_sigreturn sigaltstack signalfd signalfd4 pause pidfd_send_signal sgetmask ssetmask
"""
_MEMORY = """
    mmap mmap2 munmap mprotect brk mremap msync mincore madvise mlock mlock2 munlock mlockall munlockall mbind
    get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages pkey_mprotect remap_file_pages
    shmat shmdt process_madvise mseal map_shadow_stack io_setup io_destroy
"""
_IPC = """
    shmget shmat shmctl shmdt semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv msgctl ipc
"""
_CREDENTIALS = """
    getuid getgid geteuid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid
    setresgid setfsuid setfsgid setgroups capget capset prctl getuid32 getgid32 geteuid32 getegid32 getresuid32
    getresgid32 getgroups32 setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 setfsuid32
    setfsgid32 setgroups32
"""
_STAT = "stat stat64 oldstat"
_LSTAT = "lstat lstat64 oldlstat"
_FSTAT = "fstat fstat64 newfstatat fstatat64 oldfstat statx"
_STATFS = "statfs statfs64 ustat"
_FSTATFS = "fstatfs fstatfs64"
_CLOCK = """
    time gettimeofday settimeofday stime adjtimex clock_gettime clock_settime clock_getres clock_adjtime
    clock_gettime64 clock_settime64 clock_getres_time64 clock_adjtime64
"""
_PURE = """
    getpid getppid gettid getuid geteuid getgid getegid getpgrp getuid32 geteuid32 getgid32 getegid32
"""

#: Calls whose signatures are not in the tables, because they depend on an argument.
_FILE_VARIANTS = "open openat mknod mknodat"
_DESCRIPTOR_VARIANTS = "open openat mknodat fcntl fcntl64 ioctl mmap mmap2"


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in text.split())


@cache
def _with(*kinds: str) -> frozenset[str]:
    found = set()
    for line in (COMMON + I386).strip().splitlines():
        words = line.split()
        if any(word.lstrip(">") in kinds for word in words[1:]):
            found.add(words[0])
    return frozenset(found)


_CLASSES: dict[str, Callable[[], frozenset[str]]] = {
    "file": lambda: _with("path") | _words(_FILE_VARIANTS, "getcwd"),
    "desc": lambda: _with("fd", "dirfd", "fds2") | _words(_DESCRIPTOR_VARIANTS),
    "process": lambda: _words(_PROCESS),
    "network": lambda: _words(_NETWORK),
    "net": lambda: _words(_NETWORK),
    "signal": lambda: _words(_SIGNAL),
    "memory": lambda: _words(_MEMORY),
    "ipc": lambda: _words(_IPC),
    "creds": lambda: _words(_CREDENTIALS),
    "stat": lambda: _words(_STAT),
    "lstat": lambda: _words(_LSTAT),
    "fstat": lambda: _words(_FSTAT),
    "%stat": lambda: _words(_STAT, _LSTAT, _FSTAT),
    "statfs": lambda: _words(_STATFS),
    "fstatfs": lambda: _words(_FSTATFS),
    "%statfs": lambda: _words(_STATFS, _FSTATFS),
    "clock": lambda: _words(_CLOCK),
    "pure": lambda: _words(_PURE),
}

#: Without the percent sign these are classes too, as they were before there was one.
OLD_NAMES = frozenset({"file", "desc", "process", "network", "signal", "memory", "ipc"})


def members(name: str) -> frozenset[str] | None:
    """Return the calls of a class, by its name without the first percent sign; None where there is no such class."""
    make = _CLASSES.get(name)
    return None if make is None else make()
