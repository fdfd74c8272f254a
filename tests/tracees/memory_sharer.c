/* On the letter c: a second process in the same memory, which is no thread, calls store(11) and exits 17; says what it
 * left and how it ended.  s calls store(5) here.  q exits 0. */
#include "tracee.h"

volatile long stored;
static char stack[65536] __attribute__((aligned(16)));

NOIPA void store(long value)
{
    stored = value;
}

static int sharer(void *argument)
{
    store((long)argument);
    return 17;
}

int main(void)
{
    int status;
    pid_t child;

    ready();
    for (;;) {
        switch (next_order()) {
        case 'c':
            child = clone(sharer, stack + sizeof stack, CLONE_VM | SIGCHLD, (void *)11L);
            if (child < 0 || waitpid(child, &status, 0) != child)
                return 1;
            say("stored %ld exited %d status %d", stored, WIFEXITED(status), WEXITSTATUS(status));
            break;
        case 's':
            store(5);
            say("stored %ld", stored);
            break;
        default:
            return 0;
        }
    }
}
