/* e2e_stack TOTAL: 8 threads call alpha(), beta() and delta(), TOTAL times each in all, and make a system call after each.
 * Letters: A B C let the three be called, e ends it when all is done and says the sums; then q exits 0.
 * A debugger's breakpoint belongs on the one instruction that counts: a call is counted if and only if it went past.
 * A test may close a gate through /proc while the program stands; lseek's and futex's calls are counted by thread. */
#include "tracee.h"
#include <linux/futex.h>

#define THREADS 8
#define KINDS 3

enum got { TAKEN, CLOSED, NONE_LEFT };

/* How often each was entered, past its first instruction. */
volatile long entered[KINDS];
/* Bit 0: open; above it how many calls were given out. */
atomic_long gates[KINDS];
/* What each thread has asked of the kernel. */
volatile long seeks[THREADS], waits[THREADS], tids[THREADS];
static atomic_long sum;
static atomic_int epoch;
static long total;

#define COUNTED(name, place)                                                                                           \
    asm(".globl " name "\n.type " name ", @function\n" name ":\n\tlock incq entered+8*" place "\n\tret\n.size " name   \
        ", .-" name "\n")

COUNTED("alpha", "0");
COUNTED("beta", "1");
COUNTED("delta", "2");

/* lseek by an instruction of its own, for a breakpoint on it: this call never waits for another thread. */
asm(".globl seek\n.type seek, @function\nseek:\n\tmov $8, %eax\n.globl seek_call\nseek_call:\n\tsyscall\n\tret\n"
    ".size seek, .-seek\n");

extern long seek(int fd, long offset, int whence);
extern void alpha(void), beta(void), delta(void);
static void (*const functions[KINDS])(void) = {alpha, beta, delta};

static enum got take(int kind, long *ticket)
{
    long seen = atomic_load(&gates[kind]);

    do {
        if (seen >> 1 >= total)
            return NONE_LEFT;
        if (!(seen & 1))
            return CLOSED;
    } while (!atomic_compare_exchange_weak(&gates[kind], &seen, seen + 2));
    *ticket = seen >> 1;
    return TAKEN;
}

static void *body(void *argument)
{
    long self = (long)argument;

    tids[self] = own_tid();
    for (;;) {
        int before = atomic_load(&epoch), taken = 0, left = 0;

        for (int kind = 0; kind < KINDS; kind++) {
            long ticket = 0;

            switch (take(kind, &ticket)) {
            case TAKEN:
                functions[kind]();
                atomic_fetch_add(&sum, ticket * ticket % 9973 * (kind + 1));
                seek(-1, seeks[self], SEEK_SET);
                seeks[self]++;
                taken = 1;
                break;
            case CLOSED:
                left = 1;
                break;
            case NONE_LEFT:
                break;
            }
        }
        if (!taken && !left)
            return NULL;
        if (!taken) {
            syscall(SYS_futex, &epoch, FUTEX_WAIT_PRIVATE, before, NULL, NULL, 0);
            waits[self]++;
        }
    }
}

static void open_gate(int kind)
{
    atomic_fetch_or(&gates[kind], 1);
    atomic_fetch_add(&epoch, 1);
    syscall(SYS_futex, &epoch, FUTEX_WAKE_PRIVATE, THREADS, NULL, NULL, 0);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int order;

    total = atol(argv[1]);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(body, (void *)i);
    ready();
    while ((order = next_order()) != 'e')
        open_gate(order - 'A');
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    say("alpha %ld beta %ld delta %ld sum %ld", entered[0], entered[1], entered[2], sum);
    while (next_order() != 'q')
        ;
    return 0;
}
