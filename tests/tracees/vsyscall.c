/* Calls the vsyscall page's time() where there is one; says the result or that there is none. */
#include "tracee.h"

static int has_page(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    int found = 0;

    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "[vsyscall]") && strchr(strchr(line, ' '), 'x'))
            found = 1;
    return found;
}

NOIPA long call_time(void);
asm(".globl call_time, call_instruction, after_call\n"
    "call_time: sub $8, %rsp\n"
    "   xor %edi, %edi\n"
    "   mov $0xffffffffff600400, %rax\n"
    "call_instruction: call *%rax\n"
    "after_call: mov %rax, %rdx\n"
    "   mov %rdx, %rax\n"
    "   add $8, %rsp\n"
    "   ret\n");

int main(void)
{
    say(has_page() ? "page" : "none");
    ready();
    if (next_order() == 'c')
        say("time %d", call_time() > 1000000000);
    while (next_order() != 'q')
        ;
    return 0;
}
