/* ARG threads count without end while the leader obeys: p pong, c says the counters' sum, q exits 0. */
#include "tracee.h"

#define MOST 64
volatile long counters[MOST];

NOIPA void tick(long index)
{
    counters[index]++;
}

static void *body(void *argument)
{
    for (;;)
        tick((long)argument);
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? atol(argv[1]) : 1;

    for (long i = 0; i < threads; i++)
        start(body, (void *)i);
    for (long i = 0; i < threads; i++)
        while (!counters[i])
            sched_yield();
    ready();
    for (;;) {
        if (next_order() == 'q')
            return 0;
        long sum = 0;
        for (long i = 0; i < threads; i++)
            sum += counters[i];
        say("sum %ld", sum);
    }
}
