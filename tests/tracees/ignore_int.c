/* Ignores and blocks SIGINT in a tight loop until the test clears `go_on`; says its disposition; exits 0. */
#include "tracee.h"

volatile long go_on = 1;

int main(void)
{
    sigset_t set;
    struct sigaction action;

    signal(SIGINT, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ready();
    while (go_on)
        ;
    sigaction(SIGINT, NULL, &action);
    sigprocmask(SIG_SETMASK, NULL, &set);
    say("ignored %d blocked %d", action.sa_handler == SIG_IGN, sigismember(&set, SIGINT));
    return 0;
}
