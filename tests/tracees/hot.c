/* hot THREADS ROUNDS: each thread runs hot() ROUNDS times; says "total N" and exits 0.
 * Odd threads run hot_odd(), even ones hot_even(), all of them hot(). */
#include "tracee.h"

atomic_long total;
static long rounds;

NOIPA void hot(void)
{
    atomic_fetch_add(&total, 1);
}

NOIPA void hot_even(void)
{
    asm volatile("" ::: "memory");
}

NOIPA void hot_odd(void)
{
    asm volatile("" ::: "memory");
}

static void *body(void *argument)
{
    for (long i = 0; i < rounds; i++) {
        if ((long)argument & 1)
            hot_odd();
        else
            hot_even();
        hot();
    }
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    long count = atol(argv[1]);

    rounds = atol(argv[2]);
    ready();
    if (next_order() == 'q')
        return 0;
    for (long i = 0; i < count; i++)
        threads[i] = start(body, (void *)i);
    for (long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    say("total %ld", total);
    while (next_order() != 'q')
        ;
    return 0;
}
