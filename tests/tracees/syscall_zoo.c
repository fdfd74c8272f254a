/* Makes many kinds of system calls once, for logs of them to be compared.  Nothing in it waits for anybody. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void handler(int number) { (void)number; }

__attribute__((noinline)) static void files(void) {
    char buffer[256], folder[] = "zoo.d";
    struct stat st;
    struct statx sx;
    struct statfs sf;
    int fd, other;

    mkdir(folder, 0755);
    chdir(folder);
    fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    write(fd, "one\ttwo\n\"three\"\\\0\1234\377", 21);
    pwrite(fd, "x", 1, 100);
    lseek(fd, 0, SEEK_SET);
    read(fd, buffer, sizeof buffer);
    pread(fd, buffer, 10, 3);
    struct iovec parts[2] = {{buffer, 3}, {buffer + 10, 5}};
    writev(fd, parts, 2);
    lseek(fd, -4, SEEK_END);
    readv(fd, parts, 2);
    preadv2(fd, parts, 2, 0, RWF_HIPRI);
    fstat(fd, &st);
    stat("/dev/null", &st);
    stat("missing", &st);
    statx(AT_FDCWD, "file", AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &sx);
    statfs("/proc", &sf);
    ftruncate(fd, 50);
    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096);
    fsync(fd);
    flock(fd, LOCK_EX | LOCK_NB);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    fcntl(fd, F_SETLK, &lock);
    fcntl(fd, F_GETLK, &lock);
    fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK);
    fcntl(fd, F_GETFD);
    fcntl(fd, F_SETFD, 0);
    other = fcntl(fd, F_DUPFD_CLOEXEC, 20);
    dup2(fd, 21);
    dup3(fd, 22, O_CLOEXEC);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    sendfile(21, fd, NULL, 5);
    off_t from = 2;
    sendfile(21, fd, &from, 5);
    loff_t in = 0, out = 40;
    copy_file_range(fd, &in, 21, &out, 4, 0);
    fchmod(fd, 0600);
    fchown(fd, -1, -1);
    fsetxattr(fd, "user.zoo", "value", 5, XATTR_CREATE);
    fgetxattr(fd, "user.zoo", buffer, sizeof buffer);
    flistxattr(fd, buffer, sizeof buffer);
    getxattr("file", "user.none", buffer, sizeof buffer);
    access("file", R_OK | W_OK);
    faccessat(AT_FDCWD, "file", X_OK, AT_EACCESS);
    symlink("file", "link");
    readlink("link", buffer, sizeof buffer);
    readlinkat(AT_FDCWD, "file", buffer, sizeof buffer);
    link("file", "hard");
    rename("hard", "harder");
    renameat2(AT_FDCWD, "harder", AT_FDCWD, "link", RENAME_NOREPLACE);
    struct timespec times[2] = {{1700000000, 123000000}, {0, UTIME_OMIT}};
    utimensat(AT_FDCWD, "file", times, AT_SYMLINK_NOFOLLOW);
    times[0].tv_nsec = UTIME_NOW;
    futimens(fd, times);
    mknod("fifo", S_IFIFO | 0644, 0);
    umask(027);
    umask(022);
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    close(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how));
    close(open(".", O_RDONLY | O_DIRECTORY));
    close(open(".", O_RDWR | O_TMPFILE, 0600));
    getcwd(buffer, sizeof buffer);
    inotify_rm_watch(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), 7);
    int watch = inotify_init();
    inotify_add_watch(watch, ".", IN_CREATE | IN_DELETE | IN_ONLYDIR);
    close(watch);
    ioctl(fd, FIONREAD, &other);
    ioctl(fd, TCGETS, buffer);
    ioctl(fd, 0x12345678, buffer);
    syscall(SYS_memfd_create, "memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int directory = open(".", O_RDONLY);
    syscall(SYS_getdents64, directory, buffer, 0);
    syscall(SYS_close_range, 40, 50, 0);
    unlink("file");
    unlink("link");
    unlink("harder");
    unlink("hard");
    unlink("fifo");
    chdir("..");
    unlinkat(AT_FDCWD, folder, AT_REMOVEDIR);
    close_range(3, 60, 0);
}

__attribute__((noinline)) static void waiting(void) {
    int ends[2], count;
    char letter;
    struct timespec soon = {0, 1000000};
    struct timeval later = {5, 0};
    sigset_t set;

    pipe2(ends, O_CLOEXEC | O_NONBLOCK);
    struct pollfd polls[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    poll(polls, 1, 0);
    poll(polls, 2, 1000);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ppoll(polls, 2, &soon, &set);
    fd_set in, to;
    FD_ZERO(&in);
    FD_ZERO(&to);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &to);
    select(ends[1] + 1, &in, &to, NULL, &later);
    FD_SET(ends[0], &in);
    soon.tv_nsec = 1000;
    pselect(ends[0] + 1, &in, NULL, NULL, &soon, &set);
    later = (struct timeval){0, 1000};
    syscall(SYS_select, 0, NULL, NULL, NULL, &later);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {EPOLLOUT | EPOLLET, {.u64 = 0x123456789abcull}}, got[4];
    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &event);
    epoll_wait(epoll, got, 4, 0);
    epoll_wait(epoll, got, 4, 0);
    epoll_pwait(epoll, got, 4, 0, &set);
    epoll_ctl(epoll, EPOLL_CTL_DEL, ends[1], NULL);
    int events = eventfd(3, EFD_CLOEXEC | EFD_SEMAPHORE);
    read(events, &(long){0}, 8);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec long_time = {{0, 0}, {1000, 5}}, old;
    timerfd_settime(timer, 0, &long_time, &old);
    timerfd_gettime(timer, &old);
    sigfillset(&set);
    signalfd(-1, &set, SFD_CLOEXEC);
    read(ends[0], &letter, 1);
    ioctl(ends[0], FIONBIO, &(int){1});
    ioctl(ends[0], FIONREAD, &count);
    splice(ends[0], NULL, ends[1], NULL, 10, SPLICE_F_NONBLOCK);
    close_range(3, 60, 0);
}

__attribute__((noinline)) static void sockets(void) {
    int pair[2], on = 1, fd, server, client;
    socklen_t length = sizeof on;
    char buffer[64];
    struct sockaddr_in name = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    struct sockaddr_in6 name6 = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un path = {AF_UNIX, "/nowhere/zoo"};

    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct linger linger = {1, 5};
    setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    getsockopt(server, SOL_SOCKET, SO_TYPE, &on, &length);
    getsockopt(server, SOL_SOCKET, SO_ERROR, &on, &length);
    getsockopt(server, SOL_SOCKET, SO_RCVBUF, &on, &length);
    bind(server, (struct sockaddr *)&name, sizeof name);
    listen(server, 5);
    length = sizeof name;
    getsockname(server, (struct sockaddr *)&name, &length);
    client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (struct sockaddr *)&name, sizeof name);
    length = 128;
    char address[128];
    fd = accept4(server, (struct sockaddr *)address, &length, SOCK_CLOEXEC);
    send(client, "hello", 5, MSG_NOSIGNAL);
    recv(fd, buffer, sizeof buffer, MSG_PEEK);
    recv(fd, buffer, sizeof buffer, 0);
    getpeername(fd, (struct sockaddr *)address, &length);
    shutdown(client, SHUT_RDWR);
    close(client);
    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP);
    sendto(fd, "six", 3, MSG_DONTWAIT, (struct sockaddr *)&name6, sizeof name6);
    recvfrom(fd, buffer, sizeof buffer, 0, NULL, NULL);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(fd, (struct sockaddr *)&path, sizeof path);
    path.sun_path[0] = 0;
    bind(fd, (struct sockaddr *)&path, 10);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    struct iovec part = {"message", 7}, into = {buffer, sizeof buffer};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control = {0};
    struct msghdr message = {NULL, 0, &part, 1, NULL, 0, 0};
    sendmsg(pair[0], &message, 0);
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    control.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    *(int *)CMSG_DATA(&control.head) = 1;
    sendmsg(pair[0], &message, MSG_NOSIGNAL);
    message.msg_iov = &into;
    recvmsg(pair[1], &message, 0);
    recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC);
    struct mmsghdr several[2] = {{{NULL, 0, &part, 1, NULL, 0, 0}, 0}, {{NULL, 0, &part, 1, NULL, 0, 0}, 0}};
    sendmmsg(pair[0], several, 2, 0);
    socket(AF_NETLINK, SOCK_RAW, 0);
    socket(12345, 1, 2);
    close_range(3, 60, 0);
}

__attribute__((noinline)) static void processes(void) {
    struct rlimit limit;
    struct rusage usage;
    struct utsname names;
    struct sysinfo info;
    struct tms times_;
    struct sched_param parameter;
    cpu_set_t cpus;
    stack_t stack = {0};
    char name[16];
    int status;
    siginfo_t end = {0};
    gid_t groups[64];
    uid_t a, b, c;

    prlimit(0, RLIMIT_NOFILE, NULL, &limit);
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &limit);
    getrusage(RUSAGE_SELF, &usage);
    uname(&names);
    sysinfo(&info);
    times(&times_);
    prctl(PR_SET_NAME, "a zoo of system calls");
    prctl(PR_GET_NAME, name);
    prctl(PR_GET_DUMPABLE);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_CAPBSET_READ, 5);
    sched_getparam(0, &parameter);
    sched_getscheduler(0);
    sched_get_priority_max(SCHED_FIFO);
    sched_yield();
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    sched_setaffinity(0, 8, &cpus);
    getpriority(PRIO_PROCESS, 0);
    getresuid(&a, &b, &c);
    getgroups(64, groups);
    getuid();
    setpgid(0, 0);
    getsid(0);
    sigaltstack(NULL, &stack);
    syscall(SYS_personality, 0xffffffff);
    syscall(SYS_capget, NULL, NULL);
    alarm(100);
    alarm(0);
    struct itimerval interval = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &interval, NULL);
    getitimer(ITIMER_VIRTUAL, &interval);
    timer_t timer;
    struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_create(CLOCK_MONOTONIC, &how, &timer);
    timer_delete(timer);
    struct timespec moment = {0, 1000};
    nanosleep(&moment, NULL);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &moment);
    clock_getres(CLOCK_BOOTTIME, &moment);
    syscall(SYS_gettimeofday, &(struct timeval){0}, NULL);
    syscall(SYS_time, NULL);
    getrandom(name, 4, GRND_NONBLOCK);
    waitpid(-1, &status, WNOHANG);
    if (!fork()) {
        _exit(7);
    }
    waitid(P_ALL, 0, &end, WEXITED);
    pid_t child = fork();
    if (!child) {
        raise(SIGKILL);
    }
    wait4(child, &status, 0, &usage);
    kill(getpid(), 0);
    kill(1 << 22, SIGTERM);
    syscall(SYS_kcmp, getpid(), getpid(), 1, 0, 0);
    syscall(9999, 1, 2, 3);
}

__attribute__((noinline)) static void memory(void) {
    unsigned word = 1;
    struct timespec soon = {0, 1000};
    char *area = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect(area, 4096, PROT_NONE);
    mprotect(area, 4096, PROT_READ | PROT_WRITE);
    madvise(area, 4096, MADV_DONTNEED);
    msync(area, 4096, MS_SYNC);
    mlock(area, 4096);
    munlock(area, 4096);
    mremap(area, 65536, 32768, MREMAP_MAYMOVE);
    munmap(area, 32768);
    mmap(NULL, 1, PROT_READ, MAP_SHARED, 99, 4096);
    syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
    syscall(SYS_futex, &word, FUTEX_WAIT, 2, NULL);
    syscall(SYS_futex, &word, FUTEX_WAIT, 1, &soon);
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG, 2, NULL, NULL, -1);
    syscall(SYS_membarrier, 0, 0, 0);
    syscall(SYS_mlock2, NULL, 0, 1);
    syscall(SYS_arch_prctl, 0x1003, &word + 100000000);
}

__attribute__((noinline)) static void signals(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_NODEFER}, old;
    sigset_t set;
    sigaction(SIGUSR1, &action, &old);
    sigaction(SIGUSR2, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    raise(SIGUSR1);
    sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 42});
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 0});
    sigfillset(&set);
    sigdelset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    sigpending(&set);
    struct timespec none = {0, 0};
    siginfo_t info;
    sigtimedwait(&set, &info, &none);
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

__attribute__((noinline)) static void terminal(void) {
    struct termios settings;
    struct winsize size = {24, 80, 0, 0};
    int pty = posix_openpt(O_RDWR | O_NOCTTY);
    tcgetattr(pty, &settings);
    settings.c_lflag &= ~(unsigned)(ICANON | ECHO);
    tcsetattr(pty, TCSADRAIN, &settings);
    ioctl(pty, TIOCSWINSZ, &size);
    ioctl(pty, TIOCGWINSZ, &size);
    ioctl(pty, TIOCSPTLCK, &(int){0});
    ioctl(pty, TIOCGPTN, &(int){0});
    tcflush(pty, TCIOFLUSH);
    close(pty);
}

int main(void) {
    signal(SIGRTMIN + 3, handler);
    files();
    waiting();
    sockets();
    memory();
    signals();
    terminal();
    processes();
    return 0;
}
