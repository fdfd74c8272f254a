/* Counts until a debugger sets `enough`, or its stdin ends. */
#include "tracee.h"
#include <poll.h>

volatile long count;
volatile int enough;

int main(void)
{
    struct pollfd input = {0, 0, 0};

    ready();
    while (!enough && !(poll(&input, 1, 0) > 0 && input.revents & POLLHUP))
        for (int i = 0; i < 1000; i++)
            count++;
    say("counted");
    return 0;
}
