/* A restartable sequence of its own (rseq): it counts in `counter` by an instruction that commits, at rseq_commit.
 * Letters: c counts once and says how often it was aborted; r runs it 1000 times; s says whether libc has registered
 * one; q exits 0.  A stop within the sequence must end at rseq_abort, and the program then tries again. */
#include "tracee.h"
#include <sys/rseq.h>

long counter, aborts;

NOIPA int count_once(struct rseq *area);
asm(".pushsection __rseq_cs, \"aw\"\n"
    ".balign 32\n"
    "rseq_section: .long 0, 0\n"
    "   .quad rseq_start, rseq_end - rseq_start, rseq_abort\n"
    ".popsection\n"
    ".globl count_once, rseq_start, rseq_middle, rseq_commit, rseq_end, rseq_abort\n"
    "count_once: lea rseq_section(%rip), %rax\n"
    /* rseq_cs is the third member, at 8. */
    "   mov %rax, 8(%rdi)\n"
    "rseq_start: mov counter(%rip), %rcx\n"
    "rseq_middle: inc %rcx\n"
    "rseq_commit: mov %rcx, counter(%rip)\n"
    "rseq_end: xor %eax, %eax\n"
    "   ret\n"
    /* The signature of libc's registration stands before the abort handler. */
    "   .byte 0x0f, 0xb9, 0x3d\n"
    "   .long 0x53053053\n"
    "rseq_abort: mov $1, %eax\n"
    "   ret\n");

static void count(struct rseq *area)
{
    while (count_once(area))
        aborts++;
}

int main(void)
{
    struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

    ready();
    for (;;) {
        switch (next_order()) {
        case 'c':
            count(area);
            say("counter %ld aborts %ld", counter, aborts);
            break;
        case 'r':
            for (int i = 0; i < 1000; i++)
                count(area);
            say("counter %ld", counter);
            break;
        case 's':
            say("registered %d", __rseq_size > 0 && (int)area->cpu_id >= 0);
            break;
        default:
            return 0;
        }
    }
}
