/* A handler that tells its siginfo_t byte by byte, and one way for each layout of it.
 * Letters: u from kill, v from sigqueue, t from a timer, c from a child, s from a bad address, i from a pipe's input,
 * y from a refused system call (the last one: the filter stays); p pong, q exits 0. */
#include "tracee.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stddef.h>
#include <time.h>

static sigjmp_buf back;
static volatile sig_atomic_t told;

static void tell(int number, siginfo_t *info, void *context)
{
    char hex[2 * 64 + 1];

    for (int at = 0; at < 64; at++)
        sprintf(hex + 2 * at, "%02x", ((unsigned char *)info)[at]);
    say("%s", hex);
    told = 1;
    if (number == SIGSEGV)
        siglongjmp(back, 1);
}

static void wait_for_it(void)
{
    sigset_t none;

    sigemptyset(&none);
    while (!told)
        sigsuspend(&none);
}

static void from_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = -7};
    struct itimerspec soon = {.it_value.tv_nsec = 1};
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &soon, NULL))
        _exit(97);
    wait_for_it();
    timer_delete(timer);
}

static void from_child(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(3);
    wait_for_it();
    waitpid(child, NULL, 0);
}

static void from_pipe(void)
{
    int ends[2];

    if (pipe(ends) || fcntl(ends[0], F_SETSIG, SIGIO) || fcntl(ends[0], F_SETOWN, getpid())
        || fcntl(ends[0], F_SETFL, O_ASYNC) || write(ends[1], "x", 1) != 1)
        _exit(97);
    wait_for_it();
}

static void from_filter(void)
{
    struct sock_filter words[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | 5),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof words / sizeof *words, .filter = words};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        _exit(97);
    syscall(SYS_getppid);
}

int main(void)
{
    static const int numbers[] = {SIGUSR1, SIGUSR2, SIGCHLD, SIGSEGV, SIGIO, SIGSYS};
    struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
    sigset_t held;
    int order;

    sigemptyset(&held);
    for (unsigned each = 0; each < sizeof numbers / sizeof *numbers; each++) {
        sigaction(numbers[each], &action, NULL);
        if (numbers[each] != SIGSEGV && numbers[each] != SIGSYS)
            sigaddset(&held, numbers[each]);
    }
    /* Blocked until they are waited for, so that none comes between the look and the wait. */
    sigprocmask(SIG_BLOCK, &held, NULL);
    ready();
    while ((order = next_order()) != 'q') {
        told = 0;
        if (order == 'u') {
            kill(getpid(), SIGUSR1);
            wait_for_it();
        } else if (order == 'v') {
            sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = -5});
            wait_for_it();
        } else if (order == 't') {
            from_timer();
        } else if (order == 'c') {
            from_child();
        } else if (order == 's' && !sigsetjmp(back, 1)) {
            *(volatile char *)0x1234 = 1;
        } else if (order == 'i') {
            from_pipe();
        } else if (order == 'y') {
            from_filter();
        }
    }
    return 0;
}
