/* ARG further threads block in a read of a pipe that nobody writes; the leader obeys: p pong, q exits 0. */
#include "tracee.h"

static int ends[2];
static atomic_int up;

static void *body(void *argument)
{
    char byte;

    atomic_fetch_add(&up, 1);
    if (read(ends[0], &byte, 1) != 1)
        say("read failed %d", errno);
    return argument;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;

    if (pipe(ends))
        return 1;
    for (int i = 0; i < threads; i++)
        start(body, NULL);
    while (atomic_load(&up) < threads)
        sched_yield();
    ready();
    while (next_order() != 'q')
        ;
    return 0;
}
