/* An int3 of the program's own at own_trap, a loop around it: g runs it once and says how far it came. */
#include "tracee.h"

volatile long passed;

NOIPA void trap_once(void);
asm(".globl trap_once, own_trap, after_trap\n"
    "trap_once: nop\n"
    "own_trap: int3\n"
    "after_trap: incq passed(%rip)\n"
    "   ret\n");

int main(void)
{
    ready();
    while (next_order() == 'g') {
        trap_once();
        say("passed %ld", passed);
    }
    return 0;
}
