/* Handlers that tell what they were given: SIGUSR1 with its siginfo, SIGUSR2 once (SA_RESETHAND).
 * Letters: p pong, b blocks SIGUSR1 and calls spot(), B unblocks it, q exits 0. */
#include "tracee.h"

volatile long spots;

NOIPA void spot(void)
{
    spots++;
}

static void on_usr1(int number, siginfo_t *info, void *context)
{
    say("usr1 code %d pid %d value %d", info->si_code, info->si_pid, info->si_value.sival_int);
}

static void on_usr2(int number)
{
    say("usr2");
}

int main(void)
{
    struct sigaction with_info = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction once = {.sa_handler = on_usr2, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaction(SIGUSR1, &with_info, NULL);
    sigaction(SIGUSR2, &once, NULL);
    ready();
    for (;;) {
        switch (next_order()) {
        case 'b':
            sigprocmask(SIG_BLOCK, &set, NULL);
            spot();
            say("blocked");
            break;
        case 'B':
            sigprocmask(SIG_UNBLOCK, &set, NULL);
            say("unblocked");
            break;
        default:
            return 0;
        }
    }
}
