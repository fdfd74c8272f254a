/* clone_storm BATCHES: batches of 16 threads, each of which runs born() once; says how many; exits 0. */
#include "tracee.h"

atomic_long total;

NOIPA void born(void)
{
    atomic_fetch_add(&total, 1);
}

static void *body(void *argument)
{
    born();
    return argument;
}

int main(int argc, char **argv)
{
    ready();
    next_order();
    for (int batch = atoi(argv[1]); batch > 0; batch--) {
        pthread_t threads[16];

        for (int i = 0; i < 16; i++)
            threads[i] = start(body, NULL);
        for (int i = 0; i < 16; i++)
            pthread_join(threads[i], NULL);
    }
    say("total %ld", total);
    return 0;
}
