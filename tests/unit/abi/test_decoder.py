"""abi.decoder: calls as text, from made-up memory."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.abi import variants
from gdbstub.abi.call import Call, Style
from gdbstub.abi.decoder import decoder_of, entry_text, exit_text, result_text
from gdbstub.abi.names import AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, name_of, names_of

A, B, C, D = 0x10000, 0x20000, 0x30000, 0x40000
MINUS_1 = (1 << 64) - 1


#: Never implemented, long gone, or older interfaces to the same.
ABANDONED = {
    "_sysctl", "afs_syscall", "bdflush", "break", "create_module", "epoll_ctl_old", "epoll_wait_old", "ftime", "gtty",
    "get_kernel_syms", "getpmsg", "idle", "lock", "lookup_dcookie", "mpx", "nfsservctl", "oldolduname", "prof",
    "profil", "putpmsg", "query_module", "readdir", "security", "sgetmask", "ssetmask", "stty", "tuxcall", "ulimit",
    "uretprobe", "uselib", "vm86", "vm86old", "vserver",
}  # fmt: skip


def memory(pieces: dict[int, bytes]) -> Callable[[int, int], bytes]:
    def read(address: int, length: int) -> bytes:
        for start, data in pieces.items():
            if start <= address < start + len(data):
                return data[address - start :][:length]
        return b""

    return read


def show(
    name: str,
    *args: int,
    result: int = 0,
    before: dict[int, bytes] | None = None,
    after: dict[int, bytes] | None = None,
    arch: int = AUDIT_ARCH_X86_64,
    style: Style | None = None,
    paths: Callable[[int | None], str | None] | None = None,
    stack: int = 0,
) -> str:
    """Return a whole line."""
    decoder = decoder_of(arch)
    number = next(number for number, each in names_of(arch).items() if each == name)
    padded = (*args, *([0] * (6 - len(args))))
    pieces = dict(before or {})
    call = Call(
        wide=decoder.wide, args=padded, read=memory(pieces), style=style or Style(), path_of=paths, stack=stack
    )
    call.read = lambda address, length: memory(pieces)(address, length)
    signature = decoder.signature(number, padded)
    text = entry_text(call, signature)
    pieces.update(after or {})
    call.returned(result, failed=-4096 < result < 0 or result in (-512, -516))
    return f"{name}({text}{exit_text(call, signature)}) = {result_text(call, signature)}"


@pytest.mark.parametrize("arch", [AUDIT_ARCH_X86_64, AUDIT_ARCH_I386])
def test_every_call_has_a_signature_or_is_a_call_nobody_makes(arch: int) -> None:
    decoder = decoder_of(arch)
    unknown = {
        name for name in names_of(arch).values() if name not in decoder.lines and name not in variants.VARIANTS
    }
    assert unknown <= ABANDONED


@given(
    st.sampled_from([AUDIT_ARCH_X86_64, AUDIT_ARCH_I386]),
    st.integers(0, 500),
    st.lists(
        st.one_of(st.integers(0, MINUS_1), st.sampled_from([0, 1, 3, A, A + 4090, MINUS_1])), min_size=6, max_size=6
    ),
    st.one_of(st.integers(-600, 100), st.just(MINUS_1 >> 1)),
    st.binary(min_size=200, max_size=4096),
)
def test_no_arguments_make_the_decoder_fail(
    arch: int, number: int, args: list[int], result: int, data: bytes
) -> None:
    decoder = decoder_of(arch)
    if arch == AUDIT_ARCH_I386:
        args = [each & 0xFFFFFFFF for each in args]
    signature = decoder.signature(number, args)
    call = Call(wide=decoder.wide, args=args, read=memory({A: data}), style=Style())
    text = decoder.name(number) + entry_text(call, signature)
    call.returned(result, failed=result < 0)
    text += exit_text(call, signature) + result_text(call, signature)
    assert "\n" not in text


def test_numbers_without_a_name() -> None:
    assert name_of(AUDIT_ARCH_X86_64, 9999) == "syscall_0x270f"
    assert name_of(AUDIT_ARCH_X86_64, 0x40000000 | 39) == "getpid"
    assert names_of(0x1234) == {}


def test_files() -> None:
    path = {A: b"/etc/passwd\0"}
    at = MINUS_1 - 99
    assert (
        show("openat", at, A, 0o2000000, result=3, before=path)
        == 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3'
    )
    assert show("open", A, 0o101, 0o644, result=4, before=path) == 'open("/etc/passwd", O_WRONLY|O_CREAT, 0644) = 4'
    assert show("openat", at, 0, 0, result=-14) == "openat(AT_FDCWD, NULL, O_RDONLY) = -1 EFAULT (Bad address)"
    assert show("openat", at, B, 0, result=-14) == "openat(AT_FDCWD, 0x20000, O_RDONLY) = -1 EFAULT (Bad address)"
    assert show("close", 3) == "close(3) = 0"
    assert show("lseek", 3, MINUS_1, 2, result=9) == "lseek(3, -1, SEEK_END) = 9"
    assert show("umask", 0o22, result=0) == "umask(022) = 000"
    assert (
        show("mknod", A, 0o20644, 0x105, before=path) == 'mknod("/etc/passwd", S_IFCHR|0644, makedev(0x1, 0x5)) = 0'
    )


def test_buffers() -> None:
    data = {A: b"x" * 40}
    assert show("read", 3, A, 100, result=5, after={A: b"a\0b\n\x7f"}) == r'read(3, "a\0b\n\177", 100) = 5'
    assert show("read", 3, A, 100, result=40, after=data) == f'read(3, "{"x" * 32}"..., 100) = 40'
    assert (
        show("read", 3, A, 100, result=-11) == "read(3, 0x10000, 100) = -1 EAGAIN (Resource temporarily unavailable)"
    )
    assert show("write", 1, A, 40, result=40, before=data) == f'write(1, "{"x" * 32}"..., 40) = 40'
    assert (
        show("write", 1, A, 40, result=40, before=data, style=Style(limit=64)) == f'write(1, "{"x" * 40}", 40) = 40'
    )
    assert show("write", 1, A, 0) == 'write(1, "", 0) = 0'
    vector = {A: struct.pack("<QQQQ", B, 3, C, 2), B: b"abc", C: b"de"}
    assert show("writev", 1, A, 2, result=5, before=vector) == (
        'writev(1, [{iov_base="abc", iov_len=3}, {iov_base="de", iov_len=2}], 2) = 5'
    )
    assert show("readv", 1, A, 2, result=4, before=vector) == (
        'readv(1, [{iov_base="abc", iov_len=3}, {iov_base="d", iov_len=2}], 2) = 4'
    )


def test_a_text_over_the_end_of_a_page() -> None:
    assert show("chdir", A + 4090, before={A + 4090: b"abcdef", A + 4096: b"gh\0"}) == 'chdir("abcdefgh") = 0'
    assert show("chdir", A + 4090, result=-14, before={A + 4090: b"abcdef"}).startswith("chdir(0x10ffa)")


def test_descriptors_with_paths() -> None:
    def paths(fd: int | None) -> str | None:
        return {None: "/home", 3: "/etc/passwd"}.get(fd)

    assert show("close", 3, paths=paths) == "close(3</etc/passwd>) = 0"
    assert show("close", 4, paths=paths) == "close(4) = 0"
    assert show("openat", MINUS_1 - 99, A, 0, result=3, before={A: b"f\0"}, paths=paths) == (
        'openat(AT_FDCWD</home>, "f", O_RDONLY) = 3</etc/passwd>'
    )


def test_programs() -> None:
    pieces = {A: b"/bin/sh\0", B: struct.pack("<QQQ", A, A, 0), C: struct.pack("<QQ", A, 0)}
    assert (
        show("execve", A, B, C, before=pieces) == 'execve("/bin/sh", ["/bin/sh", "/bin/sh"], 0x30000 /* 1 var */) = 0'
    )
    assert show("execve", A, B, C, before=pieces, style=Style(verbose=True)).endswith('["/bin/sh"]) = 0')
    status = {A: struct.pack("<I", 7 << 8)}
    assert show("wait4", MINUS_1, A, 0, 0, result=5, after=status) == (
        "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 7}], 0, NULL) = 5"
    )
    assert "WTERMSIG(s) == SIGKILL" in show("wait4", 5, A, 0, 0, result=5, after={A: struct.pack("<I", 9)})
    assert "WSTOPSIG(s) == SIGSTOP" in show("wait4", 5, A, 2, 0, result=5, after={A: struct.pack("<I", 0x137F)})
    assert show("wait4", 5, A, 1, 0, result=0) == "wait4(5, 0x10000, WNOHANG, NULL) = 0"
    assert show("clone", 0x1200011, 0, 0, D, 0, result=9) == (
        "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x40000) = 9"
    )
    assert show("kill", 5, 15) == "kill(5, SIGTERM) = 0"
    assert show("exit_group", 1) == "exit_group(1) = 0"


def test_clone3_shows_what_it_has_written() -> None:
    args = struct.pack("<11Q", 0x100000, 0, 0, B, 17, 0, 0, 0, 0, 0, 0)
    assert show("clone3", A, 88, result=9, before={A: args}, after={B: struct.pack("<I", 9)}) == (
        "clone3({flags=CLONE_PARENT_SETTID, parent_tid=0x20000, exit_signal=SIGCHLD, stack=NULL, stack_size=0}"
        " => {parent_tid=[9]}, 88) = 9"
    )
    assert " => " not in show("clone3", A, 88, result=-1, before={A: args})


def test_memory() -> None:
    assert show("mmap", 0, 8192, 3, 0x22, MINUS_1, 0, result=0x7F0000000000) == (
        "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"
    )
    assert show("brk", 0, result=0x555555) == "brk(NULL) = 0x555555"
    assert show("mremap", A, 10, 20, 1, result=B) == "mremap(0x10000, 10, 20, MREMAP_MAYMOVE) = 0x20000"
    assert show("mremap", A, 10, 20, 3, C, result=C) == (
        "mremap(0x10000, 10, 20, MREMAP_MAYMOVE|MREMAP_FIXED, 0x30000) = 0x30000"
    )
    assert show("futex", A, 128, 2, 0, result=-11) == (
        "futex(0x10000, FUTEX_WAIT_PRIVATE, 2, NULL) = -1 EAGAIN (Resource temporarily unavailable)"
    )
    assert show("futex", A, 1, 1, result=0) == "futex(0x10000, FUTEX_WAKE, 1) = 0"


def test_sockets() -> None:
    inet = struct.pack(">HH4s8x", 0x0200, 80, bytes([127, 0, 0, 1]))
    shown = '{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}'
    assert show("connect", 3, A, 16, before={A: inet}) == f"connect(3, {shown}, 16) = 0"
    pieces = {A: inet, B: struct.pack("<I", 16)}
    assert show("accept", 3, A, B, result=4, before={B: struct.pack("<I", 128)}, after=pieces) == (
        f"accept(3, {shown}, [128 => 16]) = 4"
    )
    unix = struct.pack("<H", 1) + b"/run/x\0"
    assert '{sa_family=AF_UNIX, sun_path="/run/x"}' in show("connect", 3, A, len(unix), before={A: unix})
    assert 'sun_path=@"abc"' in show("connect", 3, A, 6, before={A: b"\1\0\0abc"})
    inet6 = struct.pack("<H", 10) + struct.pack(">HI", 443, 0) + bytes(15) + b"\1" + bytes(4)
    assert 'inet_pton(AF_INET6, "::1", &sin6_addr)' in show("bind", 3, A, 28, before={A: inet6})
    assert show("socket", 1, 0o2000001, 0, result=3) == "socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 3"
    assert show("setsockopt", 3, 1, 2, A, 4, before={A: struct.pack("<I", 1)}) == (
        "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0"
    )


def test_waiting() -> None:
    polls = {A: struct.pack("<ihh", 3, 1, 0)}
    ready = {A: struct.pack("<ihh", 3, 1, 1)}
    assert show("poll", A, 1, 10, before=polls) == "poll([{fd=3, events=POLLIN}], 1, 10) = 0 (Timeout)"
    assert show("poll", A, 1, 10, result=1, before=polls, after=ready) == (
        "poll([{fd=3, events=POLLIN}], 1, 10) = 1 ([{fd=3, revents=POLLIN}])"
    )
    sets = {A: struct.pack("<Q", 1 << 3)}
    assert show("select", 4, A, 0, 0, 0, result=1, before=sets) == "select(4, [3], NULL, NULL, NULL) = 1 (in [3])"
    sleep = {A: struct.pack("<qq", 1, 5)}
    assert show("nanosleep", A, B, before=sleep) == "nanosleep({tv_sec=1, tv_nsec=5}, 0x20000) = 0"
    left = {B: struct.pack("<qq", 0, 7)}
    assert show("nanosleep", A, B, result=-516, before=sleep, after=left) == (
        "nanosleep({tv_sec=1, tv_nsec=5}, {tv_sec=0, tv_nsec=7}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)"
    )
    event = {A: struct.pack("<IQ", 1, 7)}
    assert show("epoll_ctl", 4, 1, 3, A, before=event) == (
        "epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN, data={u32=7, u64=7}}) = 0"
    )
    assert show("pause", result=-514) == "pause() = ? ERESTARTNOHAND (To be restarted if no handler)"


def test_signals() -> None:
    action = {A: struct.pack("<QQQQ", 1, 0x14000000, B, 0)}
    assert show("rt_sigaction", 2, A, 0, 8, before=action) == (
        "rt_sigaction(SIGINT, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x20000},"
        " NULL, 8) = 0"
    )
    assert show("rt_sigprocmask", 0, A, B, 8, before={A: struct.pack("<Q", 1 << 16)}, after={B: bytes(8)}) == (
        "rt_sigprocmask(SIG_BLOCK, [CHLD], [], 8) = 0"
    )
    frame = {A + 296: struct.pack("<Q", 2)}
    assert show("rt_sigreturn", result=5, before=frame, stack=A) == "rt_sigreturn({mask=[INT]}) = 5"


def test_control() -> None:
    assert show("fcntl", 3, 3, result=0o100002) == "fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)"
    assert show("fcntl", 3, 1, result=1) == "fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)"
    assert show("fcntl", 3, 2, 1) == "fcntl(3, F_SETFD, FD_CLOEXEC) = 0"
    assert show("ioctl", 1, 0x5413, A, after={A: struct.pack("<4H", 24, 80, 0, 0)}) == (
        "ioctl(1, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0"
    )
    assert show("ioctl", 1, 0x12345678, 5) == "ioctl(1, _IOC(_IOC_NONE, 0x56, 0x78, 0x1234), 0x5) = 0"
    assert show("prctl", 15, A, before={A: b"name\0"}) == 'prctl(PR_SET_NAME, "name") = 0'
    assert show("arch_prctl", 0x1002, A) == "arch_prctl(ARCH_SET_FS, 0x10000) = 0"
    limit = {B: struct.pack("<QQ", 8 << 20, MINUS_1)}
    assert show("prlimit64", 0, 3, 0, B, after=limit) == (
        "prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0"
    )


def test_the_32_bit_interface() -> None:
    def narrow(name: str, *args: int, result: int = 0, before: dict[int, bytes] | None = None) -> str:
        return show(name, *args, result=result, before=before, arch=AUDIT_ARCH_I386)

    assert narrow("pread64", 3, A, 4, 1, 1, result=0) == 'pread64(3, "", 4, 4294967297) = 0'
    assert (
        narrow("mmap2", 0, 4096, 1, 2, 3, 2, result=A)
        == "mmap2(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0x2000) = 0x10000"
    )
    assert (
        narrow("nanosleep", A, 0, before={A: struct.pack("<ii", 1, 2)})
        == "nanosleep({tv_sec=1, tv_nsec=2}, NULL) = 0"
    )
    assert narrow("writev", 1, A, 1, result=2, before={A: struct.pack("<II", B, 2), B: b"hi"}) == (
        'writev(1, [{iov_base="hi", iov_len=2}], 1) = 2'
    )
    assert narrow("getuid32", result=5) == "getuid32() = 5"


PERMISSIONS = struct.pack("=iIIIII24x", 77, 1, 2, 3, 4, 0o640)


def test_shared_memory() -> None:
    assert show("shmget", 0, 4096, 0o1600) == "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 0"
    assert show("shmget", 0x4D, 100, 0o666) == "shmget(0x4d, 100, 0666) = 0"
    state = PERMISSIONS + struct.pack("=QqqqiiQ", 100, 5, 6, 7, 8, 9, 1)
    assert show("shmctl", 3, 2, A, after={A: state}) == (
        "shmctl(3, IPC_STAT, {shm_perm={uid=1, gid=2, mode=0640, key=77, cuid=3, cgid=4}, shm_segsz=100, shm_cpid=8,"
        " shm_lpid=9, shm_nattch=1, shm_atime=5, shm_dtime=6, shm_ctime=7}) = 0"
    )
    assert (
        show("shmctl", 3, 1, A, before={A: state}) == "shmctl(3, IPC_SET, {shm_perm={uid=1, gid=2, mode=0640}}) = 0"
    )
    assert show("shmctl", 3, 0, 0) == "shmctl(3, IPC_RMID, NULL) = 0"
    assert show("shmctl", 3, 2, A) == f"shmctl(3, IPC_STAT, {A:#x}) = 0"


def test_messages() -> None:
    assert show("msgget", 5, 0o3640) == "msgget(0x5, IPC_CREAT|IPC_EXCL|0640) = 0"
    message = struct.pack("=q", 3) + b"hello\0" + bytes(80)
    assert show("msgsnd", 1, A, 6, 0o4000, before={A: message}) == (
        'msgsnd(1, {mtype=3, mtext="hello\\0"}, 6, IPC_NOWAIT) = 0'
    )
    received = show("msgrcv", 1, A, 80, 3, 0o10000, result=6, after={A: message})
    assert received.startswith('msgrcv(1, {mtype=3, mtext="hello\\0') and received.endswith(
        '"...}, 80, 3, MSG_NOERROR) = 6'
    )
    state = PERMISSIONS + struct.pack("=qqqQQQii", 5, 6, 7, 8, 9, 10, 11, 12)
    assert show("msgctl", 1, 2, A, after={A: state}).endswith(
        "msg_stime=5, msg_rtime=6, msg_ctime=7, msg_qnum=9, msg_qbytes=10, msg_lspid=11, msg_lrpid=12}) = 0"
    )
    assert show("msgctl", 1, 1, A, before={A: state}).endswith("mode=0640}, msg_qbytes=10}) = 0")


def test_semaphores() -> None:
    operations = struct.pack("=HhhHhh", 0, -1, 0, 1, 2, 0o14000)
    assert show("semop", 1, A, 2, before={A: operations}) == (
        "semop(1, [{sem_num=0, sem_op=-1, sem_flg=0}, {sem_num=1, sem_op=2, sem_flg=SEM_UNDO|IPC_NOWAIT}], 2) = 0"
    )
    state = PERMISSIONS + struct.pack("=q8xq8xQ", 5, 6, 3)
    assert show("semctl", 1, 0, 2, A, after={A: state}).endswith("sem_otime=5, sem_ctime=6, sem_nsems=3}) = 0")
    assert show("semctl", 1, 2, 16, 7) == "semctl(1, 2, SETVAL, 0x7) = 0"
    # A 32-bit program's structures have other layouts.
    assert show("shmctl", 1, 2, A, after={A: state}, arch=AUDIT_ARCH_I386) == f"shmctl(1, IPC_STAT, {A:#x}) = 0"
