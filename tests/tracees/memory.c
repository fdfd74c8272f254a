/* Maps a writable page with a hole behind it at *page, and a read-only one at *fixed.
 * Letters: p pong, u unmaps *fixed, v says what the pages and the text hold, q exits 0. */
#include "tracee.h"
#include <sys/mman.h>

const volatile char constant[] = "read-only";
volatile long number = 0x1122334455667788;

char *page, *fixed;

NOIPA int answer(void)
{
    return 41;
}

int main(void)
{
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fixed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(page, 'A', 4096);
    strcpy(fixed, "fixed");
    munmap(page + 4096, 4096);
    mprotect(fixed, 4096, PROT_READ);
    ready();
    for (char order; (order = next_order()) != 'q';)
        if (order == 'u')
            say("unmapped %d", munmap(fixed, 4096));
        else
            say("constant %.9s fixed %.5s answer %d end %.8s", (const char *)constant, fixed, answer(), page + 4088);
    return 0;
}
