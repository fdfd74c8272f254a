/* Under a seccomp filter: uname fails with EPERM, getppid raises SIGSYS (handled), getpgrp is left to a tracer that there
 * is not, chroot kills.  Letters: u, t, g each call theirs and say what came of it; k calls chroot; s calls spot(), which
 * adds a harmless call; q exits 0. */
#include "tracee.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/utsname.h>

static volatile int sigsys_code, sigsys_number, sigsys_count;
volatile long spots;

static void on_sigsys(int number, siginfo_t *info, void *context)
{
    sigsys_count++;
    sigsys_code = info->si_code;
    sigsys_number = info->si_syscall;
}

NOIPA long spot(long value)
{
    spots += value;
    return syscall(SYS_getpid);
}

#define ANSWER(number, what) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, what)

int main(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ANSWER(SYS_uname, SECCOMP_RET_ERRNO | EPERM),
        ANSWER(SYS_getppid, SECCOMP_RET_TRAP),
        ANSWER(SYS_getpgrp, SECCOMP_RET_TRACE),
        ANSWER(SYS_chroot, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
    struct utsname name;
    long result;

    sigaction(SIGSYS, &action, NULL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 77;
    ready();
    for (;;) {
        switch (next_order()) {
        case 'u':
            result = uname(&name);
            say("uname %ld errno %d", result, errno);
            break;
        case 't':
            syscall(SYS_getppid);
            say("sigsys %d code %d call %d", sigsys_count, sigsys_code, sigsys_number);
            break;
        case 'g':
            result = syscall(SYS_getpgrp);
            say("getpgrp %ld errno %d", result, errno);
            break;
        case 'k':
            syscall(SYS_chroot, "/");
            return 1;
        case 's':
            say("spot %d", spot(1) == getpid());
            break;
        default:
            return 0;
        }
    }
}
