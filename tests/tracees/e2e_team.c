/* ARG workers named worker-N.  Each has its number in a thread-local variable and calls reached() when the leader is
 * told its digit; with a second argument it counts while it waits, without it blocks in a read.
 * Letters: 0 to 7 wake a worker, c says the counters' sum, q exits 0. */
#include "tracee.h"

#define MOST 8
static int ends[MOST][2];
static atomic_int turns[MOST];
static atomic_long counters[MOST];
static atomic_int up;
static int busy;
__thread volatile long mine = -1;

NOIPA void reached(long index)
{
    asm volatile("" ::"r"(index) : "memory");
}

NOIPA void count(long index)
{
    atomic_fetch_add(&counters[index], 1);
    sched_yield();
}

NOIPA char wait_turn(long index)
{
    char byte = 0;

    if (busy) {
        while (!atomic_load(&turns[index]))
            count(index);
        atomic_store(&turns[index], 0);
    } else if (read(ends[index][0], &byte, 1) != 1) {
        _exit(95);
    }
    return byte;
}

NOIPA void serve(long index)
{
    for (;;) {
        wait_turn(index);
        reached(index);
        say("worker %ld done", index);
    }
}

static void *body(void *argument)
{
    long index = (long)argument;
    char name[16];

    snprintf(name, sizeof name, "worker-%ld", index);
    prctl(PR_SET_NAME, name);
    mine = 100 + index;
    atomic_fetch_add(&up, 1);
    serve(index);
    return NULL;
}

int main(int argc, char **argv)
{
    long workers = atol(argv[1]);

    busy = argc > 2;
    mine = 99;
    for (long i = 0; i < workers; i++)
        if (pipe(ends[i]))
            return 1;
    for (long i = 0; i < workers; i++)
        start(body, (void *)i);
    while (atomic_load(&up) < workers)
        sched_yield();
    ready();
    for (;;) {
        int order = next_order();

        if (order == 'q')
            return 0;
        if (order == 'c') {
            long sum = 0;

            for (long i = 0; i < workers; i++)
                sum += atomic_load(&counters[i]);
            say("sum %ld", sum);
        } else if (busy) {
            atomic_store(&turns[order - '0'], 1);
        } else if (write(ends[order - '0'][1], "x", 1) != 1) {
            return 1;
        }
    }
}
