/* Says its real and its effective user and whether it may be traced by one without privilege, on the letter i;
 * p pong, q exits 0. */
#include "tracee.h"

int main(void)
{
    ready();
    while (next_order() == 'i')
        say("real %d effective %d dumpable %d", getuid(), geteuid(), prctl(PR_GET_DUMPABLE));
    return 0;
}
