/* Writes to watched variables.  Letters: a writes `first`, b writes `second`, r reads `first`, l writes `wide` (8
 * bytes), u writes the 4 bytes at the odd address `odd`+1, t starts a thread that writes `first`, T has a thread that
 * already runs write it, c bumps the unwatched counter, q exits 0. */
#include "tracee.h"

volatile long first, second, wide, counter;
volatile char odd[16] __attribute__((aligned(16)));
static atomic_int turn;

NOIPA void write_first(void)
{
    first++;
}

static void *brief(void *argument)
{
    write_first();
    return argument;
}

static void *standing(void *argument)
{
    for (;;) {
        while (atomic_load(&turn) != 1)
            sched_yield();
        write_first();
        atomic_store(&turn, 0);
    }
    return argument;
}

int main(void)
{
    volatile long sink;

    start(standing, NULL);
    ready();
    for (;;) {
        switch (next_order()) {
        case 'a':
            write_first();
            break;
        case 'b':
            second++;
            break;
        case 'r':
            sink = first;
            (void)sink;
            break;
        case 'l':
            wide++;
            break;
        case 'u':
            *(volatile int *)(odd + 1) = 5;
            break;
        case 't':
            pthread_join(start(brief, NULL), NULL);
            break;
        case 'T':
            atomic_store(&turn, 1);
            while (atomic_load(&turn))
                sched_yield();
            break;
        case 'c':
            counter++;
            break;
        default:
            return 0;
        }
        say("first %ld second %ld", first, second);
    }
}
