/* hot_alarm ROUNDS MICROSECONDS: runs hot() ROUNDS times under an interval timer; says the rounds and whether alarms
 * came; exits 0. */
#include "tracee.h"
#include <sys/time.h>

volatile long rounds, alarms;

NOIPA void on_alarm(int number)
{
    alarms++;
}

NOIPA void hot(void)
{
    rounds++;
}

int main(int argc, char **argv)
{
    long count = atol(argv[1]);
    struct itimerval every = {{0, atol(argv[2])}, {0, atol(argv[2])}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

    sigaction(SIGALRM, &action, NULL);
    ready();
    next_order();
    setitimer(ITIMER_REAL, &every, NULL);
    for (long i = 0; i < count; i++)
        hot();
    while (!alarms)
        sched_yield();
    setitimer(ITIMER_REAL, &never, NULL);
    say("rounds %ld alarms %d", rounds, alarms > 0);
    return 0;
}
