/* alarms COUNT: a 1 kHz interval timer until COUNT alarms have been handled; exits 0. */
#include "tracee.h"
#include <sys/time.h>

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    alarms++;
}

int main(int argc, char **argv)
{
    int count = atoi(argv[1]);
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    sigset_t block, old;

    signal(SIGALRM, on_alarm);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, &old);
    ready();
    setitimer(ITIMER_REAL, &every, NULL);
    while (alarms < count)
        sigsuspend(&old);
    setitimer(ITIMER_REAL, &never, NULL);
    say("alarms done");
    return 0;
}
