/* Instructions that a debugger steps in odd ways.  Letters, each of which passes the function of its name and says what
 * it gave: P pushes the flags (pushed_flags, with prefixes too), f pops flags (popped_flags), t sets its own trap flag
 * (own_step), s loads ss (stack_segment), m copies by a repeated instruction (repeated), i runs int1 (one_byte_trap).
 * q exits 0. */
#include "tracee.h"

#define TRAP_FLAG 0x100

unsigned long segment_runs;
static volatile int traps;
static unsigned char from[64], to[64];

/* Every instruction at issue is a symbol, and so is the one behind it. */
asm(".globl pushed_flags, plain_pushf, wide_pushf, short_pushf, after_pushf\n"
    "pushed_flags:\n"
    "plain_pushf: pushf\n"
    "   pop %rax\n"
    "wide_pushf: .byte 0x48, 0x9c\n"
    "   pop %rdx\n"
    "   or %rdx, %rax\n"
    "   xor %edx, %edx\n"
    "short_pushf: .byte 0x66, 0x9c\n"
    "after_pushf: pop %dx\n"
    "   or %rdx, %rax\n"
    "   ret\n"
    ".globl popped_flags, popf_instruction, after_popf\n"
    "popped_flags: pushf\n"
    "popf_instruction: popf\n"
    "after_popf: nop\n"
    "   ret\n"
    ".globl own_step, own_popf, own_nop, own_end\n"
    "own_step: pushf\n"
    "   orq $0x100, (%rsp)\n"
    "own_popf: popf\n"
    "own_nop: nop\n"
    "   pushf\n"
    "   andq $~0x100, (%rsp)\n"
    "   popf\n"
    "own_end: ret\n"
    ".globl stack_segment, load_segment, behind_segment, after_segment\n"
    "stack_segment: mov %ss, %eax\n"
    "load_segment: mov %eax, %ss\n"
    "behind_segment: incq segment_runs(%rip)\n"
    "after_segment: ret\n"
    ".globl repeated, repeated_copy, after_copy\n"
    "repeated:\n"
    "repeated_copy: rep movsb\n"
    "after_copy: ret\n"
    ".globl one_byte_trap, int1_instruction, after_int1\n"
    "one_byte_trap: nop\n"
    "int1_instruction: .byte 0xf1\n"
    "after_int1: ret\n");

unsigned long pushed_flags(void);
void popped_flags(void);
void own_step(void);
void stack_segment(void);
void repeated(void *to, const void *from, long unused, long count);
void one_byte_trap(void);

static void on_trap(int number)
{
    traps++;
}

int main(void)
{
    signal(SIGTRAP, on_trap);
    for (unsigned i = 0; i < sizeof from; i++)
        from[i] = i + 1;
    ready();
    for (;;) {
        switch (next_order()) {
        case 'P':
            say("flags %lx", pushed_flags() & TRAP_FLAG);
            break;
        case 'f':
            popped_flags();
            say("popped traps %d", traps);
            break;
        case 't':
            own_step();
            say("stepped traps %d", traps);
            break;
        case 's':
            stack_segment();
            say("runs %lu traps %d", segment_runs, traps);
            break;
        case 'm':
            memset(to, 0, sizeof to);
            repeated(to, from, 0, 5);
            say("copied %d", memcmp(to, from, 5) == 0 && to[5] == 0);
            break;
        case 'i':
            one_byte_trap();
            say("int1 traps %d", traps);
            break;
        default:
            return 0;
        }
    }
}
