/* Letter n: sleeps 0.8 s in nanosleep and says the result and whether it took long enough; q exits 0. */
#include "tracee.h"
#include <time.h>

NOIPA long answer(long question)
{
    return question + 1;
}

NOIPA long own_pid(void)
{
    return syscall(SYS_getpid);
}

int main(void)
{
    struct timespec begin, end, span = {0, 800000000};

    ready();
    while (next_order() == 'n') {
        say("sleeping");
        clock_gettime(CLOCK_MONOTONIC, &begin);
        int result = nanosleep(&span, NULL);
        clock_gettime(CLOCK_MONOTONIC, &end);
        long spent = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
        say("slept %d long enough %d", result, spent >= 799);
    }
    return answer(-1);
}
