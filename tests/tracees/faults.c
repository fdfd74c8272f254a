/* faults KIND [STATUS]: ends as the kind says, at the function of the same name; anything else exits STATUS. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOIPA __attribute__((noipa))

const int constant = 3;
volatile int zero, result;

NOIPA void unmapped(void)
{
    *(volatile int *)0xbad000 = 1;
}

NOIPA void protected(void)
{
    volatile int *at = (volatile int *)&constant;

    __asm__("" : "+r"(at));
    *at = 1;
}

NOIPA void division(void)
{
    result = 7 / zero;
}

NOIPA void illegal(void)
{
    __asm__ volatile("ud2");
}

NOIPA void beyond(void)
{
    FILE *file = tmpfile();
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);

    result = *page;
}

NOIPA void trap(void)
{
    __asm__ volatile("int3");
}

static const struct {
    const char *kind;
    void (*end)(void);
} ends[] = {{"unmapped", unmapped}, {"protected", protected}, {"division", division}, {"illegal", illegal},
            {"beyond", beyond},     {"trap", trap},           {"abort", abort}};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (argc > 1 && strcmp(argv[1], ends[i].kind) == 0)
            ends[i].end();
    if (argc > 1 && strcmp(argv[1], "kill") == 0)
        kill(getpid(), SIGKILL);
    puts("alive");
    return argc > 2 ? atoi(argv[2]) : 0;
}
