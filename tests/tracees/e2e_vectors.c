/* Says what registers hold at `sample`, where a debugger may have changed them; with an argument, a ymm at `sample_both`. */
#include "tracee.h"

volatile long rbx, r13;
volatile unsigned char xmm5[16], ymm6[32];

NOIPA void sample_plain(void);
NOIPA void sample_wide(void);
asm(".globl sample, sample_both\n"
    "sample_plain: push %rbx\n"
    "   push %r13\n"
    "sample: mov %rbx, rbx(%rip)\n"
    "   mov %r13, r13(%rip)\n"
    "   movups %xmm5, xmm5(%rip)\n"
    "   pop %r13\n"
    "   pop %rbx\n"
    "   ret\n"
    "sample_wide: nop\n"
    "sample_both: vmovups %ymm6, ymm6(%rip)\n"
    "   vzeroupper\n"
    "   ret\n");

static void say_bytes(const char *name, const volatile unsigned char *bytes, int count)
{
    char text[65];

    for (int i = 0; i < count; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
    say("%s %s", name, text);
}

int main(int argc, char **argv)
{
    ready();
    sample_plain();
    say("rbx %lx r13 %lx", rbx, r13);
    say_bytes("xmm5", xmm5, 16);
    if (argc > 1) {
        sample_wide();
        say_bytes("ymm6", ymm6, 32);
    }
    return 0;
}
