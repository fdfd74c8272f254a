/* Waits in a system call, one for a letter, and says what it returned: e epoll_wait, w epoll_pwait, 2 epoll_pwait2,
 * o poll, s select, r read, each until a byte can be read, which it reads; t sigtimedwait for SIGUSR2, which is blocked;
 * m semop and d semtimedop, until a thread that reads a byte lets them go on; f futex, n nanosleep and
 * c clock_nanosleep, 0.2 s each; E epoll_wait for 0.2 s on nothing.  h installs a handler of SIGUSR1, u has SIGUSR1 ignored.  q exits 0.
 * Before it waits it says so.  At trap_pad and trap_at is code for a debugger to run. */
#include "tracee.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <time.h>

/* The operation of the system call ipc, of 32-bit programs; <linux/ipc.h>, which excludes <sys/sem.h>. */
#define SEMTIMEDOP 4

static volatile int handled;
static int semaphore;

asm(".globl trap_pad, trap_at\n"
    "trap_pad: nop\n"
    "trap_at: nop\n"
    "   ud2\n");

static void on_usr1(int number)
{
    handled++;
}

static void *poster(void *argument)
{
    struct sembuf up = {0, 1, 0};

    letter();
    semop(semaphore, &up, 1);
    return argument;
}

static long wait_in(int order)
{
    static const struct timespec span = {0, 200000000}, hours = {10000, 0};
    struct epoll_event interest = {.events = EPOLLIN}, event;
    struct pollfd input = {0, POLLIN, 0};
    struct sembuf down = {0, -1, 0};
    int word = 0, polled = epoll_create1(0);
    fd_set readable;
    sigset_t usr2;
    pthread_t thread = 0;
    long result;

    if (order != 'E')
        epoll_ctl(polled, EPOLL_CTL_ADD, 0, &interest);
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    FD_ZERO(&readable);
    FD_SET(0, &readable);
    if (order == 'm' || order == 'd') {
        semaphore = semget(IPC_PRIVATE, 1, 0600);
        thread = start(poster, NULL);
    }
    say("waiting");
    errno = 0;
    switch (order) {
    case 'e':
        result = epoll_wait(polled, &event, 1, -1);
        break;
    case 'E':
        result = epoll_wait(polled, &event, 1, 200);
        break;
    case 'w':
        result = epoll_pwait(polled, &event, 1, -1, &usr2);
        break;
    case '2':
        result = syscall(SYS_epoll_pwait2, polled, &event, 1, NULL, NULL, 8);
        break;
    case 'o':
        result = poll(&input, 1, -1);
        break;
    case 's':
        result = select(1, &readable, NULL, NULL, NULL);
        break;
    case 't':
        result = sigtimedwait(&usr2, NULL, NULL) == SIGUSR2;
        break;
    case 'm':
        result = semop(semaphore, &down, 1);
        break;
    case 'd':
#ifdef SYS_ipc
        result = syscall(SYS_ipc, SEMTIMEDOP, semaphore, 1, 0, &down, &hours);
#else
        result = semtimedop(semaphore, &down, 1, &hours);
#endif
        break;
    case 'f':
        result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &span, NULL, 0);
        break;
    case 'n':
        result = nanosleep(&span, NULL);
        break;
    case 'c':
        result = clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
        break;
    default:
        result = 0;
    }
    say("%ld errno %d handled %d", result, errno, handled);
    if (order == 'm' || order == 'd') {
        pthread_join(thread, NULL);
        semctl(semaphore, 0, IPC_RMID);
    }
    if (polled >= 0)
        close(polled);
    return result;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};
    sigset_t usr2;

    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    ready();
    for (;;) {
        int order = next_order();

        switch (order) {
        case 'q':
            return 0;
        case 'h':
            sigaction(SIGUSR1, &action, NULL);
            break;
        case 'u':
            signal(SIGUSR1, SIG_IGN);
            break;
        case 'r':
            say("waiting");
            say("%d errno %d handled %d", letter() == 'z', 0, handled);
            break;
        default:
            wait_in(order);
            if (strchr("ew2os", order))
                letter();
        }
    }
}
