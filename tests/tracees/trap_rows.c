/* Every way to a SIGTRAP that has a letter: i an int3 of the program's own, r raise(SIGTRAP), y a syscall to
 * step over, h hot(), w a write to `watched`, u raise(SIGUSR1) with a handler.  q exits 0. */
#include "tracee.h"

volatile long watched;
volatile long traps, users;

NOIPA void hot(void)
{
    asm volatile("" ::: "memory");
}

NOIPA void own_trap(void)
{
    asm volatile("int3\n.globl after_own_trap\nafter_own_trap: nop");
}

NOIPA long bare_getpid(void);
asm(".globl bare_getpid, getpid_instruction, after_getpid\n"
    "bare_getpid: mov $39, %eax\n"
    "getpid_instruction: syscall\n"
    "after_getpid: ret\n");

NOIPA void write_watched(long value)
{
    watched = value;
    asm volatile(".globl after_write\nafter_write: nop" ::: "memory");
}

NOIPA void on_usr1(int number)
{
    users++;
}

static void on_trap(int number)
{
    traps++;
}

int main(void)
{
    signal(SIGUSR1, on_usr1);
    signal(SIGTRAP, on_trap);
    ready();
    for (;;) {
        switch (next_order()) {
        case 'i':
            own_trap();
            break;
        case 'r':
            raise(SIGTRAP);
            break;
        case 'y':
            bare_getpid();
            break;
        case 'h':
            hot();
            break;
        case 'w':
            write_watched(watched + 1);
            break;
        case 'u':
            raise(SIGUSR1);
            break;
        case 'q':
            return 0;
        }
        say("traps %ld users %ld", traps, users);
    }
}
