/* On the letter g 8 threads each call alpha() and beta() ARG times; then it calls done(), says the two counts and obeys:
 * q exits 0. */
#include "tracee.h"

#define THREADS 8
static atomic_long alphas, betas;

NOIPA void alpha(void)
{
    atomic_fetch_add(&alphas, 1);
}

NOIPA void beta(void)
{
    atomic_fetch_add(&betas, 1);
}

NOIPA void done(void)
{
    asm volatile("" ::: "memory");
}

static void *body(void *argument)
{
    for (long left = (long)argument; left > 0; left--) {
        alpha();
        beta();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];

    ready();
    if (next_order() != 'g')
        return 1;
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(body, (void *)atol(argv[1]));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    done();
    say("alpha %ld beta %ld", alphas, betas);
    while (next_order() != 'q')
        ;
    return 0;
}
