/* Does a piece of work for a letter and says what it took: "KIND cpu NS wall NS stops N", the last being how often the
 * thread has given up the processor by itself, as every stop does.  w N rounds of arithmetic, s N calls of getppid, N
 * being ARG; e has a thread call getppid without end, q exits 0. */
#include "tracee.h"
#include <sys/resource.h>
#include <time.h>

static volatile unsigned long value;

static long long now(clockid_t clock)
{
    struct timespec at;

    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static long given_up(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void work(int kind, long rounds)
{
    if (kind == 's')
        for (long i = 0; i < rounds; i++)
            syscall(SYS_getppid);
    else
        for (long i = 0; i < rounds; i++)
            value = value * 2862933555777941757UL + 3037000493UL;
}

static void *endless(void *argument)
{
    for (;;)
        work('s', 1000);
    return argument;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1000;

    ready();
    for (;;) {
        int kind = next_order();

        if (kind == 'q')
            return 0;
        if (kind == 'e') {
            start(endless, NULL);
            say("begun");
            continue;
        }
        long stops = given_up();
        long long wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
        work(kind, rounds);
        cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
        wall = now(CLOCK_MONOTONIC) - wall;
        say("%c cpu %lld wall %lld stops %ld", kind, cpu, wall, given_up() - stops);
    }
}
