/* For packets that ask about memory and threads.  Letters: h maps a hole between two pages and says where, m says where
 * 96 MB lie whose end holds "needle in a haystack", c makes a thread that ends at once (and joins it), x writes first
 * and second with one instruction, r reads first, w writes first, s writes first with what it holds already,
 * g makes three syscalls by one instruction (raw_syscall), q exits 0. */
#include "tracee.h"
#include <sys/mman.h>

#define HAYSTACK (96L << 20)

typedef long pair __attribute__((vector_size(16)));

volatile pair both __attribute__((aligned(16)));
const char sample[] = "123456789";
const char needle[] = "needle in a haystack";

static void *brief(void *argument)
{
    return argument;
}

NOIPA void write_both(void)
{
    static pair value = {100, 100};

    value += 1000;
    asm volatile("movaps %1, %0" : "=m"(both) : "x"(value));
}

NOIPA void set_first(long value)
{
    asm volatile("movq %1, %0" : "=m"(both) : "r"(value));
}

NOIPA long get_first(void)
{
    long value;

    asm volatile("movq %1, %0" : "=r"(value) : "m"(both));
    return value;
}

NOIPA void make_syscalls(void)
{
    for (volatile int left = 3; left; left--) {
        long number = SYS_getppid;

        asm volatile(".globl raw_syscall\nraw_syscall: syscall" : "+a"(number) : : "rcx", "r11", "memory");
    }
}

static char *map(long size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
    long value = 0;
    char *place;

    ready();
    for (;;) {
        switch (next_order()) {
        case 'h':
            place = map(3 * 4096);
            munmap(place + 4096, 4096);
            memcpy(place + 4090, needle, 6);
            memcpy(place + 8192, needle + 6, sizeof needle - 6);
            memcpy(place + 8192 + 100, needle, sizeof needle);
            say("%lx", (long)place);
            continue;
        case 'm':
            place = map(HAYSTACK);
            memset(place, 1, HAYSTACK);
            memcpy(place + HAYSTACK - sizeof needle, needle, sizeof needle);
            say("%lx", (long)place);
            continue;
        case 'c':
            pthread_join(start(brief, NULL), NULL);
            break;
        case 'g':
            make_syscalls();
            break;
        case 'x':
            write_both();
            break;
        case 'r':
            value = get_first();
            break;
        case 'w':
            set_first(++value);
            break;
        case 's':
            set_first(value);
            break;
        default:
            return 0;
        }
        say("done");
    }
}
