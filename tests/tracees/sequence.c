/* Waits inside a restartable sequence for `leave`; the scheduler aborts it now and then, and it begins anew.  Exits 1 if
 * the end of the sequence is reached, 0 if it was aborted once `leave` was set, 77 where rseq is not to be had. */
#include "tracee.h"
#include <stddef.h>

struct area {
    uint32_t cpu_id_start, cpu_id;
    uint64_t rseq_cs;
    uint32_t flags, node_id, mm_cid, padding;
} __attribute__((aligned(32)));

static struct area own;
volatile int leave;

NOIPA int spin_in_sequence(struct area *area);
asm(".globl sequence_start, sequence_end\n"
    ".pushsection .data\n"
    ".balign 32\n"
    "descriptor: .long 0, 0\n"
    "   .quad sequence_start, sequence_end - sequence_start, sequence_abort\n"
    ".popsection\n"
    "spin_in_sequence:\n"
    "   lea descriptor(%rip), %rax\n"
    "   mov %rax, 8(%rdi)\n"
    "sequence_start:\n"
    "1: cmpl $0, leave(%rip)\n"
    "   je 1b\n"
    "sequence_end:\n"
    "   mov $1, %eax\n"
    "   ret\n"
    "   .long 0x53053053\n"
    "sequence_abort:\n"
    "   cmpl $0, leave(%rip)\n"
    "   je spin_in_sequence\n"
    "   xor %eax, %eax\n"
    "   ret\n");

/* The C library has the thread's area since glibc 2.35; on others this program registers its own. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

int main(void)
{
    struct area *area = &own;

    if (&__rseq_size && __rseq_size)
        area = (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
    else if (syscall(SYS_rseq, &own, sizeof own, 0, 0x53053053))
        return 77;
    ready();
    next_order();
    say("inside");
    return spin_in_sequence(area);
}
