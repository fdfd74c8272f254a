/* Stores to watch, on the letter g: `watched` becomes 1, 2, 2 again and 3; a thread that starts then makes it 100.  In
 * between `looked_at` is read once and each of five `cells` is written.  Says the sum; q exits 0. */
#include "tracee.h"

volatile long watched, looked_at = 5, cells[5];

NOIPA void executed(void)
{
    asm volatile("" ::: "memory");
}

static void *late(void *argument)
{
    watched = 100;
    return argument;
}

int main(void)
{
    long sum;

    ready();
    while (next_order() == 'g') {
        watched = 1;
        watched = 2;
        watched = 2;
        watched = 3;
        executed();
        sum = looked_at;
        for (int i = 0; i < 5; i++)
            cells[i] = i + 1;
        pthread_join(start(late, NULL), NULL);
        say("sum %ld", sum + watched + cells[4]);
    }
    return 0;
}
