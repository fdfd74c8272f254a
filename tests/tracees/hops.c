/* Moves from processor to processor while a vector register and an x87 register hold values; letters: h hops over all
 * processors, passes at_hop on each, and says the values, xmm7 and st(0); q exits 0. */
#include "tracee.h"


static double vector = 1.5, stack = 2.5;

NOIPA void hop(int processor)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
    /* Both are live in their registers across `at_hop`. */
    asm volatile("movsd %0, %%xmm7\n"
                 "fldl %1\n"
                 ".globl at_hop\nat_hop: nop\n"
                 "fstpl %1\n"
                 "movsd %%xmm7, %0\n"
                 : "+m"(vector), "+m"(stack)::"xmm7", "st", "memory");
}

int main(void)
{
    cpu_set_t all;

    sched_getaffinity(0, sizeof all, &all);
    ready();
    while (next_order() == 'h') {
        for (int processor = 0; processor < CPU_SETSIZE; processor++)
            if (CPU_ISSET(processor, &all))
                hop(processor);
        sched_setaffinity(0, sizeof all, &all);
        say("vector %g stack %g", vector, stack);
    }
    return 0;
}
