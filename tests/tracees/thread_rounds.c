/* thread_rounds ROUNDS: in each round four threads visit() once, with a number of their own, and are joined.
 * Says how many visits there were; exits 0. */
#include "tracee.h"

static atomic_long visits;

NOIPA void visit(long number)
{
    asm volatile("" ::"r"(number) : "memory");
    atomic_fetch_add(&visits, 1);
}

static void *guest(void *argument)
{
    visit((long)argument);
    return NULL;
}

int main(int argc, char **argv)
{
    long rounds = atol(argv[1]);

    for (long round = 0; round < rounds; round++) {
        pthread_t guests[4];

        for (long i = 0; i < 4; i++)
            guests[i] = start(guest, (void *)(4 * round + i));
        for (int i = 0; i < 4; i++)
            pthread_join(guests[i], NULL);
    }
    say("visits %ld", atomic_load(&visits));
    return 0;
}
