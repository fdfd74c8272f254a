/* Blocks in calls that a stop interrupts.  Letters: r reads a byte of stdin in a bare read and says what came
 * back; z sleeps 0.3 s in nanosleep and says the result; q exits 0.  `landing` exits 42, but two bytes earlier lies
 * an ud2, which is where the kernel lands if it still believes in a restart. */
#include "tracee.h"
#include <time.h>

NOIPA void landing_code(void);
asm(".globl landing, trap_pad, trap_at\n"
    "landing_code: ud2\n"
    "landing: mov $42, %edi\n"
    "   mov $231, %eax\n"
    "   syscall\n"
    "   ud2\n"
    "trap_pad: nop\n"
    "trap_at: nop\n"
    "   ud2\n");

int main(void)
{
    struct timespec begin, end, span = {0, 300000000};
    char byte;

    ready();
    for (;;) {
        ssize_t got;
        int order = next_order();

        if (order == 'r') {
            say("reading");
            got = read(0, &byte, 1);
            say("read %zd %c errno %d", got, got == 1 ? byte : '-', got == 1 ? 0 : errno);
        } else if (order == 'z') {
            say("sleeping");
            clock_gettime(CLOCK_MONOTONIC, &begin);
            got = nanosleep(&span, NULL);
            clock_gettime(CLOCK_MONOTONIC, &end);
            long spent = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
            say("slept %zd long enough %d", got, spent >= 299);
        } else {
            return 0;
        }
    }
}
