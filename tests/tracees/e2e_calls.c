/* main calls outer, outer calls inner; then a loop on one line; says both results and exits 7. */
#include "tracee.h"

volatile long seen;

NOIPA long inner(long number)
{
    long twice = number * 2;

    seen = twice;
    return twice + 1;
}

NOIPA long outer(long number)
{
    long result = inner(number + 1); /* line: outer calls */

    result += 100; /* line: outer adds */
    return result;
}

NOIPA long loop(long rounds)
{
    long sum = 0;

    for (long i = 0; i < rounds; i++) asm volatile("add %1, %0" : "+r"(sum) : "r"(i)); /* line: loop */
    seen = sum; /* line: loop ends */
    return sum;
}

int main(void)
{
    long first = outer(20);
    long sum = loop(200);

    say("outer %ld sum %ld", first, sum);
    return 7;
}
