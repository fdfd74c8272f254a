/* On the letter f: 120 writes of a MiB of the letter a to /dev/null, between() called after each; then says so.  q exits 0. */
#include "tracee.h"
#include <fcntl.h>

static char block[1 << 20];

NOIPA void between(void)
{
    asm volatile("" ::: "memory");
}

int main(void)
{
    int sink = open("/dev/null", O_WRONLY);

    memset(block, 'a', sizeof block);
    ready();
    while (next_order() == 'f') {
        for (int i = 0; i < 120; i++) {
            if (write(sink, block, sizeof block) != sizeof block)
                return 1;
            between();
        }
        say("written");
    }
    return 0;
}
