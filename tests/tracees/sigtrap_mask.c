/* sigtrap_mask block|ignore: after the test has stepped through spot(), says what became of SIGTRAP. */
#include "tracee.h"

volatile long work;

NOIPA void spot(void)
{
    work++;
    work++;
    work++;
    asm volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
    sigset_t all, now;
    struct sigaction action;

    sigfillset(&all);
    if (strcmp(argv[1], "ignore") == 0)
        signal(SIGTRAP, SIG_IGN);
    else
        sigprocmask(SIG_SETMASK, &all, NULL);
    ready();
    next_order();
    spot();
    sigprocmask(SIG_SETMASK, NULL, &now);
    sigaction(SIGTRAP, NULL, &action);
    say("blocked %d ignored %d", sigismember(&now, SIGTRAP), action.sa_handler == SIG_IGN);
    next_order();
    return 0;
}
