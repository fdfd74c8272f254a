/* Letters: e becomes the program ARG, g calls spot() and says so, f leaves the x87 and SSE registers filled in filled(),
 * q exits 4. */
#include "tracee.h"

volatile int spots;
double halves[2] = {0.5, 1.5};

NOIPA void spot(void)
{
    spots++;
}

/* All of xmm is the callee's to use. */
void filled(void);
asm(".globl filled, at_filled\n"
    "filled: fld1\n"
    "   movups halves, %xmm3\n"
    "at_filled: nop\n"
    "   fstp %st(0)\n"
    "   ret\n");

int main(int argc, char **argv)
{
    ready();
    for (;;) {
        switch (next_order()) {
        case 'e':
            execl(argv[1], argv[1], NULL);
            say("exec failed %d", errno);
            return 1;
        case 'g':
            spot();
            say("spot %d", spots);
            break;
        case 'f':
            filled();
            say("filled");
            break;
        default:
            return 4;
        }
    }
}
